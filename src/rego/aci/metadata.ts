/**
 * State of the guest between requests (spec aci-framework 3.3): maps and sets by name. Rules never write it; they answer
 * with operations, which are read here as strictly as in the guest and with its texts.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject, sameJson } from '../../core/json-equal.js';
import { recordOf } from '../../core/record.js';

/** A map, or a set in the order in which its values came. */
type Entry =
  | { readonly kind: 'map'; readonly values: ReadonlyMap<string, JsonValue> }
  | { readonly kind: 'set'; readonly values: readonly JsonValue[] };

/** Never changed in place: an old one is a snapshot. */
export type Metadata = ReadonlyMap<string, Entry>;

interface Operation {
  readonly name: string;
  readonly action: string;
  readonly type: string;
  readonly key: string;
  readonly value: JsonValue;
}

/** The state, and the guest's text where an operation could not be applied; those before it stay applied. */
export interface MetadataChange {
  readonly metadata: Metadata;
  readonly fault?: string;
}

/** State of a guest that has just started. */
export function initialMetadata(os: string): Metadata {
  return new Map([['operatingsystem', { kind: 'map', values: new Map([['ostype', os]]) }]]);
}

/** The state as rules see it; an entry that stays the same gives the same object. */
export function metadataDocument(metadata: Metadata): JsonObject {
  return recordOf([...metadata].map(([name, entry]) => [name, entryDocument(entry)]));
}

const documents = new WeakMap<Entry, JsonValue>();

function entryDocument(entry: Entry): JsonValue {
  if (entry.kind === 'set') return entry.values;
  const document = documents.get(entry) ?? recordOf(entry.values);
  documents.set(entry, document);
  return document;
}

/** Applies what a rule answered in `metadata`, whatever it is. */
export function applyOperations(metadata: Metadata, answered: JsonValue): MetadataChange {
  const operations = readOperations(answered);
  if (typeof operations === 'string') return { metadata, fault: operations };
  let now = metadata;
  for (const operation of operations) {
    const next = applyOne(now, operation);
    if (typeof next === 'string') {
      return { metadata: now, fault: `error applying metadata operations: ${next}` };
    }
    now = next;
  }
  return { metadata: now };
}

function readOperations(answered: JsonValue): readonly Operation[] | string {
  if (!Array.isArray(answered)) return 'error loading metadata array: invalid type';
  const operations: Operation[] = [];
  for (const value of answered as readonly JsonValue[]) {
    const operation = readOperation(value);
    if (typeof operation === 'string') return `error loading metadata operation: ${operation}`;
    operations.push(operation);
  }
  return operations;
}

function readOperation(value: JsonValue): Operation | string {
  if (!isJsonObject(value)) return 'unable to load metadata object';
  const { type = 'map', name, action, key } = value;
  if (typeof type !== 'string') return 'unable to load metadata type';
  if (typeof name !== 'string') return 'unable to load metadata name';
  if (typeof action !== 'string') return 'unable to load metadata action';
  const isMap = type === 'map';
  if (isMap && key === undefined) return 'missing metadata key';
  if (isMap && typeof key !== 'string') return 'unable to load metadata key';
  const needsValue = !(isMap && action === 'remove');
  if (needsValue && value.value === undefined) return 'missing metadata value';
  return { name, action, type, key: isMap ? (key as string) : '', value: value.value ?? null };
}

function applyOne(metadata: Metadata, operation: Operation): Metadata | string {
  const { name, type } = operation;
  if (type !== 'map' && type !== 'set') return `unrecognized metadata type: ${type}`;
  const known = metadata.get(name);
  if (known !== undefined && known.kind !== type) {
    return `metadata ${name} has the wrong type: it is a ${known.kind}`;
  }
  const changed =
    type === 'map'
      ? changeMap(known?.kind === 'map' ? known.values : new Map(), operation)
      : changeSet(known?.kind === 'set' ? known.values : [], operation);
  return typeof changed === 'string' ? changed : new Map([...metadata, [name, changed]]);
}

function changeMap(
  values: ReadonlyMap<string, JsonValue>,
  { name, action, key, value }: Operation,
): Entry | string {
  const changed = new Map(values);
  if (action === 'add' && values.has(key)) {
    return `cannot add metadata value, key ${name}[${key}] already exists`;
  }
  if (action === 'remove') changed.delete(key);
  else if (action === 'add' || action === 'update') changed.set(key, value);
  else return `unrecognized metadata action: ${action} for map`;
  return { kind: 'map', values: changed };
}

function changeSet(values: readonly JsonValue[], { action, value }: Operation): Entry | string {
  const others = values.filter((one) => !sameJson(one, value));
  if (action === 'remove') return { kind: 'set', values: others };
  if (action !== 'add') return `unrecognized metadata action: ${action} for set`;
  return { kind: 'set', values: others.length < values.length ? values : [...values, value] };
}
