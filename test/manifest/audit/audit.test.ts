import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { type Finding, printPlace } from '../../../src/core/finding.js';
import { auditManifest } from '../../../src/manifest/audit/audit.js';
import { MANIFEST_AUDIT_RULES } from '../../../src/manifest/audit/rules.js';

const KEYS = ['io.katacontainers.config.agent.policy'];
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = `image: app@${DIGEST}`;

const audit = (text: string) => auditManifest(text, 'pod.yaml', KEYS);

/** Severity, id and message of all findings. */
function told(text: string): readonly string[] {
  return audit(text).findings.map(({ severity, id, message }) => `${severity} ${id}: ${message}`);
}

/** A confidential pod with a policy: `spec` and `container` are lines of YAML. */
function pod(container: readonly string[] = [], spec: readonly string[] = []): string {
  return [
    'apiVersion: v1',
    'kind: Pod',
    'metadata:',
    '  name: p',
    '  namespace: n',
    '  annotations: {io.katacontainers.config.agent.policy: cGFja2FnZQ==}',
    'spec:',
    '  runtimeClassName: kata-cc-isolation',
    ...spec.map((line) => `  ${line}`),
    '  containers:',
    '  - name: c',
    ...(container.some((line) => line.startsWith('image:')) ? [] : [`    ${IMAGE}`]),
    ...container.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

const LIMITED = ['resources: {limits: {memory: 1Gi}}'];
const vm = (total: number, extra: number) =>
  `info vm-memory: the virtual machine gets ${total} MiB of memory: 2048 MiB for its system, ${extra} MiB by the limits of the containers`;
const VM = vm(3072, 1024);

describe('manifests of AKS confidential containers', () => {
  it('that are in order have one finding: the size of the virtual machine', () => {
    expect(told(pod(LIMITED))).toEqual([VM]);
  });

  it.each<[string, readonly string[], readonly string[]]>([
    [
      'the tag latest',
      ['image: app:latest'],
      ['medium image-latest-tag: image app:latest is named by the tag latest'],
    ],
    ['no tag', ['image: app'], ['medium image-latest-tag: image app is named by the tag latest']],
    [
      'a tag',
      ['image: host:5000/app:1.2'],
      ['low image-mutable-tag: image host:5000/app:1.2 is named by the tag 1.2'],
    ],
    [
      'a termination message',
      ['terminationMessagePath: /x'],
      [
        'low termination-log: terminationMessagePath has no effect: the node does not see the message',
      ],
    ],
    [
      'its policy',
      ['terminationMessagePolicy: File'],
      [
        'low termination-log: terminationMessagePolicy has no effect: the node does not see the message',
      ],
    ],
    [
      'a password',
      ['env: [{name: DB_PASSWORD, value: hunter22}]'],
      ['high secret-in-manifest: variable DB_PASSWORD holds what looks like a secret (password)'],
    ],
    [
      'a secret argument',
      ['args: [run, --password, hunter22]'],
      ['high secret-in-manifest: word 3 of the command holds what looks like a secret (password)'],
    ],
    [
      'a secret in a command',
      ['command: [sh, -c, "PASSWORD=hunter22 run"]'],
      [
        'high secret-in-manifest: word 3 of the command holds what looks like a secret (password in a command line)',
      ],
    ],
    [
      'variables of a ConfigMap and a Secret',
      [
        'env:',
        '- {name: A, valueFrom: {configMapKeyRef: {name: cm, key: k}}}',
        '- {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}',
        '- {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}',
      ],
      [
        'low config-env-immutable: variables take their values from ConfigMap/cm, Secret/s: once deployed, a change there denies the container',
      ],
    ],
    [
      'envFrom',
      ['envFrom: [{secretRef: {name: s}}]'],
      [
        'low config-env-immutable: variables take their values from Secret/s: once deployed, a change there denies the container',
      ],
    ],
  ])('%s', (_what, container, want) => {
    expect(told(pod([...container, ...LIMITED]))).toEqual([...want, VM]);
  });

  it.each<[string, readonly string[], string]>([
    [
      'an IPv6 alias',
      ['hostAliases: [{ip: "fd00::1", hostnames: [x]}]'],
      'medium ipv6: fd00::1 is an IPv6 address',
    ],
    [
      'an IPv6 name server',
      ['dnsConfig: {nameservers: ["10.0.0.1", "::1"]}'],
      'medium ipv6: ::1 is an IPv6 address',
    ],
  ])('%s', (_what, spec, want) => {
    expect(told(pod(LIMITED, spec))).toEqual([want, VM]);
  });

  it('names the line of what it found, never a secret', () => {
    const text = pod(['env:', '- name: TOKEN', '  value: 0123456789abcdefABCDEF', ...LIMITED]);
    const [finding] = audit(text).findings;
    expect(finding).toMatchObject({
      id: 'secret-in-manifest',
      subject: 'Pod n/p, container c',
      path: 'spec.containers[0].env[0].value',
    });
    expect(printPlace(finding!.place)).toBe('pod.yaml:14:14');
    expect(JSON.stringify(finding)).not.toContain('0123456789');
  });
});

describe('memory of the virtual machine', () => {
  const containers = (...lines: readonly string[]) =>
    pod(LIMITED, []).replace(
      '    resources: {limits: {memory: 1Gi}}\n',
      `${lines.map((line) => `    ${line}`).join('\n')}\n`,
    );

  it('is the base alone without limits', () => {
    expect(told(pod())).toEqual([
      'low memory-limit-missing: no container has a memory limit',
      'info vm-memory: the virtual machine gets 2048 MiB of memory in all: no container has a memory limit',
    ]);
  });

  it.each([
    ['512Mi', 2560, 512],
    ['1G', 3002, 954],
    ['1e9', 3002, 954],
    ['1.5Gi', 3584, 1536],
    ['1048576', 2049, 1],
    ['500m', 2049, 1],
  ])('a limit of %s', (limit, total, extra) => {
    expect(told(containers(`resources: {limits: {memory: ${limit}}}`))).toEqual([vm(total, extra)]);
  });

  it('adds up containers, and takes the largest init container', () => {
    const text = pod(LIMITED, [
      'initContainers:',
      `- {name: i, ${IMAGE}, resources: {limits: {memory: 3Gi}}}`,
      `- {name: s, ${IMAGE}, restartPolicy: Always, resources: {limits: {memory: 1Gi}}}`,
    ]);
    expect(told(text)).toEqual([vm(5120, 3072)]);
    expect(told(text.replace('3Gi', '1Gi'))).toEqual([vm(4096, 2048)]);
  });

  it('requests do not count', () => {
    const requests = 'resources: {requests: {memory: 4Gi, cpu: 1}, limits: {cpu: 1}}';
    expect(told(containers(requests))).toEqual([
      'medium requests-without-limits: memory requested without a limit: requests do not size the virtual machine',
      'low memory-limit-missing: no container has a memory limit',
      'info vm-memory: the virtual machine gets 2048 MiB of memory in all: no container has a memory limit',
    ]);
  });

  it('is not computed from what is no quantity', () => {
    expect(told(containers('resources: {limits: {memory: lots}}'))).toEqual([]);
  });
});

describe('services', () => {
  const service = (...lines: readonly string[]) =>
    [
      'apiVersion: v1',
      'kind: Service',
      'metadata: {name: s}',
      'spec:',
      ...lines.map((line) => `  ${line}`),
      '',
    ].join('\n');

  it.each([
    ['TCP', 'ports: [{port: 80, protocol: TCP}, {port: 81}]', []],
    ['UDP', 'ports: [{port: 53, protocol: UDP}]', ['medium non-tcp-service: port 53 uses UDP']],
    ['SCTP', 'ports: [{port: 1, protocol: SCTP}]', ['medium non-tcp-service: port 1 uses SCTP']],
    ['both families', 'ipFamilies: [IPv4, IPv6]', ['medium ipv6: IPv6 is asked for: IPv6']],
    [
      'dual stack',
      'ipFamilyPolicy: PreferDualStack',
      ['medium ipv6: IPv6 is asked for: PreferDualStack'],
    ],
    ['single stack', 'ipFamilyPolicy: SingleStack', []],
    ['an address', 'clusterIP: "fd00::1"', ['medium ipv6: IPv6 is asked for: fd00::1']],
    ['IPv4', 'clusterIP: 10.0.0.1', []],
  ])('%s', (_what, line, want) => {
    expect(told(service(line))).toEqual(want);
  });

  it('have endpoints', () => {
    const slice = [
      'apiVersion: discovery.k8s.io/v1',
      'kind: EndpointSlice',
      'metadata: {name: e}',
      'addressType: IPv6',
      'ports: [{name: dns, protocol: UDP}]',
    ].join('\n');
    expect(told(slice)).toEqual([
      'medium ipv6: IPv6 is asked for: IPv6',
      'medium non-tcp-service: port dns uses UDP',
    ]);
    const endpoints = [
      'apiVersion: v1',
      'kind: Endpoints',
      'metadata: {name: e}',
      'subsets: [{addresses: [{ip: "::1"}], ports: [{port: 53, protocol: UDP}]}]',
    ].join('\n');
    expect(told(endpoints)).toHaveLength(2);
  });

  it('matter only beside pods of AKS, or alone', () => {
    const udp = service('ports: [{port: 53, protocol: UDP}]');
    const upstream = pod(LIMITED).replace('kata-cc-isolation', 'kata-qemu-snp');
    expect(told(`${pod(LIMITED)}---\n${udp}`)).toContain(
      'medium non-tcp-service: port 53 uses UDP',
    );
    expect(told(`${upstream}---\n${udp}`)).toEqual([]);
  });
});

describe('other manifests', () => {
  it('a pod outside of confidential guests', () => {
    expect(told(pod().replace('kata-cc-isolation', 'runc'))).toEqual([
      'medium not-confidential: the pod runs on the node itself, with runtime class runc',
    ]);
  });

  it('a pod without a policy', () => {
    const text = pod(LIMITED).replace(/ {2}annotations.*\n/, '');
    expect(told(text)).toEqual(['medium policy-missing: the pod has no policy', VM]);
  });

  it.each([
    ['io.katacontainers.config.hypervisor.enable_debug', 'true', true],
    ['io.katacontainers.config.hypervisor.enable_debug', 'false', false],
    ['io.katacontainers.config.hypervisor.kernel_params', 'agent.debug_console', true],
    ['io.katacontainers.config.hypervisor.kernel_params', 'agent.log=debug', true],
    ['io.katacontainers.config.hypervisor.kernel_params', 'quiet', false],
    ['example.com/debug', 'true', false],
  ])('annotation %s: %s', (key, value, isFound) => {
    const text = pod(LIMITED).replace('annotations: {', `annotations: {${key}: "${value}", `);
    expect(told(text).some((one) => one.startsWith('high debug-annotation'))).toBe(isFound);
  });

  it('templates, lists and several documents', () => {
    const deployment = [
      'apiVersion: v1',
      'kind: List',
      'items:',
      '- apiVersion: apps/v1',
      '  kind: Deployment',
      '  metadata: {name: d}',
      '  spec:',
      '    template:',
      '      metadata: {annotations: {io.katacontainers.config.agent.policy: eA==}}',
      `      spec: {runtimeClassName: kata-cc, containers: [{name: c, image: "app:1"}]}`,
    ].join('\n');
    const { findings, images } = audit(`${deployment}\n---\n${pod(LIMITED)}`);
    const tag = findings.find(({ id }) => id === 'image-mutable-tag');
    expect(tag).toMatchObject({
      subject: 'Deployment d, container c',
      path: 'items[0].spec.template.spec.containers[0].image',
    });
    expect(images.map(({ image }) => image)).toEqual(['app:1', `app@${DIGEST}`]);
  });

  it('objects that do not change need no warning', () => {
    const config = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\nimmutable: true\n';
    const text = pod(['envFrom: [{configMapRef: {name: cm}}]', ...LIMITED]);
    expect(told(`${config}---\n${text}`)).toEqual([VM]);
    expect(told(`${config.replace('true', 'false')}---\n${text}`)).toHaveLength(2);
  });

  it('a ConfigMap with a secret', () => {
    const text =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {password: hunter22}\n';
    expect(told(text)).toEqual([
      'high secret-in-manifest: key password holds what looks like a secret (password)',
    ]);
  });

  it('text that is not a manifest', () => {
    expect(() => audit('a: [')).toThrow(ToolError);
    for (const text of ['', '[]', '{"resources": []}']) {
      expect(() => audit(text)).toThrow('pod.yaml holds no Kubernetes object');
    }
  });

  it('odd shapes are passed over', () => {
    for (const text of ['kind: Pod', 'kind: Pod\nspec: 1', 'kind: Deployment\nspec: []']) {
      expect(audit(text).findings.filter(({ id }: Finding) => id !== 'not-confidential')).toEqual(
        [],
      );
    }
  });

  it('rules have ids of their own, in kebab case', () => {
    const ids = MANIFEST_AUDIT_RULES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
  });
});
