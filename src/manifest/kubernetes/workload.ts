/** One object of a workload kind -> PodWorkload (kata policy data, sections 3.2 and 10). */
import { withoutAbsent } from '../../core/record.js';
import type { Placement, PodWorkload, PodWorkloadKind } from '../../workload/pod.js';
import { type Cursor, placeOf, report } from './context.js';
import { type Fields, openFields } from './fields.js';
import { readPodSpec } from './pod.js';
import { METADATA, POD_TEMPLATE } from './pod-fields.js';
import { listField, requiredField, textField, textMapField } from './values.js';
import { readClaimTemplate } from './volume.js';
import { REQUIRED, SPECS, WORKLOAD } from './workload-fields.js';

/** The workload, or undefined if something on the way to its pods is missing, which is reported. */
export function readWorkload(
  cursor: Cursor,
  kind: PodWorkloadKind,
  placement: Placement,
): PodWorkload | undefined {
  const object = openFields(cursor, WORKLOAD);
  const metadata = openMetadata(object);
  const spec = requiredField(object, 'spec');
  if (spec === undefined) return undefined;
  const found = kind === 'Pod' ? { spec, metadata, claims: [] } : findPod(spec, kind);
  if (found === undefined) return undefined;
  if (kind === 'Pod') requireName(object, metadata);
  return withoutAbsent({
    kind,
    name: metadata && textField(metadata, 'name'),
    generateName: metadata && textField(metadata, 'generateName'),
    namespace: metadata && textField(metadata, 'namespace'),
    annotations: (found.metadata && textMapField(found.metadata, 'annotations')) ?? new Map(),
    labels: found.metadata && textMapField(found.metadata, 'labels'),
    pod: readPodSpec(found.spec),
    claimTemplates: found.claims.map(readClaimTemplate),
    placement,
    at: placeOf(cursor),
  });
}

interface FoundPod {
  readonly spec: Cursor;
  readonly metadata: Fields | undefined;
  readonly claims: readonly Cursor[];
}

/** Descends from the spec of a controller to the pod template. */
function findPod(spec: Cursor, kind: Exclude<PodWorkloadKind, 'Pod'>): FoundPod | undefined {
  const fields = openFields(spec, SPECS[kind]);
  for (const name of REQUIRED[kind] ?? []) requiredField(fields, name);
  if (kind === 'CronJob') {
    const job = requiredField(fields, 'jobTemplate');
    const inner = job && requiredField(openFields(job, POD_TEMPLATE), 'spec');
    return inner && findPod(inner, 'Job');
  }
  const template = requiredField(fields, 'template');
  if (template === undefined) return undefined;
  const pod = openFields(template, POD_TEMPLATE);
  const podSpec = requiredField(pod, 'spec');
  if (podSpec === undefined) return undefined;
  return {
    spec: podSpec,
    metadata: openMetadata(pod),
    claims: listField(fields, 'volumeClaimTemplates') ?? [],
  };
}

function openMetadata(object: Fields): Fields | undefined {
  const metadata = object.values.get('metadata');
  return metadata === undefined ? undefined : openFields(metadata, METADATA);
}

/** The API server refuses a Pod without a name; of the references only that of U does not, and that of C an empty one. */
function requireName(object: Fields, metadata: Fields | undefined): void {
  const { cursor } = metadata ?? object;
  const { guest } = cursor.context;
  const isEmpty = guest === 'C' && metadata !== undefined && textField(metadata, 'name') === '';
  const named = metadata?.values.has('name') || metadata?.values.has('generateName');
  if ((named && !isEmpty) || guest === 'U') return;
  report(cursor, 'MANIFEST_INVALID', 'the pod has no name', {
    want: 'metadata.name or metadata.generateName',
  });
}
