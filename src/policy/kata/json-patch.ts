/** JSON Patch (RFC 6902) over JSON Pointer (RFC 6901), for settings drop-ins. Values are never changed in place. */
import { type JsonObject, type JsonValue, parseJson } from '../../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  readObject,
  readString,
  requiredField,
} from '../../core/json-read.js';
import { recordOf } from '../../core/record.js';

/** A text file: its name is for messages. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
}

interface Operation {
  readonly apply: (document: JsonValue) => JsonValue;
}

/** Parts of a JSON Pointer, unescaped. */
type Pointer = readonly string[];

type OperationBuilder = (object: JsonObject, place: JsonPlace) => Operation['apply'];

/**
 * Applies drop-ins to the text of a settings file, in the order given, and prints the result as JSON. Each is a JSON
 * Patch. Throws JSON_SYNTAX, and SETTINGS_INVALID naming file and operation where one is malformed or does not apply.
 */
export function applyDropIns(base: TextFile, dropIns: readonly TextFile[]): string {
  let document = parseJson(base.text, base.file);
  for (const dropIn of dropIns) {
    const top: JsonPlace = { code: 'SETTINGS_INVALID', what: dropIn.file, path: '' };
    const operations = arrayOf(readOperation)(parseJson(dropIn.text, dropIn.file), top);
    for (const operation of operations) document = operation.apply(document);
  }
  return JSON.stringify(document);
}

const readOperation: JsonReader<Operation> = (value, place) => {
  const object = readObject(value, place);
  const name = requiredField(object, 'op', place, readString);
  const build = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (build !== undefined) return { apply: build(object, place) };
  throw invalidAt(below(place, 'op'), 'is not an operation', {
    want: Object.keys(OPERATIONS).join(', '),
    got: name,
  });
};

const OPERATIONS: Readonly<Record<string, OperationBuilder>> = {
  add: (object, place) => {
    const path = readPointer(object, 'path', place);
    const value = readValue(object, place);
    return (document) => addAt(document, path, value, below(place, 'path'));
  },
  remove: (object, place) => {
    const path = readPointer(object, 'path', place);
    return (document) => removeAt(document, path, below(place, 'path'));
  },
  replace: (object, place) => {
    const path = readPointer(object, 'path', place);
    const value = readValue(object, place);
    return (document) => replaceAt(document, path, value, below(place, 'path'));
  },
  move: (object, place) => {
    const path = readPointer(object, 'path', place);
    const from = readPointer(object, 'from', place);
    return (document) => moveTo(document, from, path, place);
  },
  copy: (object, place) => {
    const path = readPointer(object, 'path', place);
    const from = readPointer(object, 'from', place);
    return (document) => {
      const value = valueAt(document, from, below(place, 'from'));
      return addAt(document, path, value, below(place, 'path'));
    };
  },
  test: (object, place) => {
    const path = readPointer(object, 'path', place);
    const value = readValue(object, place);
    return (document) => {
      const found = valueAt(document, path, below(place, 'path'));
      if (isEqual(found, value)) return document;
      throw invalidAt(place, 'fails: the settings hold another value', {
        want: JSON.stringify(value),
        got: JSON.stringify(found),
        hints: ['give the settings file that this drop-in was written for'],
      });
    };
  },
};

function readPointer(object: JsonObject, key: 'path' | 'from', place: JsonPlace): Pointer {
  const text = requiredField(object, key, place, readString);
  if (text === '') return [];
  if (text.startsWith('/') && !/~(?![01])/.test(text)) {
    return text
      .slice(1)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  throw invalidAt(below(place, key), 'is not a JSON Pointer', {
    want: 'parts that start with /, with ~0 for ~ and ~1 for /',
    got: text,
  });
}

function readValue(object: JsonObject, place: JsonPlace): JsonValue {
  const value = object.value;
  if (value !== undefined) return value;
  throw invalidAt(below(place, 'value'), 'is missing');
}

function valueAt(document: JsonValue, pointer: Pointer, place: JsonPlace): JsonValue {
  let value = document;
  for (const part of pointer) value = childOf(value, part, place);
  return value;
}

function childOf(value: JsonValue, part: string, place: JsonPlace): JsonValue {
  if (isArray(value)) {
    const child = value[indexOf(part, value.length - 1, place)];
    if (child !== undefined) return child;
  } else if (isObject(value) && Object.hasOwn(value, part)) {
    const child = value[part];
    if (child !== undefined) return child;
  }
  throw notThere(part, place);
}

/** Puts a changed child in the place of the one that `pointer` names, up to the root. */
function changeAt(
  document: JsonValue,
  pointer: Pointer,
  place: JsonPlace,
  change: (parent: JsonValue, last: string) => JsonValue,
): JsonValue {
  const [part, ...rest] = pointer;
  if (part === undefined) throw invalidAt(place, 'names the whole document');
  if (rest.length === 0) return change(document, part);
  const child = changeAt(childOf(document, part, place), rest, place, change);
  return withChild(document, part, child, place);
}

function withChild(parent: JsonValue, part: string, child: JsonValue, place: JsonPlace): JsonValue {
  if (isArray(parent)) return parent.with(indexOf(part, parent.length - 1, place), child);
  if (isObject(parent)) {
    return Object.hasOwn(parent, part)
      ? recordOf(Object.entries(parent).map(([key, old]) => [key, key === part ? child : old]))
      : recordOf([...Object.entries(parent), [part, child]]);
  }
  throw notThere(part, place);
}

function addAt(
  document: JsonValue,
  pointer: Pointer,
  value: JsonValue,
  place: JsonPlace,
): JsonValue {
  if (pointer.length === 0) return value;
  return changeAt(document, pointer, place, (parent, last) => {
    if (!isArray(parent)) return withChild(parent, last, value, place);
    const index = last === '-' ? parent.length : indexOf(last, parent.length, place);
    return parent.toSpliced(index, 0, value);
  });
}

function removeAt(document: JsonValue, pointer: Pointer, place: JsonPlace): JsonValue {
  return changeAt(document, pointer, place, (parent, last) => {
    childOf(parent, last, place);
    if (isArray(parent)) return parent.toSpliced(indexOf(last, parent.length - 1, place), 1);
    return recordOf(Object.entries(parent as JsonObject).filter(([key]) => key !== last));
  });
}

function replaceAt(
  document: JsonValue,
  pointer: Pointer,
  value: JsonValue,
  place: JsonPlace,
): JsonValue {
  if (pointer.length === 0) return value;
  return changeAt(document, pointer, place, (parent, last) => {
    childOf(parent, last, place);
    return withChild(parent, last, value, place);
  });
}

/** Remove, then add; a value cannot be moved into itself. */
function moveTo(document: JsonValue, from: Pointer, to: Pointer, place: JsonPlace): JsonValue {
  const value = valueAt(document, from, below(place, 'from'));
  const isInside = from.every((part, depth) => to[depth] === part);
  if (isInside && from.length < to.length) throw invalidAt(place, 'moves a value into itself');
  if (isInside) return document;
  const without = removeAt(document, from, below(place, 'from'));
  return addAt(without, to, value, below(place, 'path'));
}

/** An array index without leading zeros, at most `last`. */
function indexOf(part: string, last: number, place: JsonPlace): number {
  const index = /^(?:0|[1-9][0-9]*)$/.test(part) ? Number(part) : Number.NaN;
  if (index <= last) return index;
  throw notThere(part, place);
}

function isEqual(a: JsonValue, b: JsonValue): boolean {
  if (isArray(a) && isArray(b)) {
    return a.length === b.length && a.every((element, index) => isEqual(element, b[index] ?? null));
  }
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key] ?? null, b[key] ?? null))
    );
  }
  return a === b;
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notThere(part: string, place: JsonPlace): Error {
  return invalidAt(place, 'names nothing in the settings', {
    got: part,
    hints: ['drop-ins apply one after the other; see that the part exists at that point'],
  });
}
