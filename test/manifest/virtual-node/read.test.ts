import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { Notice } from '../../../src/core/notice.js';
import {
  listVirtualNodePolicies,
  readVirtualNodes,
} from '../../../src/manifest/virtual-node/read.js';
import type { WildcardQuestion } from '../../../src/workload/container-group.js';
import { thrownBy } from '../../support/failure.js';
import { mutate, mutation } from '../../support/text-mutations.js';

interface Asked {
  readonly notices: Notice[];
  readonly questions: WildcardQuestion[];
}

function read(text: string, answer = true, asked: Asked = { notices: [], questions: [] }) {
  return readVirtualNodes([{ file: 'a.yaml', text }], {
    approve: (question) => {
      asked.questions.push(question);
      return answer;
    },
    notices: (notice) => asked.notices.push(notice),
  });
}

/** A pod whose one container has these further lines, and the pod these. */
const pod = (container: string, spec = '') => `kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: app
    image: example.org/app:1
${container.replace(/^(?=.)/gm, '    ')}
${spec.replace(/^(?=.)/gm, '  ')}
`;
const containerOf = (container: string, spec = '') => read(pod(container, spec))[0]!.containers[0]!;

describe('workloads', () => {
  const template = '{spec: {containers: [{image: i}]}}';
  it.each([
    ['Pod', 'spec: {containers: [{image: i}]}', []],
    ['Deployment', `spec: {template: ${template}}`, ['spec', 'template']],
    ['StatefulSet', `spec: {template: ${template}}`, ['spec', 'template']],
    ['DaemonSet', `spec: {template: ${template}}`, ['spec', 'template']],
    ['ReplicaSet', `spec: {template: ${template}}`, ['spec', 'template']],
    ['Job', `spec: {template: ${template}}`, ['spec', 'template']],
    [
      'CronJob',
      `spec: {jobTemplate: {spec: {template: ${template}}}}`,
      ['spec', 'jobTemplate', 'spec', 'template'],
    ],
  ])('%s', (kind, rest, path) => {
    const [group] = read(`kind: ${kind}\nmetadata: {name: n, namespace: s}\n${rest}\n`);
    expect(group).toMatchObject({ kind, name: 'n', namespace: 's', source: 'vn2', os: 'linux' });
    expect(group?.placement).toEqual({
      kind: 'annotation',
      file: 'a.yaml',
      document: 0,
      path: [...path, 'metadata', 'annotations'],
    });
    expect(group?.containers).toMatchObject([{ name: 'i', id: 'i', image: 'i' }]);
  });

  it('of lists, several documents and several files', () => {
    const one = (name: string) =>
      `{kind: Pod, metadata: {name: ${name}}, spec: {containers: [{image: i}]}}`;
    const text = `kind: List\nitems:\n- ${one('a')}\n- {kind: Service}\n- ${one('b')}\n---\n---\n${one('c')}\n`;
    const reading = { approve: () => true, notices: () => undefined };
    const groups = readVirtualNodes(
      [
        { file: 'a.yaml', text },
        { file: 'b.yaml', text: one('d') },
        { file: 'c.yaml', text: one('e'), role: 'attachment' },
      ],
      reading,
    );
    expect(groups.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
    expect(groups[1]?.placement).toMatchObject({
      document: 0,
      path: ['items', 2, 'metadata', 'annotations'],
    });
    expect(groups[2]?.placement).toMatchObject({ document: 2 });
  });

  it('init containers follow, ephemeral ones are left out', () => {
    const [group] = read(
      pod('', 'initContainers: [{image: init}]\nephemeralContainers: [{image: e}]'),
    );
    expect(group?.containers.map(({ image }) => image)).toEqual(['example.org/app:1', 'init']);
  });

  it('know their policy, the name of the pod, and Windows', () => {
    const key = 'microsoft.containerinstance.virtualnode.ccepolicy';
    const [group] = read(
      `kind: Job\nspec: {template: {metadata: {name: pod, annotations: {${key}: old}}, spec: {nodeSelector: {kubernetes.io/os: windows}, containers: [{image: i}]}}}`,
    );
    expect(group).toMatchObject({ podName: 'pod', existingPolicy: 'old', os: 'windows' });
  });

  it.each([
    ['kind: Pod', /has no spec with containers/],
    ['kind: Pod\nspec: {containers: []}', /has no containers/],
    ['kind: Pod\nspec: {containers: [null]}', /containers\[0\] is not a map/],
    ['kind: Pod\nspec: {containers: {a: b}}', /containers is not a list/],
    ['kind: Pod\nspec: {containers: [{name: a}]}', /image is empty or missing/],
    ['kind: Pod\nspec: {containers: [{image: 5}]}', /image is not a text/],
    [pod('command: sh'), /command is not a list/],
    [pod('volumeMounts: [{name: v}]'), /mountPath is empty or missing/],
    [pod('volumeMounts: [{mountPath: /a, readOnly: "true"}]'), /readOnly is not true or false/],
    [pod('livenessProbe: {exec: {command: []}}'), /exec.command is empty/],
    [pod('lifecycle: {preStop: {exec: {command: sh}}}'), /exec.command is not a list/],
    [pod('securityContext: text'), /securityContext is not a map/],
    [pod('env: [{value: x}]'), /env\[0\].name is not the name/],
    [pod('env: [{name: A, value: 5}]'), /env\[0\].value is not a text/],
    [pod('env: [{name: A, value: }]'), /env\[0\].value is not a text/],
    [pod('env: [{name: A, valueFrom: x}]'), /valueFrom is not a map/],
    [
      pod('env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]'),
      /containerName is not the container itself/,
    ],
  ])('refuses %j', (text, message) => {
    const error = thrownBy(() => read(text));
    expect(error).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(message),
    });
    expect(error.where).toMatch(/^a\.yaml:\d+:\d+/);
  });
});

it('errors and containers tell their line', () => {
  expect(containerOf('').at).toBe('a.yaml:5:5 spec.containers[0]');
  const error = thrownBy(() => read(pod('command: sh', 'initContainers: [{image: i}]')));
  expect(error.where).toBe('a.yaml:5:5 spec.containers[0].command');
});

describe('variables', () => {
  const env = (...entries: string[]) =>
    containerOf(`env:\n${entries.map((entry) => `- ${entry}\n`).join('')}`).env;

  it('have values, or any value', () => {
    expect(
      env(
        '{name: A, value: "x=y"}',
        '{name: E, value: ""}',
        '{name: N}',
        "{name: T, value: '===VIRTUALNODE2.CC.THIM.endpoint==='}",
        '{name: F, valueFrom: {fieldRef: {fieldPath: status.podIP}}}',
        '{name: G, valueFrom: {fieldRef: {}}}',
      ),
    ).toEqual([
      { pattern: 'A=x=y', strategy: 'string' },
      { pattern: 'E=', strategy: 'string' },
      { pattern: 'T=.*', strategy: 're2' },
      { pattern: 'F=.*', strategy: 're2' },
    ]);
  });

  it('take resources of their own container as they are written', () => {
    const text = `resources: {limits: {cpu: 1.50, memory: 128Mi, pods: 0}}
env:
- {name: C, valueFrom: {resourceFieldRef: {containerName: app, resource: limits.cpu}}}
- {name: M, valueFrom: {resourceFieldRef: {containerName: app, resource: limits.memory}}}
- {name: P, valueFrom: {resourceFieldRef: {containerName: app, resource: limits.pods}}}
- {name: R, valueFrom: {resourceFieldRef: {containerName: app, resource: requests.cpu}}}
`;
    expect(containerOf(text).env.map(({ pattern }) => pattern)).toEqual(['C=1.5', 'M=128Mi']);
  });

  const objects = `
---
{kind: ConfigMap, metadata: {name: cm}, data: {k: v, e: ""}, binaryData: {b: aMOp}}
---
{kind: Secret, metadata: {name: s}, data: {k: "c2Vj\\ncmV0", e: ""}, stringData: {e: plain}}
`;
  const from = (kind: string, name: string, key: string) =>
    `- {name: ${key.toUpperCase()}, valueFrom: {${kind}KeyRef: {name: ${name}, key: ${key}}}}\n`;

  it('take values of ConfigMaps and Secrets', () => {
    const keys = ['k', 'e', 'b'].map((key) => from('configMap', 'cm', key));
    const secrets = ['k', 'e'].map((key) => from('secret', 's', key));
    const [group] = read(pod(`env:\n${[...keys, ...secrets].join('')}`) + objects);
    expect(group?.containers[0]?.env.map(({ pattern }) => pattern)).toEqual([
      'K=v',
      'E=',
      'B=h\u00e9',
      'K=secret',
      'E=plain',
    ]);
  });

  it('ask once per object and container; a refused ConfigMap stands for empty texts', () => {
    const asked: Asked = { notices: [], questions: [] };
    const text = pod(`env:\n${from('configMap', 'none', 'a')}${from('configMap', 'none', 'b')}`);
    const patterns = (answer: boolean) =>
      read(text, answer, asked)[0]?.containers[0]?.env.map(({ pattern }) => pattern);
    expect(patterns(true)).toEqual(['A=.*', 'B=.*']);
    expect(patterns(false)).toEqual(['A=', 'B=']);
    const question = 'Would you like to use a wildcard value for ConfigMap none? (y/n): ';
    expect(asked.questions.map((one) => one.text)).toEqual([question, question]);
  });

  it('a refused Secret is an error', () => {
    const error = thrownBy(() => read(pod(`env:\n${from('secret', 'none', 'a')}`), false));
    expect(error).toMatchObject({ code: 'MANIFEST_REFERENCE_MISSING' });
    expect(error.message).toContain('Secret none');
  });

  it('refuse keys and values that are not there or no text', () => {
    const codes = [
      from('configMap', 'cm', 'none'),
      '- {name: A, valueFrom: {configMapKeyRef: {name: cm}}}\n',
    ].map((entry) => thrownBy(() => read(pod(`env:\n${entry}`) + objects)).code);
    expect(codes).toEqual(['MANIFEST_REFERENCE_MISSING', 'MANIFEST_INVALID']);
    for (const data of ['{a: "not base64!"}', '{a: /w==}', '{a: 5}']) {
      const text = `${pod(`env:\n${from('secret', 's', 'a')}`)}---\n{kind: Secret, metadata: {name: s}, data: ${data}}\n`;
      expect(thrownBy(() => read(text)).code).toBe('MANIFEST_INVALID');
    }
  });

  it('name sources that are not known, and fields that are not read', () => {
    const asked: Asked = { notices: [], questions: [] };
    const text =
      'envFrom: [{}]\nworkingDir: /w\nenv: [{name: A, valueFrom: {fileKeyRef: {key: x}}}]';
    expect(read(pod(text), true, asked)[0]?.containers[0]?.env).toEqual([]);
    expect(asked.notices.map(({ code }) => code).sort()).toEqual([
      'field-left-out',
      'field-left-out',
      'variable-left-out',
    ]);
  });
});

describe('mounts', () => {
  const mounts = (container: string, spec: string) =>
    containerOf(container, spec).mounts.map(
      ({ destination, readOnly }) => `${destination} ${readOnly ? 'ro' : 'rw'}`,
    );

  it('are read-only where the volume is', () => {
    const volumes = `volumes:
- {name: c, configMap: {}}
- {name: s, secret: null}
- {name: d, downwardAPI: {}}
- {name: p, projected: {}}
- {name: r, readOnly: true, hostPath: {}}
- {name: e, emptyDir: {}}
- {name: e, secret: {}}`;
    const names = ['c', 's', 'd', 'p', 'r', 'e', 'none'];
    const list = `volumeMounts:\n${names.map((name) => `- {name: ${name}, mountPath: /${name}}\n`).join('')}`;
    expect(mounts(list, volumes)).toEqual([
      '/c ro',
      '/s ro',
      '/d ro',
      '/p ro',
      '/r ro',
      '/e rw',
      '/none rw',
    ]);
    expect(mounts('volumeMounts: [{name: e, mountPath: /e, readOnly: true}]', volumes)).toEqual([
      '/e ro',
    ]);
    const asked: Asked = { notices: [], questions: [] };
    read(pod('volumeMounts: [{name: c, mountPath: /c, readOnly: false}]', volumes), true, asked);
    expect(asked.notices.map(({ code }) => code)).toEqual(['mount-read-only']);
  });

  it('follow claim templates', () => {
    const text = `kind: StatefulSet
spec:
  volumeClaimTemplates:
  - {metadata: {name: shared}, spec: {accessModes: [ReadWriteOnce, ReadOnlyMany]}}
  - {metadata: {name: own}, spec: {accessModes: [ReadWriteOnce]}}
  template: {spec: {containers: [{image: i, volumeMounts: [{name: shared, mountPath: /s}, {name: own, mountPath: /o}]}]}}
`;
    expect(read(text)[0]?.containers[0]?.mounts.map(({ readOnly }) => readOnly)).toEqual([
      true,
      false,
    ]);
  });

  it('of workload identity come first, those of privileged containers last', () => {
    const text = pod(
      'securityContext: {privileged: true}\nvolumeMounts: [{name: v, mountPath: /v}]',
    ).replace('{name: p}', '{name: p, labels: {azure.workload.identity/use: "true"}}');
    const [container] = read(text)[0]!.containers;
    expect(container?.mounts.map((one) => [one.destination, one.readOnly])).toEqual([
      ['/var/run/secrets/azure/tokens', true],
      ['/v', false],
      ['/sys/fs/cgroup', false],
      ['/sys', false],
    ]);
    expect(container?.env.map(({ pattern }) => pattern)).toContain('AZURE_CLIENT_ID=.+');
    const unquoted = read(text.replace('"true"', 'true'))[0]!.containers[0]!;
    expect(unquoted.env).toEqual([]);
  });
});

describe('security and processes', () => {
  it('the members of the container stand over those of the pod', () => {
    const { security } = containerOf(
      'securityContext: {runAsUser: 5}',
      'securityContext: {runAsUser: 1, runAsGroup: 2}',
    );
    expect(security).toMatchObject({ runAsUser: 5n, runAsGroup: 2n });
  });

  it('probes and hooks keep their order', () => {
    const exec = (word: string) => `{exec: {command: [${word}]}}`;
    const { execProcesses } = containerOf(
      `lifecycle: {preStop: ${exec('e')}, postStart: ${exec('d')}}
startupProbe: ${exec('c')}
readinessProbe: ${exec('b')}
livenessProbe: ${exec('a')}`,
    );
    expect(execProcesses.flatMap(({ command }) => command)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(containerOf('livenessProbe: {httpGet: {port: 1}}').execProcesses).toEqual([]);
  });
});

describe('listVirtualNodePolicies', () => {
  it('gives names and policies, whatever else is wrong with the pods', () => {
    const annotations = (value: string) =>
      `annotations: {microsoft.containerinstance.virtualnode.ccepolicy: '${value}'}`;
    const text = [
      `kind: Pod\nmetadata:\n  name: p\n  ${annotations('YQ==')}\nspec: {containers: [{env: 5}]}`,
      `kind: Job\nmetadata:\n  name: j\n  ${annotations('Yg==')}\nspec: {template: {spec: {containers: []}}}`,
      'kind: Deployment\nspec: {}',
      'kind: ConfigMap',
    ].join('\n---\n');
    expect(listVirtualNodePolicies([{ file: 'in.yaml', text }])).toMatchObject([
      { podName: 'p', policy: 'YQ==', at: 'in.yaml:1:1' },
      { podName: undefined, policy: undefined },
      { podName: undefined, policy: undefined },
    ]);
  });
});

describe('damaged manifests', () => {
  const whole = `${pod(
    `command: [sh]
env: [{name: A, valueFrom: {configMapKeyRef: {name: cm, key: k}}}]
volumeMounts: [{name: v, mountPath: /v}]
securityContext: {runAsUser: 5, capabilities: {add: [CAP_KILL]}}
livenessProbe: {exec: {command: [x]}}`,
    'volumes: [{name: v, secret: {}}]',
  )}---\n{kind: ConfigMap, metadata: {name: cm}, data: {k: v}}\n`;

  it('give groups or an error with a code and a place', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        try {
          read(mutations.reduce(mutate, whole));
        } catch (error) {
          if (!(error instanceof ToolError) || error.code === 'INTERNAL') throw error;
          expect(error.where).toMatch(/^a\.yaml:\d+:\d+/);
        }
      }),
      { seed: 0x5eed, numRuns: 1500 },
    );
  });
});
