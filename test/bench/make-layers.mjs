// Layers to measure with, as streams: files of this machine, large files, very many small files.
import { createReadStream } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, crc32, deflateRawSync } from 'node:zlib';

const BLOCK = 512;
const MIB = 1024 * 1024;
const LARGEST_FILE = 64 * MIB;
const FOLDERS = 500;

/** Header of a regular file, or of a directory if the name ends in `/` (ustar, fixed owner and time; the size in base 256 where octal has no room). */
function tarHeader(name, size) {
  const header = Buffer.alloc(BLOCK);
  const octal = (value, at, length) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  header.write(name, 0, 100, 'latin1');
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (size < 8 ** 11) octal(size, 124, 12);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(1_700_000_000, 136, 12);
  header.write(name.endsWith('/') ? '5' : '0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.fill(' ', 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return header;
}

const padding = (size) => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** Regular files below `folder` that can be read, in the order of the file system. */
async function* filesBelow(folder) {
  let entries;
  try {
    entries = await opendir(folder);
  } catch {
    return;
  }
  for await (const entry of entries) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

/**
 * A tar of at least `wantedBytes`: every `share`-th file of /usr from number `first` on, then seeded text and noise if
 * they do not suffice.
 */
export async function* systemTar(wantedBytes, first = 0, share = 1) {
  let total = 0;
  let seen = 0;
  let number = 0;
  const name = () => `usr/d${number % FOLDERS}/f${number++}`;
  yield tarHeader('usr/', 0);
  for (let folder = 0; folder < FOLDERS; folder++) yield tarHeader(`usr/d${folder}/`, 0);
  for await (const path of filesBelow('/usr')) {
    if (total >= wantedBytes) break;
    if (seen++ % share !== first) continue;
    const { size } = await stat(path);
    const parts = size > LARGEST_FILE ? undefined : await readAll(path, size);
    if (parts === undefined) continue;
    yield tarHeader(name(), size);
    yield* parts;
    yield padding(size);
    total += size;
  }
  while (total < wantedBytes) {
    const content = mixedContent(8 * MIB, first + number * share);
    yield tarHeader(name(), content.length);
    yield content;
    total += content.length;
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** The content of a file; undefined if it cannot be read or changed. */
async function readAll(path, size) {
  const parts = [];
  let length = 0;
  try {
    for await (const part of createReadStream(path, { highWaterMark: MIB })) {
      parts.push(part);
      length += part.length;
    }
  } catch {
    return undefined;
  }
  return length === size ? parts : undefined;
}

/** Three parts of text-like bytes to one of noise, the same for the same seed. */
function mixedContent(length, seed) {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] =
      (at >> 16) % 4 === 3 ? state & 0xff : 97 + ((state >>> 3) % 23) * (((at & 7) % 3) & 1);
  }
  return bytes;
}

/**
 * A gzip layer of `count` files of `mib` MiB each. Each file is the same megabyte again and again, compressed once:
 * making the stream costs next to nothing, reading it as much as any other.
 */
export async function* bigFilesGzip(count, mib) {
  const writer = gzipWriter();
  yield writer.head;
  const content = mixedContent(MIB, 7);
  const packed = deflatePart(content);
  yield writer.add(tarHeader('data/', 0));
  for (let file = 0; file < count; file++) {
    yield writer.add(tarHeader(`data/big-${file}`, mib * MIB));
    for (let part = 0; part < mib; part++) yield writer.add(content, packed);
  }
  yield writer.add(Buffer.alloc(2 * BLOCK));
  yield writer.end();
}

/** A gzip layer of `count` files of 200 bytes in folders of 1000. */
export async function* smallFilesGzip(count) {
  const writer = gzipWriter();
  yield writer.head;
  const content = Buffer.alloc(BLOCK);
  content.write('some content of a small file\n'.repeat(6));
  let parts = [tarHeader('srv/', 0)];
  for (let file = 0; file < count; file++) {
    if (file % 1000 === 0) parts.push(tarHeader(`srv/d${file / 1000}/`, 0));
    parts.push(tarHeader(`srv/d${Math.floor(file / 1000)}/file-${file}`, 200), content);
    if (parts.length < 2000 && file < count - 1) continue;
    yield writer.add(Buffer.concat(parts));
    parts = [];
  }
  yield writer.add(Buffer.alloc(2 * BLOCK));
  yield writer.end();
}

/** Deflate data that other deflate data can follow. */
function deflatePart(bytes) {
  return deflateRawSync(bytes, { level: 6, finishFlush: constants.Z_FULL_FLUSH });
}

/** One gzip member out of parts that are compressed on their own. */
function gzipWriter() {
  let crc = 0;
  let size = 0;
  return {
    head: Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]),
    add(bytes, packed = deflatePart(bytes)) {
      crc = crc32(bytes, crc);
      size += bytes.length;
      return packed;
    },
    end() {
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(crc, 0);
      trailer.writeUInt32LE(size % 2 ** 32, 4);
      return Buffer.concat([deflateRawSync(Buffer.alloc(0)), trailer]);
    },
  };
}
