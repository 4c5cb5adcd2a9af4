/**
 * Refuses what the reference generator of guest azl3 refuses although it is harmless: for commands that stand in for
 * it (kata policy data, section 10). Meant for texts that readManifest has accepted.
 */
import { throwAll } from '../../core/error.js';
import { keyText } from '../yaml/node.js';
import { parseYaml } from '../yaml/parse.js';
import { readAsReference } from '../yaml/scalar.js';
import { type Cursor, nodeOf, type Problem, pathTo, report } from './context.js';
import { findObjects, textAt } from './objects.js';
import {
  REFERENCE_KINDS,
  type ReferenceList,
  type ReferenceObject,
  type ReferenceType,
} from './reference-fields.js';

const HINTS = ['podseal policy knows what is harmless, and takes it'];

/**
 * Throws MANIFEST_UNSUPPORTED for kinds and fields, MANIFEST_INVALID for values, that the reference does not take: all
 * of a text at once. Throws what parseYaml throws. `file` names the text in messages.
 */
export function assertReferenceFields(text: string, file: string): void {
  const problems: Problem[] = [];
  for (const document of parseYaml(text, file)) {
    const { source } = document;
    const context = {
      source,
      guest: 'C',
      ignoreUnsupported: [],
      notices: () => undefined,
      problems,
    } as const;
    for (const { node, path } of findObjects(document)) {
      const prefix = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
      checkObject({ context, node, path: prefix.join('').replace(/^\./, '') });
    }
  }
  throwAll(problems.toSorted((a, b) => a.offset - b.offset).map(({ error }) => error));
}

function checkObject(cursor: Cursor): void {
  const kind = textAt(cursor.node, 'kind') ?? '';
  const type = Object.hasOwn(REFERENCE_KINDS, kind) ? REFERENCE_KINDS[kind] : undefined;
  if (type !== undefined) {
    check(cursor, type);
    return;
  }
  report(cursor, 'MANIFEST_UNSUPPORTED', `the kind ${kind} is not known to the reference`, {
    want: `one of ${Object.keys(REFERENCE_KINDS).join(', ')}`,
    hints: HINTS,
  });
}

/** A node of another kind than its type was reported by readManifest, or is without effect. */
function check(cursor: Cursor, type: ReferenceType): void {
  if (type === 'any') return;
  if (typeof type === 'string') checkScalar(cursor, type);
  else if (type.kind === 'object') checkFields(cursor, type);
  else checkItems(cursor, type);
}

function checkItems(cursor: Cursor, { of }: ReferenceList): void {
  const node = nodeOf(cursor);
  if (node.kind !== 'sequence') return;
  for (const [index, item] of node.items.entries()) {
    check({ ...cursor, node: item, path: `${cursor.path}[${index}]` }, of);
  }
}

function checkFields(cursor: Cursor, { fields }: ReferenceObject): void {
  const node = nodeOf(cursor);
  if (node.kind !== 'mapping') return;
  for (const entry of node.entries) {
    const key = keyText(entry) ?? '';
    const at: Cursor = { ...cursor, node: entry.value, path: pathTo(cursor.path, key) };
    const type = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (type !== undefined) check(at, type);
    else {
      report(at, 'MANIFEST_UNSUPPORTED', `${at.path} is not known to the reference`, {
        node: entry.key,
        hints: HINTS,
      });
    }
  }
}

const SCALARS = {
  boolean: { type: 'boolean', want: 'true or false, in lower case' },
  integer: { type: 'bigint', want: 'an integer without leading zeros' },
} as const;

function checkScalar(cursor: Cursor, type: keyof typeof SCALARS): void {
  const node = nodeOf(cursor);
  if (node.kind !== 'scalar') return;
  const value = readAsReference(node);
  if (value === null || typeof value === SCALARS[type].type) return;
  report(
    cursor,
    'MANIFEST_INVALID',
    `${cursor.path} has a value that the reference does not take`,
    {
      want: SCALARS[type].want,
      got: node.text.slice(0, 200),
      hints: HINTS,
    },
  );
}
