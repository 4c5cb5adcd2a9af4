/**
 * Tree -> order and places of everything in the index (spec layer-hash-tarfs section 5, steps 1 to 3). The platform goes
 * through the tree breadth first several times without remembering nodes; here the order is found once and kept.
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { LongLinks } from './long-links.js';
import { printName } from './member-name.js';
import { type Tree, TYPE_DIRECTORY, TYPE_SYMLINK } from './tree.js';

export const RECORD_BYTES = 32;
export const IMAGE_BLOCK_BYTES = 4096;
/** Distance of the superblock from the end of the image. */
export const SUPERBLOCK_FROM_END = 512;

/** Steps of the breadth-first walk. Step 0 is the root; a node with two names has two steps, with its children. */
export interface Walk {
  readonly count: number;
  /** Node of each step. */
  readonly nodes: Uint32Array;
  /** Name by which each step was reached; empty for the root. */
  readonly names: readonly string[];
  /** Steps of the children of step i are firstChild[i] up to (not including) firstChild[i + 1]. */
  readonly firstChild: Uint32Array;
}

export interface IndexLayout {
  readonly walk: Walk;
  /** Inode number of each node, from 1; 0 for nodes that cannot be reached from the root. */
  readonly inodes: Uint32Array;
  readonly inodeCount: number;
  /** Byte offset in the image of the inode table: length of the tar. */
  readonly tableOffset: number;
  /** Byte offset of the long link targets: end of the directory tables. */
  readonly targetsOffset: number;
  /** Byte offset that the platform takes for that of the first name. Wrong where a long link was replaced. */
  readonly namesOffset: number;
  /** Targets with which the string area starts; the names follow. */
  readonly targets: readonly string[];
  /** Total length of the image. */
  readonly imageBytes: number;
}

/** Lays out the index behind a tar of `tarBytes` bytes. Throws LAYER_INVALID for a cycle of hard links. */
export function buildIndexLayout(tree: Tree, longLinks: LongLinks, tarBytes: number): IndexLayout {
  if (tree.hasSharedNodes) refuseCycles(tree);
  const walk = walkBreadthFirst(tree);
  const { inodes, inodeCount } = numberInodes(tree, walk);
  const targetsOffset = placeDirectories(tree, walk, tarBytes + RECORD_BYTES * inodeCount);
  const namesOffset = placeLongLinks(tree, walk, inodes, targetsOffset);
  const nameBytes = countNameBytes(tree, walk);
  // The platform counts the names twice, and the targets that it placed too.
  const end = namesOffset + nameBytes + longLinks.bytes + nameBytes;
  return {
    walk,
    inodes,
    inodeCount,
    tableOffset: tarBytes,
    targetsOffset,
    namesOffset,
    targets: longLinks.targets,
    imageBytes: Math.ceil(end / IMAGE_BLOCK_BYTES) * IMAGE_BLOCK_BYTES + IMAGE_BLOCK_BYTES,
  };
}

/** Path of a step from the root, without a leading slash. */
export function pathOfStep(walk: Walk, step: number): string {
  const parts: string[] = [];
  for (let at = step; at > 0; at = parentOf(walk, at)) parts.push(walk.names[at]!);
  return parts.reverse().join('/');
}

/** The step whose range of children holds `step`: the last one whose range starts at or before it. */
function parentOf(walk: Walk, step: number): number {
  let low = 0;
  let high = walk.count - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (walk.firstChild[middle]! <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * A node that lies below itself. The platform loops forever; podseal refuses. Depth first, since only the path from the
 * root tells a cycle from a node that has two names.
 */
function refuseCycles(tree: Tree): void {
  const NEW = 0;
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(tree.count).fill(NEW);
  const path = [{ node: tree.root, key: '', rest: childrenOf(tree, tree.root) }];
  state[tree.root] = OPEN;
  while (path.length > 0) {
    const top = path.at(-1)!;
    const next = top.rest.next();
    if (next.done === true) {
      state[top.node] = DONE;
      path.pop();
      continue;
    }
    const [key, node] = next.value;
    if (state[node] === OPEN)
      throw cycleError([...path.slice(1).map((step) => step.key), key].map((k) => tree.nameOf(k)));
    if (state[node] === DONE) continue;
    state[node] = OPEN;
    path.push({ node, key, rest: childrenOf(tree, node) });
  }
}

function childrenOf(tree: Tree, node: number): Iterator<[string, number]> {
  return (tree.children(node) ?? new Map<string, number>()).entries();
}

function cycleError(path: readonly string[]): ToolError {
  return new ToolError('LAYER_INVALID', 'layer tar has a hard link to a path above itself', {
    where: printName(path.join('/')),
    want: 'hard links that lead to files',
    hints: ['the container platform does not come to an end on this layer; build the image again'],
  });
}

function walkBreadthFirst(tree: Tree): Walk {
  let nodes = new Uint32Array(tree.count + 1);
  let firstChild = new Uint32Array(tree.count + 1);
  const names = [''];
  nodes[0] = tree.root;
  for (let step = 0; step < names.length; step++) {
    firstChild[step] = names.length;
    const children = tree.children(nodes[step]!);
    if (children === undefined) continue;
    const end = names.length + children.size;
    if (end > LIMITS.tarEntries + 1) throw tooManySteps(end);
    if (end >= nodes.length) {
      nodes = enlarge(nodes, end * 2);
      firstChild = enlarge(firstChild, end * 2);
    }
    for (const name of sortedNames(tree, children)) {
      nodes[names.length] = tree.find(nodes[step]!, name)!;
      names.push(name);
    }
  }
  firstChild[names.length] = names.length;
  return { count: names.length, nodes, names, firstChild };
}

function enlarge(from: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length);
  to.set(from);
  return to;
}

/** Ascending by unsigned bytes: names hold one byte per character, so the order of code units is that. */
function sortedNames(tree: Tree, children: ReadonlyMap<string, number>): string[] {
  const names = Array.from(children.keys(), (key) => tree.nameOf(key));
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return names.sort();
  return names;
}

/** Directories with two names are walked twice, so few members can make very many steps. */
function tooManySteps(got: number): ToolError {
  return new ToolError('LIMIT_EXCEEDED', 'a layer has more file names than podseal reads', {
    want: `at most ${LIMITS.tarEntries}`,
    got: `${got}`,
  });
}

function numberInodes(tree: Tree, walk: Walk): { inodes: Uint32Array; inodeCount: number } {
  const inodes = new Uint32Array(tree.count);
  let inodeCount = 0;
  for (let step = 0; step < walk.count; step++) {
    const node = walk.nodes[step]!;
    if (inodes[node] === 0) inodes[node] = ++inodeCount;
  }
  return { inodes, inodeCount };
}

function childCount(walk: Walk, step: number): number {
  return walk.firstChild[step + 1]! - walk.firstChild[step]!;
}

/** Gives each directory the place of its table; one that is met twice gets two and keeps the later. Gives the end. */
function placeDirectories(tree: Tree, walk: Walk, start: number): number {
  let offset = start;
  for (let step = 0; step < walk.count; step++) {
    const node = walk.nodes[step]!;
    if (tree.type(node) !== TYPE_DIRECTORY) continue;
    const size = RECORD_BYTES * childCount(walk, step);
    tree.setOffset(node, offset);
    tree.size[node] = size;
    offset += size;
  }
  return offset;
}

/** True for a link that has no place yet. */
function hasLongTarget(tree: Tree, node: number): boolean {
  return (
    tree.type(node) === TYPE_SYMLINK && tree.offsetLow[node] === 0 && tree.offsetHigh[node] === 0
  );
}

/** Gives each link with a long target the place that the platform writes for it, in inode order. Gives the end. */
function placeLongLinks(tree: Tree, walk: Walk, inodes: Uint32Array, start: number): number {
  let offset = start;
  let written = 0;
  for (let step = 0; step < walk.count; step++) {
    const node = walk.nodes[step]!;
    if (inodes[node] !== written + 1) continue;
    written += 1;
    if (!hasLongTarget(tree, node)) continue;
    tree.setOffset(node, offset);
    offset += tree.size[node]!;
  }
  return offset;
}

function countNameBytes(tree: Tree, walk: Walk): number {
  let bytes = 0;
  for (let step = 0; step < walk.count; step++) {
    if (tree.type(walk.nodes[step]!) !== TYPE_DIRECTORY) continue;
    for (let child = walk.firstChild[step]!; child < walk.firstChild[step + 1]!; child++)
      bytes += walk.names[child]!.length;
  }
  return bytes;
}
