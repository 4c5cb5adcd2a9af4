/** The judgement of a LUKS2 header: the metadata that cryptsetup 2.6 prints, and what a host may make of them. */
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { readLuksHeader } from '../../src/keyrelease/luks-header.js';
import { thrownBy } from '../support/failure.js';
import { mutate, pick, rollFrom } from '../support/mutate.js';

const HEADER_BYTES = 16 << 20;

/** As `cryptsetup luksFormat` of the side-car's documentation makes them. */
const SLOT = {
  type: 'luks2',
  key_size: 64,
  af: { type: 'luks1', stripes: 4000, hash: 'sha256' },
  area: {
    type: 'raw',
    offset: '32768',
    size: '258048',
    encryption: 'aes-xts-plain64',
    key_size: 64,
  },
  kdf: { type: 'pbkdf2', hash: 'sha256', iterations: 1000, salt: 'AAAA' },
};
const SEGMENT = {
  type: 'crypt',
  offset: '16777216',
  size: 'dynamic',
  iv_tweak: '0',
  encryption: 'aes-xts-plain64',
  sector_size: 4096,
};
const DIGEST = {
  type: 'pbkdf2',
  keyslots: ['0'],
  segments: ['0'],
  hash: 'sha256',
  iterations: 1000,
  salt: 'AAAA',
  digest: 'AAAA',
};
const HEADER = {
  keyslots: { '0': SLOT },
  tokens: {},
  segments: { '0': SEGMENT },
  digests: { '0': DIGEST },
  config: { json_size: '12288', keyslots_size: '16744448' },
};

const judge = (value: unknown, bytes = HEADER_BYTES) =>
  readLuksHeader(Buffer.from(JSON.stringify(value)), 'IMAGE', bytes);
const withSlot = (change: object) => ({ ...HEADER, keyslots: { '0': { ...SLOT, ...change } } });
const withArea = (change: object) => withSlot({ area: { ...SLOT.area, ...change } });
const withSegment = (change: object) => ({
  ...HEADER,
  segments: { '0': { ...SEGMENT, ...change } },
});
const integrity = (type: string) => ({
  integrity: { type, journal_encryption: 'none', journal_integrity: 'none' },
});

describe('a header', () => {
  it('with strong encryption is taken, with and without integrity', () => {
    expect(judge(HEADER)).toEqual({ cipher: 'aes-xts-plain64', dataOffset: 16_777_216 });
    expect(judge(withSegment(integrity('hmac(sha256)')))).toEqual({
      cipher: 'aes-xts-plain64',
      integrity: 'hmac(sha256)',
      dataOffset: 16_777_216,
    });
    const aead = withSegment({ encryption: 'aes-gcm-random', ...integrity('aead') });
    expect(judge(aead).integrity).toBe('aead');
    expect(judge(withSlot({ kdf: { ...SLOT.kdf, type: 'argon2id' } })).cipher).toBe(
      'aes-xts-plain64',
    );
    const flags = { ...HEADER.config, flags: ['no-journal'], requirements: { mandatory: [] } };
    expect(judge({ ...HEADER, config: flags }).dataOffset).toBe(16_777_216);
  });

  it.each<[string, unknown]>([
    ['data in the clear', withSegment({ encryption: 'cipher_null-ecb' })],
    ['data in the clear by another name', withSegment({ encryption: 'cipher_null' })],
    ['a weak mode', withSegment({ encryption: 'aes-ecb' })],
    ['a mode that needs tags, without them', withSegment({ encryption: 'aes-gcm-random' })],
    ['tags without a key', withSegment(integrity('crc32c'))],
    ['tags of nothing', withSegment(integrity('none'))],
    ['a linear area', withSegment({ type: 'linear' })],
    ['an unknown member of the area', withSegment({ flags: ['in-reencryption'] })],
    ['an offset that is no size', withSegment({ offset: '-1' })],
    ['two areas', { ...HEADER, segments: { '0': SEGMENT, '1': SEGMENT } }],
    ['no area', { ...HEADER, segments: {} }],
    ['no key slots', { ...HEADER, keyslots: {} }],
    ['a key slot of another type', withSlot({ type: 'reencrypt' })],
    ['a small volume key', withSlot({ key_size: 16 })],
    ['a volume key in the clear', withArea({ encryption: 'cipher_null-ecb' })],
    ['a weak key of the slot', withArea({ key_size: 1 })],
    ['a slot in a file', withArea({ type: 'x' })],
    ['a slot behind the copied part', withArea({ offset: String(HEADER_BYTES) })],
    ['an unknown derivation', withSlot({ kdf: { type: 'none' } })],
    ['a weak hash', withSlot({ af: { ...SLOT.af, hash: 'sha1' } })],
    [
      'one strong slot and one weak one',
      {
        ...HEADER,
        keyslots: { '0': SLOT, '1': { ...SLOT, area: { ...SLOT.area, encryption: 'null' } } },
      },
    ],
    ['tokens', { ...HEADER, tokens: { '0': { type: 'x', keyslots: ['0'] } } }],
    ['no digest of the volume key', { ...HEADER, digests: {} }],
    ['a digest of another area', { ...HEADER, digests: { '0': { ...DIGEST, segments: ['1'] } } }],
    ['a weak digest', { ...HEADER, digests: { '0': { ...DIGEST, type: 'x' } } }],
    [
      'features that are not known',
      { ...HEADER, config: { requirements: { mandatory: ['online-reencrypt-v2'] } } },
    ],
    ['a list', []],
    ['no members', {}],
  ])('with %s is refused', (_, value) => {
    expect(thrownBy(() => judge(value)).code).toBe('ENCFS_HEADER_REFUSED');
  });

  it('that is not JSON, or says a thing twice, is refused', () => {
    for (const text of ['', '{', '\u00ff', JSON.stringify(HEADER).replace('{', '{"tokens":{},')]) {
      const error = thrownBy(() => readLuksHeader(Buffer.from(text), 'IMAGE', HEADER_BYTES));
      expect(error.code).toBe('ENCFS_HEADER_REFUSED');
      expect(error.exit).toBe(5);
    }
  });

  it('whose slots end at the end of the copied part is taken, one byte less is refused', () => {
    const end = 32_768 + 258_048;
    expect(judge(HEADER, end).cipher).toBe('aes-xts-plain64');
    expect(thrownBy(() => judge(HEADER, end - 1)).message).toContain('behind the header');
  });

  it('is taken only with ciphers of the tables, however it is changed', () => {
    const words = ['cipher_null-ecb', 'aes-ecb', '0', '""', 'null', '{}', '[]', '"x":1,', 'crypt'];
    const text = JSON.stringify(HEADER);
    let taken = 0;
    for (let seed = 0; seed < 4_000; seed += 1) {
      const dice = rollFrom(seed);
      const at = dice(text.length);
      const spliced = text.slice(0, at) + pick(words, dice) + text.slice(at + dice(20));
      const changed = seed % 2 === 0 ? mutate(Buffer.from(text), dice) : Buffer.from(spliced);
      try {
        const { cipher } = readLuksHeader(changed, 'IMAGE', HEADER_BYTES);
        expect(cipher).toBe('aes-xts-plain64');
        expect(changed.toString().match(/"encryption":"aes-xts-plain64"/g)).toHaveLength(2);
        taken += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(ToolError);
      }
    }
    expect(taken).toBeGreaterThan(10);
  });
});
