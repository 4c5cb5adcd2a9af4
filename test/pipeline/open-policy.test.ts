import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Notice } from '../../src/core/notice.js';
import { buildInitdata, printInitdata } from '../../src/measurement/initdata.js';
import {
  guessGuest,
  openPolicies,
  openPolicy,
  requireDocument,
} from '../../src/pipeline/open-policy.js';
import { KATA_GUESTS } from '../../src/policy/kata/guests.js';
import { goldenPolicies } from '../support/rehearsal.js';

const TEXT = 'package agent_policy\ndefault CreateContainerRequest := false\n';
const TOML = printInitdata(buildInitdata(TEXT, undefined));
const AKS = 'io.katacontainers.config.agent.policy';
const KATA = 'io.katacontainers.config.hypervisor.cc_init_data';

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');
const open = (content: string | Uint8Array, notices: Notice[] = []) =>
  openPolicies(Buffer.from(content), 'file', (notice) => notices.push(notice));
const pod = (name: string, key: string, value: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  namespace: shop\n  annotations:\n    ${key}: ${value}\n`;

describe('openPolicies', () => {
  it.each([
    ['a policy text', TEXT, undefined],
    ['its base64', base64(TEXT), undefined],
    ['initdata', TOML, 'kata'],
    ['gzip of initdata', gzipSync(TOML), 'kata'],
    ['base64 of gzip of initdata', base64(gzipSync(TOML)), 'kata'],
  ])('opens %s', (_what, content, target) => {
    expect(open(content)).toEqual([
      { text: TEXT, workload: '', where: 'file', ...(target && { target }) },
    ]);
  });

  it('opens every policy of a manifest', () => {
    const manifest = `${pod('a', AKS, base64(TEXT))}---\n${pod('b', KATA, base64(gzipSync(TOML)))}`;
    expect(open(manifest)).toMatchObject([
      { text: TEXT, workload: 'Pod shop/a', target: 'aks' },
      { text: TEXT, workload: 'Pod shop/b', target: 'kata' },
    ]);
    const vn2 = pod('a', 'microsoft.containerinstance.virtualnode.ccepolicy', base64(TEXT));
    expect(open(vn2)).toMatchObject([{ text: TEXT, workload: 'Pod shop/a', target: 'vn2' }]);
  });

  it('refuses what holds no policy', () => {
    expect(() => open('apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n')).toThrow(
      expect.objectContaining({ code: 'POLICY_UNREADABLE' }),
    );
    const other = printInitdata({
      version: '0.1.0',
      algorithm: 'sha256',
      data: new Map([['a', 'b']]),
    });
    expect(() => open(other)).toThrow(/no policy\.rego/);
    expect(() => open(Buffer.from(`${TEXT}#\xff`, 'latin1'))).toThrow(/UTF-8/);
  });
});

describe('openPolicy', () => {
  const manifest = `${pod('a', AKS, base64(TEXT))}---\n${pod('b', AKS, base64(`${TEXT}# b\n`))}`;
  const choose = (name: string | undefined) =>
    openPolicy(Buffer.from(manifest), 'file', name, () => {}).workload;

  it.each(['b', 'shop/b', 'Pod shop/b'])('is chosen by %s', (name) => {
    expect(choose(name)).toBe('Pod shop/b');
  });

  it.each([[undefined], ['c'], ['shop']])('cannot be chosen by %s', (name) => {
    expect(() => choose(name)).toThrow(
      expect.objectContaining({ code: 'USAGE_CONFLICT', want: 'Pod shop/a, Pod shop/b' }),
    );
  });
});

describe('guessGuest', () => {
  it.each(KATA_GUESTS.map(({ id, family }) => [id, family] as const))(
    'knows a policy for %s',
    async (id, family) => {
      const [made] = await goldenPolicies(family, ({ name }) => name === 'kind-pod-minimal');
      const opened = { text: made!.text, workload: '', where: 'file' };
      expect(guessGuest(opened, requireDocument(opened))).toBe(id);
    },
  );

  it('takes the default of the target for rules without data', () => {
    const opened = { text: TEXT, workload: '', where: 'file' };
    expect(guessGuest({ ...opened, target: 'aks' }, undefined)).toBe('azl3');
    expect(guessGuest(opened, undefined)).toBe('kata-4.1');
    expect(() => requireDocument(opened)).toThrow(/no policy_data/);
  });
});
