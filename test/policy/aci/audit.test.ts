/** Each hole in a policy is found, and a policy without holes has no finding. */
import { describe, expect, it } from 'vitest';
import { CCE_POINTS } from '../../../src/pipeline/review/base.js';
import { auditCcePolicy } from '../../../src/policy/aci/audit.js';
import { CCE_AUDIT_RULES } from '../../../src/policy/aci/audit-rules.js';
import { INFRASTRUCTURE } from '../../../src/policy/aci/constants.js';
import { readCcePolicy } from '../../../src/policy/aci/read-policy.js';
import { CONTAINER, policyText } from './sample-policy.js';

const TIGHT = {
  ...CONTAINER,
  allow_stdio_access: false,
  env_rules: CONTAINER.env_rules.slice(0, 2),
  exec_processes: [],
  id: `contoso.azurecr.io/web@sha256:${'3'.repeat(64)}`,
  no_new_privileges: true,
  seccomp_profile_sha256: '4'.repeat(64),
};
const CLOSED = { allow_properties_access: false };

const auditText = (text: string) =>
  auditCcePolicy(readCcePolicy(text, 'p.rego'), {
    subject: 'group',
    place: { file: 'p.rego' },
    points: CCE_POINTS,
  });
const auditWith = (container: object = {}, policy: object = {}) =>
  auditText(policyText({ ...CLOSED, containers: [{ ...TIGHT, ...container }], ...policy }));
const told = (...args: Parameters<typeof auditWith>) =>
  auditWith(...args).map(({ id, severity }) => `${severity} ${id}`);

describe('auditCcePolicy', () => {
  it('finds nothing in a policy that is closed', () => {
    expect(auditWith()).toEqual([]);
  });

  const rule = (pattern: string, strategy = 're2') => ({
    env_rules: [{ pattern, strategy, required: false }],
  });
  const mount = (source: string) => ({
    mounts: [{ destination: '/m', options: ['rw'], source, type: 'bind' }],
  });
  const caps = (...names: string[]) => ({
    capabilities: { ...TIGHT.capabilities, bounding: names },
  });
  const user = (strategy: string, pattern = '') => ({
    user: { ...TIGHT.user, user_idname: { pattern, strategy } },
  });
  it.each<[expected: string, container: object]>([
    ['high image-unbound', { layers: [] }],
    ['low image-mutable-tag', { id: 'example.org/app:1' }],
    ['medium image-latest-tag', { id: 'example.org/app' }],
    ['info stdio-readable', { allow_stdio_access: true }],
    ['high exec-allowed', { exec_processes: [{ command: ['/bin/sh'], signals: [] }] }],
    ['high exec-allowed', { exec_processes: [{ command: ['bash', '-il'], signals: [] }] }],
    ['low exec-allowed', { exec_processes: [{ command: ['sh', '-c', 'probe'], signals: [] }] }],
    ['high env-pattern-open', rule('.+')],
    ['high env-pattern-open', rule('.+=.+')],
    ['high env-pattern-open', rule('X')],
    ['low env-any-value', rule('TOKEN_ID=.+')],
    [
      'high env-pattern-open',
      {
        env_rules: [
          {
            ...{ pattern: 'A=[0-9]', strategy: 're2' },
            ...{ name: '.*', name_strategy: 're2', value: '1', value_strategy: 'string' },
          },
        ],
      },
    ],
    ['high secret-in-policy', rule('DB_PASSWORD=swordfish-2222', 'string')],
    ['high secret-in-policy', { command: ['web', '--password', 'swordfish-2222'] }],
    ['high privileged-container', { allow_elevated: true }],
    ['high capability-added', caps('CAP_SYS_ADMIN')],
    ['medium capability-added', caps('CAP_NET_ADMIN')],
    ['low capabilities-of-guest', { capabilities: null }],
    ['info new-privileges-allowed', { no_new_privileges: false }],
    ['info seccomp-missing', { seccomp_profile_sha256: '' }],
    ['low user-any', user('any')],
    [
      'medium user-any',
      {
        user: {
          ...user('any').user,
          group_idnames: [{ pattern: '2000', strategy: 'id' }],
        },
      },
    ],
    ['medium user-any', user('re2', '.*')],
    ['low host-shared-mount', mount('sandbox:///tmp/atlas/azureFileVolume/.+')],
    ['low host-shared-mount', mount('plan9://')],
    ['medium mount-source-open', mount('.+')],
  ])('tells %s', (expected, container) => {
    expect(told(container)).toEqual([expected]);
  });

  it.each([[rule('HOSTNAME=.+')], [rule('A=(x|y)')], [mount('sandbox:///tmp/atlas/emptydir/.+')]])(
    'lets pass what generated policies have',
    (container) => {
      expect(told(container)).toEqual([]);
    },
  );

  it('takes a shell with input for any command', () => {
    const shell = { exec_processes: [{ command: ['/bin/sh'], signals: [] }] };
    expect(told({ ...shell, allow_stdio_access: true })).toContain('critical exec-any');
  });

  const fragment = (change: object) => ({
    fragments: [{ ...INFRASTRUCTURE, minimum_svn: '4', ...change }],
  });
  it.each<[expected: string, policy: object]>([
    ['info generator-defaults', { allow_properties_access: true }],
    ['medium debug-setting', { allow_dump_stacks: true }],
    ['medium debug-setting', { allow_runtime_logging: true }],
    ['low host-network-allowed', { allow_host_network: true }],
    ['info generator-defaults', { allow_environment_variable_dropping: true }],
    ['high storage-unencrypted', { allow_unencrypted_scratch: true }],
    ['info generator-defaults', { allow_capability_dropping: true }],
    ['low log-dropping-allowed', { allow_log_provider_dropping: true }],
    ['medium fragment-issuer', fragment({ issuer: 'did:x509:0:sha256:x::eku:1.2', feed: 'f' })],
    [
      'high fragment-issuer',
      fragment({ issuer: 'did:x509:0:sha256:x::eku:1.2', includes: ['external_processes'] }),
    ],
    ['low fragment-svn', fragment({ minimum_svn: '1' })],
    ['high secret-in-policy', fragment({ parameters: { password: 'swordfish-2222' } })],
    ['high env-pattern-open', { platform_rules: [rule('.+=.+')] }],
    ['medium mount-source-open', { platform_rules: [mount('.+')] }],
    ['high fragment-namespace', fragment({ includes: ['namespace'] })],
    ['info nothing-allowed', { containers: [] }],
    ['info nothing-allowed', { api_version: undefined }],
    ['info nothing-allowed', { framework_version: '1' }],
    ['high fields-ignored', { framework_version: '0.2.0' }],
    [
      'high external-process',
      {
        external_processes: [
          { command: ['bash'], env_rules: [], working_dir: '/', allow_stdio_access: false },
        ],
      },
    ],
  ])('tells %s of the policy', (expected, policy) => {
    expect(told({}, policy)).toEqual([expected]);
  });

  it('tells once what each container has, and all that generators leave open in one', () => {
    const plain = { ...TIGHT, allow_stdio_access: true, no_new_privileges: false };
    const containers = Array.from({ length: 12 }, (_, i) => ({ ...plain, name: `c${i}` }));
    const policy = {
      containers,
      allow_properties_access: true,
      allow_environment_variable_dropping: true,
      allow_capability_dropping: true,
    };
    const names = 'group, containers c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more';
    expect(
      auditWith({}, policy).map(({ id, severity, subject }) => [id, severity, subject]),
    ).toEqual([
      ['generator-defaults', 'info', 'group'],
      ['stdio-readable', 'info', names],
      ['new-privileges-allowed', 'info', names],
    ]);
  });

  it('keeps containers apart that differ, and leaves out images that are judged elsewhere', () => {
    const containers = ['a', 'b'].map((name) => ({
      ...TIGHT,
      name,
      id: `example.org/${name}:1`,
      user: user(name === 'a' ? 'any' : 're2', '.*').user,
    }));
    const text = policyText({ ...CLOSED, containers });
    const found = auditCcePolicy(readCcePolicy(text, 'p.rego'), {
      subject: '',
      place: { file: 'p.rego' },
      points: CCE_POINTS,
      toldImages: new Set(['example.org/a:1']),
    });
    expect(found.map(({ id, severity, subject }) => `${severity} ${id} ${subject}`)).toEqual([
      'medium user-any container b',
      'low user-any container a',
      'low image-mutable-tag container b',
    ]);
  });

  const withPoint = (point: string, value: string) =>
    auditText(
      policyText({ ...CLOSED, containers: [TIGHT] }).replace(`data.framework.${point}`, value),
    ).map(({ id, severity, path }) => `${severity} ${id} ${path ?? ''}`.trim());

  it('finds points that the framework does not decide', () => {
    expect(withPoint('create_container', '{"allowed": true}')).toEqual([
      'critical request-open create_container',
    ]);
    expect(withPoint('get_properties', '{"allowed": true}')).toEqual([
      'medium request-open get_properties',
    ]);
    expect(withPoint('create_container', '{"allowed": false}')).toEqual([]);
    expect(withPoint('create_container', 'data.framework.unmount_device')).toEqual([
      'high rules-unknown create_container',
    ]);
    expect(withPoint('create_container', '{"allowed": input.x}')).toEqual(['high rules-unknown']);
  });

  it('finds points that guests allow to policies from before they came', () => {
    const old = (version: string) =>
      policyText({ ...CLOSED, containers: [TIGHT], api_version: version })
        .replace(/^exec_in_container := .*$/m, '')
        .replace(/^scratch_mount := .*$/m, '');
    const open = (version: string) =>
      auditText(old(version)).map(({ id, severity, path }) => `${severity} ${id} ${path}`);
    expect(open('0.1.9')).toEqual([
      'critical request-open exec_in_container',
      'critical request-open scratch_mount',
    ]);
    expect(open('0.9.0')).toEqual(['critical request-open scratch_mount']);
    expect(open('0.10.0')).toEqual([]);
    expect(auditText(old('0.1.9').replace('package policy', 'package part'))).toEqual([]);
    expect(auditText(`${old('0.11.0')}\nhelper := true\n`)).toEqual([]);
  });

  it('says of a policy that allows all only that', () => {
    const text = ['create_container', 'mount_overlay', 'mount_device']
      .map((point) => `${point} := {"allowed": true}`)
      .join('\n');
    const found = auditText(`package policy\napi_version := "0.11.0"\n${text}\n`);
    expect(found).toMatchObject([
      { id: 'allow-all', severity: 'critical', subject: 'group', place: { file: 'p.rego' } },
    ]);
  });

  it('tells what guests take otherwise than it reads', () => {
    expect(told(rule('A=1|B=2'))).toContain('high env-pattern-open');
    const twice = { command: ['probe'], signals: [] };
    expect(told({ exec_processes: [twice, twice] })).toContain('low guest-surprise');
  });

  it('never repeats a secret', () => {
    const text = JSON.stringify(auditWith(rule('DB_PASSWORD=swordfish-2222', 'string')));
    expect(text).not.toContain('swordfish');
  });

  it('has remedies and stable ids', () => {
    expect(new Set(CCE_AUDIT_RULES.map(({ id }) => id)).size).toBe(CCE_AUDIT_RULES.length);
    for (const { id, remedy } of CCE_AUDIT_RULES) {
      expect(id).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      expect(remedy).not.toBe('');
    }
  });
});
