import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import type { Notice } from '../../src/core/notice.js';
import { encodeInitdata, printInitdata } from '../../src/measurement/initdata.js';
import { generateAci } from '../../src/pipeline/aci/generate.js';
import type { ReviewBase } from '../../src/pipeline/review/base.js';
import {
  auditInput,
  auditJson,
  checkedAciPolicies,
  checkedKataPolicies,
  checkPolicies,
  diffInputs,
  diffJson,
  hasDifference,
  loadReviewBase,
  printJson,
  readReviewInput,
  showInput,
  showJson,
  summarizeAudit,
  summarizeDiffs,
} from '../../src/pipeline/review.js';
import type { GeneratedPolicy } from '../../src/pipeline.js';
import { aciRequest, containerGroup, plainAciPorts } from '../support/container-groups.js';
import { goldenPolicy } from '../support/golden-policies.js';
import { editJson } from '../support/json-edit.js';

const AGENT = 'io.katacontainers.config.agent.policy';
const INITDATA = 'io.katacontainers.config.hypervisor.cc_init_data';
const RULES = 'package agent_policy\n';
const POLICIES = join(import.meta.dirname, '../../policies');

let base: ReviewBase;
let data: string;
let policy: string;

beforeAll(async () => {
  base = await loadReviewBase(async (name) => readFileSync(join(POLICIES, name), 'utf8'));
  data = (await goldenPolicy('kind-pod-demo', 'C')).data;
  policy = `${RULES}\npolicy_data := ${data}`;
});

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

function pod(name: string, annotations: Readonly<Record<string, string>>): string {
  const lines = Object.entries(annotations).map(([key, value]) => `    ${key}: ${value}\n`);
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  annotations:\n${lines.join('')}spec:\n  runtimeClassName: kata-cc\n  containers: [{name: c, image: "app:1"}]\n`;
}

function toml(
  text: string,
  parts: Readonly<Record<string, string>> = {},
  algorithm: 'sha256' | 'sha384' = 'sha256',
) {
  const all = new Map([...Object.entries(parts), ['policy.rego', text] as const]);
  return printInitdata({ version: '0.1.0', algorithm, data: all });
}

function read(content: string | Uint8Array, notices: Notice[] = []) {
  return readReviewInput(Buffer.from(content), 'file', (notice) => notices.push(notice));
}

const diff = (a: string | Uint8Array, b: string | Uint8Array) => diffInputs(read(a), read(b), base);

describe('reading files for reviews', () => {
  it('takes policies in every coat', () => {
    const document = toml(policy);
    const coats = [
      policy,
      base64(policy),
      document,
      gzipSync(document),
      encodeInitdata(document),
      pod('p', { [AGENT]: base64(policy) }),
      pod('p', { [INITDATA]: encodeInitdata(document) }),
    ];
    for (const coat of coats) {
      const { policies } = read(coat);
      expect(policies).toHaveLength(1);
      expect(policies[0]?.text).toBe(policy);
    }
  });

  it('takes initdata for what it is, whatever its parts hold', () => {
    const manifest = pod('p', { [AGENT]: 'eA==' });
    const { policies } = read(`# kind: Pod\n${toml(policy, { 'a.yaml': manifest })}`);
    expect(policies).toMatchObject([{ kind: 'initdata', initdataParts: [{ name: 'a.yaml' }] }]);
  });

  it('takes all policies of a manifest, with workload and place', () => {
    const manifest = `${pod('a', { [AGENT]: base64(policy) })}---\n${pod('b', { [AGENT]: base64(policy) })}`;
    const { policies } = read(manifest);
    expect(
      policies.map(({ workload, where, target }) => [workload, where.split(' ')[0], target]),
    ).toEqual([
      ['Pod a', 'file:6:44', 'aks'],
      ['Pod b', 'file:16:44', 'aks'],
    ]);
  });

  it('reads policies of container instances beside others', () => {
    const other = pod('b', {
      'microsoft.containerinstance.virtualnode.ccepolicy': base64('package policy\n'),
    });
    const { policies } = read(`${pod('a', { [AGENT]: base64(policy) })}---\n${other}`);
    expect(policies.map(({ workload, family }) => [workload, family])).toEqual([
      ['Pod a', 'kata'],
      ['Pod b', 'cce'],
    ]);
  });

  it.each([
    ['a policy of container instances with wrong data', 'package policy\ncontainers := "none"\n'],
    [
      'initdata without a policy',
      'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n"aa.toml" = "x"\n',
    ],
    ['a policy encoded twice', Buffer.from(base64(base64('package agent_policy\n')))],
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47])],
  ])('refuses %s', (_what, content) => {
    expect(() => read(content)).toThrow(ToolError);
  });
});

describe('differences of files', () => {
  it('are none between coats of one policy text', () => {
    const [only] = diff(policy, pod('p', { [AGENT]: base64(policy) }));
    expect(only).toMatchObject({ isSame: true, differences: [] });
    expect(hasDifference([only!], 'any')).toBe(false);
    expect(summarizeDiffs([only!])).toBe('no difference');
  });

  it.each([
    [
      'a newline at the end',
      (text: string) => `${text}\n`,
      'only blanks or line ends at the end differ',
    ],
    [
      'line ends',
      (text: string) => text.replaceAll('\n', '\r\n'),
      'the rules are others, and may permit anything',
    ],
    [
      'layout',
      (text: string) => text.replace('{\n', '{'),
      'only the order or layout of the data differs',
    ],
  ])('in %s', (_what, change, want) => {
    const [only] = diff(policy, change(policy));
    const told = only?.textOnly ?? only?.differences[0]?.message;
    expect(told).toBe(want);
    expect(hasDifference([only!], 'any')).toBe(true);
    expect(hasDifference([only!], 'meaning')).toBe(only?.textOnly === undefined);
  });

  it('in line ends of the data alone', () => {
    const [rules, json] = policy.split('policy_data := ');
    const [only] = diff(policy, `${rules}policy_data := ${json?.replaceAll('\n', '\r\n')}`);
    expect(only?.textOnly).toBe('only line ends differ');
    expect(summarizeDiffs([only!])).toBe('no difference of meaning, but another measurement');
  });

  it('in initdata around the same policy', () => {
    const [parts] = diff(
      toml(policy, { 'aa.toml': 'x', 'b.toml': '' }),
      toml(policy, { 'aa.toml': 'y', 'c.toml': '' }),
    );
    expect(parts?.differences.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'changed aa.toml',
      'removed b.toml',
      'added c.toml',
    ]);
    const [algorithm] = diff(toml(policy), toml(policy, {}, 'sha384'));
    expect(algorithm?.differences).toMatchObject([
      { field: 'initdata', before: 'sha256', after: 'sha384' },
    ]);
    const [carrier] = diff(policy, toml(policy));
    expect(carrier?.differences).toMatchObject([{ field: 'carrier', after: 'initdata' }]);
    const [layout] = diff(toml(policy), `# a comment\n${toml(policy)}`);
    expect(layout?.textOnly).toBe('the initdata around the policy is laid out otherwise');
  });

  it('are told per workload', () => {
    const other = policy.replace('"web"', '"app"');
    const a = `${pod('a', { [AGENT]: base64(policy) })}---\n${pod('b', { [AGENT]: base64(policy) })}`;
    const b = `${pod('c', { [AGENT]: base64(policy) })}---\n${pod('b', { [AGENT]: base64(other) })}`;
    const diffs = diff(a, b);
    expect(
      diffs.map(({ workload, isSame, differences }) => [workload, isSame, differences[0]?.kind]),
    ).toEqual([
      ['Pod a', false, 'removed'],
      ['Pod b', false, 'renamed'],
      ['Pod c', false, 'added'],
    ]);
    expect(summarizeDiffs(diffs)).toBe('1 added, 1 renamed, 1 removed');
    expect(diffJson('a', 'b', diffs)).toMatchObject({
      format: 'podseal.diff/v1',
      summary: { widened: 0, added: 1, renamed: 1, removed: 1 },
    });
  });

  it('count as asked', () => {
    const changed = (path: readonly (string | number)[], value: boolean) =>
      diff(policy, `${RULES}\npolicy_data := ${editJson(data, path, value)}`);
    const wider = changed(['request_defaults', 'WriteStreamRequest'], true);
    const narrower = changed(['request_defaults', 'ReadStreamRequest'], false);
    expect([wider, narrower].map((diffs) => hasDifference(diffs, 'widened'))).toEqual([
      true,
      false,
    ]);
    expect([wider, narrower].map((diffs) => hasDifference(diffs, 'meaning'))).toEqual([true, true]);
  });

  it('need a policy on both sides', () => {
    expect(() => diff(policy, pod('a', { x: 'y' }))).toThrow(
      'holds no policy that can be compared',
    );
  });
});

describe('checks of manifests', () => {
  const generated = (value: string, measurement: string): GeneratedPolicy =>
    ({
      workload: {
        kind: 'Pod',
        name: 'p',
        at: 'file:1:1',
        placement: { file: 'file', document: 0, path: ['metadata', 'annotations'] },
      },
      policy,
      key: AGENT,
      value,
      measurement,
      images: [],
    }) as unknown as GeneratedPolicy;

  function check(annotations: Readonly<Record<string, string>>) {
    const manifest = { file: 'file', text: pod('p', annotations) };
    const policies = checkedKataPolicies([manifest], [generated(base64(policy), 'x')]);
    return checkPolicies(policies, base, () => {})[0]!;
  }

  it('pass where the policy is the generated one', () => {
    expect(check({ [AGENT]: base64(policy) })).toMatchObject({ isSame: true, differences: [] });
  });

  it.each([
    ['no policy', { x: 'y' }, 'the workload has no policy yet'],
    ['an empty policy', { [AGENT]: '""' }, 'the workload has no policy yet'],
    ['another carrier', { [INITDATA]: 'eA==' }, 'the workload has no policy yet'],
    [
      'no base64',
      { [AGENT]: '"!"' },
      'the policy that is there cannot be read: the value is not base64',
    ],
    [
      'no policy text',
      { [AGENT]: base64('x') },
      'the policy that is there cannot be read: the decoded text is not a policy',
    ],
  ])('fail on %s', (_what, annotations, message) => {
    const found = check(annotations as Record<string, string>);
    expect(found.isSame).toBe(false);
    expect(found.differences.map((one) => one.message)).toEqual([message]);
  });

  it('are the same for container groups', async () => {
    const group = containerGroup({
      source: 'vn2',
      kind: 'Pod',
      name: 'p',
      at: 'p.yaml:1:1',
      placement: {
        kind: 'annotation',
        file: 'p.yaml',
        document: 0,
        path: ['metadata', 'annotations'],
      },
    });
    const made = await generateAci(aciRequest(group), plainAciPorts());
    const other = await generateAci({ ...aciRequest(group), stdio: false }, plainAciPorts());
    const results = [undefined, '', made[0]?.value, other[0]?.value, 'AAAA', 'A', '[x]'].map(
      (existing) => {
        const [one] = checkedAciPolicies([], made, 'vn2');
        return checkPolicies([{ ...one!, existing }], base, () => {})[0]!;
      },
    );
    expect(
      results.map(({ isSame, differences }) => [
        isSame,
        ...differences.map(({ kind, subject, message }) => `${kind} ${subject}: ${message}`),
      ]),
    ).toEqual([
      [false, 'added policy: the workload has no policy yet'],
      [false, 'added policy: the workload has no policy yet'],
      [true],
      [
        false,
        'widened container app: the host may read the output and write to the input now',
        'widened container pause-container: the host may read the output and write to the input now',
      ],
      ...[
        'the decoded text is not a policy',
        'the value is not base64',
        'the value is not base64',
      ].map((why) => [false, `changed policy: the policy that is there cannot be read: ${why}`]),
    ]);
    for (const { workload, after } of results) {
      expect([workload, after?.measurement]).toEqual(['Pod p', made[0]?.measurement]);
    }
  });

  it('fail on one byte', () => {
    const found = check({ [AGENT]: base64(`${policy}\n`) });
    expect(found).toMatchObject({ isSame: false, differences: [] });
    expect(hasDifference([found], 'any')).toBe(true);
  });
});

describe('values of secrets', () => {
  it('are shown by names that tell them apart', () => {
    const sealed = (value: string) => {
      const secret = editJson(data, ['containers', 1, 'OCI', 'Process', 'Env', 0], `DB=${value}`);
      const text = `${RULES}\npolicy_data := ${secret}`;
      const env = 'env: [{name: DB, valueFrom: {secretKeyRef: {name: db, key: k}}}]';
      return pod('p', { [AGENT]: base64(text) }).replace('"app:1"', `"app:1", ${env}`);
    };
    const shown = JSON.stringify(showJson('file', showInput(read(sealed('tiger')), base)));
    expect(shown).toContain('(secret 1)');
    const [found] = diff(sealed('tiger'), sealed('lion'));
    expect(found?.differences).toMatchObject([
      { message: 'variable DB has another value', before: '(secret 1)', after: '(secret 2)' },
    ]);
    expect(shown + JSON.stringify(found)).not.toMatch(/tiger|lion/);
    expect(diff(sealed('tiger'), sealed('tiger'))).toMatchObject([{ isSame: true }]);
  });
});

describe('audits of files', () => {
  it('join manifest and policies, and tell a tag once', async () => {
    const withImage = pod('p', { [AGENT]: base64(policy) }).replace('app:1', 'busybox:1.36');
    const result = await auditInput(read(withImage), base);
    const tags = result.findings.filter(({ id }) => id === 'image-mutable-tag');
    expect(tags.map(({ path }) => path)).toEqual(['spec.containers[0].image']);
    expect(result.findings.map(({ id }) => id)).toContain('rules-unknown');
    expect(result.policies).toMatchObject([{ workload: 'Pod p' }]);
    const bare = await auditInput(read(policy), base);
    expect(bare.findings.map(({ id }) => id)).toContain('image-mutable-tag');
  });

  it('look images up where asked', async () => {
    const digest = `sha256:${'d'.repeat(64)}`;
    const manifest = pod('p', {}).replace(
      'app:1"}',
      `app:1"}, {name: d, image: "old:1"}, {name: e, image: "odd:1"}`,
    );
    const result = await auditInput(
      read(manifest.replace('  annotations:\n', '')),
      base,
      async (image) => {
        if (image === 'old:1')
          throw new ToolError('IMAGE_UNSUPPORTED', 'old:1 is in the old format schema 1');
        if (image === 'odd:1') throw new ToolError('IMAGE_UNSUPPORTED', 'odd:1 is encrypted');
        return { digest };
      },
    );
    const found = result.findings.filter(({ subject }) => subject.startsWith('image '));
    expect(found.map(({ id, message }) => `${id}: ${message}`)).toEqual([
      'image-version-1: old:1 is in the old format schema 1',
      'image-unsupported: odd:1 is encrypted',
      `image-digest: the tag stands for ${digest} now`,
    ]);
  });

  it('end where an image cannot be reached', async () => {
    const gone = async () => Promise.reject(new ToolError('REGISTRY_UNREACHABLE', 'gone'));
    const manifest = pod('p', { x: 'y' });
    await expect(auditInput(read(manifest), base, gone)).rejects.toThrow('gone');
  });

  it('have a summary and a JSON form', async () => {
    const result = await auditInput(read(policy), base);
    expect(summarizeAudit(result.findings)).toMatch(/^1 medium, /);
    expect(auditJson(result)).toMatchObject({
      format: 'podseal.audit/v1',
      file: 'file',
      summary: { critical: 0 },
    });
    expect(summarizeAudit([])).toBe('no findings');
    const ids = result.rules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('what is shown', () => {
  it('has a JSON form without loss', () => {
    const shown = showInput(read(toml(policy, { 'cdh.toml': 'secret' })), base);
    const json = JSON.parse(printJson(showJson('file', shown), []));
    expect(json).toMatchObject({
      format: 'podseal.show/v1',
      file: 'file',
      policies: [
        {
          kind: 'initdata',
          initdata: [{ name: 'cdh.toml', bytes: 6 }],
          podName: 'demo',
          namespace: 'default',
        },
      ],
      notices: [],
    });
    expect(JSON.stringify(json)).not.toContain('secret"');
  });

  it('names rules of ours', () => {
    const rules = readFileSync(join(POLICIES, 'kata/rules/azl3.rego'), 'utf8');
    const [shown] = showInput(read(`${rules}\npolicy_data := ${data}`), base);
    expect(shown?.description).toMatchObject({
      rules: { name: 'podseal, azl3.rego', isKnown: true },
    });
  });

  it('needs a policy', () => {
    expect(() => showInput(read(pod('a', { x: 'y' })), base)).toThrow(
      'holds no policy that can be shown',
    );
  });
});
