import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BATCH_BLOCKS, BLOCK_BYTES } from '../../src/core/block-hash.mjs';
import { loadNative, type NativeState } from '../../src/io/native.js';
import { createNativeHasher } from '../../src/io/native-hash.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { createMerkleSink } from '../../src/layer/merkle.js';
import { nativeAddon } from '../support/native.js';
import { naiveBlockHash, naiveRootHash, patternBytes } from '../support/verity.js';

const folder = mkdtempSync(join(tmpdir(), 'podseal-native-'));
afterAll(() => rmSync(folder, { recursive: true }));

const reasonOf = (state: NativeState) => (state.kind === 'absent' ? state.reason : 'loaded');

/** A stand-in for an addon: to the loader a file is a file. */
function moduleFile(name: string, text: string): string {
  const file = join(folder, `${name}.cjs`);
  writeFileSync(file, text);
  return file;
}

describe('loadNative', () => {
  it('leaves the addon out where it is not built or not wanted', () => {
    expect(reasonOf(loadNative({ PODSEAL_NATIVE: 'off' }))).toBe('PODSEAL_NATIVE is off');
    expect(reasonOf(loadNative({}, join(folder, 'none.node')))).toBe('it is not built');
  });

  it('refuses another interface, and files that are no addon', () => {
    const other = moduleFile('other', 'exports.abi = () => 99');
    expect(reasonOf(loadNative({}, other))).toBe('it has interface 99 instead of 2');
    const none = moduleFile('none', 'exports.x = 1');
    expect(reasonOf(loadNative({}, none))).toBe('it has interface none instead of 2');
    const broken = join(folder, 'broken.node');
    copyFileSync(import.meta.filename, broken);
    expect(reasonOf(loadNative({}, broken))).toContain('it cannot be loaded');
  });

  it('loads an addon of its own interface', () => {
    const own = moduleFile('own', 'exports.abi = () => 2');
    expect(loadNative({}, own).kind).toBe('loaded');
  });
});

it('openNativeEngine says what to do when there is no addon', () => {
  const absent: NativeState = { kind: 'absent', reason: 'it is not built' };
  expect(() => openNativeEngine(absent)).toThrow(
    expect.objectContaining({
      code: 'ENGINE_ABSENT',
      message: expect.stringContaining('not built'),
    }),
  );
});

const addon = nativeAddon();

describe.runIf(addon !== undefined)('createNativeHasher', () => {
  const hasher = createNativeHasher(addon!);

  it('gives the hashes that JavaScript gives, for any number of blocks', async () => {
    const jobs = [1, 2, 255, BATCH_BLOCKS].map((count, seed) => {
      const blocks = patternBytes(count * BLOCK_BYTES, seed + 1);
      const buffer = hasher.takeBuffer();
      expect(buffer.length).toBe(BATCH_BLOCKS * BLOCK_BYTES);
      buffer.set(blocks);
      return { count, blocks, hashes: hasher.hashBlocks(buffer, count) };
    });
    for (const { count, blocks, hashes } of jobs) {
      const got = await hashes;
      expect(got.length).toBe(count * 32);
      for (const index of [0, count >> 1, count - 1]) {
        const block = blocks.slice(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
        expect(Buffer.from(got.subarray(index * 32, index * 32 + 32))).toEqual(
          naiveBlockHash(block),
        );
      }
    }
  });

  it('gives the root hash of an image', async () => {
    const image = patternBytes(700 * BLOCK_BYTES + 5);
    const padded = Buffer.concat([image, Buffer.alloc(BLOCK_BYTES - 5)]);
    const sink = createMerkleSink(hasher);
    sink.append(padded);
    await sink.drained();
    expect(await sink.finish()).toBe(naiveRootHash(padded));
  });

  it('hashes shared memory too', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES));
    shared.fill(7);
    const got = await addon!.hashBlocks(shared, 1);
    expect(Buffer.from(got)).toEqual(naiveBlockHash(Uint8Array.from(shared)));
  });

  it('uses its buffers again, and not before they are free', async () => {
    const first = hasher.takeBuffer();
    const second = hasher.takeBuffer();
    expect(second).not.toBe(first);
    await hasher.hashBlocks(first, 1);
    expect(hasher.takeBuffer()).toBe(first);
  });

  it('refuses more blocks than the buffer holds', async () => {
    await expect(hasher.hashBlocks(new Uint8Array(BLOCK_BYTES), 2)).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });
});

describe.runIf(addon !== undefined)('openNativeEngine', () => {
  const load = (text: string, dialect: 'v0' | 'v1' = 'v1') =>
    openNativeEngine().compile([{ name: 'test.rego', text }], dialect);

  it('gives values, undefined and failures', async () => {
    const policy = await load('package p\nhalf := input.n / 2 if input.n > 0\nt := 1\nt := 2');
    policy.setData({ pstate: {} });
    expect(policy.evaluate('data.p.half', { n: 3 }).outcome).toEqual({ kind: 'value', value: 1.5 });
    expect(policy.evaluate('data.p.half', { n: 0 }).outcome).toEqual({ kind: 'undefined' });
    expect(policy.evaluate('data.p.t', {}).outcome).toMatchObject({ kind: 'failed' });
  });

  it('reads the data document that was set last', async () => {
    const policy = await load('package p\nid := data.pstate.id');
    policy.setData({ pstate: { id: 'ü' } });
    expect(policy.evaluate('data.p.id', {}).outcome).toEqual({ kind: 'value', value: 'ü' });
    policy.setData({ pstate: {} });
    expect(policy.evaluate('data.p.id', {}).outcome).toEqual({ kind: 'undefined' });
  });

  it('keeps what rules print', async () => {
    const policy = await load('package p\nt if print("saw", input.n)');
    expect(policy.evaluate('data.p.t', { n: 'x' }).prints).toEqual(['test.rego:2: saw x']);
  });

  it('refuses texts that are not valid in the dialect', async () => {
    await expect(load('package p\nt { true }')).rejects.toMatchObject({
      code: 'POLICY_UNREADABLE',
    });
    await expect(load('package p\nt { true }', 'v0')).resolves.toBeDefined();
    await expect(load(`package p\nt := ${'['.repeat(40)}`)).rejects.toMatchObject({
      code: 'POLICY_UNREADABLE',
    });
  });
});
