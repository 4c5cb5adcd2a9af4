/** Pods made at random from what a guest supports, as the objects that a manifest holds, and their policies. */
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { readManifest } from '../../src/manifest/kubernetes/read-manifest.js';
import { buildKataPolicyData } from '../../src/policy/kata/document.js';
import type { KataFamily } from '../../src/policy/kata/guests.js';
import { printPolicyText } from '../../src/policy/kata/print.js';
import { guestOf } from './kata-golden.js';
import { GROUP, imageOf, PASSWD, settingsOf, userFile } from './pod-models.js';
import { type MadePolicy, ownRules } from './rehearsal.js';

const KINDS: readonly string[] = [
  'Pod',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'ReplicaSet',
];

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,5}[a-z0-9])?$/);
/** Texts with all that needs an escape somewhere, but no reference to a variable. */
const text = fc.string({
  unit: fc.constantFrom(...'abz09 =,:#\'"\\/-_.*[]{}()|^+?~\n\té☃'),
  maxLength: 8,
});
const words = fc.array(
  text.filter((word) => word !== ''),
  { minLength: 1, maxLength: 3 },
);
const flag = fc.boolean();

/** Kinds of volumes, and the guests that have them. */
const VOLUMES: readonly (readonly [families: string, source: JsonObject])[] = [
  ['CVMU', { emptyDir: {} }],
  ['CVMU', { emptyDir: { medium: 'Memory' } }],
  ['CVMU', { configMap: { name: 'conf' } }],
  ['CVMU', { secret: { secretName: 'conf' } }],
  ['CVMU', { hostPath: { path: '/tmp/results' } }],
  ['CVMU', { hostPath: { path: '/dev/ttyS0' } }],
  ['CVMU', { persistentVolumeClaim: { claimName: 'claim' } }],
  ['CVMU', { projected: { defaultMode: 420 } }],
  ['CVMU', { downwardAPI: { items: [] } }],
  ['CVMU', { azureFile: { secretName: 's', shareName: 's' } }],
  ['CV', { ephemeral: { volumeClaimTemplate: { spec: { storageClassName: 'cc-managed-csi' } } } }],
];

const FIELD_PATHS: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'status.podIP',
  'status.hostIP',
  'spec.nodeName',
];

/** Of a container; `volumes` are names of the pod's volumes. */
function containerOf(family: KataFamily, volumes: readonly string[], guestPull: boolean) {
  const variable = fc.oneof(
    fc.record({ value: text }),
    fc
      .constantFrom(...FIELD_PATHS)
      .map((fieldPath) => ({ valueFrom: { fieldRef: { fieldPath } } })),
  );
  const security = fc.record({
    privileged: flag,
    readOnlyRootFilesystem: flag,
    allowPrivilegeEscalation: flag,
    capabilities: fc.record({
      add: fc.subarray(['NET_ADMIN', 'SYS_TIME']),
      drop: fc.subarray(['KILL', 'CHOWN', 'ALL']),
    }),
    ...(guestPull ? {} : { runAsUser: fc.constantFrom(0, 1000, 1002, 7777) }),
  });
  return fc
    .record({
      command: words,
      args: fc.array(text, { maxLength: 2 }),
      env: fc.uniqueArray(fc.tuple(fc.stringMatching(/^[A-Z]{2}[A-Z0-9_]{0,3}$/), variable), {
        maxLength: 3,
        selector: ([name]) => name,
      }),
      securityContext: security,
      probe: words,
      hook: words,
      mounted: fc.subarray([...volumes]),
      readOnly: flag,
      tty: flag,
      terminationMessagePath: fc.constantFrom('/dev/termination-log', '/tmp/end.log'),
      devices: fc.subarray(family === 'C' ? [] : ['/dev/one', '/dev/two']),
    })
    .map(({ env, mounted, readOnly, devices, ...rest }) => ({
      image: 'app:1',
      ...rest,
      env: env.map(([name, value]) => ({ name, ...value })),
      volumeMounts: mounted.map((name) => ({ name, mountPath: `/mnt/${name}`, readOnly })),
      ...(devices.length === 0
        ? {}
        : { volumeDevices: devices.map((devicePath) => ({ name: 'block', devicePath })) }),
    }));
}

/** The container with a name, a probe and a hook. Agents refuse the probes of containers with a terminal. */
function withCommands<T extends { tty: boolean; probe: string[]; hook: string[] }>(
  name: string,
  { probe, hook, ...container }: T,
) {
  if (container.tty) return { name, ...container };
  return {
    name,
    ...container,
    livenessProbe: { exec: { command: [`probe-${name}`, ...probe] } },
    lifecycle: { preStop: { exec: { command: [`stop-${name}`, ...hook] } } },
  };
}

/** A pod template: metadata and spec. */
function templateOf(family: KataFamily, guestPull: boolean) {
  const known = VOLUMES.filter(([families]) => families.includes(family));
  return fc.subarray(known.map((_, index) => index)).chain((chosen) => {
    const names = chosen.map((index) => `v${index}`);
    const container = containerOf(family, names, guestPull);
    const groups = {
      fsGroup: fc.constantFrom(0, 2000),
      supplementalGroups: fc.subarray([5, 7]),
    };
    return fc
      .record({
        annotations: fc.dictionary(label, text, { maxKeys: 2, noNullPrototype: true }),
        containers: fc.array(container, { minLength: 1, maxLength: 2 }),
        initContainers: fc.array(container, { maxLength: 1 }),
        hostNetwork: flag,
        shareProcessNamespace: flag,
        securityContext: guestPull || 'CV'.includes(family) ? fc.constant({}) : fc.record(groups),
      })
      .map(({ annotations, containers, initContainers, ...spec }) => ({
        metadata: { annotations },
        spec: {
          ...spec,
          containers: containers.map((one, i) => withCommands(`c${i}`, one)),
          initContainers: initContainers.map(({ probe: _probe, hook: _hook, ...one }, i) => ({
            name: `i${i}`,
            ...one,
          })),
          volumes: chosen.map((index) => ({ name: `v${index}`, ...known[index]?.[1] })),
        },
      }));
  });
}

export interface RandomPod {
  readonly object: JsonObject;
  readonly guestPull: boolean;
}

/** Workloads of all kinds that `family` can start. */
export function randomPods(family: KataFamily): fc.Arbitrary<RandomPod> {
  const pulls = family === 'U' ? flag : fc.constant(false);
  return pulls.chain((guestPull) =>
    fc
      .record({
        kind: fc.constantFrom(...KINDS),
        name: label,
        namespace: fc.option(label, { nil: undefined }),
        template: templateOf(family, guestPull),
      })
      .map(({ kind, name, namespace, template }) => {
        const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
        const object =
          kind === 'Pod'
            ? { ...template, metadata: { ...template.metadata, ...metadata } }
            : {
                metadata,
                spec: {
                  template,
                  selector: {},
                  ...(kind === 'StatefulSet' ? { serviceName: 's' } : {}),
                },
              };
        return { object: { apiVersion: 'v1', kind, ...object } as JsonObject, guestPull };
      }),
  );
}

const PAUSE = imageOf('pause', { user: '65535:65535', entrypoint: ['/pause'] });
const APP = [[userFile('passwd', PASSWD), userFile('group', GROUP)], []];

/** The policy of the only workload of a manifest text, under our rules. JSON is YAML. */
export function policyOfText(family: KataFamily, manifest: string, guestPull = false): MadePolicy {
  const guest = guestOf(family);
  const notices = () => undefined;
  const { workloads, attachments } = readManifest([{ file: 'pod.yaml', text: manifest }], {
    guest: family,
    notices,
  });
  const [workload] = workloads;
  if (workload === undefined) throw new Error('no workload');
  const settings = settingsOf(family, guestPull ? [] : NO_GUEST_PULL);
  const images = (reference: string) =>
    reference === settings.pauseImage
      ? PAUSE
      : imageOf(reference, { user: guestPull ? '' : 'app', volumes: ['/data'] }, APP);
  const data = buildKataPolicyData({ workload, attachments, images, settings, guest, notices });
  return {
    name: workload.name ?? '',
    workload,
    data,
    text: printPolicyText(ownRules(guest), data),
  };
}

const NO_GUEST_PULL: readonly JsonValue[] & readonly object[] = [
  { op: 'add', path: '/cluster_config/guest_pull', value: false },
];

/** The policy of a random pod. */
export function policyOfPod(family: KataFamily, { object, guestPull }: RandomPod): MadePolicy {
  return policyOfText(family, JSON.stringify(object), guestPull);
}
