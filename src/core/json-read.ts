/**
 * Walks a parsed JSON value into a model: each reader checks one type and throws the caller's error code with the path
 * of the offending part. Absent and null are the same for optional fields.
 */
import { type ErrorCode, ToolError } from './error.js';
import type { JsonObject, JsonValue } from './json.js';

/** Where a value stands: the text it comes from, its path there (`layers[0].digest`), and the code of its errors. */
export interface JsonPlace {
  readonly code: ErrorCode;
  readonly what: string;
  readonly path: string;
}

/** Reads one value at a place. */
export type JsonReader<T> = (value: JsonValue, place: JsonPlace) => T;

/** The place of a field or element below `place`. Its path is put together when an error asks for it. */
export function below(place: JsonPlace, key: string | number): JsonPlace {
  return {
    code: place.code,
    what: place.what,
    get path() {
      return pathBelow(place.path, key);
    },
  };
}

function pathBelow(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const name = /^[A-Za-z0-9_.$-]+$/.test(key) ? key : JSON.stringify(key);
  return path === '' ? name : `${path}.${name}`;
}

/** An error about the value at `place`; `problem` follows the name of the field. */
export function invalidAt(
  place: JsonPlace,
  problem: string,
  details: { want?: string; got?: string; hints?: readonly string[] } = {},
): ToolError {
  const where = place.path === '' ? place.what : `${place.what} ${place.path}`;
  const object = place.path === '' ? place.what : `${place.what}: ${place.path}`;
  return new ToolError(place.code, `${object} ${problem}`, { where, ...details });
}

export const readObject: JsonReader<JsonObject> = (value, place) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw wrongType(value, 'an object', place);
};

export const readString: JsonReader<string> = (value, place) => {
  if (typeof value === 'string') return value;
  throw wrongType(value, 'a string', place);
};

export const readBoolean: JsonReader<boolean> = (value, place) => {
  if (typeof value === 'boolean') return value;
  throw wrongType(value, 'true or false', place);
};

/** A size or count: 0 to 2^53 - 1. */
export const readCount: JsonReader<number> = (value, place) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value + 0;
  throw wrongType(value, 'an integer from 0 to 9007199254740991', place);
};

/** A reader of one of the given words. */
export function oneOf<T extends string>(words: readonly T[]): JsonReader<T> {
  return (value, place) => {
    const text = readString(value, place);
    const word = words.find((known) => known === text);
    if (word !== undefined) return word;
    throw invalidAt(place, 'is unknown', { want: words.join(', '), got: text.slice(0, 200) });
  };
}

/** A reader of arrays whose elements `read` reads. */
export function arrayOf<T>(read: JsonReader<T>): JsonReader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw wrongType(value, 'an array', place);
    return value.map((element: JsonValue, index) =>
      isPlainFor(read, element) ? (element as T) : read(element, below(place, index)),
    );
  };
}

/** The field `key`; undefined if it is absent or null. */
export function optionalField<T>(
  object: JsonObject,
  key: string,
  place: JsonPlace,
  read: JsonReader<T>,
): T | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return isPlainFor(read, value) ? (value as T) : read(value, below(place, key));
}

/** True where a reader gives the value back as it is, so that nobody asks for its place: most values are such texts. */
function isPlainFor(read: JsonReader<unknown>, value: JsonValue): boolean {
  if (read === readString) return typeof value === 'string';
  return read === readBoolean && typeof value === 'boolean';
}

/** The field `key`, which must be there. */
export function requiredField<T>(
  object: JsonObject,
  key: string,
  place: JsonPlace,
  read: JsonReader<T>,
): T {
  const value = optionalField(object, key, place, read);
  if (value !== undefined) return value;
  throw invalidAt(below(place, key), 'is missing');
}

/** Throws for a key that is not in `known`. */
export function refuseUnknownKeys(
  object: JsonObject,
  known: readonly string[],
  place: JsonPlace,
): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    throw invalidAt(below(place, key), 'is not a known field', { want: known.join(', ') });
  }
}

/**
 * Throws for a key that differs from a known one in case only: readers written in Go take either for the same field
 * (encoding/json folds case), other readers do not, so they would see different documents.
 */
export function refuseKeyVariants(
  object: JsonObject,
  known: readonly string[],
  place: JsonPlace,
): void {
  const folded = new Map(known.map((key) => [foldCase(key), key]));
  for (const key of Object.keys(object)) {
    const meant = folded.get(foldCase(key));
    if (meant === undefined || meant === key) continue;
    throw invalidAt(below(place, key), `is read as ${meant} by some readers only`, {
      want: meant,
      got: key,
    });
  }
}

/** Case folding as encoding/json does it: ASCII letters, long s and the Kelvin sign. */
function foldCase(key: string): string {
  return key.toLowerCase().replaceAll('\u017f', 's').replaceAll('\u212a', 'k');
}

function wrongType(value: JsonValue, want: string, place: JsonPlace): ToolError {
  return invalidAt(place, 'has a wrong type or value', { want, got: kindOf(value) });
}

function kindOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'a string' : String(value);
}
