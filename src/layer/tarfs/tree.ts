/**
 * The tree that tarfs makes of a layer's members (spec layer-hash-tarfs section 4.1). Nodes are rows of typed arrays
 * and children are maps from name to row: a layer of a million files costs about 200 bytes per file. Two names may lead
 * to the same row (hard links). Names are byte strings, one byte per character.
 */
import { sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { printName } from './member-name.js';

/** Type bits of a mode; a placeholder (a parent that no member describes) has none. */
export const TYPE_MASK = 0o170000;
export const TYPE_REGULAR = 0o100000;
export const TYPE_DIRECTORY = 0o040000;
export const TYPE_SYMLINK = 0o120000;
export const TYPE_CHARACTER = 0o020000;
export const TYPE_BLOCK = 0o060000;
export const TYPE_FIFO = 0o010000;

export const ROOT = 0;
const ROOT_MODE = 0o040555;

/** Bits of the flag column. */
export const FLAG_OPAQUE = 1;
/** A hard link to the node was made at some time. */
export const FLAG_LINKED = 2;
/** The node was overwritten or whited out after it had been linked. */
export const FLAG_CHANGED = 4;

/** Fields of a node as a member gives them. Offsets are two 32-bit halves, since device numbers fill 64 bits. */
export interface NodeFields {
  readonly mode: number;
  readonly size: number;
  readonly offsetLow: number;
  readonly offsetHigh: number;
  /** Seconds; the low 36 bits count. */
  readonly mtime: number;
  readonly uid: number;
  readonly gid: number;
}

const FIRST_ROWS = 1024;
const KEY_LENGTH_MAX = 4096;
/** No name has a slash. */
const LONG_KEY_MARK = '/';
const TWO_32 = 2 ** 32;

export class Tree {
  mode = new Uint16Array(FIRST_ROWS);
  flags = new Uint8Array(FIRST_ROWS);
  uid = new Uint32Array(FIRST_ROWS);
  gid = new Uint32Array(FIRST_ROWS);
  mtimeLow = new Uint32Array(FIRST_ROWS);
  mtimeHigh = new Uint8Array(FIRST_ROWS);
  size = new Float64Array(FIRST_ROWS);
  offsetLow = new Uint32Array(FIRST_ROWS);
  offsetHigh = new Uint32Array(FIRST_ROWS);
  /** Rows in use; the root is row 0. */
  count = 1;
  /** True once two names may lead to one node: only then can there be a cycle. */
  hasSharedNodes = false;
  #root = ROOT;
  #nameBytes = 0;
  /** The path walked last and its nodes: members of one directory mostly follow each other. */
  readonly #lastWalk: { path: readonly string[]; readonly nodes: number[] } = {
    path: [],
    nodes: [],
  };
  readonly #longNames = new Map<string, string>();
  readonly #children: (Map<string, number> | undefined)[] = [undefined];

  constructor() {
    this.mode[ROOT] = ROOT_MODE;
  }

  /** Row of the root: 0 unless a hard link replaced it. */
  get root(): number {
    return this.#root;
  }

  /** A hard link whose name is empty makes its target the root. */
  replaceRoot(node: number): void {
    this.#root = node;
    this.#forgetWalk();
    this.flags[node]! |= FLAG_LINKED;
    this.hasSharedNodes = true;
  }

  /** Children in no particular order, by key. */
  children(node: number): ReadonlyMap<string, number> | undefined {
    return this.#children[node];
  }

  /** The name that belongs to a key. */
  nameOf(key: string): string {
    return key.startsWith(LONG_KEY_MARK) ? this.#longNames.get(key)! : key;
  }

  /** Child of a node by name. */
  find(parent: number, name: string): number | undefined {
    return this.#children[parent]?.get(keyOf(name));
  }

  hasChildren(node: number): boolean {
    return this.#children[node] !== undefined;
  }

  /** Type bits of a node. */
  type(node: number): number {
    return this.mode[node]! & TYPE_MASK;
  }

  /** Node of the first `length` parts of a path, from the root; missing parts become placeholders. */
  walk(path: readonly string[], length: number): number {
    const last = this.#lastWalk;
    const shared = Math.min(length, last.nodes.length);
    let depth = 0;
    while (depth < shared && path[depth] === last.path[depth]) depth++;
    last.nodes.length = depth;
    let node = depth === 0 ? this.#root : last.nodes[depth - 1]!;
    for (; depth < length; depth++) {
      node = this.child(node, path[depth]!);
      last.nodes.push(node);
    }
    last.path = path;
    return node;
  }

  /** Child of a node; made as a placeholder if it is missing. Throws LIMIT_EXCEEDED. */
  child(parent: number, name: string): number {
    return this.find(parent, name) ?? this.#setChild(parent, name, this.#addRow(name));
  }

  /** Makes `name` below `parent` lead to `node`, whatever it led to before. */
  link(parent: number, name: string, node: number): void {
    this.#setChild(parent, name, node);
    this.#forgetWalk();
    this.flags[node]! |= FLAG_LINKED;
    this.hasSharedNodes = true;
  }

  /** Overwrites a node in place: every name that leads to it sees the new content. */
  overwrite(node: number, fields: NodeFields): void {
    this.#changeLinked(node);
    this.#dropChildren(node);
    this.flags[node]! &= ~FLAG_OPAQUE;
    this.mode[node] = fields.mode;
    this.uid[node] = fields.uid;
    this.gid[node] = fields.gid;
    this.mtimeLow[node] = fields.mtime % TWO_32;
    this.mtimeHigh[node] = Math.floor(fields.mtime / TWO_32) & 0x0f;
    this.size[node] = fields.size;
    this.offsetLow[node] = fields.offsetLow;
    this.offsetHigh[node] = fields.offsetHigh;
  }

  /** Turns a node into an overlay whiteout; permissions, owner, time and the opaque flag stay. */
  whiteOut(node: number): void {
    this.#changeLinked(node);
    this.#dropChildren(node);
    this.mode[node] = (this.mode[node]! & ~TYPE_MASK) | TYPE_CHARACTER;
    this.size[node] = 0;
    this.setOffset(node, 0);
  }

  setOpaque(node: number): void {
    this.flags[node]! |= FLAG_OPAQUE;
  }

  setOffset(node: number, offset: number): void {
    this.offsetLow[node] = offset % TWO_32;
    this.offsetHigh[node] = Math.floor(offset / TWO_32);
  }

  #dropChildren(node: number): void {
    if (this.#children[node] === undefined) return;
    this.#children[node] = undefined;
    this.#forgetWalk();
  }

  #forgetWalk(): void {
    this.#lastWalk.nodes.length = 0;
  }

  #changeLinked(node: number): void {
    if ((this.flags[node]! & FLAG_LINKED) !== 0) this.flags[node]! |= FLAG_CHANGED;
  }

  #setChild(parent: number, name: string, node: number): number {
    this.#nameBytes += name.length;
    if (this.#nameBytes > LIMITS.tarNameBytes)
      throw limitError(name, LIMITS.tarNameBytes, 'bytes of names');
    const key = keyOf(name);
    if (key !== name) this.#longNames.set(key, flat(name));
    const children = this.#children[parent];
    if (children === undefined) this.#children[parent] = new Map([[flat(key), node]]);
    else children.set(flat(key), node);
    return node;
  }

  #addRow(name: string): number {
    const row = this.count;
    if (row > LIMITS.tarEntries) throw limitError(name, LIMITS.tarEntries, 'files and directories');
    if (row === this.mode.length) this.#grow();
    this.#children.push(undefined);
    this.count = row + 1;
    return row;
  }

  #grow(): void {
    const rows = this.count * 2;
    this.mode = grown(this.mode, new Uint16Array(rows));
    this.flags = grown(this.flags, new Uint8Array(rows));
    this.uid = grown(this.uid, new Uint32Array(rows));
    this.gid = grown(this.gid, new Uint32Array(rows));
    this.mtimeLow = grown(this.mtimeLow, new Uint32Array(rows));
    this.mtimeHigh = grown(this.mtimeHigh, new Uint8Array(rows));
    this.size = grown(this.size, new Float64Array(rows));
    this.offsetLow = grown(this.offsetLow, new Uint32Array(rows));
    this.offsetHigh = grown(this.offsetHigh, new Uint32Array(rows));
  }
}

function grown<T extends { set(from: ArrayLike<number>): void; length: number }>(
  from: T & ArrayLike<number>,
  to: T,
): T {
  to.set(from);
  return to;
}

/**
 * Key of a child: its name. JavaScript engines tell strings beyond 16 383 characters apart by their length alone, so
 * many long names would make every look-up slow; a digest stands for them.
 */
function keyOf(name: string): string {
  if (name.length <= KEY_LENGTH_MAX) return name;
  return `${LONG_KEY_MARK}${sha256Hex(Buffer.from(name, 'latin1'))}`;
}

const scratch = Buffer.alloc(256);

/** A copy of a byte string that does not keep alive the longer string it was cut from. */
function flat(name: string): string {
  if (name.length > scratch.length) return Buffer.from(name, 'latin1').toString('latin1');
  return scratch.toString('latin1', 0, scratch.write(name, 'latin1'));
}

function limitError(name: string, limit: number, what: string): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `a layer has more ${what} than podseal reads`, {
    where: printName(name),
    want: `at most ${limit}`,
  });
}
