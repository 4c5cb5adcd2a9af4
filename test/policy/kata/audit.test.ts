import { beforeAll, describe, expect, it } from 'vitest';
import { auditKataPolicy } from '../../../src/policy/kata/audit.js';
import { KATA_AUDIT_RULES } from '../../../src/policy/kata/audit-rules.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import { holesOf } from '../../../src/policy/kata/known-rules.js';
import { readKataPolicy } from '../../../src/policy/kata/read-policy.js';
import { goldenPolicies, goldenPolicy, ownSettings } from '../../support/golden-policies.js';
import { editJson, type Json, type JsonPath } from '../../support/json-edit.js';

/** Rules that look into requests and leave nothing open. */
const RULES = `package agent_policy
default AllowRequestsFailingPolicy := false
default SetPolicyRequest := false
default CreateContainerRequest := false
CreateContainerRequest if { policy_data.containers }
default ExecProcessRequest := false
ExecProcessRequest if { policy_data.containers }
default CopyFileRequest := false
CopyFileRequest if { policy_data.containers }
default ReadStreamRequest := false
ReadStreamRequest if policy_data.request_defaults.ReadStreamRequest == true
default WriteStreamRequest := false
WriteStreamRequest if policy_data.request_defaults.WriteStreamRequest == true
default UpdateEphemeralMountsRequest := false
UpdateEphemeralMountsRequest if policy_data.request_defaults.UpdateEphemeralMountsRequest == true
default GetDiagnosticDataRequest := false
GetDiagnosticDataRequest if policy_data.request_defaults.GetDiagnosticDataRequest == true
`;
const settings = ownSettings();
const data = new Map<KataFamily, string>();

beforeAll(async () => {
  for (const family of ['C', 'V', 'M', 'U'] as const) {
    data.set(family, (await goldenPolicy('kind-pod-demo', family)).data);
  }
});

function findings(text: string, isOwn = true) {
  const policy = readKataPolicy(text, 'p.rego');
  return auditKataPolicy(policy, {
    subject: 'Pod demo',
    place: { file: 'p.rego' },
    ownRules: new Map(isOwn ? [[policy.rules.sha256, 'ours']] : []),
    settings,
  });
}

const policyText = (json: string, rules = RULES) => `${rules}\npolicy_data := ${json}`;
const told = (text: string, isOwn = true) =>
  findings(text, isOwn).map(({ severity, id, subject, message }) => {
    return `${severity} ${id} | ${subject.replace(/^Pod demo(, )?/, '')} | ${message}`;
  });

const C_TAG =
  'low image-mutable-tag | container web | image busybox:1.36 is named by the tag 1.36: if it moves, the pod no longer starts';
const READABLE =
  'low stdio-readable |  | the host may read the output of containers: ReadStreamRequest is open (request_defaults.ReadStreamRequest is true)';

describe('generated policies', () => {
  it('of azl3 leave the output readable', () => {
    expect(told(policyText(data.get('C')!))).toEqual([READABLE, C_TAG]);
  });

  it('of AKS 3.15 take any namespace', () => {
    expect(told(policyText(data.get('V')!))).toEqual([
      'low namespace-any |  | the pod may run in any namespace',
      C_TAG,
    ]);
  });

  it.each(['M', 'U'] as const)('of %s do not bind images', (family) => {
    expect(told(policyText(data.get(family)!))).toEqual([
      'high image-unbound | container web | no root hashes tie the container to image busybox:1.36: the host decides what runs',
      'medium image-unbound | the sandbox container | no root hashes tie the container to its image: the host decides what runs',
      'low namespace-any |  | the pod may run in any namespace',
      'low image-mutable-tag | container web | image busybox:1.36 is named by the tag 1.36: what it stands for may change',
    ]);
  });

  it('hold no settings of their own, whatever the workload', async () => {
    const ids = [
      'setting-changed',
      'env-pattern-open',
      'copy-file-open',
      'unknown-field',
      'rules-unknown',
    ];
    for (const { data: json, name } of await goldenPolicies()) {
      const found = findings(policyText(json)).filter(({ id }) => ids.includes(id));
      expect(found, name).toEqual([]);
    }
  });
});

describe('what is open', () => {
  const WEB = ['containers', 1];
  const ENV = [...WEB, 'OCI', 'Process', 'Env', 4];
  const DEFAULTS = ['request_defaults'];
  const EXEC = [...DEFAULTS, 'ExecProcessRequest'];
  const PATTERN = [...DEFAULTS, 'CreateContainerRequest', 'allow_env_regex', 14];
  const ANNOTATIONS = [...WEB, 'OCI', 'Annotations'];
  const MOUNT = [...WEB, 'OCI', 'Mounts', 13];
  const mount = (destination: string, source: string): Json => ({
    destination,
    source,
    type_: 'bind',
    options: ['rbind', 'rw'],
  });

  it.each<[JsonPath, Json | undefined, string]>([
    [
      [...DEFAULTS, 'WriteStreamRequest'],
      true,
      'high stdio-writable |  | the host may write to the input of containers: WriteStreamRequest is open (request_defaults.WriteStreamRequest is true)',
    ],
    [
      [...DEFAULTS, 'UpdateEphemeralMountsRequest'],
      true,
      'high debug-setting |  | the host may change mounts of temporary storage: UpdateEphemeralMountsRequest is open (request_defaults.UpdateEphemeralMountsRequest is true)',
    ],
    [
      [...DEFAULTS, 'GetDiagnosticDataRequest'],
      true,
      'high debug-setting |  | the host may read diagnostic data of the guest: GetDiagnosticDataRequest is open (request_defaults.GetDiagnosticDataRequest is true)',
    ],
    [
      [...EXEC, 'commands'],
      ['ls -l'],
      'high exec-allowed |  | the host may run ls -l in any container at any time',
    ],
    [
      [...EXEC, 'allowed_commands'],
      [['ls', '-l']],
      'high exec-allowed |  | the host may run ["ls","-l"] in any container at any time',
    ],
    [
      [...EXEC, 'regex'],
      ['^ls$'],
      'high exec-allowed |  | the host may run commands that match ^ls$',
    ],
    [
      [...EXEC, 'regex'],
      ['^ls .*$'],
      'critical exec-any |  | the host may run commands that match ^ls .*$, which hardly bounds them',
    ],
    [
      [...DEFAULTS, 'CopyFileRequest', 1],
      '^/tmp/x$',
      'high copy-file-open |  | the host may write files to paths that match ^/tmp/x$',
    ],
    [
      [...DEFAULTS, 'CopyFileRequest', 1],
      '.*',
      'critical copy-file-open |  | the host may write files to paths that match .*',
    ],
    [
      PATTERN,
      '^A=[0-9]+$',
      'low env-pattern-open |  | pattern ^A=[0-9]+$ is none of the settings of podseal',
    ],
    [
      PATTERN,
      '^A=.*$',
      'medium env-pattern-open |  | pattern ^A=.*$ lets the host set a variable to any value',
    ],
    [
      PATTERN,
      '^.*=1$',
      'high env-pattern-open |  | pattern ^.*=1$ lets the host set variables of any name',
    ],
    [
      PATTERN,
      'A=1',
      'high env-pattern-open |  | pattern A=1 lets the host set variables of any name',
    ],
    [
      ENV,
      'X=$(todo-annotation)',
      'medium env-any-value | container web | variable X may be any text (annotation of the pod)',
    ],
    [
      ENV,
      'X=$(node-name)',
      'low env-any-value | container web | variable X may be any text (name of the node)',
    ],
    [
      ENV,
      'PATH=/other',
      'low env-two-values | container web | variable PATH may have any of 2 values',
    ],
    [
      ENV,
      'DB_PASSWORD=hunter22',
      'high secret-in-policy | container web | variable DB_PASSWORD holds what looks like a password',
    ],
    [
      [...WEB, 'OCI', 'Process', 'Args', 2],
      '$(node-name)',
      'medium argument-any-value | container web | word 3 of the command may be any text (name of the node)',
    ],
    [
      [...WEB, 'OCI', 'Process', 'Args'],
      ['run', '--password', 'hunter22'],
      'high secret-in-policy | container web | word 3 of the command holds what looks like a password',
    ],
    [
      [...WEB, 'exec_commands'],
      ['curl --password=hunter22'],
      'high secret-in-policy | container web | a command of a probe or hook holds what looks like a password in a command line',
    ],
    [
      [...ANNOTATIONS, 'password'],
      'hunter22',
      'high secret-in-policy | container web | annotation password holds what looks like a password',
    ],
    [
      [...WEB, 'OCI', 'Process', 'Capabilities', 'Bounding'],
      ['$(privileged_caps)'],
      'high privileged-container | container web | the container has all privileges',
    ],
    [
      [...WEB, 'OCI', 'Process', 'Capabilities', 'Ambient'],
      ['CAP_SYS_TIME'],
      'medium capability-added | container web | the container has the capability CAP_SYS_TIME',
    ],
    [
      [...WEB, 'OCI', 'Process', 'Capabilities', 'Ambient'],
      ['CAP_SYS_ADMIN'],
      'high capability-added | container web | the container has the capability CAP_SYS_ADMIN',
    ],
    [
      MOUNT,
      mount('/data', '$(sfprefix)data$'),
      'low host-shared-mount | container web | the host provides the content of /data',
    ],
    [
      MOUNT,
      mount('/dev/x', '/dev/x'),
      'medium guest-path-mounted | container web | /dev/x of the guest is mounted at /dev/x',
    ],
    [
      MOUNT,
      mount('/data', ''),
      'medium mount-source-open | container web | /data takes any source',
    ],
    [
      MOUNT,
      mount('/data', '^.*'),
      'medium mount-source-open | container web | /data takes any source',
    ],
    [
      [...ANNOTATIONS, 'io.kubernetes.cri.sandbox-id'],
      '.*',
      'high identity-changed | container web | annotation io.kubernetes.cri.sandbox-id is not what generated policies check',
    ],
    [
      [...ANNOTATIONS, 'io.katacontainers.config.agent.policy'],
      'x',
      'low policy-in-policy | container web | annotation io.katacontainers.config.agent.policy holds another policy',
    ],
    [
      [...ANNOTATIONS, 'io.kubernetes.cri.image-name'],
      'busybox:latest',
      'medium image-latest-tag | container web | image busybox:latest is named by the tag latest: if it moves, the pod no longer starts',
    ],
    [
      [...WEB, 'runtime_anno_patterns'],
      { '^a$': '.*' },
      'low annotation-pattern-open | container web | the host may set annotations that match ^a$ to values that match .*',
    ],
    [['common', 'cpath'], '/x', 'medium setting-changed |  | common.cpath has a value of its own'],
    [
      ['sandbox', 'storages', 0, 'source'],
      'x',
      'medium setting-changed |  | sandbox.storages has a value of its own',
    ],
    [
      [...WEB, 'OCI', 'Hooks'],
      {},
      'low unknown-field |  | containers[1].OCI.Hooks is not a known field',
    ],
    [
      ['containers', 0, 'OCI', 'Annotations', 'io.kubernetes.cri.sandbox-name'],
      undefined,
      'info pod-name-any |  | the pod may have any name',
    ],
    [
      ['containers', 0, 'OCI', 'Annotations', 'io.kubernetes.cri.sandbox-name'],
      '^.*$',
      'low pod-name-any |  | the pod may have any name that matches ^.*$',
    ],
  ])('%j: %j', (path, value, want) => {
    const before = told(policyText(data.get('C')!));
    const after = told(policyText(editJson(data.get('C')!, path, value)));
    expect(before).not.toContain(want);
    expect(after).toContain(want);
  });

  it('a secret is named, never shown', () => {
    const secret = '0123456789abcdefABCDEF';
    const places: readonly (readonly [JsonPath, Json])[] = [
      [ENV, `API_TOKEN=${secret}`],
      [[...WEB, 'exec_commands'], [`API_KEY=${secret} run`]],
      [[...EXEC, 'commands'], [`API_KEY=${secret} run`]],
      [PATTERN, `^API_KEY=${secret}$`],
    ];
    for (const [path, value] of places) {
      const found = findings(policyText(editJson(data.get('C')!, path, value)));
      expect(found.length).toBeGreaterThan(2);
      expect(JSON.stringify(found)).not.toContain(secret);
    }
  });

  it('a plain block device is not encrypted', async () => {
    const { data: json } = await goldenPolicy('volume-empty-dir', 'U');
    const path = [...WEB, 'storages', 0, 'driver_options'];
    const id = 'storage-unencrypted';
    expect(findings(policyText(json)).some((one) => one.id === id)).toBe(false);
    const plain = policyText(editJson(json, path, ['create_filesystem']));
    expect(findings(plain).some((one) => one.id === id)).toBe(true);
  });

  it('the network of the node', async () => {
    const { data: json } = await goldenPolicy('pod-host-network', 'C');
    expect(told(policyText(json))).toContain(
      'low network-of-host | the sandbox container | the pod uses the network of the node',
    );
  });

  it('values of Secrets, whatever they look like', () => {
    const text = editJson(data.get('C')!, ENV, 'DB=tiger');
    const found = auditKataPolicy(readKataPolicy(policyText(text), 'p'), {
      subject: '',
      place: { file: 'p' },
      ownRules: new Map(),
      settings,
      secrets: new Map([['web', new Map([['DB', 'Secret/db']])]]),
    });
    const [secret] = found.filter(({ id }) => id === 'secret-in-policy');
    expect(secret).toMatchObject({
      severity: 'high',
      subject: 'container web',
      message: 'variable DB has its value from Secret/db, which stands in the policy as it is',
    });
  });

  it('images whose names are judged elsewhere are left out', () => {
    const policy = readKataPolicy(policyText(data.get('C')!), 'p');
    const found = auditKataPolicy(policy, {
      subject: '',
      place: { file: 'p' },
      ownRules: new Map(),
      settings,
      toldImages: new Set(['busybox:1.36']),
    });
    expect(found.map(({ id }) => id)).toEqual(['rules-unknown', 'stdio-readable']);
  });
});

describe('rules', () => {
  it('that allow everything', () => {
    const text = 'package agent_policy\ndefault AllowRequestsFailingPolicy := true\n';
    expect(told(text)).toEqual([
      'critical allow-all |  | the host may do whatever the policy denies: AllowRequestsFailingPolicy is open (whatever the request holds)',
    ]);
    const each =
      'package agent_policy\ndefault CreateContainerRequest := true\ndefault SetPolicyRequest := true\nExecProcessRequest { true }\ndefault CopyFileRequest = true\ndefault ReseedRandomDevRequest := true\n';
    expect(told(each).map((one) => one.split(' |')[0])).toEqual([
      'critical policy-replaceable',
      'critical allow-all',
      'critical exec-any',
      'high copy-file-open',
      'high request-open',
    ]);
  });

  it('that are not known', () => {
    const [finding] = findings(policyText(data.get('V')!), false);
    expect(finding).toMatchObject({ id: 'rules-unknown', severity: 'medium' });
  });

  it('of the reference have holes, those of podseal have none', () => {
    for (const variant of ['U', 'M', 'R315', 'A5', 'A3', 'A1'] as const) {
      expect(holesOf(variant).length).toBeGreaterThan(3);
    }
    expect(findings(policyText(data.get('V')!)).some(({ id }) => id === 'rules-hole')).toBe(false);
  });

  it('of audits have ids of their own, in kebab case', () => {
    const ids = KATA_AUDIT_RULES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});
