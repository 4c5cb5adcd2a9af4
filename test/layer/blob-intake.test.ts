import { describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/core/digest.js';
import { type BlobExpectation, BlobIntake } from '../../src/layer/blob-intake.js';
import { chunked, collect } from '../support/streams.js';
import { patternBytes } from '../support/verity.js';

const blob = patternBytes(1000);
const digest = sha256Digest(blob);

const intakeOf = (bytes: Uint8Array, expected?: BlobExpectation, maxBytes = 1000) =>
  new BlobIntake(chunked(bytes, 300), {
    what: 'layer 1',
    maxBytes,
    ...(expected && { expect: expected }),
  });

describe('BlobIntake', () => {
  it('passes the bytes on and knows their names', async () => {
    const intake = intakeOf(blob, { digest, size: 1000 });
    expect(await collect(intake)).toEqual(blob);
    expect(intake.sizeBytes).toBe(1000);
    intake.verify();
    expect(intake.digest).toBe(digest);
    expect(intake.digest).toBe(digest);
  });

  it.each([
    ['size', { size: 1001 }, 'SIZE_MISMATCH'],
    ['digest', { digest: sha256Digest('x') }, 'DIGEST_MISMATCH'],
    ['size before the digest', { size: 1001, digest: sha256Digest('x') }, 'SIZE_MISMATCH'],
  ])('checks the %s at the end', async (_name, expected, code) => {
    const intake = intakeOf(blob, expected);
    await collect(intake);
    expect(() => intake.verify()).toThrow(expect.objectContaining({ code }));
  });

  it('does not pass on what goes beyond the size', async () => {
    const intake = intakeOf(blob, { size: 899 });
    const passed: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of intake) passed.push(chunk);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'SIZE_MISMATCH', want: '899 bytes' });
    expect(Buffer.concat(passed).length).toBe(600);
    expect(() => intake.verify()).toThrow(expect.objectContaining({ code: 'SIZE_MISMATCH' }));
  });

  it('limits a blob of unknown size', async () => {
    await collect(intakeOf(blob, undefined, 1000));
    await expect(collect(intakeOf(blob, undefined, 999))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    await collect(intakeOf(blob, { size: 1000 }, 999));
  });

  it('knows its own failure, and the one of the blob', async () => {
    const failure = new Error('line cut');
    const failing = async function* () {
      yield blob;
      throw failure;
    };
    const intake = new BlobIntake(failing(), { what: 'layer 1', maxBytes: 2000 });
    await expect(collect(intake)).rejects.toBe(failure);
    expect(intake.isFailure(failure)).toBe(true);
    expect(intake.isFailure(new Error('other'))).toBe(false);
    expect(() => intake.verify()).toThrow(failure);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const intake = new BlobIntake(chunked(blob, 300), {
      what: 'layer 1',
      maxBytes: 2000,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(collect(intake)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(intake.sizeBytes).toBe(300);
  });

  it('proves nothing before the end', async () => {
    const intake = intakeOf(blob);
    for await (const chunk of intake) {
      expect(chunk.length).toBe(300);
      break;
    }
    expect(() => intake.verify()).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});
