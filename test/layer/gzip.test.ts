import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import type { Notice } from '../../src/core/notice.js';
import { ByteSource } from '../../src/layer/byte-source.js';
import { gunzipMembers } from '../../src/layer/gzip.js';
import { chunked, digestOf, nextTurn, streamOf, watched } from '../support/streams.js';
import { patternBytes } from '../support/verity.js';

interface Header {
  readonly extra?: Buffer;
  readonly name?: string;
  readonly comment?: string;
  readonly headerCrc?: boolean;
  readonly flags?: number;
}

/** A member with the wanted header fields. */
function memberOf(content: Uint8Array, header: Header = {}): Buffer {
  const flags =
    (header.headerCrc ? 2 : 0) |
    (header.extra ? 4 : 0) |
    (header.name === undefined ? 0 : 8) |
    (header.comment === undefined ? 0 : 16) |
    (header.flags ?? 0);
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255])];
  if (header.extra) {
    const size = Buffer.alloc(2);
    size.writeUInt16LE(header.extra.length);
    parts.push(size, header.extra);
  }
  for (const text of [header.name, header.comment])
    if (text !== undefined) parts.push(Buffer.from(`${text}\0`, 'latin1'));
  if (header.headerCrc) {
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crc32(Buffer.concat(parts)) & 0xffff);
    parts.push(crc);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length, 4);
  return Buffer.concat([...parts, deflateRawSync(content), trailer]);
}

async function gunzip(data: Uint8Array, chunkSize = 1 << 16) {
  const notices: Notice[] = [];
  const members: Buffer[][] = [];
  const source = new ByteSource(chunked(data, chunkSize));
  for await (const { bytes, member } of gunzipMembers(source, (notice) => notices.push(notice))) {
    while (members.length <= member) members.push([]);
    members[member]!.push(Buffer.from(bytes));
  }
  return { members: members.map((parts) => Buffer.concat(parts)), notices };
}

const small = Buffer.from('the quick brown fox jumps over the lazy dog; the quick brown fox again');

describe('gunzipMembers', () => {
  it.each([1, 2, 7, 4096, 1 << 16])(
    'reads what gzip wrote, in chunks of %i bytes',
    async (size) => {
      const content = Buffer.concat([patternBytes(5000), Buffer.alloc(40_000), small]);
      const { members, notices } = await gunzip(gzipSync(content), size);
      expect(members.map(digestOf)).toEqual([digestOf(content)]);
      expect(notices).toEqual([]);
    },
  );

  it('tells which member the bytes belong to, empty members included', async () => {
    const contents = [small, Buffer.alloc(0), patternBytes(3_000_000), Buffer.from('x')];
    for (const size of [499, 1 << 16]) {
      const { members } = await gunzip(Buffer.concat(contents.map((part) => gzipSync(part))), size);
      expect(members.map(digestOf)).toEqual(contents.map(digestOf));
    }
  });

  it.each<[string, Header]>([
    ['extra field', { extra: Buffer.from('SG\u0002\u0000ab', 'latin1') }],
    ['largest extra field', { extra: Buffer.alloc(65535, 1) }],
    ['name', { name: 'layer.tar' }],
    ['empty name', { name: '' }],
    ['comment', { comment: 'made by hand' }],
    ['header CRC', { headerCrc: true }],
    ['all of them', { extra: Buffer.alloc(9), name: 'n', comment: 'c', headerCrc: true }],
    ['text flag', { flags: 1 }],
  ])('reads over a header with %s', async (_name, header) => {
    for (const size of [1, 1 << 16])
      expect((await gunzip(memberOf(small, header), size)).members).toEqual([small]);
  });

  it('refuses a header that does not match its CRC', async () => {
    const data = memberOf(small, { name: 'name', headerCrc: true });
    data[11] = data[11]! ^ 1;
    await expect(gunzip(data)).rejects.toMatchObject({
      code: 'LAYER_CORRUPT',
      message: 'gzip header does not match its CRC',
    });
  });

  it.each([0x20, 0x40, 0x80])('refuses the reserved flag %i', async (flags) => {
    await expect(gunzip(memberOf(small, { flags }))).rejects.toMatchObject({
      code: 'LAYER_CORRUPT',
    });
  });

  it('limits the header', async () => {
    const fits = 'n'.repeat(LIMITS.gzipHeaderBytes - 11);
    expect((await gunzip(memberOf(small, { name: fits }))).members).toEqual([small]);
    await expect(gunzip(memberOf(small, { name: `${fits}n` }))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    await expect(
      gunzip(memberOf(small, { name: fits.repeat(2) }).subarray(0, LIMITS.gzipHeaderBytes + 9)),
    ).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('refuses every truncation', async () => {
    const first = memberOf(small, { extra: Buffer.alloc(3), name: 'a', headerCrc: true });
    const data = Buffer.concat([first, memberOf(small)]);
    for (let length = 2; length < data.length; length++) {
      if (length === first.length) continue;
      await expect(gunzip(data.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: 'LAYER_CORRUPT',
      });
    }
  });

  it('refuses or survives every flipped bit, and never gives other bytes', async () => {
    const data = gzipSync(small);
    for (let bit = 0; bit < data.length * 8; bit++) {
      const damaged = Buffer.from(data);
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      const result = await gunzip(damaged).then(
        ({ members }) => members,
        (error) => error.code,
      );
      expect([JSON.stringify([small]), '"LAYER_CORRUPT"']).toContain(JSON.stringify(result));
    }
  });

  it('says where the damage is', async () => {
    const data = Buffer.concat([gzipSync(small), gzipSync(patternBytes(200_000))]);
    data[data.length - 8] = data[data.length - 8]! ^ 1;
    await expect(gunzip(data)).rejects.toMatchObject({
      message: 'gzip data does not match its CRC-32',
      where: `at byte ${data.length - 8} of the compressed data, after ${200_000 + small.length} uncompressed bytes`,
    });
    await expect(gunzip(data.subarray(0, 500))).rejects.toMatchObject({
      message: 'gzip data ends early',
      where: expect.stringMatching(/^at byte 500 /),
    });
  });

  it('refuses a wrong size field', async () => {
    const data = gzipSync(small);
    data.writeUInt32LE(small.length + 1, data.length - 4);
    await expect(gunzip(data)).rejects.toMatchObject({
      message: 'gzip data does not match its size',
    });
  });

  it('reports zero padding, and refuses other trailing bytes', async () => {
    const data = gzipSync(small);
    for (const size of [1, 1 << 16]) {
      const padded = await gunzip(Buffer.concat([data, Buffer.alloc(700)]), size);
      expect(padded.members).toEqual([small]);
      expect(padded.notices).toMatchObject([{ code: 'gzip-zero-padding' }]);
    }
    for (const tail of ['x', '\x1f', '\0\0\0x', '\0\x1f\x8b\b', '\x1f\x8b\b']) {
      const damaged = Buffer.concat([data, Buffer.from(tail, 'latin1')]);
      await expect(gunzip(damaged), JSON.stringify(tail)).rejects.toMatchObject({
        code: 'LAYER_CORRUPT',
      });
    }
  });

  it('gives the same bytes whatever the chunks', async () => {
    const contents = [patternBytes(70_000), Buffer.alloc(300_000, 'ab'), small];
    const data = Buffer.concat(contents.map((part) => gzipSync(part)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 90_000 }), { maxLength: 20 }),
        async (cuts) => {
          const parts: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) {
            parts.push(data.subarray(at, at + cut));
            at += cut;
          }
          parts.push(data.subarray(at));
          const members: Buffer[][] = [[], [], []];
          for await (const piece of gunzipMembers(new ByteSource(streamOf(...parts)), () => {}))
            members[piece.member]!.push(Buffer.from(piece.bytes));
          expect(members.map((part) => digestOf(Buffer.concat(part)))).toEqual(
            contents.map(digestOf),
          );
        },
      ),
      { seed: 0xc0de, numRuns: 30 },
    );
  });

  it('stops when the reader stops', async () => {
    const { stream, state } = watched(chunked(gzipSync(patternBytes(9_000_000)), 10_000));
    const source = new ByteSource(stream);
    for await (const piece of gunzipMembers(source, () => {})) {
      expect(piece.bytes.length).toBeGreaterThan(0);
      break;
    }
    source.close();
    await nextTurn();
    await nextTurn();
    expect(state.isReleased).toBe(true);
    expect(state.chunkCount).toBeLessThan(400);
  });

  it('throws what the source throws', async () => {
    const failing = async function* () {
      yield gzipSync(patternBytes(100_000)).subarray(0, 50_000);
      throw new Error('line cut');
    };
    const pieces = gunzipMembers(new ByteSource(failing()), () => {});
    await expect(async () => {
      for await (const piece of pieces) expect(piece.member).toBe(0);
    }).rejects.toThrow('line cut');
  });
});
