/**
 * A second tarfs writer, as literal as can be: objects for nodes, a plain queue gone through again for every step of spec
 * layer-hash-tarfs section 5. It takes entries instead of tar bytes, and gives up where the platform would not end.
 */
import { type Entry, members } from './archive.js';

interface Node {
  mode: number;
  opaque: boolean;
  mtime: number;
  uid: number;
  gid: number;
  size: number;
  offset: bigint;
  children: Map<string, Node>;
  ino: number;
}

const STEPS_MAX = 20_000;
const TYPES: Readonly<Record<string, number>> = {
  '0': 0o100000,
  '2': 0o120000,
  '3': 0o020000,
  '4': 0o060000,
  '5': 0o040000,
  '6': 0o010000,
};

const emptyNode = (mode = 0): Node => ({
  mode,
  opaque: false,
  mtime: 0,
  uid: 0,
  gid: 0,
  size: 0,
  offset: 0n,
  children: new Map(),
  ino: 0,
});
const typeOf = (node: Node) => node.mode & 0o170000;
const text = (value: string | Buffer | undefined) =>
  Buffer.from((value ?? '') as string).toString('latin1');

function clean(name: string): string[] | undefined {
  const path: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') {
      if (path.length === 0) return undefined;
      path.pop();
    } else if (part !== '' && part !== '.') path.push(part);
  }
  return path;
}

/** Image of an archive of USTAR and GNU entries with GNU long names and links; undefined if it would not end. */
export function naiveTarfs(entries: readonly Entry[], isFork: boolean): Buffer | undefined {
  const tar = Buffer.concat([members(entries), Buffer.alloc(1024)]);
  let root = emptyNode(0o040555);
  const special: string[] = [];
  const walk = (path: readonly string[]) => {
    let node = root;
    for (const part of path) {
      if (!node.children.has(part)) node.children.set(part, emptyNode());
      node = node.children.get(part)!;
    }
    return node;
  };
  let at = 0;
  let longName: string | undefined;
  let longLink: string | undefined;
  for (const entry of entries) {
    const headerAt = at;
    at += members([entry]).length;
    if (entry.type === 'L' || entry.type === 'K') {
      const content = text(entry.data).replace(/\0$/, '');
      if (entry.type === 'L') longName = content;
      else longLink = content;
      continue;
    }
    const headerLink = text(entry.link);
    const link = longLink ?? (headerLink === '' ? undefined : headerLink);
    const name = longName ?? text(entry.name);
    longName = undefined;
    longLink = undefined;
    const type = entry.type ?? '0';
    if (type === '1') {
      const target = link === undefined ? undefined : clean(link);
      if (target === undefined) continue;
      const node = walk(target);
      if (typeOf(node) !== 0o100000) continue;
      const path = clean(name);
      if (path === undefined) continue;
      if (path.length === 0) root = node;
      else walk(path.slice(0, -1)).children.set(path.at(-1)!, node);
      continue;
    }
    const bits = TYPES[type];
    if (bits === undefined) continue;
    let size = 0;
    let offset = 0n;
    if (type === '0') {
      size = Buffer.byteLength((entry.data ?? '') as string);
      offset = BigInt(headerAt + 512);
    } else if (type === '2') {
      if (link === undefined) continue;
      size = link.length;
      if (link === headerLink) offset = BigInt(headerAt + 157);
      else if (!isFork) continue;
      else special.push(link);
    } else if (type === '3' || type === '4') {
      offset = BigInt(entry.minor as number) + (BigInt(entry.major as number) << 32n);
    }
    const path = clean(name);
    if (path === undefined) continue;
    const last = path.at(-1);
    if (last === '.wh..wh..opq') {
      walk(path.slice(0, -1)).opaque = true;
      continue;
    }
    if (last?.startsWith('.wh.') === true) {
      const node = walk([...path.slice(0, -1), last.slice(4)]);
      node.children.clear();
      node.mode = 0o020000 | (node.mode & 0o7777);
      node.size = 0;
      node.offset = 0n;
      continue;
    }
    Object.assign(walk(path), {
      ...emptyNode(bits | (((entry.mode as number | undefined) ?? 0o644) & 0o777)),
      size,
      offset,
      mtime: (entry.mtime as number | undefined) ?? 0,
      uid: (entry.uid as number | undefined) ?? 0,
      gid: (entry.gid as number | undefined) ?? 0,
    });
  }
  return layOut(tar, root, special, isFork);
}

const sorted = (node: Node) =>
  [...node.children].sort(([a], [b]) =>
    Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')),
  );

/** True if the walk did not come to an end. */
function visit(root: Node, handle: (node: Node) => void): boolean {
  const queue = [root];
  for (let steps = 0; queue.length > 0; steps++) {
    if (steps === STEPS_MAX) return true;
    const node = queue.shift()!;
    handle(node);
    queue.push(...sorted(node).map(([, child]) => child));
  }
  return false;
}

function layOut(tar: Buffer, root: Node, special: string[], isFork: boolean): Buffer | undefined {
  let count = 0;
  const endless = visit(root, (node) => {
    if (node.ino === 0) node.ino = ++count;
  });
  if (endless) return undefined;
  const isDirectory = (node: Node) => typeOf(node) === 0o040000;
  let q = tar.length + 32 * count;
  visit(root, (node) => {
    if (!isDirectory(node)) return;
    node.offset = BigInt(q);
    node.size = 32 * node.children.size;
    q += node.size;
  });
  const out: Buffer[] = [tar];
  const written = new Set<Node>();
  visit(root, (node) => {
    if (written.has(node)) return;
    written.add(node);
    const record = Buffer.alloc(32);
    record.writeUInt16LE(node.mode, 0);
    record[2] = node.opaque ? 1 : 0;
    record[3] = Math.floor(node.mtime / 2 ** 32) % 16;
    record.writeUInt32LE(node.uid, 4);
    record.writeUInt32LE(node.gid, 8);
    record.writeUInt32LE(node.mtime % 2 ** 32, 12);
    record.writeBigUInt64LE(BigInt(node.size), 16);
    record.writeBigUInt64LE(node.offset, 24);
    if (isFork && typeOf(node) === 0o120000 && node.offset === 0n) {
      record.writeBigUInt64LE(BigInt(q), 24);
      q += node.size;
    }
    out.push(record);
  });
  let nameAt = q;
  visit(root, (node) => {
    if (!isDirectory(node)) return;
    for (const [name, child] of sorted(node)) {
      const record = Buffer.alloc(32);
      record.writeBigUInt64LE(BigInt(child.ino), 0);
      record.writeBigUInt64LE(BigInt(nameAt), 8);
      record.writeBigUInt64LE(BigInt(name.length), 16);
      record[24] = typeOf(child) >> 12;
      nameAt += name.length;
      out.push(record);
    }
  });
  const links = isFork ? special.join('') : '';
  out.push(Buffer.from(links, 'latin1'));
  visit(root, (node) => {
    if (isDirectory(node)) for (const [name] of sorted(node)) out.push(Buffer.from(name, 'latin1'));
  });
  const names = nameAt - q;
  const end = Math.ceil((q + names + links.length + names) / 4096) * 4096;
  const image = Buffer.alloc(end + 4096);
  Buffer.concat(out).copy(image);
  image.writeBigUInt64LE(BigInt(tar.length), end + 4096 - 512);
  image.writeBigUInt64LE(BigInt(count), end + 4096 - 504);
  return image;
}
