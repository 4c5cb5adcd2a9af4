import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Candidate, findNearMisses, measurementOf } from '../../src/attest/near-miss.js';

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest();
const TEXT = 'package policy\n\nallow := true\n';
const POLICY: Candidate = { name: 'policy.rego', kind: 'policy', text: Buffer.from(TEXT) };
const TOML = Buffer.from('algorithm = "sha384"\n');
const INITDATA: Candidate = {
  name: 'initdata.toml',
  kind: 'initdata',
  text: TOML,
  algorithm: 'sha384',
  policy: Buffer.from(TEXT),
};
const OTHER: Candidate = { name: 'Pod b', kind: 'policy', text: Buffer.from('package other') };
const BASE64 = Buffer.from(TEXT).toString('base64');
const initdataDigest = createHash('sha384').update(TOML).digest().subarray(0, 32);

describe('near misses of HOST_DATA', () => {
  it.each([
    ['zero', Buffer.alloc(32), ''],
    ['base64-text', sha256(BASE64), 'policy.rego'],
    ['base64-text', sha256(`${BASE64}\n`), 'policy.rego'],
    ['newline-added', sha256(`${TEXT}\n`), 'policy.rego'],
    ['newline-removed', sha256(TEXT.slice(0, -1)), 'policy.rego'],
    ['crlf', sha256(TEXT.replaceAll('\n', '\r\n')), 'policy.rego'],
    ['byte-order-mark', sha256(`\ufeff${TEXT}`), 'policy.rego'],
    ['reversed', Buffer.from(sha256(TEXT)).reverse(), ''],
    ['other', sha256('package other'), 'Pod b'],
  ])('%s', (kind, hostData, name) => {
    const wanted = [sha256(TEXT).toString('hex')];
    expect(findNearMisses(hostData, wanted, [POLICY, OTHER])).toEqual([{ kind, name }]);
  });

  it('an initdata that holds the policy', () => {
    expect(findNearMisses(initdataDigest, [], [POLICY, OTHER, INITDATA])).toEqual([
      { kind: 'initdata', name: 'initdata.toml' },
      { kind: 'other', name: 'initdata.toml' },
    ]);
  });

  it('the policy inside of the expected initdata', () => {
    expect(findNearMisses(sha256(TEXT), [], [INITDATA])).toEqual([
      { kind: 'policy-of-initdata', name: 'initdata.toml' },
    ]);
  });

  it('a byte order mark too many, line ends of Unix', () => {
    const marked = { ...POLICY, text: Buffer.from(`\ufeff${TEXT}`) };
    expect(findNearMisses(sha256(TEXT), [], [marked])).toEqual([
      { kind: 'byte-order-mark', name: 'policy.rego' },
    ]);
    const windows = { ...POLICY, text: Buffer.from(TEXT.replaceAll('\n', '\r\n')) };
    expect(findNearMisses(sha256(TEXT), [], [windows])).toEqual([
      { kind: 'lf', name: 'policy.rego' },
    ]);
  });

  it('none for anything else', () => {
    expect(findNearMisses(sha256('x'), [sha256(TEXT).toString('hex')], [POLICY, INITDATA])).toEqual(
      [],
    );
    expect(findNearMisses(sha256(TEXT), [], [])).toEqual([]);
  });

  it('measures initdata by its own algorithm, cut to 32 bytes', () => {
    expect(measurementOf(INITDATA)).toBe(initdataDigest.toString('hex'));
    expect(measurementOf(POLICY)).toBe(sha256(TEXT).toString('hex'));
  });
});
