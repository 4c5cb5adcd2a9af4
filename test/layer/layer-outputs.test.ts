import { describe, expect, it } from 'vitest';
import type { LayerFormat } from '../../src/image/types.js';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import { isFirstMemberOnly, LayerOutputs } from '../../src/layer/layer-outputs.js';
import { tarOf } from '../support/plain-tar.js';

const passwd = { name: 'etc/passwd', content: Buffer.from('root:x:0:0::/:/bin/sh\n') };
const whole = tarOf([{ name: 'etc/' }, passwd]);
const first = whole.subarray(0, 512);

function outputsFor(formats: readonly LayerFormat[], userFiles = true) {
  return new LayerOutputs({ formats, userFiles, hasher: createInlineHasher(), notices: () => {} });
}

describe('LayerOutputs', () => {
  it('knows which guest decodes the first member only', () => {
    expect([isFirstMemberOnly('ext4'), isFirstMemberOnly('tarfs')]).toEqual([false, true]);
  });

  it('keeps later members from tarfs, and from the user files of its layer', async () => {
    const outputs = outputsFor(['ext4', 'tarfs']);
    outputs.write({ bytes: first, member: 0 });
    outputs.write({ bytes: whole.subarray(512), member: 1 });
    await outputs.drained();
    const split = await outputs.finish();
    const atOnce = outputsFor(['ext4', 'tarfs']);
    atOnce.write({ bytes: whole, member: 0 });
    const { rootHashes, userFiles } = await atOnce.finish();
    const onlyFirst = outputsFor(['tarfs'], false);
    onlyFirst.write({ bytes: first, member: 0 });
    expect(split.rootHashes).toEqual({
      ext4: rootHashes.ext4,
      tarfs: (await onlyFirst.finish()).rootHashes.tarfs,
    });
    expect([split.userFiles.length, userFiles.length]).toEqual([0, 1]);
  });

  it('scans all members where no guest stops at the first', async () => {
    const outputs = outputsFor(['ext4']);
    outputs.write({ bytes: first, member: 0 });
    outputs.write({ bytes: whole.subarray(512), member: 1 });
    expect((await outputs.finish()).userFiles).toMatchObject([{ file: 'passwd', kind: 'text' }]);
  });

  it('passes errors of the writers on', () => {
    const outputs = outputsFor(['ext4'], false);
    expect(() => outputs.write({ bytes: Buffer.alloc(512, 1), member: 0 })).toThrow(
      expect.objectContaining({ code: 'LAYER_INVALID' }),
    );
  });
});
