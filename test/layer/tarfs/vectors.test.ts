import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { UserFileEntry } from '../../../src/image/types.js';
import { createUserFileScanner } from '../../../src/layer/tarfs/user-files.js';
import { convert, cut, factsOf } from './convert.js';

interface Facts {
  readonly size_with_index: number;
  readonly image_sha256: string;
  readonly root_hash: string;
}

interface Vector extends Facts {
  readonly name: string;
  readonly file: string;
  readonly tar_size: number;
  readonly tar_sha256: string;
  readonly inode_table_offset: number;
  readonly inode_count: number;
  readonly error?: string;
  readonly original?: Facts;
  readonly fork_with_tar_0_4_38?: Omit<Facts, 'image_sha256'>;
  readonly passwd?: string;
  readonly group?: string;
  readonly gzip_members?: number;
}

const FOLDER = resolve(import.meta.dirname, '../../../fixtures/layers/tarfs');
const { vectors } = JSON.parse(readFileSync(join(FOLDER, 'vectors.json'), 'utf8')) as {
  vectors: Vector[];
};
const BYTE_BY_BYTE_MAX = 1 << 20;

/** What our message says for each message of the reference. */
const ERRORS: Readonly<Record<string, RegExp>> = {
  'archive header checksum mismatch': /header checksum mismatch/,
  'members found describing a future member but no future member found':
    /describing a future member/,
  'two long name entries describing the same member':
    /two long name entries describing the same member/,
};

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b, 0x08]);

/** Content of the first gzip member: the shortest start of the file that is a complete gzip stream. */
function firstMember(gzip: Buffer): Buffer {
  for (let at = gzip.indexOf(GZIP_MAGIC, 3); at >= 0; at = gzip.indexOf(GZIP_MAGIC, at + 1)) {
    try {
      return gunzipSync(gzip.subarray(0, at));
    } catch {
      // These three bytes stand inside the member.
    }
  }
  return gunzipSync(gzip);
}

function tarOf(vector: Vector): Buffer {
  const gzip = readFileSync(join(FOLDER, vector.file));
  return vector.gzip_members === undefined ? gunzipSync(gzip) : firstMember(gzip);
}

function expectedFacts(vector: Vector) {
  const { size_with_index, image_sha256, root_hash, inode_table_offset, inode_count } = vector;
  return { size_with_index, image_sha256, root_hash, inode_table_offset, inode_count };
}

const accepted = vectors.filter(({ error }) => error === undefined);
const refused = vectors.filter(({ error }) => error !== undefined);
const small = accepted.filter(({ tar_size }) => tar_size <= BYTE_BY_BYTE_MAX);

/** Entry lists as the peers' text: a whiteout is a mark, a later match is appended. */
function scannedText(entries: readonly UserFileEntry[], file: 'passwd' | 'group'): string {
  return entries
    .filter((entry) => entry.file === file && entry.exactName)
    .map(({ kind, text }) => (kind === 'whiteout' ? 'WHITEOUT' : text))
    .join('');
}

function scan(tar: Uint8Array, sizes: Iterable<number> = [tar.length]): readonly UserFileEntry[] {
  const scanner = createUserFileScanner(() => undefined);
  for (const chunk of cut(tar, sizes)) scanner.write(chunk);
  return scanner.end();
}

describe('tarfs vectors', () => {
  it('are all there', () => {
    expect(vectors).toHaveLength(59);
    expect(refused).toHaveLength(3);
  });

  it.each(accepted.map((vector) => [vector.name, vector] as const))('%s', (_name, vector) => {
    const tar = tarOf(vector);
    expect(createHash('sha256').update(tar).digest('hex')).toBe(vector.tar_sha256);
    const { image } = convert(tar);
    expect(image.subarray(0, tar.length).equals(tar)).toBe(true);
    expect(factsOf(image)).toEqual(expectedFacts(vector));
  });

  it.each(accepted.map((vector) => [vector.name, vector] as const))(
    '%s in random chunks',
    (_name, vector) => {
      const tar = tarOf(vector);
      const largest = Math.max(2, Math.min(tar.length, 100_000));
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: largest }), { minLength: 1 }), (chunks) => {
          const { image } = convert(tar, { chunks: [...chunks, largest] });
          expect(createHash('sha256').update(image).digest('hex')).toBe(vector.image_sha256);
        }),
        { seed: 0x7a2f5, numRuns: tar.length > BYTE_BY_BYTE_MAX ? 2 : 20 },
      );
    },
  );

  it.each(small.map((vector) => [vector.name, vector] as const))(
    '%s byte by byte',
    (_name, vector) => {
      const { image } = convert(tarOf(vector), { chunks: [1] });
      expect(createHash('sha256').update(image).digest('hex')).toBe(vector.image_sha256);
    },
  );

  it.each(accepted.map((vector) => [vector.name, vector] as const))(
    '%s with the original index writer',
    (_name, vector) => {
      const { size_with_index, image_sha256, root_hash } = factsOf(
        convert(tarOf(vector), { variant: 'original' }).image,
      );
      const { original = vector } = vector;
      expect({ size_with_index, image_sha256, root_hash }).toEqual({
        size_with_index: original.size_with_index,
        image_sha256: original.image_sha256,
        root_hash: original.root_hash,
      });
    },
  );

  it.each(accepted.map((vector) => [vector.name, vector] as const))(
    '%s with the parser of the host',
    (_name, vector) => {
      const facts = factsOf(convert(tarOf(vector), { tarCrate: '0.4.38' }).image);
      const { fork_with_tar_0_4_38: expected = vector } = vector;
      expect(facts.root_hash).toBe(expected.root_hash);
      expect(facts.size_with_index).toBe(expected.size_with_index);
    },
  );

  it.each(refused.map((vector) => [vector.name, vector] as const))(
    '%s is refused',
    (_name, vector) => {
      const tar = tarOf(vector);
      for (const chunks of [[tar.length], [1], [511], [513]]) {
        const run = () => convert(tar, { chunks });
        expect(run).toThrow(ToolError);
        expect(run).toThrow(ERRORS[vector.error!]!);
        expect(run).toThrow(expect.objectContaining({ code: 'LAYER_INVALID' }));
        expect(() => scan(tar, chunks)).toThrow(ERRORS[vector.error!]!);
      }
    },
  );

  it.each(accepted.map((vector) => [vector.name, vector] as const))(
    'user files of %s',
    (_name, vector) => {
      const tar = tarOf(vector);
      const entries = scan(tar);
      expect(scannedText(entries, 'passwd')).toBe(vector.passwd ?? '');
      expect(scannedText(entries, 'group')).toBe(vector.group ?? '');
      if (tar.length <= BYTE_BY_BYTE_MAX) expect(scan(tar, [1])).toEqual(entries);
    },
  );
});
