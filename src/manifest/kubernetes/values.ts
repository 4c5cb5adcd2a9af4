/**
 * Typed values of fields. Numbers must mean the same to kubectl and to the reference, booleans may be any that kubectl
 * takes; text is what the reference makes of the scalar, with a notice where Kubernetes would refuse it.
 */
import { contentOf, isNull, keyText, type YamlScalar } from '../yaml/node.js';
import {
  exceeds64Bits,
  hasForeignTag,
  readAsKubectl,
  readAsReference,
  type ScalarValue,
  sameValue,
  textAsReference,
} from '../yaml/scalar.js';
import { type Cursor, nameOf, nodeOf, pathTo, placeOf, report } from './context.js';
import { distinctEntries, type Fields } from './fields.js';

/** A field that must be there; reports MANIFEST_INVALID and gives undefined if it is not. */
export function requiredField(fields: Fields, key: string): Cursor | undefined {
  const value = fields.values.get(key);
  if (value === undefined) reportMissing(fields, key);
  return value;
}

/** Reports that a field is missing. */
export function reportMissing(fields: Fields, key: string): void {
  const { cursor } = fields;
  report(cursor, 'MANIFEST_INVALID', `${nameOf(cursor.path)} has no ${key}`, {
    want: `the field ${pathTo(cursor.path, key)}`,
  });
}

/** Text of an optional field. */
export function textField(fields: Fields, key: string): string | undefined {
  const value = fields.values.get(key);
  return value === undefined ? undefined : readText(value);
}

/** Text of a field that must be there; the empty string if it is not, which is reported. */
export function requiredText(fields: Fields, key: string): string {
  const value = requiredField(fields, key);
  return (value === undefined ? undefined : readText(value)) ?? '';
}

/** A boolean of any spelling that kubectl takes (`True`, `yes`): no reader takes them for the opposite. */
export function booleanField(fields: Fields, key: string): boolean | undefined {
  const value = fields.values.get(key);
  const scalar = value === undefined ? undefined : scalarOf(value);
  if (value === undefined || scalar === undefined) return undefined;
  const found = readAsKubectl(scalar);
  if (typeof found === 'boolean') return found;
  reportType(value, 'true or false', scalar);
  return undefined;
}

/** User and group ids have 32 bits. */
const LARGEST_ID = 2n ** 32n - 1n;

/** A user or group id: 0 to 4294967295. */
export function idField(fields: Fields, key: string): number | undefined {
  const value = fields.values.get(key);
  return value === undefined ? undefined : readId(value);
}

/** An id; reports MANIFEST_INVALID if kubectl and the reference read different numbers. */
export function readId(cursor: Cursor): number | undefined {
  const scalar = scalarOf(cursor);
  if (scalar === undefined) return undefined;
  const found = readAsKubectl(scalar);
  if (typeof found !== 'bigint' || found < 0n || found > LARGEST_ID) {
    reportType(cursor, `an integer from 0 to ${LARGEST_ID}`, scalar);
    return undefined;
  }
  if (!sameValue(found, readAsReference(scalar))) {
    reportAmbiguous(cursor, scalar, `write ${found}, or the number that is meant, in decimal`);
    return undefined;
  }
  return Number(found);
}

/** Elements of an optional list. */
export function listField(fields: Fields, key: string): readonly Cursor[] | undefined {
  const value = fields.values.get(key);
  return value === undefined ? undefined : readList(value);
}

/** Elements of a list, each under its index. */
export function readList(cursor: Cursor): readonly Cursor[] {
  const node = nodeOf(cursor);
  if (node.kind !== 'sequence' || node.tag !== undefined) {
    report(cursor, 'MANIFEST_INVALID', `${cursor.path} is not a list`);
    return [];
  }
  return node.items.map((item, index) => ({
    ...cursor,
    node: item,
    path: `${cursor.path}[${index}]`,
  }));
}

/** A list of texts; a null element is reported, since Kubernetes stores an empty text for it. */
export function textListField(fields: Fields, key: string): readonly string[] | undefined {
  return listField(fields, key)?.map((item) => {
    if (isNull(item.node)) {
      report(item, 'MANIFEST_INVALID', `${item.path} is null`, {
        want: 'text',
        hints: ['write "" for an empty text'],
      });
      return '';
    }
    return readText(item) ?? '';
  });
}

/** How the values of a map of texts are typed in Kubernetes: quantities may be numbers. */
export type MapValues = 'text' | 'quantity';

/** A map from text to text. Null gives `~`, as in the reference, with a notice: Kubernetes stores an empty text. */
export function textMapField(
  fields: Fields,
  key: string,
  values: MapValues = 'text',
): ReadonlyMap<string, string> | undefined {
  const cursor = fields.values.get(key);
  if (cursor === undefined) return undefined;
  const node = nodeOf(cursor);
  if (node.kind !== 'mapping' || node.tag !== undefined) {
    report(cursor, 'MANIFEST_INVALID', `${cursor.path} is not a mapping`);
    return new Map();
  }
  const map = new Map<string, string>();
  for (const entry of distinctEntries(cursor, node)) {
    const at: Cursor = {
      ...cursor,
      node: entry.key,
      path: pathTo(cursor.path, keyText(entry) ?? ''),
    };
    const name = readKey(at);
    const value = readMapValue({ ...at, node: entry.value }, values);
    if (name !== undefined && value !== undefined) map.set(name, value);
  }
  return map;
}

function readMapValue(cursor: Cursor, values: MapValues): string | undefined {
  if (values === 'quantity') return readQuantity(cursor);
  if (!isNull(cursor.node)) return readText(cursor);
  noteScalar(cursor, 'is null: the policy holds "~", Kubernetes stores an empty text');
  return '~';
}

function readKey(cursor: Cursor): string | undefined {
  const scalar = scalarOf(cursor);
  if (scalar === undefined) return undefined;
  const text = textAsReference(readAsReference(scalar));
  const stored = readAsKubectl(scalar);
  if (stored === null || text !== textAsReference(stored))
    noteScalar(cursor, 'has a key of a special meaning');
  return text;
}

/** A number or text of which kubectl and the reference have the same idea; null is none for both. */
function readQuantity(cursor: Cursor): string | undefined {
  if (isNull(cursor.node)) return '~';
  const scalar = scalarOf(cursor);
  if (scalar === undefined) return undefined;
  const found = readAsReference(scalar);
  if (found === null || typeof found === 'boolean' || exceeds64Bits(found)) {
    reportType(cursor, 'a quantity', scalar);
    return undefined;
  }
  if (sameValue(found, readAsKubectl(scalar))) return textAsReference(found);
  reportAmbiguous(cursor, scalar, 'put it into quotes');
  return undefined;
}

/** Text as the reference reads it; undefined after a report. */
export function readText(cursor: Cursor): string | undefined {
  const scalar = scalarOf(cursor);
  if (scalar === undefined) return undefined;
  const stored = readAsKubectl(scalar);
  const found = readAsReference(scalar);
  if (exceeds64Bits(found)) {
    reportType(cursor, 'text: quote a number of more than 64 bits', scalar);
    return undefined;
  }
  if (typeof stored === 'string') {
    if (sameValue(stored, found)) return stored;
    reportAmbiguous(cursor, scalar, 'put it into quotes');
    return undefined;
  }
  noteScalar(cursor, `is ${nameOfType(stored)}, not text`);
  return textAsReference(found);
}

function nameOfType(stored: Exclude<ScalarValue, string>): string {
  if (stored === null) return 'null';
  return typeof stored === 'boolean' ? 'a boolean' : 'a number';
}

function noteScalar(cursor: Cursor, what: string): void {
  cursor.context.notices({
    code: 'scalar-not-text',
    message: `${cursor.path} ${what}; put it into quotes, else the API server refuses or changes it`,
    where: placeOf(cursor),
  });
}

/** The scalar at the cursor; reports a collection or a tag of which readers disagree. */
function scalarOf(cursor: Cursor): YamlScalar | undefined {
  const node = contentOf(cursor.node);
  if (node.kind !== 'scalar') {
    report(cursor, 'MANIFEST_INVALID', `${cursor.path} is a ${node.kind}`, {
      want: 'a single value',
    });
    return undefined;
  }
  if (hasForeignTag(node)) {
    report(cursor, 'MANIFEST_INVALID', `${cursor.path} has the tag ${node.tag}`, {
      hints: ['remove the tag'],
    });
    return undefined;
  }
  return node;
}

function reportType(cursor: Cursor, want: string, scalar: YamlScalar): void {
  report(cursor, 'MANIFEST_INVALID', `${cursor.path} has the wrong type or value`, {
    want,
    ...quoted(cursor, scalar),
  });
}

function reportAmbiguous(cursor: Cursor, scalar: YamlScalar, hint: string): void {
  report(cursor, 'MANIFEST_INVALID', `${cursor.path} means different things to different readers`, {
    ...quoted(cursor, scalar),
    hints: [hint],
  });
}

/** The value for a message; not for the data of a Secret. */
function quoted(cursor: Cursor, scalar: YamlScalar): { readonly got?: string } {
  return cursor.confidential ? {} : { got: scalar.text.slice(0, 200) };
}
