/** What is shared while manifests are read: options, collected problems, and where in a document the reader stands. */
import { type ErrorCode, type ErrorDetails, ToolError } from '../../core/error.js';
import { locate, type NamedText } from '../../core/locate.js';
import type { NoticeSink } from '../../core/notice.js';
import { contentOf, type YamlContent, type YamlNode } from '../yaml/node.js';
import type { GuestFamily } from './field-rules.js';

export interface ReadContext {
  readonly source: NamedText;
  readonly guest: GuestFamily;
  /** Names or paths of fields to leave out if they are not supported; see isIgnored. */
  readonly ignoreUnsupported: readonly string[];
  readonly notices: NoticeSink;
  /** What was found so far; no workload is returned unless it stays empty. */
  readonly problems: Problem[];
}

/** An error and the offset of what it is about, which gives the order of messages. */
export interface Problem {
  readonly error: ToolError;
  readonly offset: number;
}

/** A node and the path to it, e.g. `spec.containers[0].image`; the path of the document itself is empty. */
export interface Cursor {
  readonly context: ReadContext;
  readonly node: YamlNode;
  readonly path: string;
  /** True inside a Secret: values are kept out of messages. */
  readonly confidential?: boolean;
}

/** The node of a cursor, an alias resolved. */
export function nodeOf(cursor: Cursor): YamlContent {
  return contentOf(cursor.node);
}

/** `file:line:column path` of a cursor, or of another node under the same path. */
export function placeOf(cursor: Cursor, node: YamlNode = cursor.node): string {
  return `${locate(cursor.context.source, node.start)} ${cursor.path}`.trimEnd();
}

/** Path of a member of a mapping. */
export function pathTo(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** How a message names the place: its path, or the document. */
export function nameOf(path: string): string {
  return path === '' ? 'the document' : path;
}

/** Adds a problem at the cursor. */
export function report(
  cursor: Cursor,
  code: ErrorCode,
  message: string,
  details: Omit<ErrorDetails, 'where'> & { readonly node?: YamlNode } = {},
): void {
  const { node = cursor.node, ...rest } = details;
  const error = new ToolError(code, message, { where: placeOf(cursor, node), ...rest });
  cursor.context.problems.push({ error, offset: node.start });
}

/**
 * True if the user asked to leave the field out: an entry names it by `*`, by its name, or by the end of its path.
 * Indexes in entries and path do not count: `containers.workingDir` covers `spec.containers[0].workingDir`.
 */
export function isIgnored(context: ReadContext, path: string): boolean {
  const plain = withoutIndexes(path);
  return context.ignoreUnsupported.some((entry) => {
    const wanted = withoutIndexes(entry);
    return wanted === '*' || plain === wanted || plain.endsWith(`.${wanted}`);
  });
}

/** Also takes the notation of the reference: `spec.containers.0.env.?.workingDir`. */
function withoutIndexes(path: string): string {
  return path.replace(/\[[0-9]+\]/g, '').replace(/\.(?:\?|[0-9]+)(?=\.|$)/g, '');
}
