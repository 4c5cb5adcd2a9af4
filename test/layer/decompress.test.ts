import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ByteSource } from '../../src/layer/byte-source.js';
import { decompress } from '../../src/layer/decompress.js';
import { chunked } from '../support/streams.js';
import { ZSTD_LEVEL_1, zstdSampleContent } from '../support/zstd-samples.js';

async function read(data: Uint8Array, chunkSize = 3) {
  const { encoding, pieces } = await decompress(new ByteSource(chunked(data, chunkSize)), () => {});
  const parts: Uint8Array[] = [];
  const members = new Set<number>();
  for await (const { bytes, member } of pieces) {
    parts.push(Buffer.from(bytes));
    members.add(member);
  }
  return { encoding, content: Buffer.concat(parts).toString('latin1'), members: [...members] };
}

describe('decompress', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from([0x1f])],
    ['three bytes of a zstd magic', Buffer.from('28b52f', 'hex')],
    ['a tar', Buffer.from('etc/passwd\0 and so on')],
    ['another compression', Buffer.from('BZh91AY&SY')],
  ])('passes %s through', async (_name, data) => {
    const { encoding, content } = await read(data);
    expect(encoding).toBe('none');
    expect(content).toBe(data.toString('latin1'));
  });

  it('knows gzip by two bytes and counts its members', async () => {
    const data = Buffer.concat([gzipSync(Buffer.from('ab')), gzipSync(Buffer.from('c'))]);
    expect(await read(data)).toEqual({ encoding: 'gzip', content: 'abc', members: [0, 1] });
  });

  it('knows zstd by its magic', async () => {
    expect(await read(ZSTD_LEVEL_1)).toEqual({
      encoding: 'zstd',
      content: zstdSampleContent().toString('latin1'),
      members: [0],
    });
  });
});
