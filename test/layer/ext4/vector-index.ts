/** The vectors of the ext4 conversion: tars with what the reference makes of them. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { header } from './archive.js';

export interface GeneratorEntry {
  readonly name: string;
  readonly type?: string;
  readonly mode?: number;
  readonly size?: number;
  readonly link?: string;
  readonly repeat?: number;
  readonly per?: number;
  readonly pattern_seed?: number;
}

export interface Vector {
  readonly name: string;
  readonly file?: string;
  readonly generator?: { readonly entries: readonly GeneratorEntry[] };
  readonly size_class: 'small' | 'large' | 'huge';
  readonly tar_sha256: string;
  readonly tar_size: number;
  readonly ext4_size?: number;
  readonly ext4_sha256?: string;
  readonly root_hash?: string;
  readonly ext4_size_16gib?: number;
  readonly root_hash_16gib?: string;
  readonly leaf_prefixes?: string;
  readonly error?: string;
}

const FOLDER = resolve(import.meta.dirname, '../../../fixtures/layers/ext4');

/** All vectors. */
export const VECTORS = (
  JSON.parse(readFileSync(join(FOLDER, 'vectors.json'), 'utf8')) as { vectors: Vector[] }
).vectors;

/** The tar of a vector that is stored. */
export function readTar(vector: Vector): Buffer {
  return gunzipSync(readFileSync(join(FOLDER, vector.file!)));
}

/** The tar of a stored vector by name. */
export function readTarNamed(name: string): Buffer {
  return readTar(VECTORS.find((vector) => vector.name === name)!);
}

const PAGE = 65536;
const FLUSH = 1 << 20;
const pages = new Map<number, Buffer>();

/** 64 KiB of the pattern: bytes j + k + shift, with j and k the low and high byte of the offset. */
function patternPage(shift: number): Buffer {
  let page = pages.get(shift);
  if (page === undefined) {
    page = Buffer.alloc(PAGE);
    for (let i = 0; i < PAGE; i++) page[i] = i + (i >> 8) + shift;
    pages.set(shift, page);
  }
  return page;
}

function* contentOf(size: number, seed: number): Generator<Buffer> {
  for (let page = 0; page * PAGE < size; page++) {
    yield patternPage((7 * page + seed) % 256).subarray(0, Math.min(PAGE, size - page * PAGE));
  }
  if (size % 512 !== 0) yield Buffer.alloc(512 - (size % 512));
}

function* memberOf(entry: GeneratorEntry, index: number): Generator<Buffer> {
  const quotient = Math.floor(index / (entry.per ?? 1));
  const name = entry.name.replace('{i}', String(index)).replace('{q}', String(quotient));
  yield header({
    name,
    type: entry.type ?? '0',
    mode: entry.mode ?? 0o644,
    size: entry.size ?? 0,
    linkname: entry.link ?? '',
  });
  yield* contentOf(entry.size ?? 0, entry.pattern_seed ?? 0);
}

/** The tar of a vector that is described by rules (`generator_format` in the index), in chunks of about 1 MiB. */
export function* generateTar(vector: Vector): Generator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for (const entry of vector.generator!.entries) {
    for (let i = 0; i < (entry.repeat ?? 1); i++) {
      for (const part of memberOf(entry, i)) {
        parts.push(part);
        size += part.length;
        if (size < FLUSH) continue;
        yield Buffer.concat(parts);
        parts = [];
        size = 0;
      }
    }
  }
  yield Buffer.concat([...parts, Buffer.alloc(1024)]);
}
