import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import {
  isCcePolicy,
  readCcePolicy,
  requireCceDocument,
} from '../../../src/policy/aci/read-policy.js';
import { vectorsDir } from '../../support/vectors.js';
import { CONTAINER, policyText } from './sample-policy.js';

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof ToolError) return error.code;
    throw error;
  }
  return 'none';
};

describe('the document of a CCE policy', () => {
  it('holds what the text says', () => {
    const document = requireCceDocument(policyText(), 't');
    expect(document).toMatchObject({
      packageName: 'policy',
      api_version: '0.11.0',
      framework_version: '0.5.0',
      containers: [CONTAINER],
      fragments: [],
      givesReasons: true,
    });
    expect(document.flags).toMatchObject({
      allow_properties_access: true,
      allow_dump_stacks: false,
      allow_host_network: false,
    });
    expect(document.points.get('mount_device')).toEqual({
      kind: 'framework',
      rule: 'mount_device',
    });
  });

  it('takes deprecated spellings, and no two that differ', () => {
    const text = 'package policy\napi_svn := "0.1.0"\nframework_svn := "0.1.0"\n';
    expect(requireCceDocument(text, 't')).toMatchObject({
      api_version: '0.1.0',
      framework_version: '0.1.0',
    });
    const both = `${text}framework_version := "0.2.0"\n`;
    expect(codeOf(() => readCcePolicy(both, 't'))).toBe('POLICY_UNREADABLE');
  });

  it('takes constant answers, and a flag that is no boolean as true', () => {
    const text = 'package policy\nallow_dump_stacks := "false"\nmount_device := {"allowed": true}';
    const { flags, points } = requireCceDocument(text, 't');
    expect(flags.allow_dump_stacks).toBe(true);
    expect(points.get('mount_device')).toEqual({ kind: 'constant', value: { allowed: true } });
  });

  it.each([
    'mount_device := {"allowed": true} if input.x',
    'mount_device := {"allowed": input.x}',
    'mount_device := data.other.mount_device',
    'mount_device := data.framework.a.b',
    'containers := data.framework.containers',
    'reason := {"errors": data.policy.mine}',
    'default dump_stacks := {"allowed": false}',
  ])('%j needs an engine', (line) => {
    const reading = readCcePolicy(`package policy\n${line}`, 't');
    expect(reading).toMatchObject({ kind: 'custom', packageName: 'policy' });
    expect(codeOf(() => requireCceDocument(`package policy\n${line}`, 't'))).toBe(
      'POLICY_UNREADABLE',
    );
  });

  it.each<[string, unknown]>([
    ['layers', 'a'],
    ['layers', [1]],
    ['command', undefined],
    ['command', 'sh'],
    ['env_rules', [{ pattern: 1 }]],
    ['env_rules', [{ pattern: 'a', required: 'yes' }]],
    ['mounts', [{ destination: '/a', source: 'b', type: 'bind' }]],
    ['user', { user_idname: { pattern: 0, strategy: 'id' } }],
    ['capabilities', { bounding: [] }],
    ['allow_stdio_access', 'true'],
    ['exec_processes', [{ command: [], signals: [1.5] }]],
  ])('refuses %s as %j', (field, value) => {
    const text = policyText({ containers: [{ ...CONTAINER, [field]: value }] });
    expect(codeOf(() => readCcePolicy(text, 't'))).toBe('POLICY_UNREADABLE');
  });

  it('names the place of a wrong field', () => {
    const text = policyText({ containers: [{ ...CONTAINER, layers: ['a', 1] }] });
    expect(() => readCcePolicy(text, 'p.rego')).toThrow(
      'p.rego: containers[0].layers[1] has a wrong type',
    );
  });

  it('has a limit of containers', () => {
    const many = (count: number) =>
      `package policy\nallowed_log_providers := [${'"a",'.repeat(count)}]`;
    expect(codeOf(() => readCcePolicy(many(LIMITS.policyContainers), 't'))).toBe('none');
    expect(codeOf(() => readCcePolicy(many(LIMITS.policyContainers + 1), 't'))).toBe(
      'LIMIT_EXCEEDED',
    );
  });

  it.each<[string, boolean]>([
    ['package policy\n', true],
    ['# x\npackage policy', true],
    ['package agent_policy\ncontainers := []', false],
    ['package microsoftcontainerinstance\n\napi_version := "0.11.0"', true],
    ['package other\nallow := true', false],
    ['policy', false],
  ])('%j is a CCE policy: %s', (text, want) => {
    expect(isCcePolicy(text)).toBe(want);
  });

  it('any change of a policy gives a reading or a refusal', () => {
    const text = policyText();
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(4),
        fc.constantFrom('', '"', '[', '}', 'x', ',', '\n', '0'),
        (at, cut, add) => {
          const changed = text.slice(0, at) + add + text.slice(at + cut);
          try {
            readCcePolicy(changed, 't');
          } catch (error) {
            expect(error).toBeInstanceOf(ToolError);
          }
        },
      ),
      { seed: 6, numRuns: 500 },
    );
  });
});

const golden = vectorsDir('aci');
describe.runIf(golden !== undefined)('policies of the vectors', () => {
  it('all have a document', () => {
    const files = readdirSync(golden ?? '', { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.rego'),
    );
    const failed = files.filter((name) => {
      const text = readFileSync(join(golden ?? '', name), 'utf8');
      return codeOf(() => requireCceDocument(text, name)) !== 'none';
    });
    expect(files.length).toBeGreaterThan(0);
    expect(failed).toEqual([]);
  });
});
