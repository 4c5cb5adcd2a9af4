/** Virtual-node YAML -> container groups, one per workload (aci policy 9). */
import { type DataMap, type DataValue, exactly, isMap, isTruthy, lookUp } from '../../core/data.js';
import type { ToolError } from '../../core/error.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import { locate } from '../../core/locate.js';
import { withoutAbsent } from '../../core/record.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { readMaps } from '../group/fragments.js';
import { type GroupReading, WORKLOAD_IDENTITY_LABEL } from '../group/reading.js';
import { findObjects } from '../kubernetes/objects.js';
import type { ManifestInput } from '../kubernetes/read-manifest.js';
import { nodeAt } from '../target.js';
import { createDataReader } from '../yaml/data.js';
import type { YamlDocument } from '../yaml/node.js';
import { parseYaml } from '../yaml/parse.js';
import { type PodContext, readContainer } from './container.js';
import { readVolumes } from './mounts.js';
import { collectObjects, type ReferencedObjects } from './references.js';

/** Annotation of the pod (template) that carries its policy. */
export const VIRTUAL_NODE_ANNOTATION = 'microsoft.containerinstance.virtualnode.ccepolicy';

const KINDS: ReadonlySet<DataValue> = new Set([
  'Pod',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'ReplicaSet',
]);
/** Where a pod is looked for, the first that is there. */
const POD_KEYS = ['spec', 'template', 'jobTemplate'];

interface FoundWorkload {
  readonly object: DataMap;
  readonly document: YamlDocument;
  readonly path: readonly (string | number)[];
}

/**
 * The groups of all inputs in order, those in a List too. ConfigMaps and Secrets of any input count, also of
 * attachments, whose workloads are left alone. Other kinds are passed over. Throws MANIFEST_SYNTAX, MANIFEST_INVALID,
 * MANIFEST_REFERENCE_MISSING, LIMIT_EXCEEDED, and what the approval throws.
 */
export function readVirtualNodes(
  inputs: readonly ManifestInput[],
  reading: GroupReading,
): readonly ContainerGroup[] {
  const { workloads, objects } = findWorkloads(inputs);
  const referenced = collectObjects(objects);
  return workloads.map((workload) => readGroup(workload, referenced, reading));
}

/** The policy that stands in a workload. */
export interface VirtualNodePolicy {
  /** Of the pod (template). */
  readonly podName: string | undefined;
  /** Base64 as written; undefined where there is none. */
  readonly policy: string | undefined;
  readonly at: string;
}

/** The policies of all workloads in order; nothing else of them is read. Throws MANIFEST_SYNTAX, LIMIT_EXCEEDED. */
export function listVirtualNodePolicies(
  inputs: readonly ManifestInput[],
): readonly VirtualNodePolicy[] {
  return findWorkloads(inputs).workloads.map(({ object, document, path }) => {
    const metadata = exactly(findPod(object, [])?.pod, 'metadata');
    const policy = exactly(exactly(metadata, 'annotations'), VIRTUAL_NODE_ANNOTATION);
    return {
      podName: textOrAbsent(exactly(metadata, 'name')),
      policy: textOrAbsent(policy),
      at: locateAt(document, path),
    };
  });
}

function findWorkloads(inputs: readonly ManifestInput[]): {
  readonly workloads: readonly FoundWorkload[];
  readonly objects: readonly DataValue[];
} {
  const workloads: FoundWorkload[] = [];
  const objects: DataValue[] = [];
  for (const { file, text, role } of inputs) {
    for (const document of parseYaml(text, file)) {
      const read = createDataReader(document.source);
      for (const { node, path } of findObjects(document)) {
        const object = read(node);
        objects.push(object);
        if (role === 'attachment' || !isMap(object) || !KINDS.has(exactly(object, 'kind')))
          continue;
        workloads.push({ object, document, path });
      }
    }
  }
  return { workloads, objects };
}

function readGroup(
  { object, document, path }: FoundWorkload,
  objects: ReferencedObjects,
  reading: GroupReading,
): ContainerGroup {
  const at = locateAt(document, path);
  const place: JsonPlace = { code: 'MANIFEST_INVALID', what: at, path: '' };
  const found = findPod(object, []);
  if (found === undefined) throw noContainers('spec with containers', place);
  const spec = exactly(found.pod, 'spec');
  const specPlace = below([...found.path].reduce<JsonPlace>(below, place), 'spec');
  const list = (key: string) => readMaps(exactly(spec, key), below(specPlace, key));
  if (list('containers').length === 0) throw noContainers('containers', place);
  const metadata = exactly(found.pod, 'metadata');
  const pod: PodContext = {
    securityContext: lookUp(spec, 'securityContext'),
    workloadIdentity: exactly(exactly(metadata, 'labels'), WORKLOAD_IDENTITY_LABEL) === 'true',
    volumes: readVolumes(
      exactly(spec, 'volumes'),
      exactly(exactly(object, 'spec'), 'volumeClaimTemplates'),
      specPlace,
    ),
    objects,
    reading,
  };
  const existing = exactly(exactly(metadata, 'annotations'), VIRTUAL_NODE_ANNOTATION);
  return withoutAbsent({
    source: 'vn2' as const,
    kind: String(exactly(object, 'kind')),
    name: textOrAbsent(exactly(exactly(object, 'metadata'), 'name')),
    namespace: textOrAbsent(exactly(exactly(object, 'metadata'), 'namespace')),
    podName: textOrAbsent(exactly(metadata, 'name')),
    os: runsOnWindows(spec) ? ('windows' as const) : ('linux' as const),
    defaults: 'vn2' as const,
    containers: ['containers', 'initContainers'].flatMap((key) =>
      list(key).map((one, i) => {
        const what = locateAt(document, [...path, ...found.path, 'spec', key, i]);
        return readContainer(one, { ...below(below(specPlace, key), i), what }, pod);
      }),
    ),
    fragments: [],
    standaloneFragments: [],
    excludesInfrastructure: false,
    placement: {
      kind: 'annotation' as const,
      file: document.source.file,
      document: document.index,
      path: [...path, ...found.path, 'metadata', 'annotations'],
    },
    existingPolicy: textOrAbsent(existing),
    at,
  });
}

/** file:line:column of a node; of the document where merge keys and aliases hide it. */
function locateAt(document: YamlDocument, path: readonly (string | number)[]): string {
  const node = nodeAt(document.root, path) ?? document.root;
  return locate(document.source, node.start);
}

interface FoundPod {
  readonly pod: DataMap;
  readonly path: readonly string[];
}

/** The first object on the way down whose spec has containers. */
function findPod(object: DataValue, path: readonly string[]): FoundPod | undefined {
  if (!isMap(object)) return undefined;
  const spec = object.get('spec');
  if (isMap(spec) && spec.has('containers')) return { pod: object, path };
  const next = POD_KEYS.find((key) => object.has(key));
  return next === undefined ? undefined : findPod(object.get(next) ?? null, [...path, next]);
}

function runsOnWindows(spec: DataValue): boolean {
  const selected = exactly(exactly(spec, 'nodeSelector'), 'kubernetes.io/os');
  return [exactly(exactly(spec, 'os'), 'name'), selected].includes('windows');
}

function textOrAbsent(value: DataValue): string | undefined {
  return typeof value === 'string' && isTruthy(value) ? value : undefined;
}

function noContainers(what: string, place: JsonPlace): ToolError {
  return invalidAt(place, `has no ${what}`, {
    hints: ['a workload needs a pod with at least one container'],
  });
}
