/** Each field that differs is told, with which way of differing lets more through. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CCE_POINTS } from '../../../src/pipeline/review/base.js';
import { INFRASTRUCTURE } from '../../../src/policy/aci/constants.js';
import { compareCcePolicies } from '../../../src/policy/aci/differences.js';
import { readCcePolicy } from '../../../src/policy/aci/read-policy.js';
import { CONTAINER, policyText } from './sample-policy.js';

const read = (text: string) => readCcePolicy(text, 'p.rego');
const compare = (before: string, after: string) =>
  compareCcePolicies(read(before), read(after), { points: CCE_POINTS });
const withContainer = (change: object) => policyText({ containers: [{ ...CONTAINER, ...change }] });
const told = (before: string, after: string) =>
  compare(before, after).map(({ kind, field }) => `${kind} ${field}`);

const TURNED: Readonly<Record<string, string>> = {
  widened: 'narrowed',
  narrowed: 'widened',
  added: 'removed',
  removed: 'added',
  changed: 'changed',
  renamed: 'renamed',
};
const turned = (text: string) => text.replace(/^\w+/, (kind) => TURNED[kind] ?? '');

describe('compareCcePolicies', () => {
  const term = CONTAINER.env_rules[1];
  const caps = (...names: string[]) => ({
    capabilities: { ...CONTAINER.capabilities, bounding: names },
  });
  const mount = (change: object) => ({ mounts: [{ ...CONTAINER.mounts[0], ...change }] });
  const user = (change: object) => ({ user: { ...CONTAINER.user, ...change } });
  it.each<[expected: string, change: object]>([
    ['renamed name', { name: 'other' }],
    ['changed image', { id: 'contoso.azurecr.io/web:2' }],
    ['changed image-layers', { layers: ['5'.repeat(64)] }],
    ['changed command', { command: ['/bin/other'] }],
    ['changed directory', { working_dir: '/' }],
    ['removed exec', { exec_processes: CONTAINER.exec_processes.slice(1) }],
    ['added signal', { signals: [15, 9] }],
    ['removed mount', { mounts: [] }],
    ['narrowed mount', mount({ options: ['rbind', 'ro', 'rshared'] })],
    ['changed mount', mount({ source: 'plan9://' })],
    ['widened user', user({ user_idname: { pattern: '', strategy: 'any' } })],
    ['changed user', user({ umask: '0077' })],
    ['removed user', user({ group_idnames: [] })],
    ['narrowed seccomp', { seccomp_profile_sha256: '4'.repeat(64) }],
    ['widened capability', caps('CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN')],
    ['narrowed capability', caps('CAP_KILL')],
    ['changed capability', { capabilities: null }],
    ['widened privileged', { allow_elevated: true }],
    ['narrowed privileges', { no_new_privileges: true }],
    ['narrowed stdio', { allow_stdio_access: false }],
    ['removed env', { env_rules: CONTAINER.env_rules.slice(0, 2) }],
    ['added env', { env_rules: [...CONTAINER.env_rules, { pattern: 'A=1', strategy: 'string' }] }],
    [
      'changed env',
      {
        env_rules: [
          { ...term, pattern: 'TERM=dumb' },
          CONTAINER.env_rules[0],
          CONTAINER.env_rules[2],
        ],
      },
    ],
    [
      'narrowed env',
      { env_rules: CONTAINER.env_rules.with(1, { ...term, required: true } as never) },
    ],
    [
      'widened env',
      {
        env_rules: CONTAINER.env_rules.with(1, {
          ...term,
          pattern: 'TERM=.+',
          strategy: 're2',
        } as never),
      },
    ],
  ])('tells %s of a container, and turned around the reverse', (expected, change) => {
    const [before, after] = [policyText(), withContainer(change)];
    expect(told(before, after)).toEqual([expected]);
    expect(told(after, before)).toEqual([turned(expected)]);
  });

  const fragment = (change: object = {}) => ({
    fragments: [{ ...INFRASTRUCTURE, minimum_svn: '4', ...change }],
  });
  it.each<[expected: string, before: Record<string, unknown>, after: Record<string, unknown>]>([
    ['widened request', {}, { allow_dump_stacks: true }],
    ['narrowed request', {}, { allow_properties_access: false }],
    ['changed version', {}, { framework_version: '0.4.1' }],
    ['changed version', {}, { api_version: '0.10.0' }],
    ['widened version', {}, { framework_version: '0.2.0' }],
    ['added fragment', {}, fragment()],
    ['widened fragment', fragment(), fragment({ minimum_svn: '1' })],
    ['removed fragment', fragment(), fragment({ includes: ['containers'] })],
    [
      'widened fragment',
      fragment({ required_receipts: ['*'] }),
      fragment({ required_receipts: [] }),
    ],
    ['added container', { containers: [] }, {}],
    [
      'added external-process',
      {},
      {
        external_processes: [
          { command: ['bash'], env_rules: [], working_dir: '/', allow_stdio_access: false },
        ],
      },
    ],
    ['added log-provider', {}, { allowed_log_providers: ['x'] }],
  ])('tells %s of the policy, and turned around the reverse', (expected, before, after) => {
    expect(told(policyText(before), policyText(after))).toEqual([expected]);
    expect(told(policyText(after), policyText(before))).toEqual([turned(expected)]);
  });

  it('tells points that are answered otherwise, and rules of another kind', () => {
    const open = policyText().replace('data.framework.exec_external', '{"allowed": true}');
    const own = policyText().replace('data.framework.exec_external', '{"allowed": input.x}');
    expect(told(policyText(), open)).toEqual(['widened request']);
    expect(told(open, policyText())).toEqual(['narrowed request']);
    expect(told(policyText(), own)).toEqual(['widened rules']);
    expect(told(own, policyText())).toEqual(['changed rules']);
    expect(told(policyText(), `${policyText()}\nhelper := true\n`)).toEqual([
      'added unknown-field',
    ]);
    const part = (text: string) => text.replace('package policy', 'package part');
    expect(told(part(policyText()), part(open))).toEqual(['changed unknown-field']);
  });

  it('tells points that guests allow to older policies', () => {
    const without = (version: string) =>
      policyText({ api_version: version }).replace(/^exec_external := .*$/m, '');
    expect(told(without('0.11.0'), without('0.2.0'))).toEqual([
      'widened request',
      'changed version',
    ]);
    expect(told(policyText({ api_version: '0.2.0' }), without('0.2.0'))).toEqual([
      'widened request',
    ]);
  });

  it('matches containers whatever their order and names', () => {
    const other = { ...CONTAINER, name: 'db', id: 'example.org/db:1', command: ['db'] };
    const both = (...containers: object[]) => policyText({ containers });
    expect(compare(both(CONTAINER, other), both(other, CONTAINER))).toEqual([]);
    const [gone] = compare(both(CONTAINER, other), both(CONTAINER));
    expect(gone).toMatchObject({ kind: 'removed', before: 'example.org/db:1, command ["db"]' });
    const [renamed] = compare(both(CONTAINER, other), both({ ...other, name: 'store' }, CONTAINER));
    expect(renamed).toMatchObject({ kind: 'renamed', subject: 'container store (was db)' });
  });

  it('finds nothing where only the order of lists differs, and never repeats a secret', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (order) => {
        const env = order.map((i) => CONTAINER.env_rules[i]);
        expect(compare(policyText(), withContainer({ env_rules: env }))).toEqual([]);
      }),
      { seed: 7, numRuns: 20 },
    );
    const rule = { pattern: 'DB_PASSWORD=swordfish-2222', strategy: 'string' };
    const found = compare(policyText(), withContainer({ env_rules: [rule] }));
    expect(JSON.stringify(found)).not.toContain('swordfish');
  });
});
