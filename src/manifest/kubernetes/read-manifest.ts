/**
 * Kubernetes YAML -> pod workloads and attachments (kata policy data, sections 3 and 10). All problems of all inputs
 * are reported together; a workload is returned only if there is none.
 *
 * Beyond the reference: ConfigMaps and Secrets inside a List are seen; an empty List, a List in a List and the
 * metadata of a List are accepted; kinds that are known to make no pods pass through.
 */
import { ToolError, throwAll } from '../../core/error.js';
import type { Notice, NoticeSink } from '../../core/notice.js';
import { withoutAbsent } from '../../core/record.js';
import type { Attachments, PodWorkload, PodWorkloadKind } from '../../workload/pod.js';
import { childOf, isNull, type YamlDocument } from '../yaml/node.js';
import { parseYaml } from '../yaml/parse.js';
import { type CollectedAttachments, collectAttachment, isAttachmentKind } from './attachment.js';
import {
  type Cursor,
  nameOf,
  nodeOf,
  pathTo,
  placeOf,
  type ReadContext,
  report,
} from './context.js';
import type { GuestFamily } from './field-rules.js';
import { openFields } from './fields.js';
import { classifyKind, isWorkloadKind, POD_PATHS } from './kinds.js';
import { type FoundObject, findObjects, placementOf, textAt } from './objects.js';
import { reportMissing } from './values.js';
import { readWorkload } from './workload.js';
import { LIST } from './workload-fields.js';

/** A text with its name. `attachment`: of `--config-map`, only ConfigMaps, Secrets and claims are taken from it. */
export interface ManifestInput {
  readonly file: string;
  readonly text: string;
  readonly role?: 'manifest' | 'attachment';
}

export interface ManifestOptions {
  readonly guest: GuestFamily;
  /** Fields to leave out where they are not supported: names, paths or `*`; also kinds that are not known. */
  readonly ignoreUnsupported?: readonly string[];
  /** If any are given, only pods whose runtimeClassName starts with one of them get a policy (section 3.4). */
  readonly runtimeClassPrefixes?: readonly string[];
  readonly notices: NoticeSink;
}

/** A document of a `manifest` input that is not null. */
export interface ManifestDocument {
  readonly file: string;
  /** Among all documents of the file, from 0. */
  readonly index: number;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name?: string;
  /** Policies to be written into it: 0 or 1, for a List any number. */
  readonly policies: number;
}

export interface ManifestResult {
  readonly documents: readonly ManifestDocument[];
  /** In the order of inputs and documents. */
  readonly workloads: readonly PodWorkload[];
  readonly attachments: Attachments;
}

interface Collected {
  readonly documents: ManifestDocument[];
  readonly workloads: PodWorkload[];
  readonly attachments: CollectedAttachments;
  readonly errors: ToolError[];
}

/**
 * Reads all inputs. Throws MANIFEST_SYNTAX, MANIFEST_INVALID, MANIFEST_UNKNOWN_FIELD, MANIFEST_UNSUPPORTED or
 * LIMIT_EXCEEDED: the first problem, the others in `also`.
 */
export function readManifest(
  inputs: readonly ManifestInput[],
  options: ManifestOptions,
): ManifestResult {
  const collected: Collected = {
    documents: [],
    workloads: [],
    attachments: { configMaps: [], secrets: [], claims: [] },
    errors: [],
  };
  for (const input of inputs) {
    for (const document of parseInput(input, collected)) {
      if (isNull(document.root)) continue;
      if (input.role === 'attachment') readAttachmentDocument(document, options, collected);
      else readDocument(document, options, collected);
    }
  }
  noteDoubles(collected.attachments, options.notices);
  throwAll(collected.errors);
  const { documents, workloads, attachments } = collected;
  return { documents, workloads, attachments };
}

/** The documents of an input; a text that cannot be parsed is one problem of many. */
function parseInput(input: ManifestInput, collected: Collected): readonly YamlDocument[] {
  try {
    return parseYaml(input.text, input.file);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    collected.errors.push(error);
    return [];
  }
}

/** Everything that reading one document needs. */
interface DocumentReader {
  readonly document: YamlDocument;
  readonly options: ManifestOptions;
  readonly collected: Collected;
}

function readDocument(
  document: YamlDocument,
  options: ManifestOptions,
  collected: Collected,
): void {
  const before = collected.workloads.length;
  const reader = { document, options, collected };
  const headers = findObjects(document).map((object) => readObject(reader, object));
  const [header] = headers;
  if (header === undefined) return;
  const policies = collected.workloads.length - before;
  const { file } = document.source;
  collected.documents.push({ file, index: document.index, ...header, policies });
}

interface Header {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name?: string;
}

function readObject(reader: DocumentReader, object: FoundObject): Header | undefined {
  const { options, collected } = reader;
  const cursor = cursorOf(reader, object, collected.errors, options.notices);
  const header = readHeader(cursor);
  if (header === undefined) return undefined;
  const { apiVersion, kind } = header;
  const found = classifyKind(apiVersion, kind);
  if (isWorkloadKind(kind)) addWorkload(reader, object, kind);
  else if (found === 'list') checkList(cursor);
  else if (found === 'podless' || found === 'foreign') {
    collectAttachment(cursor, kind, collected.attachments);
    if (found === 'foreign') noteForeign(cursor, apiVersion, kind);
  } else refuseKind(cursor, kind);
  return header;
}

function cursorOf(
  reader: DocumentReader,
  object: FoundObject,
  errors: ToolError[],
  notices: NoticeSink,
): Cursor {
  const { document, options } = reader;
  const context: ReadContext = {
    source: document.source,
    guest: options.guest,
    ignoreUnsupported: options.ignoreUnsupported ?? [],
    notices,
    errors,
  };
  return { context, node: object.node, path: printPath(object.path) };
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
function addWorkload(reader: DocumentReader, object: FoundObject, kind: PodWorkloadKind): void {
  const { document, options, collected } = reader;
  const errors: ToolError[] = [];
  const notices: Notice[] = [];
  const cursor = cursorOf(reader, object, errors, (notice) => notices.push(notice));
  const workload = readWorkload(cursor, kind, placementOf(document, object.path, kind));
  const prefixes = object.inList ? [] : (options.runtimeClassPrefixes ?? []);
  const runtimeClass = workload?.pod.runtimeClassName ?? '';
  const chosen =
    prefixes.length === 0 || prefixes.some((prefix) => runtimeClass.startsWith(prefix));
  if (!chosen) {
    collected.errors.push(...errors.filter((error) => error.code === 'MANIFEST_INVALID'));
    return;
  }
  for (const notice of notices) options.notices(notice);
  collected.errors.push(...errors);
  if (workload !== undefined) collected.workloads.push(workload);
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

function readAttachmentDocument(
  document: YamlDocument,
  options: ManifestOptions,
  collected: Collected,
): void {
  for (const object of findObjects(document)) {
    const cursor = cursorOf(
      { document, options, collected },
      object,
      collected.errors,
      options.notices,
    );
    const kind = readHeader(cursor)?.kind;
    if (kind === undefined || kind === 'List') continue;
    if (isAttachmentKind(kind)) collectAttachment(cursor, kind, collected.attachments);
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
}

/** Of several objects with one name the first is used, whatever their namespaces: the user should know. */
function noteDoubles(attachments: CollectedAttachments, notices: NoticeSink): void {
  for (const [what, objects] of [
    ['ConfigMap', attachments.configMaps] as const,
    ['Secret', attachments.secrets] as const,
  ]) {
    const seen = new Set<string>();
    for (const { name } of objects) {
      if (seen.has(name)) {
        notices({
          code: 'attachment-twice',
          message: `there is more than one ${what} ${name}; the first is used`,
        });
      }
      seen.add(name);
    }
  }
}
