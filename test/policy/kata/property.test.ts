import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../../src/manifest/kubernetes/read-manifest.js';
import { buildKataPolicyData } from '../../../src/policy/kata/document.js';
import { KATA_GUESTS, type KataGuest } from '../../../src/policy/kata/guests.js';
import { printPolicyData } from '../../../src/policy/kata/print.js';
import { GROUP, imageOf, PASSWD, settingsOf, userFile } from '../../support/pod-models.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const SEED = 0x5eed;
/** Users may differ from root. */
const NO_GUEST_PULL = [{ op: 'add', path: '/cluster_config/guest_pull', value: false }];
const IMAGE = imageOf('app:1', { user: '0', entrypoint: ['/app'], cmd: ['x'], volumes: ['/vol'] }, [
  [userFile('passwd', PASSWD), userFile('group', GROUP)],
]);

/** A pod with most of what every guest supports. */
const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    namespace: 'ns',
    labels: { a: '1', b: '2' },
    annotations: { x: '1', y: '2' },
  },
  spec: {
    runtimeClassName: 'kata-cc-isolation',
    shareProcessNamespace: false,
    hostNetwork: false,
    securityContext: { runAsUser: 0 },
    initContainers: [{ name: 'init', image: 'app:1', command: ['true'] }],
    containers: [
      {
        name: 'c',
        image: 'app:1',
        args: ['--port', '$(PORT)'],
        env: [
          { name: 'PORT', value: '8080' },
          { name: 'FROM', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k1' } } },
        ],
        envFrom: [{ configMapRef: { name: 'cm' } }],
        securityContext: {
          privileged: false,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { add: ['NET_ADMIN'], drop: ['KILL'] },
        },
        livenessProbe: { exec: { command: ['cat', '/ok'] }, periodSeconds: 5 },
        volumeMounts: [
          { name: 'dir', mountPath: '/dir', readOnly: true },
          { name: 'conf', mountPath: '/conf' },
        ],
        tty: true,
        terminationMessagePath: '/end',
      },
    ],
    volumes: [
      { name: 'dir', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } },
      { name: 'conf', configMap: { name: 'cm', optional: false } },
    ],
  },
} satisfies Json;
const CONFIG_MAP = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cm' },
  data: { k1: 'v1', k0: 'v0', k2: 'v2' },
} satisfies Json;

/** The policy data of a pod; JSON is YAML. */
function policyOf(guest: KataGuest, pod: Json, configMap: Json = CONFIG_MAP): string {
  const inputs = [pod, configMap].map((value, index) => ({
    file: `${index}.yaml`,
    text: JSON.stringify(value),
  }));
  const { workloads, attachments } = readManifest(inputs, {
    guest: guest.family,
    notices: () => {},
  });
  const [workload] = workloads;
  if (workload === undefined) throw new Error('no workload');
  const settings = settingsOf(guest.family, NO_GUEST_PULL);
  const images = (reference: string) => ({ ...IMAGE, image: { ...IMAGE.image, reference } });
  const notices = () => {};
  return printPolicyData(
    buildKataPolicyData({ workload, attachments, images, settings, guest, notices }),
  );
}

/** The same value with the keys of every mapping in another order. */
function shuffled(value: Json, next: () => number): Json {
  if (Array.isArray(value)) return value.map((element) => shuffled(element, next));
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value)
    .map((key) => ({ key, rank: next() }))
    .sort((a, b) => a.rank - b.rank);
  return Object.fromEntries(keys.map(({ key }) => [key, shuffled(value[key] ?? null, next)]));
}

describe('the policy', () => {
  it.each(KATA_GUESTS)('of $id does not depend on the order of keys', (guest) => {
    const expected = policyOf(guest, POD);
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
        const next = () => Number(stream.next().value);
        expect(policyOf(guest, shuffled(POD, next), shuffled(CONFIG_MAP, next))).toBe(expected);
      }),
      { seed: SEED, numRuns: 30 },
    );
  });

  const [container] = POD.spec.containers;
  const withContainer = (fields: { [key: string]: Json }): Json => ({
    ...POD,
    spec: { ...POD.spec, containers: [{ ...container, ...fields }] },
  });
  const withSpec = (fields: { [key: string]: Json }): Json => ({
    ...POD,
    spec: { ...POD.spec, ...fields },
  });
  const security = container?.securityContext ?? {};
  it.each<[string, Json]>([
    ['image', withContainer({ image: 'app:2' })],
    ['command', withContainer({ command: ['/other'] })],
    ['args', withContainer({ args: ['--port'] })],
    ['a variable', withContainer({ env: [{ name: 'PORT', value: '8081' }] })],
    ['variables from a ConfigMap', withContainer({ envFrom: [] })],
    ['user', withContainer({ securityContext: { ...security, runAsUser: 1000 } })],
    ['privileged', withContainer({ securityContext: { ...security, privileged: true } })],
    [
      'escalation',
      withContainer({ securityContext: { ...security, allowPrivilegeEscalation: true } }),
    ],
    [
      'read-only root',
      withContainer({ securityContext: { ...security, readOnlyRootFilesystem: false } }),
    ],
    [
      'capabilities',
      withContainer({ securityContext: { ...security, capabilities: { drop: ['ALL'] } } }),
    ],
    ['a probe', withContainer({ livenessProbe: { exec: { command: ['sh'] } } })],
    ['a mount', withContainer({ volumeMounts: [] })],
    ['terminal', withContainer({ tty: false })],
    ['the termination log', withContainer({ terminationMessagePath: '/other' })],
    ['container name', withContainer({ name: 'd' })],
    ['an init container', withSpec({ initContainers: [] })],
    ['a volume', withSpec({ volumes: [{ name: 'dir', hostPath: { path: '/' } }] })],
    ['the user of the pod', withSpec({ securityContext: { runAsUser: 1000 } })],
    ['the process namespace', withSpec({ shareProcessNamespace: true })],
    ['the network', withSpec({ hostNetwork: true })],
    ['an annotation', { ...POD, metadata: { ...POD.metadata, annotations: { x: '1' } } }],
    ['the namespace', { ...POD, metadata: { ...POD.metadata, namespace: 'other' } }],
    ['the name', { ...POD, metadata: { ...POD.metadata, name: 'q' } }],
  ])('depends on %s', (_name, changed) => {
    for (const guest of KATA_GUESTS) {
      expect(policyOf(guest, changed)).not.toBe(policyOf(guest, POD));
    }
  });

  it('depends on the data of a ConfigMap and on the image', () => {
    for (const guest of KATA_GUESTS) {
      const other = { ...CONFIG_MAP, data: { ...CONFIG_MAP.data, k2: 'other' } };
      expect(policyOf(guest, POD, other)).not.toBe(policyOf(guest, POD));
    }
  });
});
