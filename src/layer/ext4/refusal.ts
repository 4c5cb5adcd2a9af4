/**
 * Why a tar cannot become an ext4 image: the rules, their stable names and the errors that carry them.
 * The rules up to `stat-link` are the guest format's own; the others are answers that podseal does not give.
 */
import { ToolError } from '../../core/error.js';
import type { LIMITS } from '../../core/limits.js';

/** Every rule with the sentence that follows the entry's name. The key is stable and printed in brackets. */
const RULES = {
  'tar-header': 'tar header is invalid',
  'unexpected-eof': 'tar ends too early',
  'sparse-data': 'sparse map does not match the stored data',
  'path-not-found': 'parent path leads through something that is not a directory',
  'file-not-found': 'hard link target is not in this layer',
  'invalid-name': 'a name in the path is longer than 255 bytes',
  'dir-by-file': 'a directory cannot be replaced by something else',
  'file-by-dir': 'something else cannot be replaced by a directory',
  'overwrite-data': 'a file or link with stored data cannot be replaced',
  orphan: 'a hard link cannot take the last name of a file or the place of a directory',
  'link-to-dir': 'a hard link cannot point to a directory',
  'link-limit': 'more than 65000 links to one inode',
  'xattr-fit': 'extended attributes do not fit',
  'too-big': 'file is larger than 128 GiB',
  'disk-limit': 'file system image would be larger than the format allows',
  'stat-link': 'an opaque marker cannot stand below a long symbolic link',
  'short-content': 'an opaque marker cannot stand below a file with data',
  'name-nul': 'name contains a NUL byte',
  'xattr-name': 'extended attribute name is longer than 255 bytes',
  'random-global-header': 'name of the global header has no single reading',
} as const;

/** Stable name of a rule, e.g. `link-to-dir`. */
export type Rule = keyof typeof RULES;

/** Makes the error for the tar entry at hand; `detail` says what was found. To be thrown by the caller. */
export type Refuse = (rule: Rule, detail?: string) => ToolError;

/** Which tar entry an error or notice is about. */
export interface EntryPosition {
  /** Counted from 1; the entry that is being read when its header is not complete yet. */
  readonly index: number;
  /** Latin-1 view of the name bytes, once known. */
  readonly name: string | undefined;
  /** Where its (last) header block begins in the tar. */
  readonly headerOffset: number;
}

/** Builds the LAYER_INVALID error of `rule` for an entry: `tar entry 3 "a/b": <sentence> [rule]`. */
export function buildRefusal(rule: Rule, position: EntryPosition, detail?: string): ToolError {
  return new ToolError('LAYER_INVALID', `${subject(position)}: ${RULES[rule]} [${rule}]`, {
    where: `tar byte ${position.headerOffset}`,
    ...(detail === undefined ? {} : { got: detail }),
    hints: ['rebuild the image so that this layer has no such entry; the guest refuses it as well'],
  });
}

/** The caps on a layer's tar that the writer enforces itself (see core/limits). */
export type Ext4Limits = Readonly<
  Record<keyof Pick<typeof LIMITS, 'tarEntries' | 'tarExtensionBytes' | 'openXattrBlocks'>, number>
>;

/** Builds a LIMIT_EXCEEDED error for an entry. */
export function buildLimitError(position: EntryPosition, what: string, limit: number): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `${subject(position)}: ${what}`, {
    where: `tar byte ${position.headerOffset}`,
    want: `at most ${limit}`,
  });
}

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;
const SHOWN_CHARS = 200;

/** A name of the tar (latin-1 view of its bytes) in quotes: readable, on one line, and without terminal controls. */
export function printName(name: string): string {
  const cut = name.slice(0, SHOWN_CHARS);
  const more = name.length > SHOWN_CHARS ? '...' : '';
  const text = decodeUtf8(cut);
  if (text !== undefined && PRINTABLE.test(text) && !/["\\]/.test(text)) return `"${text}${more}"`;
  return `"${cut.replace(/[^\x20-\x7e]|["\\]/g, escapeByte)}${more}"`;
}

function subject(position: EntryPosition): string {
  const name = position.name === undefined ? '' : ` ${printName(position.name)}`;
  return `tar entry ${position.index}${name}`;
}

function decodeUtf8(latin1: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(latin1, 'latin1'),
    );
  } catch {
    return undefined;
  }
}

function escapeByte(char: string): string {
  if (char === '"' || char === '\\') return `\\${char}`;
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
