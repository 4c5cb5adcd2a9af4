/** One Kubernetes object of a document: its header, and what its kind asks for (kata policy data, section 3). */
import type { Notice, NoticeSink } from '../../core/notice.js';
import { withoutAbsent } from '../../core/record.js';
import type { PodWorkload, PodWorkloadKind } from '../../workload/pod.js';
import { childOf, type YamlDocument } from '../yaml/node.js';
import { type CollectedAttachments, collectAttachment, isAttachmentKind } from './attachment.js';
import { type Cursor, nameOf, nodeOf, type Problem, pathTo, placeOf, report } from './context.js';
import { openFields } from './fields.js';
import { classifyKind, isWorkloadKind, POD_PATHS } from './kinds.js';
import { type FoundObject, placementOf, textAt } from './objects.js';
import type { ManifestOptions } from './read-manifest.js';
import { reportMissing } from './values.js';
import { readWorkload } from './workload.js';
import { LIST } from './workload-fields.js';

/** What reading one document needs, and where its results go. */
export interface ObjectReader {
  readonly document: YamlDocument;
  readonly options: ManifestOptions;
  readonly found: FoundParts;
  readonly problems: Problem[];
}

/** Grows while objects are read. */
export interface FoundParts {
  readonly workloads: PodWorkload[];
  readonly attachments: CollectedAttachments;
}

export interface Header {
  readonly apiVersion: string;
  readonly kind: string;
  /** metadata.name; not of a List. */
  readonly name?: string;
}

/** Reads an object of a manifest into `found`; its header, or undefined after a report. */
export function readObject(reader: ObjectReader, object: FoundObject): Header | undefined {
  const cursor = cursorOf(reader, object);
  const header = readHeader(cursor);
  if (header === undefined) return undefined;
  const { apiVersion, kind } = header;
  const found = classifyKind(apiVersion, kind);
  if (isWorkloadKind(kind)) addWorkload(reader, object, kind);
  else if (found === 'list') checkList(cursor);
  else if (found === 'podless' || found === 'foreign') {
    collectAttachment(cursor, kind, reader.found.attachments, object.inList);
    if (found === 'foreign') noteForeign(cursor, apiVersion, kind);
  } else refuseKind(cursor, kind);
  return header;
}

function cursorOf(
  { document, options, problems }: ObjectReader,
  { node, path }: FoundObject,
  notices: NoticeSink = options.notices,
): Cursor {
  const { guest, ignoreUnsupported = [] } = options;
  const { source } = document;
  const context = { source, guest, ignoreUnsupported, notices, problems };
  return { context, node, path: printPath(path) };
}

/** `items[0].items[2]` */
function printPath(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : pathTo(text, step)),
    '',
  );
}

function readHeader(cursor: Cursor): Header | undefined {
  if (nodeOf(cursor).kind !== 'mapping') {
    report(cursor, 'MANIFEST_INVALID', `${nameOf(cursor.path)} is not a mapping`, {
      want: 'a Kubernetes object with apiVersion and kind',
    });
    return undefined;
  }
  const apiVersion = textAt(cursor.node, 'apiVersion');
  const kind = textAt(cursor.node, 'kind');
  for (const [key, text] of [['apiVersion', apiVersion] as const, ['kind', kind] as const]) {
    if (text === undefined) {
      report(cursor, 'MANIFEST_INVALID', `${nameOf(cursor.path)} has no ${key}`);
    }
  }
  if (apiVersion === undefined || kind === undefined) return undefined;
  const name = textAt(childOf(cursor.node, 'metadata'), 'name');
  return withoutAbsent({ apiVersion, kind, name: kind === 'List' ? undefined : name });
}

/** The items are objects of their own; here only the List itself is looked at. */
function checkList(cursor: Cursor): void {
  const list = openFields(cursor, LIST);
  const items = childOf(cursor.node, 'items');
  if (items === undefined) reportMissing(list, 'items');
  else if (items.kind !== 'sequence') {
    report(cursor, 'MANIFEST_INVALID', `${pathTo(cursor.path, 'items')} is not a list`);
  }
}

/**
 * Reads a workload unless the runtime class filter leaves it out: then only what Kubernetes would refuse too is
 * reported. As in the reference the filter does not reach into a List.
 */
function addWorkload(reader: ObjectReader, object: FoundObject, kind: PodWorkloadKind): void {
  const { document, options, found } = reader;
  const problems: Problem[] = [];
  const notices: Notice[] = [];
  const cursor = cursorOf({ ...reader, problems }, object, (notice) => notices.push(notice));
  const workload = readWorkload(cursor, kind, placementOf(document, object.path, kind));
  const prefixes = object.inList ? [] : (options.runtimeClassPrefixes ?? []);
  const runtimeClass = workload?.pod.runtimeClassName ?? '';
  if (prefixes.length > 0 && !prefixes.some((prefix) => runtimeClass.startsWith(prefix))) {
    reader.problems.push(...problems.filter(({ error }) => error.code === 'MANIFEST_INVALID'));
    return;
  }
  for (const notice of notices) options.notices(notice);
  reader.problems.push(...problems);
  if (workload !== undefined) found.workloads.push(workload);
}

function refuseKind(cursor: Cursor, kind: string): void {
  const { context } = cursor;
  if (context.ignoreUnsupported.some((entry) => entry === '*' || entry === kind)) {
    context.notices({
      code: 'kind-ignored',
      message: `the kind ${kind} is ignored as asked; if it makes pods, they get no policy`,
      where: placeOf(cursor),
    });
    return;
  }
  report(cursor, 'MANIFEST_UNSUPPORTED', `the kind ${kind} is not known`, {
    want: `one of ${Object.keys(POD_PATHS).join(', ')}, or a kind that makes no pods`,
    hints: [
      `if it makes no pods: --ignore-unsupported ${kind}`,
      'if it makes pods: write one of them as a Pod, and put its policy into the pod template',
    ],
  });
}

function noteForeign(cursor: Cursor, apiVersion: string, kind: string): void {
  cursor.context.notices({
    code: 'kind-of-other-group',
    message: `${kind} of ${apiVersion} is not that of Kubernetes; if it makes pods, they get no policy`,
    where: placeOf(cursor),
  });
}

/** Guests whose reference refuses any other kind in an extra file; the others drop them. */
const ATTACHMENTS_ONLY = 'CV';

/** Takes ConfigMaps, Secrets and claims from an extra file. */
export function readExtraObject(reader: ObjectReader, object: FoundObject): void {
  const { found, options } = reader;
  const cursor = cursorOf(reader, object);
  const kind = readHeader(cursor)?.kind;
  if (kind === undefined || kind === 'List') return;
  if (isAttachmentKind(kind)) collectAttachment(cursor, kind, found.attachments, object.inList);
  else if (ATTACHMENTS_ONLY.includes(options.guest)) {
    report(cursor, 'MANIFEST_UNSUPPORTED', `the kind ${kind} does not belong into this file`, {
      want: 'ConfigMap, Secret or PersistentVolumeClaim',
      hints: ['give workloads as manifests'],
    });
  } else {
    options.notices({
      code: 'attachment-ignored',
      message: `${kind} is ignored: of this file only ConfigMaps, Secrets and claims are used`,
      where: placeOf(cursor),
    });
  }
}
