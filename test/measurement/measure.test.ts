import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import type { Notice } from '../../src/core/notice.js';
import { measureEncoded, measurePolicyBytes } from '../../src/measurement/measure.js';

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

function measure(bytes: string | Uint8Array) {
  const notices: Notice[] = [];
  const result = measurePolicyBytes(Buffer.from(bytes), 'file', (notice) => notices.push(notice));
  return { ...result, notices };
}

const POLICY = '# a comment\npackage agent_policy\n\ndefault X := false\n';
const INITDATA = (algorithm: string) =>
  `version = "0.1.0"\nalgorithm = "${algorithm}"\n\n[data]\n"policy.rego" = '''\n${POLICY}'''\n`;

describe('measurement of a policy', () => {
  it('is the SHA-256 of its bytes: the worked example of the kata specification', () => {
    const expected = 'c7abff30657b53751ea87469bb773efe7e0d7eba70b9eb6b0849f13c7353f289';
    expect(measure('package agent_policy').hostData).toBe(expected);
    expect(measure('cGFja2FnZSBhZ2VudF9wb2xpY3k=').hostData).toBe(expected);
  });

  it('counts every byte: a final newline changes it', () => {
    expect(measure(POLICY).hostData).toBe(sha256(POLICY));
    expect(measure(`${POLICY}\n`).hostData).toBe(sha256(`${POLICY}\n`));
    expect(measure(POLICY.replaceAll('\n', '\r\n')).hostData).toBe(
      sha256(POLICY.replaceAll('\n', '\r\n')),
    );
  });

  it('decodes base64 with line ends around and inside it', () => {
    const wrapped = base64(POLICY).replace(/(.{20})/g, '$1\n');
    expect(measure(`${wrapped}\n`).hostData).toBe(sha256(POLICY));
  });

  it('says when a text was encoded twice, and measures what the platform measures', () => {
    const once = base64(POLICY);
    const result = measure(base64(once));
    expect(result.hostData).toBe(sha256(once));
    expect(result.notices.map((notice) => notice.code)).toEqual(['encoded-twice']);
    expect(result.notices[0]?.message).toContain(sha256(POLICY));
  });
});

describe('measurement of initdata', () => {
  it.each(['sha256', 'sha384', 'sha512'])(
    'is the %s digest of the TOML, cut to 32 bytes',
    (algorithm) => {
      const toml = INITDATA(algorithm);
      const expected = createHash(algorithm).update(toml).digest('hex').slice(0, 64);
      expect(measure(toml)).toMatchObject({ kind: 'initdata', algorithm, hostData: expected });
      expect(measure(gzipSync(toml)).hostData).toBe(expected);
      expect(measure(base64(gzipSync(toml))).hostData).toBe(expected);
    },
  );

  it.each([
    ['another version', INITDATA('sha256').replace('0.1.0', '0.2.0'), 'version'],
    ['another algorithm', INITDATA('md5'), 'algorithm'],
    ['no data', 'version = "0.1.0"\nalgorithm = "sha256"\n', 'data'],
    [
      'data that is no text',
      'version = "0.1.0"\nalgorithm = "sha256"\n[data]\nx = 1\n',
      'data."x"',
    ],
    ['broken TOML', 'version = "0.1.0"\nalgorithm = \n', 'TOML'],
  ])('refuses %s', (_what, toml, names) => {
    expect(() => measure(toml)).toThrow(names);
    expect(() => measure(toml)).toThrow(ToolError);
  });
});

describe('what is not a policy', () => {
  it.each([
    ['nothing', ''],
    ['plain words', 'hello, world!'],
    ['base64 of plain words', base64('hello, world!')],
    ['unpadded base64', base64(POLICY).replace(/=+$/, '').slice(0, -1)],
    ['gzip of plain words', gzipSync('hello')],
    ['broken gzip', gzipSync(POLICY).subarray(0, 20)],
  ])('%s is refused', (_what, bytes) => {
    expect(() => measure(bytes)).toThrow(expect.objectContaining({ code: 'POLICY_UNREADABLE' }));
  });

  it('a gzip bomb is refused', () => {
    const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024));
    expect(() => measure(bomb)).toThrow(expect.objectContaining({ code: 'POLICY_UNREADABLE' }));
  });

  it('an annotation value is refused with its place', () => {
    expect(() => measureEncoded('$$$', 'pod.yaml:3', () => undefined)).toThrow(
      expect.objectContaining({ where: 'pod.yaml:3' }),
    );
  });
});
