/**
 * Kubernetes YAML -> pod workloads and attachments (kata policy data, sections 3 and 10). All problems of all inputs
 * are reported together; a workload is returned only if there is none.
 *
 * Beyond the reference: ConfigMaps and Secrets inside a List are seen; an empty List, a List in a List and the
 * metadata of a List are accepted; kinds that are known to make no pods pass through.
 */
import { ToolError, throwAll } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { Attachments, PodWorkload } from '../../workload/pod.js';
import type { YamlDocument } from '../yaml/node.js';
import { parseYaml } from '../yaml/parse.js';
import type { CollectedAttachments } from './attachment.js';
import type { Problem } from './context.js';
import type { GuestFamily } from './field-rules.js';
import { findObjects } from './objects.js';
import { type FoundParts, type ObjectReader, readExtraObject, readObject } from './read-object.js';

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

/**
 * Reads all inputs. Throws MANIFEST_SYNTAX, MANIFEST_INVALID, MANIFEST_UNKNOWN_FIELD, MANIFEST_UNSUPPORTED or
 * LIMIT_EXCEEDED: the first problem in the order of inputs and lines, the others in `also`.
 */
export function readManifest(
  inputs: readonly ManifestInput[],
  options: ManifestOptions,
): ManifestResult {
  const documents: ManifestDocument[] = [];
  const found: FoundParts = {
    workloads: [],
    attachments: { configMaps: [], secrets: [], claims: [] },
  };
  const errors = inputs.flatMap((input) => {
    const problems: Problem[] = [];
    for (const document of parseInput(input, problems)) {
      const reader: ObjectReader = { document, options, found, problems };
      if (input.role === 'attachment') readExtraDocument(reader);
      else documents.push(...readDocument(reader));
    }
    return problems.toSorted((a, b) => a.offset - b.offset).map(({ error }) => error);
  });
  throwAll(errors);
  noteDoubles(found.attachments, options.notices);
  return { documents, ...found };
}

/** The documents of an input; a text that cannot be parsed is one problem of many. */
function parseInput(input: ManifestInput, problems: Problem[]): readonly YamlDocument[] {
  try {
    return parseYaml(input.text, input.file);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    problems.push({ error, offset: 0 });
    return [];
  }
}

/** The document with its objects read; none for a null document, or after a report. */
function readDocument(reader: ObjectReader): readonly ManifestDocument[] {
  const { document, found } = reader;
  const before = found.workloads.length;
  const headers = findObjects(document).map((object) => readObject(reader, object));
  const [header] = headers;
  if (header === undefined) return [];
  const policies = found.workloads.length - before;
  return [{ file: document.source.file, index: document.index, ...header, policies }];
}

function readExtraDocument(reader: ObjectReader): void {
  for (const object of findObjects(reader.document)) readExtraObject(reader, object);
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
