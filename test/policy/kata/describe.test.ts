import { beforeAll, describe, expect, it } from 'vitest';
import type { Block } from '../../../src/core/page.js';
import { printPageHtml } from '../../../src/core/page-html.js';
import { printPageText } from '../../../src/core/page-text.js';
import { describeKataPolicy } from '../../../src/policy/kata/describe.js';
import { kataPolicyBlocks } from '../../../src/policy/kata/describe-page.js';
import { readKataPolicy } from '../../../src/policy/kata/read-policy.js';
import { goldenPolicies, goldenPolicy } from '../../support/golden-policies.js';
import { editJson, type Json, type JsonPath } from '../../support/json-edit.js';

const RULES = `package agent_policy
default ReadStreamRequest := true
default ExecProcessRequest := false
ExecProcessRequest if { policy_data.containers }
default WriteStreamRequest := false
WriteStreamRequest if policy_data.request_defaults.WriteStreamRequest == true
default CopyFileRequest := false
CopyFileRequest if { policy_data.containers }
`;
const WEB = ['containers', 1];
let demo: string;

beforeAll(async () => {
  demo = (await goldenPolicy('kind-pod-demo', 'C')).data;
});

function described(json: string, rules = RULES, isKnown = true) {
  const policy = readKataPolicy(`${rules}\npolicy_data := ${json}`, 'p');
  return describeKataPolicy(policy, new Map(isKnown ? [[policy.rules.sha256, 'ours']] : []));
}

const withChange = (path: JsonPath, value: Json | undefined) =>
  described(editJson(demo, path, value));

describe('descriptions', () => {
  it('of a pod', () => {
    const { podName, namespace, rules, unknown, containers } = described(demo);
    expect({ podName, namespace, unknown }).toEqual({
      podName: 'demo',
      namespace: 'default',
      unknown: [],
    });
    expect(rules).toMatchObject({ name: 'ours', isKnown: true });
    expect(described(demo, RULES, false).rules).toMatchObject({ isKnown: false });
    expect(containers.map(({ name, isSandbox }) => [name, isSandbox])).toEqual([
      ['the sandbox container', true],
      ['container web', false],
    ]);
  });

  it('of a container', () => {
    const web = described(demo).containers[1]!;
    expect(web.image).toEqual({
      reference: 'busybox:1.36',
      layers: [
        {
          id: expect.stringMatching(/^[0-9a-f]{64}$/),
          rootHash: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
      ],
    });
    expect(web.user).toEqual({ uid: 0, gid: 0, groups: [] });
    expect(web.command.map(({ text }) => text)).toEqual([
      '/bin/sh',
      '-c',
      'echo hello $(sandbox-name); sleep 1000',
    ]);
    expect(web.environment.map(({ name, freedom }) => `${name} ${freedom}`)).toEqual([
      'PATH fixed',
      'HOSTNAME any',
      'GREETING pattern',
      'POD_NAME pattern',
    ]);
    expect(web.capabilities).toHaveLength(14);
    expect(web.mounts.find(({ destination }) => destination === '/etc/hosts')).toMatchObject({
      origin: 'host-share',
      isReadOnly: false,
    });
    expect(web.storages).toEqual([]);
    expect(web).toMatchObject({ mayGainPrivileges: true, readOnlyRoot: false, terminal: false });
  });

  it('of what the host may do', () => {
    const states = (json: string) =>
      Object.fromEntries(
        described(json).requests.map(({ query, state, details }) => [query, [state, ...details]]),
      );
    expect(states(demo)).toMatchObject({
      ReadStreamRequest: ['open', 'whatever the request holds'],
      ExecProcessRequest: ['closed'],
      CopyFileRequest: ['bounded', 'paths $(sfprefix)'],
      SetPolicyRequest: ['closed'],
      WriteStreamRequest: ['closed'],
    });
    const input = ['request_defaults', 'WriteStreamRequest'];
    expect(states(editJson(demo, input, true)).WriteStreamRequest).toEqual([
      'open',
      'request_defaults.WriteStreamRequest is true',
    ]);
    const exec = ['request_defaults', 'ExecProcessRequest'];
    expect(states(editJson(demo, [...exec, 'commands'], ['ls'])).ExecProcessRequest).toEqual([
      'bounded',
      'any time: ls',
    ]);
    expect(states(editJson(demo, [...exec, 'regex'], ['^ls$'])).ExecProcessRequest).toEqual([
      'bounded',
      'commands that match ^ls$',
    ]);
    expect(
      states(editJson(demo, [...WEB, 'exec_commands'], [['cat', '/x']])).ExecProcessRequest,
    ).toEqual(['bounded', 'probe or hook: ["cat","/x"]']);
    expect(
      states(editJson(demo, ['request_defaults', 'CopyFileRequest'], [])).CopyFileRequest,
    ).toEqual(['closed']);
  });

  it('of rules that are not known close nothing that they look into', () => {
    const { requests } = described(demo, RULES, false);
    expect(requests.find(({ query }) => query === 'ExecProcessRequest')).toMatchObject({
      state: 'bounded',
      details: ['by rules that are not known'],
    });
    expect(requests.find(({ query }) => query === 'SetPolicyRequest')?.state).toBe('closed');
  });

  it('of rules that allow what they deny', () => {
    const rules = 'package agent_policy\ndefault AllowRequestsFailingPolicy := true\n';
    expect(described(demo, rules).requests.every(({ state }) => state === 'open')).toBe(true);
  });

  it('of images that nothing binds', () => {
    expect(withChange([...WEB, 'storages'], []).containers[1]?.image.layers).toBeUndefined();
    const twisted: readonly (readonly [JsonPath, Json])[] = [
      [[...WEB, 'storages', 0, 'options'], ['$(hash1)']],
      [[...WEB, 'storages', 0, 'mount_point'], '$(layer1)'],
      [[...WEB, 'storages', 0, 'fstype'], 'ext4'],
      [[...WEB, 'storages', 1, 'options', 2], 'x'],
      [[...WEB, 'storages', 1, 'options', 0], 'a:b'],
    ];
    for (const [path, value] of twisted) {
      expect(withChange(path, value).containers[1]?.image.layers, path.join('.')).toBeUndefined();
    }
  });

  it('hide secrets', () => {
    const secret = 'hunter2222222222';
    const places: readonly (readonly [JsonPath, Json])[] = [
      [[...WEB, 'OCI', 'Process', 'Env', 4], `DB_PASSWORD=${secret}`],
      [
        [...WEB, 'OCI', 'Process', 'Args'],
        ['run', '--password', secret],
      ],
      [[...WEB, 'OCI', 'Annotations', 'password'], secret],
      [[...WEB, 'exec_commands'], [`x --password=${secret}`]],
      [['request_defaults', 'ExecProcessRequest', 'commands'], [`x --password=${secret}`]],
      [['request_defaults', 'ExecProcessRequest', 'regex'], [`^x --password=${secret}`]],
    ];
    for (const [path, value] of places) {
      const told = withChange(path, value);
      expect(JSON.stringify(told), path.join('.')).not.toContain(secret);
      expect(printPageText({ title: 't', blocks: kataPolicyBlocks(told) })).toContain('hidden>');
    }
  });
});

describe('pages', () => {
  it('can be made of every golden policy', async () => {
    for (const { data, name } of await goldenPolicies()) {
      const blocks = kataPolicyBlocks(described(data));
      const text = printPageText({ title: 't', blocks });
      expect(text, name).toContain('What the host may do');
      expect(text, name).toContain('The sandbox container');
    }
  });

  it('escape what the policy holds', () => {
    const evil = '</td><script>alert(1)</script>\x1b[2J\u202e';
    const places: readonly JsonPath[] = [
      [...WEB, 'OCI', 'Process', 'Env', 0],
      [...WEB, 'OCI', 'Process', 'Args', 0],
      [...WEB, 'OCI', 'Process', 'Cwd'],
      [...WEB, 'OCI', 'Annotations', 'io.kubernetes.cri.container-name'],
      [...WEB, 'OCI', 'Annotations', 'io.kubernetes.cri.image-name'],
      [...WEB, 'OCI', 'Mounts', 7, 'destination'],
      [...WEB, 'OCI', 'Mounts', 7, 'source'],
      [...WEB, 'storages', 1, 'options', 1],
      [...WEB, evil],
      ['containers', 0, 'OCI', 'Annotations', 'io.kubernetes.cri.sandbox-name'],
      ['request_defaults', 'CopyFileRequest', 0],
    ];
    for (const path of places) {
      const page = { title: 't', blocks: kataPolicyBlocks(withChange(path, evil)) };
      const [text, html] = [printPageText(page), printPageHtml(page)];
      expect(text, path.join('.')).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
      expect(text, path.join('.')).toMatch(/\\(?:x1b|u001b)\[2J\\u\{202e\}/);
      expect(html, path.join('.')).not.toContain('<script');
      expect(html, path.join('.')).toContain('&lt;script&gt;alert(1)&lt;/script&gt;\\');
    }
  });

  it('name what is free, unbound or unknown', () => {
    const tones = (blocks: readonly Block[]) =>
      JSON.stringify(blocks).match(/"tone":"(?:bad|warning)"/g)?.length ?? 0;
    const plain = tones(kataPolicyBlocks(described(demo)));
    for (const [path, value] of [
      [[...WEB, 'storages'], []],
      [[...WEB, 'more'], 1],
      [[...WEB, 'OCI', 'Process', 'Env', 0], 'PATH=$(node-name)'],
    ] as const) {
      expect(tones(kataPolicyBlocks(withChange(path, value as Json)))).toBe(plain + 1);
    }
  });

  it('say that rules alone decide', () => {
    const bare = describeKataPolicy(readKataPolicy('package agent_policy\n', 'p'), new Map());
    expect(printPageText({ title: 't', blocks: kataPolicyBlocks(bare) })).toContain(
      'none: the rules decide alone',
    );
  });
});
