import { describe, expect, it } from 'vitest';

import { codes, pod, read, workloadOf } from '../../support/read-pods.js';

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
