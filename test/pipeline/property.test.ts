/** Laws of policy generation, over the golden manifests of every guest. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { generateKata, type KataPorts } from '../../src/pipeline.js';
import { KATA_GUESTS, type KataFamily, POLICY_ANNOTATIONS } from '../../src/policy/kata/guests.js';
import { fullPod } from '../support/full-pod.js';
import {
  goldenCases,
  goldenPorts,
  goldenRequest,
  OTHER_IMAGE,
} from '../support/golden-pipeline.js';
import type { GoldenCase } from '../support/kata-golden.js';
import {
  dice,
  findPaths,
  type Mapping,
  printRandomly,
  printValues,
  readValues,
  type Value,
  type ValuePath,
  valueAt,
  withValue,
} from '../support/manifest-values.js';

const SEED = 0xc0de;
const FAMILIES = KATA_GUESTS.map(({ family }) => family);
/** Larger manifests say nothing new, and take longer. */
const MOST_CHARACTERS = 6000;

interface Sample {
  readonly row: GoldenCase;
  readonly family: KataFamily;
  readonly documents: readonly Value[];
}

/** Cases of a guest with a policy for every workload, where the reference accepts them and values can hold them. */
function samplesOf(family: KataFamily): readonly Sample[] {
  return goldenCases(family).flatMap((row) => {
    if (row.outcome[family] !== 'ok' || row.args.runtime_class_names !== undefined) return [];
    const text = goldenRequest(row, family).inputs[0]?.text ?? '';
    const documents = text.length > MOST_CHARACTERS ? undefined : readValues(text);
    return documents === undefined ? [] : [{ row, family, documents }];
  });
}

/** A case whose images are those of the pod with every field. */
function fullSample(family: KataFamily): Sample {
  const row = goldenCases(family).find(({ name }) => name === 'kind-pod-minimal')!;
  return { row, family, documents: [fullPod(family)] };
}

const samples = FAMILIES.flatMap(samplesOf);

let ports: KataPorts;
beforeAll(async () => {
  ports = await goldenPorts();
});

/** The measurements of all policies of a text, or the code with which it is refused. */
async function measure({ row, family }: Sample, text: string): Promise<string> {
  try {
    const policies = await generateKata(goldenRequest(row, family, text), ports);
    return policies.map(({ measurement }) => measurement).join(' ');
  } catch (error) {
    if (error instanceof ToolError && error.code !== 'INTERNAL') return `refused ${error.code}`;
    throw error;
  }
}

const base = new Map<Sample, Promise<string>>();
function baseOf(sample: Sample): Promise<string> {
  const known = base.get(sample) ?? measure(sample, printValues(sample.documents));
  base.set(sample, known);
  return known;
}

describe('the measurement', () => {
  it('does not depend on the order of keys, on comments, style or quotes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...samples), dice, async (sample, roll) => {
        const text = printRandomly(sample.documents, roll);
        expect(await measure(sample, text), text).toBe(await baseOf(sample));
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
});

type Change = (value: Value) => Value | undefined;

/** Undefined where the change does not apply. */
const CHANGES = {
  longer: (value) => (typeof value === 'string' ? `${value}x` : undefined),
  shorter: (value) =>
    typeof value === 'string' && value.length > 1 ? value.slice(0, -1) : undefined,
  other: (value) => (typeof value === 'boolean' ? !value : undefined),
  next: (value) => (typeof value === 'number' ? value + 1 : undefined),
  more: (value) => (Array.isArray(value) ? [...value, 'extra'] : undefined),
  less: (value) => (Array.isArray(value) && value.length > 0 ? value.slice(0, -1) : undefined),
  swapped: (value) =>
    Array.isArray(value) && value.length > 1 && value[0] !== value.at(-1)
      ? value.toReversed()
      : undefined,
  image: () => OTHER_IMAGE,
  id: () => 4242,
  memory: (value) =>
    value !== null && typeof value === 'object' && !('medium' in value)
      ? { medium: 'Memory' }
      : undefined,
} as const satisfies Record<string, Change>;
type ChangeName = keyof typeof CHANGES;

interface Field {
  /** In the pod template; a `c` in front stands for all containers and init containers. */
  readonly at: string;
  readonly changes: readonly ChangeName[];
  /** Letters of the guests that see the field; all if absent. */
  readonly guests?: string;
  /** False where the field has no effect. */
  readonly when?: (pod: Mapping, path: ValuePath) => boolean;
}

const TEXT = ['longer', 'shorter'] as const;
const LIST = ['more', 'less', 'swapped'] as const;
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];
const HOOKS = ['lifecycle.postStart', 'lifecycle.preStop'];

/** Fields of a pod template that the guest can see (kata policy data, sections 7 to 10). */
const POD_FIELDS: readonly Field[] = [
  { at: 'metadata.annotations.*', changes: TEXT, when: isNoPolicy },
  { at: 'spec.hostNetwork', changes: ['other'] },
  { at: 'spec.shareProcessNamespace', changes: ['other'] },
  { at: 'spec.securityContext.runAsUser', changes: ['next'] },
  { at: 'spec.securityContext.runAsGroup', changes: ['next'], guests: 'MU' },
  { at: 'spec.securityContext.fsGroup', changes: ['next'], guests: 'MU' },
  { at: 'spec.securityContext.sysctls.*.value', changes: TEXT, guests: 'VMU' },
  { at: 'c.name', changes: TEXT },
  { at: 'c.image', changes: ['image'] },
  { at: 'c.command', changes: LIST },
  { at: 'c.command.*', changes: TEXT },
  { at: 'c.args', changes: LIST },
  { at: 'c.args.*', changes: TEXT },
  { at: 'c.env.*.name', changes: TEXT },
  { at: 'c.env.*.value', changes: TEXT },
  { at: 'c.tty', changes: ['other'] },
  { at: 'c.terminationMessagePath', changes: TEXT },
  { at: 'c.securityContext.privileged', changes: ['other'] },
  { at: 'c.securityContext.readOnlyRootFilesystem', changes: ['other'] },
  { at: 'c.securityContext.allowPrivilegeEscalation', changes: ['other'] },
  { at: 'c.securityContext.runAsUser', changes: ['next'] },
  { at: 'c.securityContext.runAsGroup', changes: ['next'], guests: 'MU' },
  { at: 'c.securityContext.capabilities.add', changes: ['more'] },
  { at: 'c.volumeDevices.*.devicePath', changes: TEXT, guests: 'VMU' },
  { at: 'c.volumeMounts.*.mountPath', changes: ['longer'], when: isMounted },
  { at: 'c.volumeMounts.*.readOnly', changes: ['other'], when: isOfHostPath },
  { at: 'spec.volumes.*.emptyDir', changes: ['memory'], when: isMountedVolume },
  ...[...PROBES, ...HOOKS].flatMap((name) => [
    { at: `c.${name}.exec.command`, changes: ['more', 'less'] as const },
    { at: `c.${name}.exec.command.*`, changes: TEXT },
  ]),
];

/** Fields of the object itself. */
const OBJECT_FIELDS: readonly (Field & { readonly kinds?: readonly string[] })[] = [
  { at: 'metadata.namespace', changes: TEXT },
  { at: 'metadata.name', changes: TEXT, guests: 'U' },
  { at: 'metadata.name', changes: TEXT, kinds: ['Pod'] },
];

function isNoPolicy(_pod: Mapping, path: ValuePath): boolean {
  return !POLICY_ANNOTATIONS.includes(String(path.at(-1)));
}

const volumesOf = (pod: Mapping) => (valueAt(pod, ['spec', 'volumes']) ?? []) as Mapping[];

/** The volume of the mount that `path` leads into. */
function volumeAt(pod: Mapping, path: ValuePath): Mapping | undefined {
  const name = valueAt(pod, [...path.slice(0, -1), 'name']);
  return volumesOf(pod).find((volume) => volume.name === name);
}

function isMounted(pod: Mapping, path: ValuePath): boolean {
  return volumeAt(pod, path) !== undefined;
}

function isOfHostPath(pod: Mapping, path: ValuePath): boolean {
  return volumeAt(pod, path)?.hostPath !== undefined;
}

function isMountedVolume(pod: Mapping, path: ValuePath): boolean {
  const name = valueAt(pod, [...path.slice(0, -1), 'name']);
  return containerPaths(pod).some((container) =>
    ((valueAt(pod, [...container, 'volumeMounts']) ?? []) as Mapping[]).some(
      (mount) => mount.name === name && mount.subPathExpr === undefined,
    ),
  );
}

const containerPaths = (pod: Mapping) => [
  ...findPaths(pod, 'spec.initContainers.*'),
  ...findPaths(pod, 'spec.containers.*'),
];

const POD_PATHS: Readonly<Record<string, ValuePath>> = {
  Pod: [],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
  ...Object.fromEntries(
    ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job'].map(
      (kind) => [kind, ['spec', 'template']],
    ),
  ),
};

/** One change of one field of a sample. */
interface Mutation {
  readonly field: Field;
  readonly sample: Sample;
  readonly path: ValuePath;
  readonly change: ChangeName;
  readonly value: Value;
}

function mutationsOf(sample: Sample): readonly Mutation[] {
  // Annotations of the manifest take the place of those that the fields make, as in the reference.
  if (JSON.stringify(sample.documents).includes('io.kubernetes.cri.')) return [];
  return sample.documents.flatMap((document, index) => {
    const kind = String(valueAt(document, ['kind']));
    const podPath = POD_PATHS[kind];
    if (podPath === undefined) return [];
    const pod = valueAt(document, podPath) as Mapping;
    const object = OBJECT_FIELDS.filter(({ kinds = [kind] }) => kinds.includes(kind));
    return [
      ...object.flatMap((field) => changesOf(sample, document as Mapping, field)),
      ...POD_FIELDS.flatMap((field) => changesOf(sample, pod, field)).map((one) => ({
        ...one,
        path: [...podPath, ...one.path],
      })),
    ].map((one) => ({ ...one, path: [index, ...one.path] }));
  });
}

function changesOf(sample: Sample, root: Mapping, field: Field): readonly Mutation[] {
  const { at, changes, guests = 'CVMU', when = () => true } = field;
  if (!guests.includes(sample.family)) return [];
  const patterns = at.startsWith('c.')
    ? [`spec.containers.*${at.slice(1)}`, `spec.initContainers.*${at.slice(1)}`]
    : [at];
  return patterns
    .flatMap((pattern) => findPaths(root, pattern))
    .filter((path) => when(root, path))
    .flatMap((path) =>
      changes.flatMap((change) => {
        const value = CHANGES[change](valueAt(root, path) ?? null);
        return value === undefined ? [] : [{ sample, field, path, change, value }];
      }),
    );
}

const HEX = /^[0-9a-f]{64}(?: [0-9a-f]{64})*$/;

async function expectChange({ sample, path, value }: Mutation): Promise<void> {
  const { row, family } = sample;
  const what = `${row.name} ${family} ${path.join('.')} = ${JSON.stringify(value)}`;
  expect(await measure(sample, textOf(sample, path, value)), what).not.toBe(await baseOf(sample));
}

/** The manifest of a sample with another value at one path. */
function textOf({ documents }: Sample, path: ValuePath, value: Value): string {
  return printValues(withValue([...documents], path, value) as Value[]);
}

describe('every field that the guest sees', () => {
  const mutations = samples.flatMap(mutationsOf);

  it.each(FAMILIES)('changes the measurement of a pod for %s that has them all', async (family) => {
    const own = mutationsOf(fullSample(family));
    expect(await baseOf(own[0]!.sample)).toMatch(HEX);
    for (const mutation of own) await expectChange(mutation);
  });

  it('changes the measurement of golden manifests, or makes one that is refused', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(...mutations), expectChange), {
      seed: SEED,
      numRuns: 2000,
    });
  });

  it('is in golden manifests that are not refused', async () => {
    expect(mutations.length).toBeGreaterThan(1000);
    const outcomes = await Promise.all([...new Set(mutations.map(({ sample }) => baseOf(sample)))]);
    expect(outcomes.filter((outcome) => !HEX.test(outcome))).toEqual([]);
  });

  it('is changed in each of its ways for each guest', () => {
    const full = FAMILIES.map(fullSample).flatMap(mutationsOf);
    const made = new Set(full.map((one) => [one.field.at, one.change, one.sample.family].join()));
    const missing = [...POD_FIELDS, ...OBJECT_FIELDS].flatMap(({ at, changes, guests = 'CVMU' }) =>
      changes.flatMap((change) =>
        [...guests].map((family) => [at, change, family].join()).filter((one) => !made.has(one)),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('is refused for its change in few cases only', async () => {
    const some = fc.sample(fc.constantFrom(...mutations), { seed: SEED, numRuns: 200 });
    const outcomes = await Promise.all(
      some.map(({ sample, path, value }) => measure(sample, textOf(sample, path, value))),
    );
    const refused = outcomes.filter((outcome) => outcome.startsWith('refused'));
    expect(refused.length).toBeLessThan(outcomes.length * 0.1);
  });
});
