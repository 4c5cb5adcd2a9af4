/** Audit of pods: images, secrets, memory, and what AKS confidential containers do not support. */
import { mutableTagOf, ruleOfTag } from '../../core/image-tag.js';
import { optionBefore, type SecretVariables } from '../../core/secret.js';
import type { Target } from '../target.js';
import { hitAt, secretHitsAt } from './hits.js';
import { type MemoryShare, parseBytes, printMebibytes, VM_BASE_BYTES, vmMemory } from './memory.js';
import { entriesOf, placeAt, type Spot, spotAt, spotsIn, textIn } from './nodes.js';
import type { ManifestHit } from './rules.js';

/** A pod or pod template. */
export interface AuditedPod {
  /** What holds `metadata` and `spec`. */
  readonly pod: Spot;
  /** The workload, for people. */
  readonly subject: string;
  readonly target: Target | undefined;
  /** The annotation with its policy is there. */
  readonly hasPolicy: boolean;
  /** Names of ConfigMaps and Secrets of the same text that say `immutable: true`, as `Kind/name`. */
  readonly immutable: ReadonlySet<string>;
}

type Hits = readonly ManifestHit[];

/** All hits of a pod. */
export function auditPod(audited: AuditedPod): Hits {
  const containers = containersOf(audited.pod);
  return [
    ...auditTarget(audited),
    ...auditAnnotations(audited),
    ...containers.flatMap((container) => auditContainer(audited, container)),
    ...(audited.target === 'aks' ? auditAksPod(audited, containers) : []),
  ];
}

interface PodContainer {
  readonly spot: Spot;
  readonly name: string;
  /** Runs to its end before the others start. */
  readonly isInit: boolean;
}

function containersOf(pod: Spot): readonly PodContainer[] {
  return ['initContainers', 'containers'].flatMap((list) =>
    spotsIn(pod, 'spec', list).map((spot, i) => ({
      spot,
      name: `container ${textIn(spot, 'name') ?? `number ${i + 1}`}`,
      isInit: list === 'initContainers' && textIn(spot, 'restartPolicy') !== 'Always',
    })),
  );
}

function auditTarget({ pod, subject, target, hasPolicy }: AuditedPod): Hits {
  if (target === undefined) {
    const runtimeClass = textIn(pod, 'spec', 'runtimeClassName');
    const message = `the pod runs on the node itself, with runtime class ${runtimeClass ?? 'of the cluster'}`;
    return [hitAt('not-confidential', message, subject, pod)];
  }
  return hasPolicy ? [] : [hitAt('policy-missing', 'the pod has no policy', subject, pod)];
}

const KATA_SETTING = /^io\.katacontainers\.config\./;
const DEBUG_KEY = /[._](?:enable_)?debug|debug_console/;
const DEBUG_VALUE =
  /agent\.(?:log=(?:debug|trace)|debug_console|devmode|enable_tracing)|systemd\.(?:debug|log_level=debug)/;

function auditAnnotations({ pod, subject }: AuditedPod): Hits {
  return entriesOf(pod, 'metadata', 'annotations').flatMap(([key, spot]) => {
    const value = textIn(spot) ?? '';
    const isOn = DEBUG_KEY.test(key) && !/^(?:false|0|)$/.test(value);
    const isDebug = KATA_SETTING.test(key) && (isOn || DEBUG_VALUE.test(value));
    const debug = hitAt(
      'debug-annotation',
      `annotation ${key} switches debugging on`,
      subject,
      spot,
    );
    return [
      ...(isDebug ? [debug] : []),
      ...secretHitsAt({ spot, name: key, what: `annotation ${key}`, subject }),
    ];
  });
}

function auditContainer(
  { subject: workload, immutable }: AuditedPod,
  container: PodContainer,
): Hits {
  const { spot, name } = container;
  const subject = `${workload}, ${name}`;
  return [
    ...auditImage(spot, subject),
    ...auditVariables(spot, subject),
    ...['command', 'args'].flatMap((list) => auditWords(spotsIn(spot, list), subject)),
    ...auditConfig(spot, subject, immutable),
  ];
}

function auditImage(container: Spot, subject: string): Hits {
  const spot = spotAt(container, 'image');
  const image = textIn(spot);
  const tag = image === undefined ? undefined : mutableTagOf(image);
  if (spot === undefined || tag === undefined) return [];
  return [hitAt(ruleOfTag(tag), `image ${image} is named by the tag ${tag}`, subject, spot)];
}

function auditVariables(container: Spot, subject: string): Hits {
  return spotsIn(container, 'env').flatMap((variable) => {
    const name = textIn(variable, 'name') ?? '';
    const value = spotAt(variable, 'value');
    if (value === undefined) return [];
    return secretHitsAt({ spot: value, name, what: `variable ${name}`, subject });
  });
}

function auditWords(words: readonly Spot[], subject: string): Hits {
  const texts = words.map((word) => textIn(word) ?? '');
  return words.flatMap((spot, i) =>
    secretHitsAt({
      spot,
      name: optionBefore(texts, i),
      what: `word ${i + 1} of the command`,
      subject,
    }),
  );
}

/** References to a ConfigMap or Secret: key in the manifest, kind of the object. */
const REFERENCES: readonly (readonly [string, string])[] = [
  ['configMapKeyRef', 'ConfigMap'],
  ['secretKeyRef', 'Secret'],
  ['configMapRef', 'ConfigMap'],
  ['secretRef', 'Secret'],
];

function auditConfig(container: Spot, subject: string, immutable: ReadonlySet<string>): Hits {
  const sources = [
    ...spotsIn(container, 'env').flatMap((variable) => spotAt(variable, 'valueFrom') ?? []),
    ...spotsIn(container, 'envFrom'),
  ];
  const objects = sources.flatMap((source) =>
    REFERENCES.flatMap(([key, kind]) => {
      const name = textIn(source, key, 'name');
      return name === undefined ? [] : [`${kind}/${name}`];
    }),
  );
  const mutable = [...new Set(objects)].filter((object) => !immutable.has(object));
  const spot = spotAt(container, 'env') ?? spotAt(container, 'envFrom');
  if (mutable.length === 0 || spot === undefined) return [];
  const message = `variables take their values from ${mutable.join(', ')}: once deployed, a change there denies the container`;
  return [hitAt('config-env-immutable', message, subject, spot)];
}

/** Container -> variable -> the Secret that its value comes from. */
export function secretsOf(pod: Spot): SecretVariables {
  const named = containersOf(pod).map(({ spot }) => {
    const variables = spotsIn(spot, 'env').flatMap((variable) => {
      const secret = textIn(variable, 'valueFrom', 'secretKeyRef', 'name');
      const name = textIn(variable, 'name');
      if (secret === undefined || name === undefined) return [];
      return [[name, `Secret/${secret}`] as const];
    });
    return [textIn(spot, 'name') ?? '', new Map(variables)] as const;
  });
  return new Map(named);
}

/** What AKS confidential containers do not support or do otherwise. */
function auditAksPod({ pod, subject }: AuditedPod, containers: readonly PodContainer[]): Hits {
  return [
    ...auditMemory(pod, subject, containers),
    ...containers.flatMap(({ spot, name }) => [
      ...auditRequests(spot, `${subject}, ${name}`),
      ...auditTerminationLog(spot, `${subject}, ${name}`),
    ]),
    ...auditAddresses(pod, subject),
  ];
}

function auditMemory(pod: Spot, subject: string, containers: readonly PodContainer[]): Hits {
  const limits = containers.map(({ spot, isInit }) => ({
    text: textIn(spot, 'resources', 'limits', 'memory'),
    isInit,
  }));
  const shares = limits.map(({ text, isInit }): MemoryShare | undefined => {
    const limitBytes = text === undefined ? 0 : parseBytes(text);
    return limitBytes === undefined ? undefined : { limitBytes, isInit };
  });
  if (shares.some((share) => share === undefined)) return [];
  const total = vmMemory(shares.filter((share) => share !== undefined));
  const base = printMebibytes(VM_BASE_BYTES);
  if (limits.every(({ text }) => text === undefined)) {
    const message = `the virtual machine gets ${base} of memory in all: no container has a memory limit`;
    return [
      hitAt('vm-memory', message, subject, pod),
      hitAt('memory-limit-missing', 'no container has a memory limit', subject, pod),
    ];
  }
  const message = `the virtual machine gets ${printMebibytes(total)} of memory: ${base} for its system, ${printMebibytes(total - VM_BASE_BYTES)} by the limits of the containers`;
  return [hitAt('vm-memory', message, subject, pod)];
}

function auditRequests(container: Spot, subject: string): Hits {
  const limits = new Set(entriesOf(container, 'resources', 'limits').map(([name]) => name));
  const missing = entriesOf(container, 'resources', 'requests')
    .map(([name]) => name)
    .filter((name) => !limits.has(name));
  const spot = spotAt(container, 'resources', 'requests');
  if (missing.length === 0 || spot === undefined) return [];
  const message = `${missing.join(', ')} requested without a limit: requests do not size the virtual machine`;
  return [hitAt('requests-without-limits', message, subject, spot)];
}

function auditTerminationLog(container: Spot, subject: string): Hits {
  return ['terminationMessagePath', 'terminationMessagePolicy'].flatMap((key) => {
    const spot = spotAt(container, key);
    if (spot === undefined) return [];
    return [
      hitAt(
        'termination-log',
        `${key} has no effect: the node does not see the message`,
        subject,
        spot,
      ),
    ];
  });
}

function auditAddresses(pod: Spot, subject: string): Hits {
  const spots = [
    ...spotsIn(pod, 'spec', 'hostAliases').flatMap((alias) => spotAt(alias, 'ip') ?? []),
    ...spotsIn(pod, 'spec', 'dnsConfig', 'nameservers'),
  ];
  return spots
    .filter((spot) => textIn(spot)?.includes(':'))
    .map((spot) => hitAt('ipv6', `${textIn(spot)} is an IPv6 address`, subject, spot));
}

/** Images of a pod with their places. */
export function imagesOf(pod: Spot): readonly { readonly image: string; readonly at: string }[] {
  return containersOf(pod).flatMap(({ spot }) => {
    const node = spotAt(spot, 'image');
    const image = textIn(node);
    return node === undefined || image === undefined ? [] : [{ image, at: placeAt(node) }];
  });
}
