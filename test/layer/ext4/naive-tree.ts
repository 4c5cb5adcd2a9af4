/**
 * The rules of the conversion worded with plain objects (layer hash specification, sections 4 and 5): what tree a list
 * of entries gives, or which rule refuses it. No image, no bytes: to compare the real tree with.
 */
import type { Member } from './archive.js';

export interface NaiveNode {
  number: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  links: number;
  content: string;
  /** True for what has blocks of its own: a file with data or a long link. */
  isStored: boolean;
  device: readonly [number, number];
  inline: Map<string, string>;
  block: Map<string, string>;
  hasBlock: boolean;
  readonly children: Map<string, NaiveNode>;
}

type Spec = Pick<NaiveNode, 'mode' | 'uid' | 'gid' | 'mtime' | 'content' | 'device'> & {
  readonly xattrs: ReadonlyMap<string, string>;
};

export class NaiveRefusal extends Error {}

const DIRECTORY = 0x4000;
const SYMLINK = 0xa000;
const CHAR_DEVICE = 0x2000;
const KINDS: Readonly<Record<string, number>> = {
  '2': SYMLINK,
  '3': CHAR_DEVICE,
  '4': 0x6000,
  '5': DIRECTORY,
  '6': 0x1000,
};
const REGULAR = 0x8000;
const BARE = { uid: 0, gid: 0, mtime: 0, content: '', device: [0, 0], xattrs: new Map() } as const;

const kindOf = (mode: number): number => mode & 0xf000;
const isDirectory = (node: NaiveNode | undefined): boolean =>
  node !== undefined && kindOf(node.mode) === DIRECTORY;

export class NaiveTree {
  readonly root: NaiveNode;
  #last = 10;

  constructor() {
    this.root = this.#newNode(2);
    this.root.mode = DIRECTORY | 0o755;
    this.root.links = 2;
    this.#create(['lost+found'], { ...BARE, mode: DIRECTORY | 0o700 });
  }

  add(member: Member): void {
    const name = member.name ?? '';
    const parts = clean(name);
    this.#makeParents(parts.slice(0, -1));
    const file = name.slice(name.lastIndexOf('/') + 1);
    const directory = name.slice(0, name.lastIndexOf('/') + 1);
    if (file === '.wh..wh..opq') this.#markOpaque(clean(directory));
    else if (file.startsWith('.wh.')) {
      this.#create(clean(`${directory}/${file.slice(4)}`), { ...BARE, mode: CHAR_DEVICE });
    } else if (member.type === '1') this.#link(clean(member.linkname ?? ''), parts);
    else this.#create(parts, specOf(member));
  }

  #newNode(number: number): NaiveNode {
    return {
      number,
      ...BARE,
      mode: 0,
      links: 0,
      isStored: false,
      inline: new Map(),
      block: new Map(),
      hasBlock: false,
      children: new Map(),
    };
  }

  #lookup(parts: readonly string[]): { dir: NaiveNode; old: NaiveNode | undefined; name: string } {
    const name = parts.at(-1);
    if (name === undefined) return { dir: this.root, old: this.root, name: '' };
    if (name.length > 255) throw new NaiveRefusal('invalid-name');
    let dir: NaiveNode | undefined = this.root;
    for (const part of parts.slice(0, -1)) dir = dir?.children.get(part);
    if (dir === undefined || !isDirectory(dir)) throw new NaiveRefusal('path-not-found');
    return { dir, old: dir.children.get(name), name };
  }

  #makeParents(parts: readonly string[]): void {
    let parent = this.root;
    parts.forEach((part, i) => {
      if (!parent.children.has(part)) {
        const { mode, uid, gid, mtime } = parent;
        this.#create(parts.slice(0, i + 1), { ...BARE, mode, uid, gid, mtime });
      }
      parent = parent.children.get(part)!;
    });
  }

  #create(parts: readonly string[], spec: Spec): void {
    const { dir, old, name } = this.#lookup(parts);
    const makesDirectory = kindOf(spec.mode) === DIRECTORY;
    if (isDirectory(old) && !makesDirectory) throw new NaiveRefusal('dir-by-file');
    if (old !== undefined && !isDirectory(old) && makesDirectory) {
      throw new NaiveRefusal('file-by-dir');
    }
    const reuse = old !== undefined && (isDirectory(old) || old.links < 2) ? old : undefined;
    if (reuse?.isStored) throw new NaiveRefusal('overwrite-data');
    const node = reuse ?? this.#newNode(++this.#last);
    if (reuse === undefined && makesDirectory) node.links = 1;
    this.#fill(node, spec);
    if (node === old) return;
    if (old !== undefined) old.links--;
    dir.children.set(name, node);
    node.links++;
    if (makesDirectory) dir.links++;
  }

  #fill(node: NaiveNode, { xattrs, ...spec }: Spec): void {
    const isLink = kindOf(spec.mode) === SYMLINK;
    Object.assign(node, spec, { mode: isLink ? spec.mode | 0o777 : spec.mode });
    node.isStored = isLink ? spec.content.length > 59 : spec.content.length > 0;
    const all = new Map([...node.inline, ...xattrs]);
    node.inline = new Map();
    node.block = new Map();
    const room = { inline: 96, block: 4060 };
    for (const name of [...all.keys()].sort((a, b) => (a < b ? -1 : 1))) {
      const value = all.get(name)!;
      const stored = name.replace(/^(user|trusted|security)\./, '').length;
      const need = 16 + Math.ceil(stored / 4) * 4 + Math.ceil(value.length / 4) * 4;
      const place = need <= room.inline ? 'inline' : 'block';
      if (need > room[place]) throw new NaiveRefusal('xattr-fit');
      room[place] -= need;
      node[place].set(name, value);
    }
    node.hasBlock ||= node.block.size > 0;
  }

  #markOpaque(parts: readonly string[]): void {
    const { old } = this.#lookup(parts);
    if (old === undefined) throw new NaiveRefusal('file-not-found');
    if (old.isStored && kindOf(old.mode) === SYMLINK) throw new NaiveRefusal('stat-link');
    const xattrs = new Map([...old.block, ...old.inline, ['trusted.overlay.opaque', 'y']] as const);
    if (old.isStored) throw new NaiveRefusal(old.links < 2 ? 'overwrite-data' : 'short-content');
    this.#create(parts, { ...old, xattrs });
  }

  #link(target: readonly string[], parts: readonly string[]): void {
    const { dir, old, name } = this.#lookup(parts);
    if (old !== undefined && (isDirectory(old) || old.links < 2)) throw new NaiveRefusal('orphan');
    const node = this.#lookup(target).old;
    if (node === undefined) throw new NaiveRefusal('file-not-found');
    if (isDirectory(node)) throw new NaiveRefusal('link-to-dir');
    if (old !== undefined) old.links--;
    node.links++;
    dir.children.set(name, node);
  }
}

function clean(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

function specOf(member: Member): Spec {
  const kind = KINDS[member.type ?? '0'] ?? REGULAR;
  const isDevice = kind === CHAR_DEVICE || kind === 0x6000;
  const data = typeof member.data === 'string' ? member.data : '';
  const xattrs = (member.pax ?? []).map(
    ([key, value]) => [key.replace('SCHILY.xattr.', ''), value] as const,
  );
  return {
    mode: ((member.mode ?? 0o644) & 0xfff) | kind,
    uid: member.uid ?? 0,
    gid: member.gid ?? 0,
    mtime: member.mtime ?? 0,
    content: kind === REGULAR ? data : kind === SYMLINK ? (member.linkname ?? '') : '',
    device: isDevice ? [member.devmajor ?? 0, member.devminor ?? 0] : [0, 0],
    xattrs: new Map(xattrs),
  };
}
