/**
 * JSON Patch (RFC 6902) over JSON Pointer (RFC 6901). Values are never changed in place; a patch applies as a whole or
 * not at all.
 */
import type { JsonObject, JsonValue } from './json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  readObject,
  readString,
  requiredField,
} from './json-read.js';
import { recordOf } from './record.js';

/** Parts of a JSON Pointer, unescaped. */
type Pointer = readonly string[];

type Change = (document: JsonValue) => JsonValue;

/**
 * The document after all operations of `patch`, an array of operations that stands at `place`. Throws the code of
 * `place`, naming the operation that is malformed or does not apply.
 */
export function applyJsonPatch(document: JsonValue, patch: JsonValue, place: JsonPlace): JsonValue {
  const changes = arrayOf((value, at) => readChange(readObject(value, at), at))(patch, place);
  return changes.reduce((changed, change) => change(changed), document);
}

function readChange(object: JsonObject, place: JsonPlace): Change {
  const name = requiredField(object, 'op', place, readString);
  const build = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (build !== undefined) return build(object, place);
  throw invalidAt(below(place, 'op'), 'is not an operation', {
    want: Object.keys(OPERATIONS).join(', '),
    got: name,
  });
}

const OPERATIONS: Readonly<Record<string, (object: JsonObject, place: JsonPlace) => Change>> = {
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
      throw invalidAt(place, 'fails: the document holds another value', {
        want: JSON.stringify(value),
        got: JSON.stringify(found),
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
  return pointer.reduce((value, part) => childOf(value, part, place), document);
}

function childOf(value: JsonValue, part: string, place: JsonPlace): JsonValue {
  const child = isArray(value)
    ? value[indexOf(part, value.length - 1, place)]
    : isObject(value) && Object.hasOwn(value, part)
      ? value[part]
      : undefined;
  if (child !== undefined) return child;
  throw notThere(part, place);
}

/** Puts a changed parent in the place of the one that holds what `pointer` names, up to the root. */
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
  if (!isObject(parent)) throw notThere(part, place);
  if (!Object.hasOwn(parent, part)) return recordOf([...Object.entries(parent), [part, child]]);
  return recordOf(Object.entries(parent).map(([key, old]) => [key, key === part ? child : old]));
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
  return invalidAt(place, 'names nothing in the document', { got: part });
}
