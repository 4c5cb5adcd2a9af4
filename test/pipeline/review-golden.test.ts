/** Reviews of the golden policies of container groups: every finding and every difference is one that the case has. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CCE_POINTS } from '../../src/pipeline/review/base.js';
import { auditCcePolicy } from '../../src/policy/aci/audit.js';
import { compareCcePolicies } from '../../src/policy/aci/differences.js';
import { readCcePolicy } from '../../src/policy/aci/read-policy.js';
import { aciText, aciVectors } from '../support/aci-vectors.js';

interface GoldenFile {
  /** Below the folder of the vectors. */
  readonly path: string;
  /** The texts of its policies. */
  readonly policies: readonly string[];
}

function goldenFiles(below = ''): readonly GoldenFile[] {
  const root = join(aciVectors ?? '', below);
  if (aciVectors === undefined || !existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.rego'))
    .toSorted()
    .map((name) => {
      const path = join(below, name);
      const policies = aciText(path).split(/(?=^package )/m);
      return { path, policies: policies.filter((text) => text.startsWith('package ')) };
    });
}

const read = (text: string) => readCcePolicy(text, 'p.rego');
const points = CCE_POINTS;

const auditText = (text: string) =>
  auditCcePolicy(read(text), { subject: '', place: { file: 'p.rego' }, points });

/** What stands in a text, apart from its pause container, that is worth a finding. */
const SIGNS: readonly (readonly [finding: string, sign: RegExp])[] = [
  ['info generator-defaults', /^allow_capability_dropping := true$/m],
  ['info new-privileges-allowed', /"no_new_privileges":\s*false/],
  ['info seccomp-missing', /"seccomp_profile_sha256":\s*""/],
  ['info stdio-readable', /"allow_stdio_access":\s*true/],
  [
    'low user-any',
    /"group_idnames":\s*\[\{"pattern":"","strategy":"any"[^\]]*\],"umask":"0022","user_idname":\{"pattern":"","strategy":"any"/,
  ],
  [
    'medium user-any',
    /"group_idnames":\s*\[\{"pattern":"\d+"[^\]]*\],"umask":"0022","user_idname":\{"pattern":"","strategy":"any"/,
  ],
  ['low fragment-svn', /aci-cc-infra-fragment[^}]*"minimum_svn":\s*"1"/],
  ['medium fragment-issuer', /subject:CN:Contoso/],
  ['critical exec-any', /"command":\["\/bin\/sh"\],"signals":\[\]/],
  ['medium debug-setting', /^allow_dump_stacks := true$/m],
  ['high privileged-container', /"allow_elevated":\s*true/],
  ['high capability-added', /"CAP_DAC_READ_SEARCH"/],
  ['medium capability-added', /"CAP_SYS_TIME"/],
  ['low host-shared-mount', /atlas\/azureFileVolume/],
  ['low env-any-value', /"POD_NAME=\.\*"/],
];

/** The text in one form: its data compact, the pause container left out. */
function plainText(text: string): string {
  return text.replace(
    /^(fragments|containers) := (\[[\s\S]*?^\]|\[.*\])$/gm,
    (_all, name, value) => {
      const items = (JSON.parse(value) as { name?: string }[]).filter(
        (one) => one.name !== 'pause-container',
      );
      return `${name} := ${JSON.stringify(items)}`;
    },
  );
}

function expectedOf(text: string): readonly string[] {
  const plain = plainText(text);
  const found = SIGNS.filter(([, sign]) => sign.test(plain)).map(([finding]) => finding);
  // All capabilities are told as one.
  const isPrivileged = found.includes('high privileged-container');
  return isPrivileged ? found.filter((one) => !one.endsWith('capability-added')) : found;
}

describe.runIf(aciVectors !== undefined)('audit of golden policies', () => {
  const files = goldenFiles();

  it('has policies of each profile', () => {
    for (const part of ['target-2.0.1', 'release-1.3.1', 'vn2']) {
      expect(
        files.some(({ path }) => path.includes(part)),
        part,
      ).toBe(true);
    }
  });

  it.each(files.map((one) => [one.path, one] as const))('%s', (_path, { policies }) => {
    for (const text of policies) {
      const found = auditText(text).map(({ id, severity }) => `${severity} ${id}`);
      expect([...new Set(found)].toSorted()).toEqual(expectedOf(text).toSorted());
      const plain = found.filter((one) => one.startsWith('info '));
      expect(new Set(plain).size, 'what each policy has is told once').toBe(plain.length);
    }
  });
});

/** What a variant differs in from the plain policy of its case. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  policy_debug: ['added exec', 'widened request'],
  policy_disable_stdio: ['narrowed stdio'],
  policy_exclude_default_fragment: ['removed fragment'],
  policy_infrastructure_svn: ['narrowed fragment'],
  policy_fragment: ['added fragment'],
  policy_fragment_plus_infrastructure_svn: ['added fragment', 'narrowed fragment'],
};

/** What release 2.0.1 does otherwise than 1.3.1. */
const NEWER = [
  'changed api_version',
  'narrowed fragments[0].minimum_svn',
  'narrowed rw_unmount_device',
];

describe.runIf(aciVectors !== undefined)('diff of golden policies', () => {
  const files = new Map(goldenFiles().map((one) => [one.path, one]));

  function differences(before: GoldenFile, after: GoldenFile) {
    expect(after.policies.length).toBe(before.policies.length);
    return before.policies.flatMap((text, i) =>
      compareCcePolicies(read(text), read(after.policies[i] ?? ''), { points }),
    );
  }

  const pairsOf = (change: (path: string) => string) =>
    [...files.values()].flatMap((after) => {
      const before = files.get(change(after.path));
      return before === undefined || before === after ? [] : [[after.path, before, after] as const];
    });

  it.each(pairsOf((path) => path.replace(/[^/]+$/, 'policy.rego')))(
    '%s and the plain policy of its case',
    (path, before, after) => {
      const variant = path.replace(/^.*\//, '').replace(/\.rego$/, '');
      const found = differences(before, after).map(({ kind, field }) => `${kind} ${field}`);
      expect([...new Set(found)].toSorted()).toEqual(VARIANTS[variant]);
    },
  );

  it.each(pairsOf((path) => path.replace('target-2.0.1', 'release-1.3.1')))(
    '%s and the policy of 1.3.1',
    (path, before, after) => {
      const found = differences(before, after).map((one) => `${one.kind} ${one.path}`);
      const hasImport = !path.includes('exclude_default_fragment');
      const hasFloor = !path.includes('infrastructure_svn');
      const expected = NEWER.filter(
        (one) => !one.includes('minimum_svn') || (hasImport && hasFloor),
      );
      expect([...new Set(found)].toSorted()).toEqual(expected);
    },
  );

  it.each(pairsOf((path) => path.replace('release-1.3.1/', '')))(
    '%s and that of the fork, which only has another order',
    (_path, before, after) => {
      expect(differences(before, after)).toEqual([]);
    },
  );
});
