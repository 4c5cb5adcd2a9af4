import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { Notice } from '../../../src/core/notice.js';
import type { GuestFamily } from '../../../src/manifest/kubernetes/field-rules.js';
import {
  type ManifestInput,
  type ManifestOptions,
  type ManifestResult,
  readManifest,
} from '../../../src/manifest/kubernetes/read-manifest.js';
import type { Container, PodWorkload } from '../../../src/workload/pod.js';

type Options = Partial<Omit<ManifestOptions, 'notices'>>;

function read(input: string | readonly ManifestInput[], options: Options = {}) {
  const notices: Notice[] = [];
  const inputs = typeof input === 'string' ? [{ file: 'a.yaml', text: input }] : input;
  const result: ManifestResult = readManifest(inputs, {
    guest: 'U',
    ...options,
    notices: (notice) => notices.push(notice),
  });
  return { ...result, notices };
}

/** Every problem: code, and place without the file. */
function problems(input: string | readonly ManifestInput[], options: Options = {}) {
  try {
    read(input, options);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return [error, ...error.also];
  }
  return [];
}

const codes = (input: string, options: Options = {}) =>
  problems(input, options).map(({ code, where }) => `${code} ${where?.replace('a.yaml:', '')}`);

/** A pod whose container, spec and metadata have further lines. */
function pod({ container = '', spec = '', metadata = '' } = {}): string {
  const lines = (text: string, indent: string) =>
    text === '' ? '' : `${text.replace(/^/gm, indent)}\n`;
  return (
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n' +
    `${lines(metadata, '  ')}spec:\n  containers:\n  - name: c\n    image: i\n` +
    `${lines(container, '    ')}${lines(spec, '  ')}`
  );
}

const workloadOf = (text: string, options: Options = {}): PodWorkload =>
  read(text, options).workloads[0]!;
const containerOf = (container: string, options: Options = {}): Container =>
  workloadOf(pod({ container }), options).pod.containers[0]!;

describe('a pod with all that the policy needs', () => {
  const text = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod, labels: {app: web}, annotations: {team: blue}}
spec:
  runtimeClassName: kata-cc
  serviceAccountName: sa
  hostNetwork: true
  shareProcessNamespace: true
  securityContext:
    runAsUser: 1000
    runAsGroup: 1001
    fsGroup: 1002
    supplementalGroups: [5, 6]
    allowPrivilegeEscalation: false
    sysctls: [{name: net.core.somaxconn, value: "1"}]
  initContainers:
  - {name: init, image: busybox}
  containers:
  - name: c
    image: "app:1"
    command: [sh, -c]
    args: []
    tty: true
    terminationMessagePath: /dev/log
    serviceAccountName: odd
    env:
    - {name: A, value: ""}
    - {name: B}
    - {name: C, valueFrom: {configMapKeyRef: {name: cm, key: k}}}
    - {name: D, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
    - {name: E, valueFrom: {fieldRef: {fieldPath: metadata.name, apiVersion: v1}}}
    - {name: F, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "1"}}}
    envFrom:
    - {configMapRef: {name: cm}, prefix: X_}
    - secretRef: {name: s, optional: true}
    securityContext:
      runAsUser: 0
      runAsGroup: 7
      privileged: true
      readOnlyRootFilesystem: true
      allowPrivilegeEscalation: true
      runAsNonRoot: false
      capabilities: {add: [SYS_TIME], drop: [ALL]}
    resources: {limits: {cpu: 1, memory: 64Mi}, requests: {cpu: 1}}
    livenessProbe: {exec: {command: [live]}, periodSeconds: 3}
    startupProbe: {exec: {command: [start]}}
    readinessProbe: {httpGet: {port: 80}}
    lifecycle: {preStop: {exec: {command: [stop]}}, postStart: {exec: {command: [post]}}}
    volumeMounts:
    - {name: v, mountPath: /v, readOnly: true, mountPropagation: None, subPathExpr: $(A)}
    volumeDevices: [{name: d, devicePath: /dev/d}]
  volumes:
  - {name: v, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
  - {name: h, hostPath: {path: /h, type: Directory}}
  - {name: d, persistentVolumeClaim: {claimName: far}}
  - {name: a, azureFile: {secretName: s, shareName: t}}
  - {name: c, configMap: {name: cm, defaultMode: 0644}}
  - {name: s, secret: {secretName: s}}
  - {name: p, projected: {sources: []}}
  - {name: w, downwardAPI: {items: []}}
`;
  const { pod: spec, ...workload } = workloadOf(text);
  const [container] = spec.containers;

  it('has names, annotations, labels and a place for the policy', () => {
    expect(workload).toEqual({
      kind: 'Pod',
      name: 'web',
      namespace: 'prod',
      annotations: new Map([['team', 'blue']]),
      labels: new Map([['app', 'web']]),
      claimTemplates: [],
      placement: { file: 'a.yaml', document: 0, path: ['metadata', 'annotations'] },
      at: 'a.yaml:1:1',
    });
  });

  it('has the settings of the pod', () => {
    const { containers: _, initContainers, volumes: __, ...settings } = spec;
    expect(settings).toEqual({
      runtimeClassName: 'kata-cc',
      serviceAccountName: 'sa',
      hostNetwork: true,
      shareProcessNamespace: true,
      securityContext: {
        runAsUser: 1000,
        runAsGroup: 1001,
        fsGroup: 1002,
        supplementalGroups: [5, 6],
        allowPrivilegeEscalation: false,
        sysctls: [{ name: 'net.core.somaxconn', value: '1' }],
      },
    });
    expect(initContainers.map(({ name }) => name)).toEqual(['init']);
  });

  it('has the process of the container', () => {
    expect(container).toMatchObject({
      name: 'c',
      image: 'app:1',
      command: ['sh', '-c'],
      args: [],
      tty: true,
      terminationMessagePath: '/dev/log',
      serviceAccountName: 'odd',
      limits: new Map([
        ['cpu', '1'],
        ['memory', '64Mi'],
      ]),
      execCommands: [['live'], ['start'], ['post'], ['stop']],
      at: 'a.yaml:19:5 spec.containers[0]',
      imageAt: 'a.yaml:20:12 spec.containers[0].image',
      securityContext: {
        runAsUser: 0,
        runAsGroup: 7,
        privileged: true,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: true,
        capabilities: { add: ['SYS_TIME'], drop: ['ALL'] },
      },
    });
  });

  it('has the environment, unresolved', () => {
    expect(container?.env.map(({ name, source }) => [name, source])).toEqual([
      ['A', { kind: 'value', value: '' }],
      ['B', { kind: 'none' }],
      ['C', { kind: 'config-map-key', name: 'cm', key: 'k', optional: false }],
      ['D', { kind: 'secret-key', name: 's', key: 'k', optional: true }],
      ['E', { kind: 'field', fieldPath: 'metadata.name' }],
      ['F', { kind: 'resource-field', resource: 'limits.cpu' }],
    ]);
    expect(container?.envFrom).toMatchObject([
      { kind: 'config-map', name: 'cm', optional: false, prefix: 'X_' },
      { kind: 'secret', name: 's', optional: true },
    ]);
  });

  it('has mounts, devices and volumes', () => {
    expect(container?.volumeMounts).toMatchObject([
      { name: 'v', mountPath: '/v', readOnly: true, mountPropagation: 'None', subPathExpr: '$(A)' },
    ]);
    expect(container?.volumeDevices).toEqual([{ name: 'd', devicePath: '/dev/d' }]);
    expect(spec.volumes.map(({ name, source }) => [name, source])).toEqual([
      ['v', { kind: 'empty-dir', medium: 'Memory' }],
      ['h', { kind: 'host-path', path: '/h' }],
      ['d', { kind: 'persistent-volume-claim', claimName: 'far' }],
      ['a', { kind: 'azure-file' }],
      ['c', { kind: 'config-map' }],
      ['s', { kind: 'secret' }],
      ['p', { kind: 'projected' }],
      ['w', { kind: 'downward-api' }],
    ]);
  });

  it('has nothing where the manifest has nothing', () => {
    const bare = workloadOf(pod({ spec: 'volumes:\nsecurityContext: ~' }));
    expect(bare).not.toHaveProperty('labels');
    expect(bare.annotations.size).toBe(0);
    expect(bare.pod).not.toHaveProperty('securityContext');
    expect(bare.pod).toMatchObject({ initContainers: [], volumes: [], hostNetwork: false });
    expect(Object.keys(bare.pod.containers[0]!).sort()).toEqual(
      'at env envFrom execCommands image imageAt name volumeDevices volumeMounts'.split(' '),
    );
  });
});

describe('kinds', () => {
  const template = '{metadata: {labels: {a: b}, annotations: {t: "1"}}, spec: {containers: []}}';
  const rows: readonly (readonly [string, string, string])[] = [
    ['Deployment', `{selector: {}, template: ${template}}`, 'spec.template'],
    ['DaemonSet', `{template: ${template}}`, 'spec.template'],
    ['Job', `{template: ${template}, completions: 2}`, 'spec.template'],
    ['ReplicaSet', `{selector: {}, template: ${template}}`, 'spec.template'],
    ['ReplicationController', `{template: ${template}}`, 'spec.template'],
    ['StatefulSet', `{serviceName: s, selector: {}, template: ${template}}`, 'spec.template'],
    [
      'CronJob',
      `{schedule: "* * * * *", jobTemplate: {spec: {template: ${template}}}}`,
      'spec.jobTemplate.spec.template',
    ],
  ];
  it.each(rows)('%s', (kind, spec, path) => {
    const text = `apiVersion: x/v1\nkind: ${kind}\nmetadata: {name: w, namespace: n}\nspec: ${spec}\n`;
    const { documents, workloads } = read(text);
    expect(documents).toEqual([
      { file: 'a.yaml', index: 0, apiVersion: 'x/v1', kind, name: 'w', policies: 1 },
    ]);
    expect(workloads).toMatchObject([
      { kind, name: 'w', namespace: 'n', annotations: new Map([['t', '1']]) },
    ]);
    expect(workloads[0]?.placement.path.join('.')).toBe(`${path}.metadata.annotations`);
  });

  it('reads the claims of a StatefulSet', () => {
    const claims =
      'volumeClaimTemplates: [{metadata: {name: w}, spec: {storageClassName: fast}}, {metadata: {name: x}, spec: {}}]';
    const text = `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec: {serviceName: s, selector: {}, template: ${template}, ${claims}}`;
    expect(workloadOf(text).claimTemplates).toEqual([
      { name: 'w', storageClassName: 'fast' },
      { name: 'x' },
    ]);
  });

  it('takes a template without metadata, or with null', () => {
    for (const metadata of ['', 'metadata: ,']) {
      const text = `apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {${metadata} spec: {containers: []}}}`;
      expect(workloadOf(text)).toMatchObject({ kind: 'Job', annotations: new Map() });
    }
  });

  it('unfolds Lists, also in Lists, and sees ConfigMaps there', () => {
    const item = '{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: []}}';
    const map = '{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {k: v}}';
    const inner = `{apiVersion: v1, kind: List, items: [${item}, ${map}]}`;
    const { documents, workloads, attachments } = read(
      `apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ""}\nitems:\n- ${item}\n- ${inner}\n`,
    );
    expect(documents).toMatchObject([{ kind: 'List', policies: 2 }]);
    expect(documents[0]).not.toHaveProperty('name');
    expect(workloads.map(({ placement }) => placement.path.join('.'))).toEqual([
      'items.0.metadata.annotations',
      'items.1.items.0.metadata.annotations',
    ]);
    expect(attachments.configMaps).toEqual([{ name: 'cm', data: new Map([['k', 'v']]) }]);
  });

  it('names places inside a List by their path', () => {
    const text =
      'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n';
    expect(codes(text)).toEqual(['MANIFEST_INVALID 4:3 items[0]']);
    expect(codes('apiVersion: v1\nkind: List\n')).toEqual(['MANIFEST_INVALID 1:1']);
    expect(codes('apiVersion: v1\nkind: List\nitems: {}\n')).toEqual(['MANIFEST_INVALID 1:1']);
  });

  it.each([
    ['networking.k8s.io/v1', 'Ingress', []],
    ['v1', 'Service', []],
    ['serving.knative.dev/v1', 'Service', ['kind-of-other-group']],
  ])('passes %s %s through', (apiVersion, kind, notices) => {
    const result = read(`apiVersion: ${apiVersion}\nkind: ${kind}\nspec: {any: [thing]}\n`);
    expect(result.documents).toMatchObject([{ kind, policies: 0 }]);
    expect(result.notices.map(({ code }) => code)).toEqual(notices);
  });

  it('refuses a kind that may make pods, unless told to ignore it', () => {
    const text = 'apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n';
    expect(codes(text)).toEqual(['MANIFEST_UNSUPPORTED 1:1']);
    expect(codes('apiVersion: v1\nkind: constructor\n')).toEqual(['MANIFEST_UNSUPPORTED 1:1']);
    for (const entry of ['Rollout', '*']) {
      const { notices } = read(text, { ignoreUnsupported: [entry] });
      expect(notices).toMatchObject([{ code: 'kind-ignored', where: 'a.yaml:1:1' }]);
    }
  });

  it('drops null documents and counts them', () => {
    const { documents } = read(`---\n---\n${pod()}---\n`);
    expect(documents).toMatchObject([{ index: 1, kind: 'Pod' }]);
  });

  it.each([
    ['just text\n', ['MANIFEST_INVALID 1:1']],
    ['- a\n', ['MANIFEST_INVALID 1:1']],
    ['a: b\n', ['MANIFEST_INVALID 1:1', 'MANIFEST_INVALID 1:1']],
    ['apiVersion: v1\nkind: ~\n', ['MANIFEST_INVALID 1:1']],
    ['apiVersion: v1\nkind: [Pod]\n', ['MANIFEST_INVALID 1:1']],
  ])('refuses what is no object: %j', (text, found) => {
    expect(codes(text)).toEqual(found);
  });
});

describe('runtime class filter', () => {
  const text = ['kata-cc-isolation', 'kata', 'runc', '~']
    .map((name, index) =>
      pod({ spec: `runtimeClassName: ${name}` }).replace('name: p', `name: p${index}`),
    )
    .join('---\n');
  it.each([
    [[], ['p0', 'p1', 'p2', 'p3']],
    [['kata-cc'], ['p0']],
    [
      ['kata', 'run'],
      ['p0', 'p1', 'p2'],
    ],
    [['x'], []],
  ])('%j', (runtimeClassPrefixes, names) => {
    const { workloads, documents } = read(text, { runtimeClassPrefixes });
    expect(workloads.map(({ name }) => name)).toEqual(names);
    expect(documents).toHaveLength(4);
  });

  it('does not mind what a pod without policy has, but what Kubernetes refuses', () => {
    const runtimeClassPrefixes = ['kata'];
    const spec = 'runtimeClassName: runc\nhostPID: true\nfoo: 1';
    expect(codes(pod({ spec }), { runtimeClassPrefixes })).toEqual([]);
    expect(codes(pod({ spec: 'hostNetwork: 7' }), { runtimeClassPrefixes })).toEqual([
      'MANIFEST_INVALID 9:16 spec.hostNetwork',
    ]);
  });

  it('does not reach into a List', () => {
    const item = pod({ spec: 'runtimeClassName: runc' }).trimEnd().replace(/\n/g, '\n  ');
    const text2 = `apiVersion: v1\nkind: List\nitems:\n- ${item}\n`;
    expect(read(text2, { runtimeClassPrefixes: ['kata'] }).workloads).toHaveLength(1);
  });
});

describe('unknown and unsupported fields', () => {
  it('are reported all together, for all documents and files, in order', () => {
    const broken = pod({ container: 'foo: 1\nworkingDir: /w', spec: 'hostPID: true' });
    const found = problems([
      { file: 'a.yaml', text: `${broken}---\napiVersion: v1\nkind: Foo\n` },
      { file: 'b.yaml', text: 'a: [' },
      { file: 'c.yaml', text: pod({ metadata: 'lables: {}' }) },
    ]);
    expect(found.map(({ code, where }) => `${code} ${where}`)).toEqual([
      'MANIFEST_UNKNOWN_FIELD a.yaml:9:5 spec.containers[0].foo',
      'MANIFEST_UNSUPPORTED a.yaml:10:5 spec.containers[0].workingDir',
      'MANIFEST_UNSUPPORTED a.yaml:11:3 spec.hostPID',
      'MANIFEST_UNSUPPORTED a.yaml:13:1',
      'MANIFEST_SYNTAX b.yaml:1:5',
      'MANIFEST_UNKNOWN_FIELD c.yaml:5:3 metadata.lables',
    ]);
    expect(found.at(-1)?.hints[0]).toBe('did you mean labels?');
    expect(found[1]).toMatchObject({
      message:
        'spec.containers[0].workingDir is not supported: the policy allows the working directory of the image only',
      want: 'a manifest for the guest kata-4.1',
    });
  });

  /** Field, guests that take it. */
  const guests: readonly (readonly [Parameters<typeof pod>[0], string])[] = [
    [{ spec: 'securityContext: {runAsGroup: 1}' }, 'MU'],
    [{ spec: 'securityContext: {fsGroup: 1}' }, 'MU'],
    [{ spec: 'securityContext: {sysctls: []}' }, 'VMU'],
    [{ container: 'securityContext: {runAsGroup: 1}' }, 'MU'],
    [{ container: 'volumeDevices: [{name: d, devicePath: /d}]' }, 'VMU'],
    [{ spec: 'volumes: [{name: e, ephemeral: {volumeClaimTemplate: {spec: {}}}}]' }, 'CV'],
    [{ container: 'volumeMounts: [{name: v, mountPath: /v, subPath: x}]' }, ''],
    [{ spec: 'volumes: [{name: v, csi: {driver: d}}]' }, ''],
    [{ spec: 'volumes: [{name: v, nfs: {}}]' }, ''],
    [{ spec: 'automountServiceAccountToken: false' }, ''],
    [{ spec: 'automountServiceAccountToken: true' }, 'CVMU'],
    [{ spec: 'hostIPC: false\nhostPID: ~\nhostUsers: true' }, 'CVMU'],
    [{ spec: 'hostIPC: "false"' }, ''],
    [{ spec: 'enableServiceLinks: false\nhostAliases: [{ip: 1.2.3.4}]\nsubdomain: s' }, 'CVMU'],
    [{ container: 'securityContext: {procMount: Default}' }, 'CVMU'],
    [{ container: 'securityContext: {procMount: Unmasked}' }, ''],
    [{ container: 'resources: {claims: []}' }, ''],
    [{ metadata: 'creationTimestamp: null\nmanagedFields: [{a: b}]' }, 'CVMU'],
  ];
  it.each(guests)('%j', (parts, known) => {
    const taken = [...'CVMU'].filter(
      (guest) => problems(pod(parts), { guest: guest as GuestFamily }).length === 0,
    );
    expect(taken.join('')).toBe(known);
  });

  it.each([
    'workingDir',
    'containers.workingDir',
    'spec.containers[0].workingDir',
    'spec.containers.3.workingDir',
    'spec.containers.?.workingDir',
    '*',
  ])('are left out on request, with a notice: %s', (entry) => {
    const text = pod({ container: 'workingDir: /w' });
    const { workloads, notices } = read(text, { ignoreUnsupported: [entry] });
    expect(workloads).toHaveLength(1);
    expect(notices).toMatchObject([
      { code: 'field-ignored', where: 'a.yaml:9:5 spec.containers[0].workingDir' },
    ]);
  });

  it('are not left out for the sake of a name that merely ends alike', () => {
    const text = pod({ container: 'workingDir: /w' });
    for (const entry of ['Dir', 'initContainers.workingDir', 'spec.workingDir', '']) {
      expect(codes(text, { ignoreUnsupported: [entry] })).toHaveLength(1);
    }
  });

  it('do not reach the policy of a guest that has no place for them', () => {
    const text = pod({ container: 'securityContext: {runAsGroup: 7, runAsUser: 6}' });
    const workload = workloadOf(text, { guest: 'C', ignoreUnsupported: ['runAsGroup'] });
    expect(workload.pod.containers[0]?.securityContext).toEqual({ runAsUser: 6 });
  });

  it('stay errors where no policy would fit', () => {
    const text = pod({ container: 'volumeMounts: [{name: v, mountPath: /v, subPath: x}]' });
    expect(codes(text, { ignoreUnsupported: ['*'] })).toHaveLength(1);
    const csi = pod({ spec: 'volumes: [{name: v, csi: {}}]' });
    expect(codes(csi, { ignoreUnsupported: ['*'] })).toEqual([
      'MANIFEST_UNSUPPORTED 9:13 spec.volumes[0]',
    ]);
  });

  it('are no members of the tables by inheritance', () => {
    expect(codes(pod({ spec: 'constructor: 1\n__proto__: 2' }))).toHaveLength(2);
  });
});

describe('missing and wrong fields', () => {
  const rows: readonly (readonly [Parameters<typeof pod>[0], string])[] = [
    [{ container: 'env: [{value: x}]' }, '9:11 spec.containers[0].env[0]'],
    [
      { container: 'env: [{name: a, value: x, valueFrom: {fieldRef: {fieldPath: a}}}]' },
      '9:11 spec.containers[0].env[0]',
    ],
    [{ container: 'env: [{name: A, valueFrom: {}}]' }, '9:32 spec.containers[0].env[0].valueFrom'],
    [
      { container: 'env: [{name: A, valueFrom: {secretKeyRef: {name: s}}}]' },
      '9:47 spec.containers[0].env[0].valueFrom.secretKeyRef',
    ],
    [
      {
        container:
          'env: [{name: A, valueFrom: {fieldRef: {fieldPath: a}, resourceFieldRef: {resource: b}}}]',
      },
      '9:32 spec.containers[0].env[0].valueFrom',
    ],
    [{ container: 'envFrom: [{}]' }, '9:15 spec.containers[0].envFrom[0]'],
    [
      { container: 'envFrom: [{configMapRef: {name: a}, secretRef: {name: b}}]' },
      '9:15 spec.containers[0].envFrom[0]',
    ],
    [{ container: 'volumeMounts: [{name: v}]' }, '9:20 spec.containers[0].volumeMounts[0]'],
    [{ container: 'livenessProbe: {exec: {}}' }, '9:27 spec.containers[0].livenessProbe.exec'],
    [{ container: 'command: sh' }, '9:14 spec.containers[0].command'],
    [{ container: 'command: [[sh]]' }, '9:15 spec.containers[0].command[0]'],
    [{ container: 'command: [~]' }, '9:15 spec.containers[0].command[0]'],
    [{ container: 'tty: "true"' }, '9:10 spec.containers[0].tty'],
    [{ container: 'env: {A: b}' }, '9:10 spec.containers[0].env'],
    [{ spec: 'hostNetwork: 1' }, '9:16 spec.hostNetwork'],
    [{ spec: 'securityContext: [1]' }, '9:20 spec.securityContext'],
    [{ spec: 'securityContext: {runAsUser: -1}' }, '9:32 spec.securityContext.runAsUser'],
    [{ spec: 'securityContext: {runAsUser: 4294967296}' }, '9:32 spec.securityContext.runAsUser'],
    [{ spec: 'securityContext: {runAsUser: 1.0}' }, '9:32 spec.securityContext.runAsUser'],
    [{ spec: 'securityContext: {runAsUser: "1"}' }, '9:32 spec.securityContext.runAsUser'],
    [
      { spec: 'securityContext: {supplementalGroups: [a]}' },
      '9:42 spec.securityContext.supplementalGroups[0]',
    ],
    [{ spec: 'volumes: [{name: v, emptyDir: {}, hostPath: {path: /h}}]' }, '9:13 spec.volumes[0]'],
    [{ spec: 'volumes: [{name: v, hostPath: {}}]' }, '9:33 spec.volumes[0].hostPath'],
    [{ metadata: 'annotations: [a]' }, '5:16 metadata.annotations'],
    [{ metadata: 'annotations: {a: {b: c}}' }, '5:20 metadata.annotations.a'],
    [{ metadata: 'annotations: {a: !!int x}' }, '5:26 metadata.annotations.a'],
    [{ metadata: 'labels: !own {a: b}' }, '5:16 metadata.labels'],
  ];
  it.each(rows)('%j', (parts, where) => {
    expect(codes(pod(parts))).toEqual([`MANIFEST_INVALID ${where}`]);
  });

  it('a pod without image, name or containers', () => {
    const text =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{}], initContainers: [{name: i}]}\n';
    expect(codes(text)).toEqual([
      'MANIFEST_INVALID 4:21 spec.containers[0]',
      'MANIFEST_INVALID 4:21 spec.containers[0]',
      'MANIFEST_INVALID 4:43 spec.initContainers[0]',
    ]);
    expect(codes('apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n')).toEqual([
      'MANIFEST_INVALID 1:1',
    ]);
  });

  it('a pod without a name is refused where the policy needs one', () => {
    const text = 'apiVersion: v1\nkind: Pod\nspec: {containers: []}\n';
    const refused = [...'CVMU'].filter(
      (guest) => problems(text, { guest: guest as GuestFamily }).length > 0,
    );
    expect(refused.join('')).toBe('CVM');
    expect(
      workloadOf(text.replace('spec', 'metadata: {generateName: g-}\nspec'), { guest: 'C' }),
    ).toMatchObject({
      generateName: 'g-',
    });
  });

  it('what the reference requires of sets', () => {
    const text = 'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec: {}\n';
    expect(codes(text)).toEqual(Array(3).fill('MANIFEST_INVALID 4:7 spec'));
  });
});

describe('scalars', () => {
  it.each(['true', 'True', 'TRUE', 'yes', 'on', 'y'])('take %s for true', (text) => {
    expect(workloadOf(pod({ spec: `hostNetwork: ${text}` })).pod.hostNetwork).toBe(true);
  });

  it.each([
    ['0', 0],
    ['1000', 1000],
    ['0x10', 16],
    ['0o17', 15],
    ['4294967295', 4294967295],
  ])('take %s for an id', (text, id) => {
    expect(containerOf(`securityContext: {runAsUser: ${text}}`).securityContext?.runAsUser).toBe(
      id,
    );
  });

  it.each(['0100', '1_000', '08'])('refuse %s for an id: readers disagree', (text) => {
    expect(codes(pod({ container: `securityContext: {runAsUser: ${text}}` }))).toEqual([
      'MANIFEST_INVALID 9:34 spec.containers[0].securityContext.runAsUser',
    ]);
  });

  it.each([
    ['1.50', '1.5'],
    ['true', 'true'],
    ['yes', 'yes'],
    ['1e3', '1000.0'],
    ['0644', '0644'],
    ['0x10', '16'],
    ['Null', 'Null'],
    ['NULL', 'NULL'],
  ])('give the text of the reference for %s, with a notice', (text, value) => {
    const { workloads, notices } = read(pod({ container: `env: [{name: A, value: ${text}}]` }));
    expect(workloads[0]?.pod.containers[0]?.env[0]?.source).toEqual({ kind: 'value', value });
    expect(notices).toMatchObject([
      { code: 'scalar-not-text', where: 'a.yaml:9:28 spec.containers[0].env[0].value' },
    ]);
  });

  it.each(['a b', '"1.50"', "'yes'", '12:30:45', '2020-01-01', '1e400', '!!str 7'])(
    'give text for %s, without a notice',
    (text) => {
      expect(read(pod({ container: `env: [{name: A, value: ${text}}]` })).notices).toEqual([]);
    },
  );

  it('refuse a number of more than 64 bits for text', () => {
    const container = 'env: [{name: A, value: 18446744073709551616}]';
    expect(codes(pod({ container }))).toEqual([
      'MANIFEST_INVALID 9:28 spec.containers[0].env[0].value',
    ]);
  });

  it('give ~ for null in a map of texts, with a notice', () => {
    const { workloads, notices } = read(pod({ metadata: 'annotations: {a: ~, b: }' }));
    expect(workloads[0]?.annotations).toEqual(
      new Map([
        ['a', '~'],
        ['b', '~'],
      ]),
    );
    expect(notices.map(({ code }) => code)).toEqual(['scalar-not-text', 'scalar-not-text']);
  });

  it('name keys that kubectl turns into something else', () => {
    const { workloads, notices } = read(pod({ metadata: 'labels: {n: a, "y": b, 1.50: c}' }));
    expect([...(workloads[0]?.labels ?? [])]).toEqual([
      ['n', 'a'],
      ['y', 'b'],
      ['1.5', 'c'],
    ]);
    expect(notices.map(({ where }) => where)).toEqual(['a.yaml:5:12 metadata.labels.n']);
  });

  it.each([
    ['1', '1'],
    ['0.50', '0.5'],
    ['500m', '500m'],
    ['"2"', '2'],
  ])('take %s for a quantity', (text, value) => {
    const { workloads, notices } = read(pod({ container: `resources: {limits: {cpu: ${text}}}` }));
    expect(workloads[0]?.pod.containers[0]?.limits?.get('cpu')).toBe(value);
    expect(notices).toEqual([]);
  });

  it.each(['010', '1_000', 'true', 'Null', 'yes'])('refuse %s for a quantity', (text) => {
    expect(codes(pod({ container: `resources: {limits: {cpu: ${text}}}` }))).toHaveLength(1);
  });
});

describe('duplicate and merge keys', () => {
  it('of duplicates the last counts, with a notice', () => {
    const { workloads, notices } = read(pod({ spec: 'hostNetwork: false\nhostNetwork: true' }));
    expect(workloads[0]?.pod.hostNetwork).toBe(true);
    expect(notices).toMatchObject([{ code: 'duplicate-key', where: 'a.yaml:10:3 spec' }]);
  });

  it('merged fields count, explicit ones win', () => {
    const text = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - &one {name: one, image: i, tty: true}
  - &two
    <<: *one
    name: two
  - <<: [{tty: false}, *two]
    name: three
`;
    const { workloads, notices } = read(text);
    expect(notices).toEqual([]);
    const containers = workloads[0]?.pod.containers;
    expect(containers?.map(({ name, image, tty }) => [name, image, tty])).toEqual([
      ['one', 'i', true],
      ['two', 'i', true],
      ['three', 'i', false],
    ]);
  });

  it.each([
    ['name: two\n    <<: *one', 'readers disagree'],
    ['<<: *one\n    <<: *one\n    name: two', 'write one'],
    ['<<: 7\n    name: two\n    image: i', ''],
  ])('what is merged must be clear: %j', (lines, hint) => {
    const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - &one {name: one, image: i}\n  - ${lines}\n`;
    const [error] = problems(text);
    expect(error?.code).toBe('MANIFEST_INVALID');
    expect(error?.hints.join()).toContain(hint);
  });

  it('a quoted << is a field like any other', () => {
    expect(codes(pod({ spec: '"<<": {hostNetwork: true}' }))).toEqual([
      'MANIFEST_UNKNOWN_FIELD 9:3 spec.<<',
    ]);
  });
});

describe('attachments', () => {
  const documents = `apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data: {a: x, b: "1"}
binaryData: {c: AAAA}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
type: Opaque
data: {k: czE=, l: b2xk}
stringData: {l: new}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: far}
spec: {storageClassName: fast, whatever: 1}
`;
  const attachments = {
    configMaps: [
      {
        name: 'cm',
        data: new Map([
          ['a', 'x'],
          ['b', '1'],
        ]),
      },
    ],
    secrets: [
      {
        name: 's',
        data: new Map([
          ['k', 'czE='],
          ['l', 'bmV3'],
        ]),
      },
    ],
    claims: [{ name: 'far', storageClassName: 'fast' }],
  };

  it('are read from manifests and from extra files', () => {
    expect(read(documents).attachments).toEqual(attachments);
    const extra = read([{ file: 'c.yaml', text: documents, role: 'attachment' }]);
    expect(extra.attachments).toEqual(attachments);
    expect(extra.documents).toEqual([]);
  });

  it('are checked as workloads are, and their secrets kept out of messages', () => {
    const text =
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: 99999999999999999999}\nfoo: 1\n';
    const found = problems(text);
    expect(found.map(({ code }) => code)).toEqual(['MANIFEST_INVALID', 'MANIFEST_UNKNOWN_FIELD']);
    expect(JSON.stringify(found.map((e) => [e.message, e.got, e.want, e.hints]))).not.toContain(
      '9999',
    );
  });

  it('other kinds are refused or dropped, as by the reference of the guest', () => {
    const input = [{ file: 'c.yaml', text: pod(), role: 'attachment' as const }];
    for (const guest of ['C', 'V'] as const) {
      expect(problems(input, { guest }).map(({ code }) => code)).toEqual(['MANIFEST_UNSUPPORTED']);
    }
    for (const guest of ['M', 'U'] as const) {
      const { workloads, notices } = read(input, { guest });
      expect(workloads).toEqual([]);
      expect(notices.map(({ code }) => code)).toEqual(['attachment-ignored']);
    }
  });

  it('of one name are noticed', () => {
    const { notices } = read(`${documents}---\n${documents}`);
    expect(notices.map(({ code, message }) => [code, message])).toEqual([
      ['attachment-twice', 'there is more than one ConfigMap cm; the first is used'],
      ['attachment-twice', 'there is more than one Secret s; the first is used'],
    ]);
  });
});
