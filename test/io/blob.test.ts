/** Remote images: the blob as ranges of bytes, blocks in memory, the kernel's messages, and all of it as a real file. */
import { execFile } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withBlockCache } from '../../src/io/blob/blob-cache.js';
import { openBlob, type RemoteFile } from '../../src/io/blob/blob-client.js';
import { mountFile } from '../../src/io/blob/fuse-mount.js';
import {
  cutMessages,
  MESSAGE_BYTES,
  printAnswer,
  readRequest,
} from '../../src/io/blob/fuse-protocol.js';
import { SYSTEM_PATH } from '../../src/io/programs.js';
import { openServiceClient } from '../../src/io/services/client.js';
import { type BlobServerOptions, startBlobServer } from '../support/blob-server.js';
import { temporaryFolder } from '../support/cli.js';
import { failureOf } from '../support/images.js';
import { mutate, rollFrom } from '../support/mutate.js';
import { canMount } from '../support/played-system.js';

const run = promisify(execFile);
const bytesOf = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => i % 251));

async function start(options: Partial<BlobServerOptions> = {}) {
  const server = await startBlobServer({ content: bytesOf(10_240), ...options }, onTestFinished);
  const client = openServiceClient({ timeoutMs: 5_000, env: {}, ca: [server.root] });
  onTestFinished(() => client.close());
  const openIt = (more: object = {}) =>
    openBlob({ url: server.url, transfer: client.transfer, waitsMs: [1, 1], ...more });
  return { server, openIt };
}

describe('a blob', () => {
  it('is read and written by ranges', async () => {
    const { server, openIt } = await start();
    const blob = await openIt();
    expect(blob.size).toBe(10_240);
    expect(await blob.read(100, 9)).toEqual(server.content.subarray(100, 109));
    expect(await blob.read(10_239, 1)).toEqual(server.content.subarray(10_239));
    await blob.write(512, Buffer.alloc(1024, 7));
    expect(await blob.read(512, 1024)).toEqual(Buffer.alloc(1024, 7));
    expect(server.requests).toContain('PUT bytes=512-1535');
  });

  it('is asked for with a token, which is renewed when it is refused', async () => {
    let made = 0;
    let accepted = 'token-1';
    const { openIt } = await start({ isToken: (token) => token === accepted });
    const accessToken = async () => {
      made += 1;
      return `token-${made}`;
    };
    const blob = await openIt({ accessToken });
    await blob.read(0, 8);
    expect(made).toBe(1);
    accepted = 'token-2';
    await blob.read(0, 8);
    expect(made).toBe(2);
    accepted = 'none';
    expect((await failureOf(() => blob.read(0, 8))).got).toBe('status 401');
    expect((await failureOf(() => openIt())).hints[0]).toContain('access token');
  });

  it('is asked for with a signature, which no error tells', async () => {
    const { server, openIt } = await start({ signature: 'sv=1&sig=SECRET' });
    expect((await openIt()).size).toBe(10_240);
    server.failures.push(403);
    const error = await failureOf(() => openIt());
    expect(error.code).toBe('BLOB_REFUSED');
    expect(JSON.stringify([error.message, error.got, error.hints])).not.toContain('SECRET');
  });

  it('is asked for again after failures that pass, and not after others', async () => {
    const { server, openIt } = await start();
    server.failures.push(503, 429);
    const blob = await openIt();
    expect(server.requests).toHaveLength(3);
    server.failures.push(500, 500, 500);
    expect((await failureOf(() => blob.read(0, 8))).got).toBe('status 500');
    server.failures.push(404);
    expect((await failureOf(() => blob.read(0, 8))).got).toBe('status 404');
    expect(server.requests).toHaveLength(7);
  });

  it('whose answer is not what was asked for is refused', async () => {
    const answers = [
      { status: 200, headers: {}, body: Buffer.alloc(512) },
      { status: 206, headers: {}, body: Buffer.alloc(512) },
      { status: 206, headers: { 'content-range': 'bytes 1-512/1000' }, body: Buffer.alloc(512) },
      { status: 206, headers: { 'content-range': 'bytes 0-511/1000' }, body: Buffer.alloc(511) },
    ];
    for (const answer of answers) {
      const transfer = async () => answer;
      const error = await failureOf(() => openBlob({ url: 'https://a.b/c/d', transfer }));
      expect(error.code).toBe('BLOB_REFUSED');
    }
    // One that changes its size.
    let size = 1_000;
    const transfer = async () => ({
      status: 206,
      headers: { 'content-range': `bytes 0-511/${size}` },
      body: Buffer.alloc(512),
    });
    const blob = await openBlob({ url: 'https://a.b/c/d', transfer });
    size = 2_000;
    expect((await failureOf(() => blob.read(0, 512))).code).toBe('BLOB_REFUSED');
  });
});

/** A file in memory that counts its reads, each of which ends when it is told to. */
function memoryFile(content: Buffer, hold = false) {
  const reads: number[] = [];
  const held: (() => void)[] = [];
  const file: RemoteFile = {
    size: content.length,
    read: async (offset, length) => {
      reads.push(offset);
      const bytes = Buffer.from(content.subarray(offset, offset + length));
      if (hold) await new Promise<void>((done) => held.push(done));
      return bytes;
    },
    write: async (offset, bytes) => {
      Buffer.from(bytes).copy(content, offset);
    },
  };
  return { file, reads, held };
}

describe('blocks in memory', () => {
  it('give what the file holds, whatever is read and written', async () => {
    const operation = fc.record({
      write: fc.boolean(),
      offset: fc.nat(999),
      length: fc.integer({ min: 1, max: 300 }),
      fill: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        const content = bytesOf(1_000);
        const cached = withBlockCache(memoryFile(Buffer.from(content)).file, 64, 3);
        for (const { write, offset, length, fill } of operations) {
          const end = Math.min(offset + length, 1_000);
          if (write) {
            content.fill(fill, offset, end);
            await cached.write(offset, Buffer.alloc(end - offset, fill));
          }
          expect(await cached.read(offset, end - offset)).toEqual(content.subarray(offset, end));
        }
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it('are asked for once, kept, and the oldest given up', async () => {
    const { file, reads } = memoryFile(bytesOf(1_000));
    const cached = withBlockCache(file, 100, 2);
    await Promise.all([cached.read(0, 10), cached.read(50, 10), cached.read(90, 20)]);
    expect(reads).toEqual([0, 100]);
    await cached.read(200, 1);
    await cached.read(100, 1);
    expect(reads).toEqual([0, 100, 200]);
    await cached.read(0, 1);
    expect(reads).toEqual([0, 100, 200, 0]);
  });

  it('that were on their way while something was written are not kept', async () => {
    const content = bytesOf(100);
    const { file, reads, held } = memoryFile(content, true);
    const cached = withBlockCache(file, 100, 2);
    const early = cached.read(0, 4);
    await cached.write(0, Buffer.alloc(4, 9));
    held.shift()!();
    await early;
    const late = cached.read(0, 4);
    held.shift()!();
    expect(await late).toEqual(Buffer.alloc(4, 9));
    expect(reads).toEqual([0, 0]);
  });

  it('are given up when a write fails', async () => {
    const { file, reads } = memoryFile(bytesOf(100));
    const broken = { ...file, write: () => Promise.reject(new Error('made up')) };
    const cached = withBlockCache(broken, 100, 2);
    await cached.read(0, 4);
    await expect(cached.write(0, Buffer.alloc(4))).rejects.toThrow('made up');
    await cached.read(0, 4);
    expect(reads).toEqual([0, 0]);
  });
});

/** A message of the kernel. */
function message(operation: number, node: bigint, body: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32LE(40 + body.length, 0);
  header.writeUInt32LE(operation, 4);
  header.writeBigUInt64LE(77n, 8);
  header.writeBigUInt64LE(node, 16);
  return Buffer.concat([header, body]);
}

function transfer(operation: 15 | 16, offset: bigint, size: number, bytes = Buffer.alloc(0)) {
  const body = Buffer.alloc(40);
  body.writeBigUInt64LE(offset, 8);
  body.writeUInt32LE(size, 16);
  return message(operation, 2n, Buffer.concat([body, bytes]));
}

describe('the messages of the kernel', () => {
  const facts = { size: 2_048, writable: true };

  it('are cut where they end, in whatever pieces they come', () => {
    const all = [
      message(3, 1n, Buffer.alloc(16)),
      transfer(15, 0n, 10),
      message(38, 0n, Buffer.alloc(0)),
    ];
    const stream = Buffer.concat(all);
    for (let piece = 1; piece < stream.length; piece += 7) {
      let rest = Buffer.alloc(0);
      const found: Buffer[] = [];
      for (let at = 0; at < stream.length; at += piece) {
        const cut = cutMessages(Buffer.concat([rest, stream.subarray(at, at + piece)]));
        found.push(...cut.messages);
        rest = Buffer.from(cut.rest);
      }
      expect(found).toEqual(all);
      expect(rest).toHaveLength(0);
    }
    for (const length of [0, 39, MESSAGE_BYTES + 1]) {
      const wrong = Buffer.alloc(40);
      wrong.writeUInt32LE(length, 0);
      expect(() => cutMessages(wrong)).toThrow(RangeError);
    }
  });

  it('are reads and writes within the file, in whole pages', () => {
    const page = Buffer.alloc(512, 1);
    expect(readRequest(transfer(15, 2_000n, 100), facts)).toMatchObject({
      offset: 2_000,
      length: 48,
    });
    expect(readRequest(transfer(15, 5_000n, 100), facts)).toMatchObject({ kind: 'answer' });
    expect(readRequest(transfer(16, 512n, 512, page), facts)).toMatchObject({
      kind: 'write',
      offset: 512,
      bytes: page,
    });
    for (const wrong of [
      transfer(16, 1n, 512, page),
      transfer(16, 0n, 511, page),
      transfer(16, 2_048n, 512, page),
      transfer(16, 0n, 1_024, page),
      transfer(16, 0n, 0),
    ]) {
      expect(readRequest(wrong, facts)).toMatchObject({ kind: 'refuse', error: 'EINVAL' });
    }
    const only = { ...facts, writable: false };
    expect(readRequest(transfer(16, 0n, 512, page), only)).toMatchObject({ error: 'EROFS' });
    expect(readRequest(message(1, 1n, Buffer.from('other\0')), facts)).toMatchObject({
      error: 'ENOENT',
    });
    expect(readRequest(message(9, 1n, Buffer.alloc(0)), facts)).toMatchObject({ error: 'ENOSYS' });
  });

  it('never ask for bytes beyond the file, whatever they are', () => {
    const seeds = [
      transfer(15, 0n, 10),
      transfer(16, 0n, 512, Buffer.alloc(512)),
      message(26, 0n, Buffer.alloc(64)),
    ];
    for (let seed = 0; seed < 3_000; seed += 1) {
      const changed = mutate(seeds[seed % 3]!, rollFrom(seed));
      try {
        for (const one of cutMessages(changed).messages) {
          const request = readRequest(one, facts);
          if (request.kind === 'read')
            expect(request.offset + request.length).toBeLessThanOrEqual(2_048);
          if (request.kind === 'write')
            expect(request.offset + request.bytes.length).toBeLessThanOrEqual(2_048);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
  });

  it('are answered with a length, an error, and the number of the question', () => {
    const answer = printAnswer(77n, 'EIO');
    expect(answer.readUInt32LE(0)).toBe(16);
    expect(answer.readInt32LE(4)).toBe(-5);
    expect(answer.readBigUInt64LE(8)).toBe(77n);
    expect(printAnswer(1n, Buffer.from('ab')).readUInt32LE(0)).toBe(18);
  });
});

describe.runIf(canMount)('a remote file as a real one', () => {
  const SIZE = 3 << 20;

  async function mounted(writable: boolean, change: Partial<RemoteFile> = {}, path = SYSTEM_PATH) {
    const content = bytesOf(SIZE);
    const folder = join(temporaryFolder(), 'blob');
    const failures: string[] = [];
    const file = { ...withBlockCache(memoryFile(content).file), ...change };
    const mount = await mountFile(file, {
      folder,
      writable,
      path,
      failed: ({ code }) => failures.push(code),
    });
    onTestFinished(async () => {
      await run('umount', ['--lazy', folder]).catch(() => undefined);
      await mount.close();
    });
    return { content, folder, failures, ...mount };
  }

  it('is read by other programs, and gone afterwards', async () => {
    const { content, file, folder, close } = await mounted(false);
    expect((await stat(file)).size).toBe(SIZE);
    const { stdout } = await run('cat', [file], { encoding: 'buffer', maxBuffer: SIZE });
    expect(stdout.equals(content)).toBe(true);
    await expect(open(file, 'r+')).rejects.toThrow('EROFS');
    await run('umount', [folder]);
    await close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is written to in pages by a loop device', async () => {
    const { content, file } = await mounted(true);
    const { stdout } = await run('losetup', ['--find', '--show', file]);
    const device = stdout.trim();
    try {
      await run('dd', [
        ...['if=/dev/zero', `of=${device}`, 'bs=4096', 'seek=10', 'count=50'],
        'conv=fsync,notrunc',
      ]);
    } finally {
      await run('losetup', ['--detach', device]);
    }
    expect(content.subarray(40_960, 245_760).equals(Buffer.alloc(204_800))).toBe(true);
    expect(content.subarray(0, 40_960).equals(bytesOf(SIZE).subarray(0, 40_960))).toBe(true);
  });

  it('that cannot be had is an error of input, not a wait', async () => {
    const { file } = await mounted(false, { read: () => Promise.reject(new Error('made up')) });
    await expect(run('cat', [file])).rejects.toThrow('Input/output error');
  });

  it('without its reader is an error, too', async () => {
    const path = temporaryFolder();
    symlinkSync('/usr/bin/mount', join(path, 'mount'));
    const { file } = await mounted(false, {}, path);
    await expect(run('cat', [file])).rejects.toThrow(/not connected|aborted/);
  });

  it('ends for its users when it is closed under them', async () => {
    const { file, close } = await mounted(false);
    const handle = await open(file, 'r');
    await close();
    await expect(handle.read(Buffer.alloc(10), 0, 10, 1 << 20)).rejects.toThrow();
    await handle.close().catch(() => undefined);
  });
});
