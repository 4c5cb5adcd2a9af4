/**
 * JSON of a message -> the JSON that the agent makes of the message after reading it (spec kata-policy-rules section 5):
 * every field of the message and no other, absent ones with their default.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  readBoolean,
  readObject,
  readString,
} from '../core/json-read.js';
import { recordOf } from '../core/record.js';
import { type FieldType, MESSAGES, type MessageFields } from './messages.js';

const NONE: readonly string[] = [];

/** Largest values as doubles: integers beyond 2^53 keep about 16 digits, which no rule looks at. */
const INTEGERS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
  enum: [-(2 ** 31), 2 ** 31 - 1],
};

const readByte: JsonReader<JsonValue> = (value, place) => {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255) return value;
  throw invalidAt(place, 'is not a byte', { want: '0 to 255' });
};

/** Scalars: default and reader. */
const SCALARS: Readonly<
  Record<string, { readonly absent: JsonValue; readonly read: JsonReader<JsonValue> }>
> = {
  string: { absent: '', read: readString },
  bool: { absent: false, read: readBoolean },
  bytes: { absent: [], read: arrayOf(readByte) },
  any: { absent: null, read: (value) => value },
  ...Object.fromEntries(
    Object.entries(INTEGERS).map(([type, [least, most]]) => [
      type,
      { absent: 0, read: integerReader(type, least, most) },
    ]),
  ),
};

function integerReader(type: string, least: number, most: number): JsonReader<JsonValue> {
  return (value, place) => {
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value;
    }
    throw invalidAt(place, 'has a wrong type or value', { want: type });
  };
}

/**
 * The message `name` made of `value`: all its fields, unknown keys left out. `without` are fields that the message does
 * not have in this guest. Throws the code of `place` for a value of a wrong type.
 */
export function normaliseMessage(
  name: string,
  value: JsonValue,
  place: JsonPlace,
  without: readonly string[] = NONE,
): JsonObject {
  return readFields(fieldsOf(name, without), value, place, without);
}

/** As normaliseMessage, for fields that are no message of their own. */
export function normaliseFields(
  fields: MessageFields,
  value: JsonValue,
  place: JsonPlace,
  without: readonly string[] = NONE,
): JsonObject {
  return readFields(Object.entries(fields), value, place, without);
}

type FieldList = readonly (readonly [field: string, type: FieldType])[];

/** Fields of messages for each list of those that are left out. */
const known = new WeakMap<readonly string[], Map<string, FieldList>>();

function fieldsOf(name: string, without: readonly string[]): FieldList {
  const messages = known.get(without) ?? new Map<string, FieldList>();
  known.set(without, messages);
  const fields =
    messages.get(name) ??
    Object.entries(MESSAGES[name] ?? {}).filter(([field]) => !without.includes(`${name}.${field}`));
  messages.set(name, fields);
  return fields;
}

function readFields(
  fields: FieldList,
  value: JsonValue,
  place: JsonPlace,
  without: readonly string[],
): JsonObject {
  const object = readObject(value, place);
  const made = recordOf<JsonValue>([]);
  for (const [field, type] of fields) {
    const given = object[field] ?? null;
    // Most fields are texts or not there: nobody asks for the place of these.
    const scalar = given === null ? SCALARS[type] : undefined;
    if (scalar !== undefined) made[field] = scalar.absent;
    else if (type === 'string' && typeof given === 'string') made[field] = given;
    else made[field] = normaliseField(type, given, below(place, field), without);
  }
  return made;
}

function normaliseField(
  type: FieldType,
  value: JsonValue,
  place: JsonPlace,
  without: readonly string[],
): JsonValue {
  if (type.endsWith('?')) {
    return value === null ? null : normaliseField(type.slice(0, -1), value, place, without);
  }
  if (type === '{string}') {
    const entries = Object.entries(readObject(value ?? {}, place));
    return recordOf(entries.map(([key, text]) => [key, readString(text, below(place, key))]));
  }
  if (type.startsWith('[')) {
    const element = type.slice(1, -1);
    const readElement =
      SCALARS[element]?.read ??
      ((each: JsonValue, at: JsonPlace) => normaliseMessage(element, each, at, without));
    return arrayOf(readElement)(value ?? [], place);
  }
  const scalar = SCALARS[type];
  if (scalar === undefined) return normaliseMessage(type, value, place, without);
  return value === null ? scalar.absent : scalar.read(value, place);
}
