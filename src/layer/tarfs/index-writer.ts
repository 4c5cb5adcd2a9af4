/** Index layout -> bytes behind the tar (spec layer-hash-tarfs sections 5 and 6). All numbers are little endian. */
import type { ImageSink } from '../ports.js';
import { type IndexLayout, RECORD_BYTES, SUPERBLOCK_FROM_END } from './index-layout.js';
import { FLAG_OPAQUE, type Tree, TYPE_DIRECTORY } from './tree.js';

const BUFFER_BYTES = 256 * 1024;
const TWO_32 = 2 ** 32;
const TYPE_SHIFT = 12;
const SUPERBLOCK_FIELD_BYTES = 16;

/** Appends inode table, directory tables, strings, padding and superblock to a sink that holds the tar. */
export function writeIndex(tree: Tree, layout: IndexLayout, sink: ImageSink): void {
  const out = new Output(sink);
  writeInodes(tree, layout, out);
  writeDirectories(tree, layout, out);
  for (const target of layout.targets) out.text(target);
  writeNames(tree, layout, out);
  out.flush();
  writeSuperblock(layout, sink);
}

/** Gathers small records into larger appends. */
class Output {
  readonly #sink: ImageSink;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #fill = 0;

  constructor(sink: ImageSink) {
    this.#sink = sink;
  }

  /** Offset in the returned buffer of a zeroed record of 32 bytes that the caller fills. */
  record(): { readonly buffer: Buffer; readonly at: number } {
    if (this.#fill + RECORD_BYTES > BUFFER_BYTES) this.flush();
    const at = this.#fill;
    this.#fill += RECORD_BYTES;
    this.#buffer.fill(0, at, this.#fill);
    return { buffer: this.#buffer, at };
  }

  /** A byte string, one byte per character. */
  text(text: string): void {
    if (text.length > BUFFER_BYTES) {
      this.flush();
      this.#sink.append(Buffer.from(text, 'latin1'));
      return;
    }
    if (this.#fill + text.length > BUFFER_BYTES) this.flush();
    this.#fill += this.#buffer.write(text, this.#fill, 'latin1');
  }

  flush(): void {
    if (this.#fill > 0) this.#sink.append(this.#buffer.subarray(0, this.#fill));
    this.#fill = 0;
  }
}

function writeUint64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % TWO_32, at);
  buffer.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}

/** Section 6.1, in order of inode numbers. */
function writeInodes(tree: Tree, { walk, inodes }: IndexLayout, out: Output): void {
  let written = 0;
  for (let step = 0; step < walk.count; step++) {
    const node = walk.nodes[step]!;
    if (inodes[node] !== written + 1) continue;
    written += 1;
    const { buffer, at } = out.record();
    buffer.writeUInt16LE(tree.mode[node]!, at);
    buffer[at + 2] = tree.flags[node]! & FLAG_OPAQUE;
    buffer[at + 3] = tree.mtimeHigh[node]!;
    buffer.writeUInt32LE(tree.uid[node]!, at + 4);
    buffer.writeUInt32LE(tree.gid[node]!, at + 8);
    buffer.writeUInt32LE(tree.mtimeLow[node]!, at + 12);
    writeUint64(buffer, tree.size[node]!, at + 16);
    buffer.writeUInt32LE(tree.offsetLow[node]!, at + 24);
    buffer.writeUInt32LE(tree.offsetHigh[node]!, at + 28);
  }
}

/** Calls `entry` for each name that stands in a directory table, in order. */
function eachEntry(tree: Tree, { walk }: IndexLayout, entry: (step: number) => void): void {
  for (let step = 0; step < walk.count; step++) {
    if (tree.type(walk.nodes[step]!) !== TYPE_DIRECTORY) continue;
    const end = walk.firstChild[step + 1]!;
    for (let child = walk.firstChild[step]!; child < end; child++) entry(child);
  }
}

/** Section 6.2. Type numbers are those of dirent: the type bits of the mode, shifted. */
function writeDirectories(tree: Tree, layout: IndexLayout, out: Output): void {
  const { walk, inodes } = layout;
  let nameOffset = layout.namesOffset;
  eachEntry(tree, layout, (step) => {
    const node = walk.nodes[step]!;
    const { length } = walk.names[step]!;
    const { buffer, at } = out.record();
    writeUint64(buffer, inodes[node]!, at);
    writeUint64(buffer, nameOffset, at + 8);
    writeUint64(buffer, length, at + 16);
    buffer[at + 24] = tree.type(node) >> TYPE_SHIFT;
    nameOffset += length;
  });
}

function writeNames(tree: Tree, layout: IndexLayout, out: Output): void {
  eachEntry(tree, layout, (step) => {
    out.text(layout.walk.names[step]!);
  });
}

/** Section 6.3. */
function writeSuperblock(layout: IndexLayout, sink: ImageSink): void {
  sink.appendZeros(layout.imageBytes - SUPERBLOCK_FROM_END - sink.length);
  const fields = Buffer.alloc(SUPERBLOCK_FIELD_BYTES);
  writeUint64(fields, layout.tableOffset, 0);
  writeUint64(fields, layout.inodeCount, 8);
  sink.append(fields);
  sink.appendZeros(layout.imageBytes - sink.length);
}
