/** Import statements: what a policy states about the fragments that it loads (aci policy 15.5 and 15.6). */
import { type DataMap, type DataValue, exactly, isList, isMap, isTruthy } from '../core/data.js';
import { ToolError } from '../core/error.js';
import { unpackStatement } from '../core/signed-statement.js';
import type { ExpectedImport } from './verify.js';

/** The parts of an import. */
export interface ImportStatement {
  readonly feed: string;
  readonly issuer: string;
  readonly includes: readonly string[];
  /** As text: the reference writes digits in quotes. */
  readonly minimumSvn: string;
}

/** Words that an import takes over, and the text of a fragment by which the reference knows that it has them. */
const INCLUDES: readonly (readonly [word: string, sign: string])[] = [
  ['containers', 'containers := '],
  ['fragments', 'fragments := '],
];

/** The import of a signed fragment. Nothing is decided about trust. Throws COSE_INVALID. */
export function importOf(bytes: Uint8Array, what: string, minimumSvn: string): ImportStatement {
  const unpacked = unpackStatement(bytes, what);
  if (!unpacked.ok) {
    throw new ToolError('COSE_INVALID', `${what} is not a valid fragment: ${unpacked.message}`);
  }
  const { issuer, feed, payload } = unpacked.statement;
  const text = payload.toString('utf8');
  const includes = INCLUDES.filter(([, sign]) => text.includes(sign)).map(([word]) => word);
  return { feed, issuer, includes, minimumSvn };
}

/** An import as a map with the names of the policy text. */
export function importAsData(statement: ImportStatement): DataMap {
  return new Map<string, DataValue>([
    ['feed', statement.feed],
    ['includes', statement.includes],
    ['issuer', statement.issuer],
    ['minimum_svn', statement.minimumSvn],
  ]);
}

/**
 * The document with the imports appended to its list `fragments`; other members stay. A map there becomes the first
 * entry. Throws FRAGMENT_INVALID.
 */
export function appendImports(
  document: DataValue | undefined,
  statements: readonly ImportStatement[],
  what: string,
): DataMap {
  if (document !== undefined && !isMap(document)) {
    throw new ToolError('FRAGMENT_INVALID', `${what} is not an object`, {
      want: '{"fragments": [...]}',
      hints: ['put the list of imports under the key fragments'],
    });
  }
  const present = exactly(document, 'fragments');
  const list = isList(present) ? present : isMap(present) && present.size > 0 ? [present] : [];
  if (present !== null && !isList(present) && !isMap(present)) {
    throw new ToolError('FRAGMENT_INVALID', `${what}: fragments is not a list`);
  }
  return new Map([...(document ?? []), ['fragments', [...list, ...statements.map(importAsData)]]]);
}

/**
 * The imports of a file: `fragments` and `standaloneFragments` of an object joined, or a plain list. Empty entries do
 * not count, all others are checked. Throws FRAGMENT_INVALID with the place.
 */
export function readImports(document: DataValue, what: string): readonly DataMap[] {
  const lists = isMap(document)
    ? ['fragments', 'standaloneFragments'].map((key) => [key, exactly(document, key)] as const)
    : [['', document] as const];
  return lists.flatMap(([key, list]) => {
    if (list === null) return [];
    if (!isList(list)) throw notAList(what, key);
    const places = list.map((entry, index) => [entry, `${what}: ${key}[${index}]`] as const);
    return places
      .filter(([entry]) => isTruthy(entry))
      .map(([entry, place]) => readImport(entry, place));
  });
}

function notAList(what: string, key: string): ToolError {
  return new ToolError('FRAGMENT_INVALID', `${what}: ${key || 'the document'} is not a list`, {
    want: '{"fragments": [{"feed", "issuer", "minimum_svn", "includes"}]}',
  });
}

/** Members of an import, and the texts with which the reference refuses them. */
const MEMBERS: readonly (readonly [
  key: string,
  fits: (value: DataValue) => boolean,
  want: string,
])[] = [
  ['feed', (value) => typeof value === 'string', 'a string value'],
  ['issuer', (value) => typeof value === 'string', 'a string value'],
  [
    'minimum_svn',
    (value) => typeof value === 'string' && /^[0-9]+$/.test(value),
    'a string with an integer value',
  ],
  [
    'includes',
    (value) => isList(value) && value.every((word) => typeof word === 'string'),
    'a list of strings',
  ],
];

function readImport(entry: DataValue, place: string): DataMap {
  if (!isMap(entry)) throw new ToolError('FRAGMENT_INVALID', `${place} is not an object`);
  for (const [key, fits, want] of MEMBERS) {
    if (fits(exactly(entry, key))) continue;
    throw new ToolError('FRAGMENT_INVALID', `${place}.${key} can only be ${want}`, {
      where: `${place}.${key}`,
    });
  }
  return entry;
}

/** An import of a file as what a fragment is checked against. */
export function expectedFrom(entry: DataMap): ExpectedImport {
  const text = (key: string) => {
    const value = exactly(entry, key);
    return typeof value === 'string' ? value : '';
  };
  const receipts = exactly(entry, 'required_receipts');
  const names = isList(receipts) ? receipts.filter((each) => typeof each === 'string') : [];
  return {
    issuer: text('issuer'),
    feed: text('feed'),
    minimumSvn: text('minimum_svn'),
    requiredReceipts: names,
  };
}
