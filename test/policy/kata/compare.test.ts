import { beforeAll, describe, expect, it } from 'vitest';
import type { Difference } from '../../../src/core/finding.js';
import { compareKataPolicies } from '../../../src/policy/kata/compare.js';
import { readKataPolicy } from '../../../src/policy/kata/read-policy.js';
import { type GoldenPolicyText, goldenPolicies } from '../../support/golden-policies.js';
import { editJson, type Json, type JsonPath } from '../../support/json-edit.js';

const RULES = 'package agent_policy\n';
const OPTIONS = { ownRules: new Map<string, string>() };
const CASES = ['kind-pod-demo', 'security-capabilities', 'process-init-order'];

let golden: readonly GoldenPolicyText[];
let demo: string;

beforeAll(async () => {
  golden = await goldenPolicies(...CASES);
  demo = dataOf('kind-pod-demo', 'C');
});

function dataOf(name: string, family: string): string {
  return golden.find((one) => one.name === name && one.family === family)!.data;
}

const policyOf = (data: string, rules = RULES) =>
  readKataPolicy(`${rules}\npolicy_data := ${data}`, 'p.rego');

function diff(before: string, after: string): readonly Difference[] {
  return compareKataPolicies(policyOf(before), policyOf(after), OPTIONS);
}

/** What differs when one place of the demo policy changes, in short. */
function changed(path: JsonPath, value: Json | undefined): readonly string[] {
  return diff(demo, editJson(demo, path, value)).map(short);
}

const short = ({ kind, subject, field, message }: Difference) =>
  `${kind} ${field} | ${subject} | ${message}`;

const WEB = ['containers', 1];
const PROCESS = [...WEB, 'OCI', 'Process'];

describe('differences of policies', () => {
  it.each<[string, JsonPath, Json | undefined, string]>([
    [
      'a value',
      [...PROCESS, 'Env', 0],
      'PATH=/evil',
      'changed env | container web | variable PATH has another value',
    ],
    [
      'a free value',
      [...PROCESS, 'Env', 0],
      'PATH=$(node-name)',
      'widened env | container web | variable PATH may now be any text (name of the node)',
    ],
    [
      'an address',
      [...PROCESS, 'Env', 0],
      'PATH=$(pod-ip)',
      'widened env | container web | variable PATH may now be any IPv4 address (of the pod)',
    ],
    [
      'a bound value',
      [...PROCESS, 'Env', 1],
      'HOSTNAME=web',
      'narrowed env | container web | variable HOSTNAME has another value',
    ],
    [
      'one variable less',
      [...PROCESS, 'Env', 1],
      undefined,
      'removed env | container web | variable HOSTNAME is no longer allowed',
    ],
    [
      'one variable more',
      [...PROCESS, 'Env', 4],
      'LD_PRELOAD=/x.so',
      'added env | container web | variable LD_PRELOAD is allowed now',
    ],
    [
      'the command',
      [...PROCESS, 'Args', 2],
      'id',
      'changed command | container web | the command differs',
    ],
    [
      'a free word',
      [...PROCESS, 'Args', 2],
      '$(node-name)',
      'widened command | container web | the command differs',
    ],
    [
      'one word more',
      [...PROCESS, 'Args', 3],
      'x',
      'changed command | container web | the command differs',
    ],
    [
      'the user',
      [...PROCESS, 'User', 'UID'],
      7,
      'narrowed user | container web | the user ID differs',
    ],
    [
      'groups',
      [...PROCESS, 'User', 'AdditionalGids'],
      [5],
      'widened user | container web | the additional groups differ (more: 5)',
    ],
    [
      'the directory',
      [...PROCESS, 'Cwd'],
      '/tmp',
      'changed working-directory | container web | the working directory differs',
    ],
    [
      'the terminal',
      [...PROCESS, 'Terminal'],
      true,
      'changed terminal | container web | the terminal differs',
    ],
    [
      'privileges',
      [...PROCESS, 'NoNewPrivileges'],
      true,
      'narrowed privilege-escalation | container web | the process can no longer gain privileges',
    ],
    [
      'a capability more',
      [...PROCESS, 'Capabilities', 'Ambient'],
      ['CAP_X'],
      'widened capability | container web | the ambient capabilities differ (more: CAP_X)',
    ],
    [
      'the root file system',
      [...WEB, 'OCI', 'Root', 'Readonly'],
      true,
      'narrowed root-file-system | container web | the root file system is read-only now',
    ],
    [
      'the version',
      [...WEB, 'OCI', 'Version'],
      '1.2.0',
      'changed oci-version | container web | the version of the runtime specification differs',
    ],
    [
      'a masked path',
      [...WEB, 'OCI', 'Linux', 'MaskedPaths', 0],
      undefined,
      'widened masked-path | container web | a masked path is no longer covered',
    ],
    [
      'a read-only path',
      [...WEB, 'OCI', 'Linux', 'ReadonlyPaths', 6],
      '/proc/x',
      'narrowed read-only-path | container web | a read-only path is covered now',
    ],
    [
      'namespaces',
      [...WEB, 'OCI', 'Linux', 'Namespaces', 0],
      undefined,
      'changed namespaces | container web | the list of Linux namespaces differs',
    ],
    [
      'mount options',
      [...WEB, 'OCI', 'Mounts', 5, 'options', 3],
      'rw',
      'widened mount | container web | mount /sys: the options differ',
    ],
    [
      'a mount source',
      [...WEB, 'OCI', 'Mounts', 7, 'source'],
      '',
      'widened mount | container web | mount /etc/hosts: the source differs',
    ],
    [
      'a mount destination',
      [...WEB, 'OCI', 'Mounts', 7, 'destination'],
      '/x',
      'removed mount | container web | mount /etc/hosts is gone',
    ],
    [
      'the image',
      [...WEB, 'OCI', 'Annotations', 'io.kubernetes.cri.image-name'],
      'x:1',
      'changed image | container web | the image has another name',
    ],
    [
      'an annotation',
      [...WEB, 'OCI', 'Annotations', 'a'],
      'b',
      'added annotation | container web | annotation a is allowed now',
    ],
    [
      'root hashes',
      [...WEB, 'storages', 1, 'options', 1],
      'f'.repeat(64),
      'changed image-layers | container web | the image has other content: 1 and 1 layers, 0 of them the same',
    ],
    [
      'no layers',
      [...WEB, 'storages'],
      [],
      'widened image-layers | container web | the image is no longer bound to root hashes of its layers',
    ],
    [
      'a probe',
      [...WEB, 'exec_commands'],
      ['sh'],
      'added exec-command | container web | a command of a probe or hook is allowed now',
    ],
    [
      'processes',
      [...WEB, 'sandbox_pidns'],
      true,
      'widened process-namespace | container web | the containers share their processes now',
    ],
    [
      'an unknown field',
      [...WEB, 'OCI', 'Hooks'],
      {},
      'added unknown-field | container web | field containers[1].OCI.Hooks is new',
    ],
    [
      'output',
      ['request_defaults', 'ReadStreamRequest'],
      false,
      'narrowed request | policy | the host may no longer read the output of containers',
    ],
    [
      'input',
      ['request_defaults', 'WriteStreamRequest'],
      true,
      'widened request | policy | the host may write to the input of containers now',
    ],
    [
      'exec',
      ['request_defaults', 'ExecProcessRequest', 'commands'],
      ['sh'],
      'added exec | policy | a command that the host may run is allowed now',
    ],
    [
      'copies',
      ['request_defaults', 'CopyFileRequest', 1],
      '^/',
      'added copy-file | policy | a pattern of paths to copy files to is allowed now',
    ],
    [
      'a pattern',
      ['request_defaults', 'CreateContainerRequest', 'allow_env_regex', 0],
      '.*',
      'removed env-pattern | policy | a pattern of variables is no longer allowed',
    ],
    [
      'default capabilities',
      ['common', 'default_caps', 0],
      undefined,
      'narrowed capability | policy | the default capabilities differ (less: CAP_CHOWN)',
    ],
    [
      'a setting',
      ['common', 'cpath'],
      '/x',
      'changed setting | policy | the setting common.cpath differs',
    ],
    [
      'a storage of the sandbox',
      ['sandbox', 'storages', 0, 'options', 4],
      'size=1',
      'changed storage | policy | storage at /run/kata-containers/sandbox/shm: the options differ',
    ],
    [
      'a container less',
      ['containers', 1],
      undefined,
      'removed container | container web | the container is gone',
    ],
  ])('%s', (_what, path, value, want) => {
    expect(changed(path, value)).toContain(want);
  });

  it('show both sides, with secrets hidden', () => {
    const path = [...PROCESS, 'Env', 0];
    const [found] = diff(
      editJson(demo, path, 'DB_PASSWORD=hunter22'),
      editJson(demo, path, 'DB_PASSWORD=swordfish'),
    );
    expect(found).toMatchObject({ before: '<password hidden>', after: '<password hidden>' });
  });

  it('tell what is the same in all containers once', () => {
    const names = [0, 1].map((i) => ['containers', i, 'OCI', 'Annotations']);
    const renamed = names.reduce(
      (text, path) => editJson(text, [...path, 'io.kubernetes.cri.sandbox-name'], 'other'),
      demo,
    );
    expect(diff(demo, renamed).map(short)).toEqual([
      'renamed pod-name | policy | the pod has another name',
    ]);
    const free = names.reduce(
      (text, path) => editJson(text, [...path, 'io.kubernetes.cri.sandbox-namespace'], ''),
      demo,
    );
    expect(diff(demo, free).map(short)).toEqual([
      'widened namespace | policy | the pod may be in any namespace now',
    ]);
  });

  it('name rules and what they answer otherwise', () => {
    const open = `${RULES}default SetPolicyRequest := true\n`;
    const found = compareKataPolicies(policyOf(demo), policyOf(demo, open), OPTIONS);
    expect(found.map(short)).toEqual([
      'widened rules | policy | the rules are others, and may permit anything',
      'widened request | policy | SetPolicyRequest is answered otherwise',
    ]);
    expect(found[1]).toMatchObject({ before: 'none', after: 'allowed' });
  });

  it('trust rules that are known', () => {
    const after = policyOf(demo, `${RULES}# ours`);
    const ownRules = new Map([[after.rules.sha256, 'ours']]);
    const found = compareKataPolicies(policyOf(demo), after, { ownRules });
    expect(found.map(short)).toEqual(['changed rules | policy | the rules are others']);
    expect(found[0]?.after).toBe('ours');
  });

  it('compare rules without data', () => {
    const bare = readKataPolicy(RULES, 'p');
    expect(compareKataPolicies(bare, bare, OPTIONS)).toEqual([]);
    const kinds = compareKataPolicies(bare, policyOf(demo), OPTIONS).map(short);
    expect(kinds).toContain('added container | container web | the container is new');
  });
});

describe('matching of containers', () => {
  it('ignores their order', () => {
    const data = dataOf('security-capabilities', 'C');
    const { containers } = JSON.parse(data) as { containers: Json[] };
    expect(diff(data, editJson(data, ['containers'], containers.toReversed()))).toEqual([]);
  });

  it('finds a swapped and renamed pair of one image', () => {
    const data = dataOf('process-init-order', 'C');
    const { containers } = JSON.parse(data) as { containers: Json[] };
    const [pause, first, second, ...rest] = containers;
    const rename = (container: Json, name: string) =>
      JSON.parse(
        editJson(
          JSON.stringify(container),
          ['OCI', 'Annotations', 'io.kubernetes.cri.container-name'],
          name,
        ),
      ) as Json;
    const swapped = [pause!, rename(second!, 'y'), rename(first!, 'x'), ...rest];
    const found = diff(data, editJson(data, ['containers'], swapped));
    expect(found.map(({ kind, field }) => `${kind} ${field}`)).toEqual([
      'renamed container-name',
      'renamed container-name',
    ]);
  });

  it('tells containers of one image and command apart by the rest', () => {
    const { containers } = JSON.parse(demo) as { containers: Json[] };
    const twin = (name: string, value: string) =>
      JSON.parse(
        editJson(
          editJson(demo, [...WEB, 'OCI', 'Annotations', 'io.kubernetes.cri.container-name'], name),
          [...PROCESS, 'Env', 0],
          `PATH=${value}`,
        ),
      ).containers[1] as Json;
    const of = (...pods: readonly Json[]) =>
      editJson(demo, ['containers'], [containers[0]!, ...pods]);
    const found = diff(of(twin('a', '/1'), twin('b', '/2')), of(twin('c', '/2'), twin('d', '/1')));
    expect(found.map(({ subject, field }) => `${subject} ${field}`)).toEqual([
      'container c (was b) container-name',
      'container d (was a) container-name',
    ]);
  });

  it('goes by the command where the image differs', () => {
    const name = [...WEB, 'OCI', 'Annotations', 'io.kubernetes.cri.container-name'];
    const image = [...WEB, 'OCI', 'Annotations', 'io.kubernetes.cri.image-name'];
    const found = diff(demo, editJson(editJson(demo, name, 'app'), image, 'other:2')).map(short);
    expect(found).toEqual([
      'renamed container-name | container app (was web) | the container has another name',
      'changed image | container app (was web) | the image has another name',
    ]);
  });
});
