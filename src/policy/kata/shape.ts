/**
 * Reads JSON of others by tables: known fields are checked for their type, unknown ones are kept in a list, nothing is
 * dropped in silence. null is a value like any other, not an absent field: the engines tell them apart.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { below, invalidAt, type JsonPlace, readObject } from '../../core/json-read.js';

/** A field that no table knows. */
export interface UnknownField {
  /** E.g. `containers[1].OCI.Hooks`. */
  readonly path: string;
  readonly value: JsonValue;
}

/** A place, with the list of what is not known so far. */
export interface ShapePlace extends JsonPlace {
  readonly unknown: UnknownField[];
}

export type ShapeReader<T> = (value: JsonValue, place: ShapePlace) => T;

export interface ShapeField<T> {
  readonly read: ShapeReader<T>;
  readonly isRequired: boolean;
}

type ShapeTable = Readonly<Record<string, ShapeField<unknown>>>;
type Shaped<S extends ShapeTable> = {
  readonly [K in keyof S]: S[K] extends ShapeField<infer T> ? T : never;
};

/** A field that must be there. */
export function required<T>(read: ShapeReader<T>): ShapeField<T> {
  return { read, isRequired: true };
}

/** A field that may be absent. */
export function optional<T>(read: ShapeReader<T>): ShapeField<T | undefined> {
  return { read, isRequired: false };
}

/** A reader of objects with the fields of `table`; others go to the list of unknown fields. */
export function fieldsOf<S extends ShapeTable>(table: S): ShapeReader<Shaped<S>> {
  return (value, place) => {
    const object = readObject(value, place);
    for (const [key, field] of Object.entries(object)) {
      if (!Object.hasOwn(table, key))
        place.unknown.push({ path: inside(place, key).path, value: field });
    }
    const entries = Object.entries(table).map(([key, { read, isRequired }]) => {
      const field = object[key];
      if (field !== undefined) return [key, read(field, inside(place, key))];
      if (isRequired) throw invalidAt(inside(place, key), 'is missing');
      return [key, undefined];
    });
    return Object.fromEntries(entries) as Shaped<S>;
  };
}

/** A reader that checks with `read` and gives the object as it stands. */
export function asItIs<T>(read: ShapeReader<T>): ShapeReader<JsonObject> {
  return (value, place) => {
    read(value, place);
    return readObject(value, place);
  };
}

/** A reader of arrays of at most `limit` elements. */
export function listOf<T>(read: ShapeReader<T>, limit = Infinity): ShapeReader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw invalidAt(place, 'is not an array');
    if (value.length > limit) {
      throw invalidAt(place, 'has too many elements', {
        want: `at most ${limit}`,
        got: String(value.length),
      });
    }
    return value.map((element: JsonValue, index) => read(element, inside(place, index)));
  };
}

/** A reader of objects whose keys are data, in the order of the text. */
export function mapOf<T>(read: ShapeReader<T>): ShapeReader<ReadonlyMap<string, T>> {
  return (value, place) =>
    new Map(
      Object.entries(readObject(value, place)).map(([key, field]) => [
        key,
        read(field, inside(place, key)),
      ]),
    );
}

/** A reader that takes null as well. */
export function orNull<T>(read: ShapeReader<T>): ShapeReader<T | null> {
  return (value, place) => (value === null ? null : read(value, place));
}

function inside(place: ShapePlace, key: string | number): ShapePlace {
  return { ...below(place, key), unknown: place.unknown };
}
