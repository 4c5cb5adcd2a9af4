/** ConfigMaps and Secrets of the input files, and what a variable that refers to them may be (aci policy 9.3.1). */
import {
  type DataMap,
  type DataValue,
  exactly,
  isMap,
  isTruthy,
  kindOfData,
} from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { GroupEnvRule } from '../../workload/container-group.js';
import { type GroupReading, wildcardRule } from '../group/reading.js';

/** Objects by metadata.name; of equal names the last one counts. */
export interface ReferencedObjects {
  readonly configMaps: ReadonlyMap<string, DataMap>;
  readonly secrets: ReadonlyMap<string, DataMap>;
}

/** What was decided so far for one container, by kind and name of the object. */
export interface Decisions {
  readonly approved: Set<string>;
  readonly refused: Set<string>;
}

interface Reference {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly variable: string;
  /** configMapKeyRef or secretKeyRef. */
  readonly value: DataValue;
  readonly place: JsonPlace;
}

/**
 * The rule of a variable that refers to a key. An object that no input holds needs approval for any value; refused,
 * a ConfigMap stands for empty texts from then on. Throws MANIFEST_INVALID and MANIFEST_REFERENCE_MISSING.
 */
export function readReference(
  { kind, variable, value, place }: Reference,
  objects: ReferencedObjects,
  decisions: Decisions,
  reading: GroupReading,
): GroupEnvRule {
  const name = readName(exactly(value, 'name'), below(place, 'name'));
  const key = readName(exactly(value, 'key'), below(place, 'key'));
  const id = `${kind}/${name}`;
  if (decisions.refused.has(id)) return { pattern: `${variable}=`, strategy: 'string' };
  const text =
    kind === 'ConfigMap'
      ? configMapValue(objects.configMaps.get(name), key, place)
      : secretValue(objects.secrets.get(name), key, place);
  if (text !== undefined) return { pattern: `${variable}=${text}`, strategy: 'string' };
  const question = `Would you like to use a wildcard value for ${kind} ${name}? (y/n): `;
  const at = `${place.what} ${place.path}`;
  if (decisions.approved.has(id) || reading.approve({ text: question, variable, at })) {
    decisions.approved.add(id);
    return wildcardRule(variable);
  }
  if (kind === 'Secret') throw missing(kind, name, variable, place);
  decisions.refused.add(id);
  return { pattern: `${variable}=`, strategy: 'string' };
}

function readName(value: DataValue, place: JsonPlace): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidAt(place, 'is not a name', { got: kindOfData(value) });
}

function configMapValue(
  object: DataMap | undefined,
  key: string,
  place: JsonPlace,
): string | undefined {
  if (object === undefined) return undefined;
  const data = exactly(object.get('data'), key);
  const binary = exactly(object.get('binaryData'), key);
  if (isTruthy(data) || (data !== null && binary === null)) return textOf(data, place);
  if (binary !== null) return decode(binary, place);
  throw new ToolError(
    'MANIFEST_REFERENCE_MISSING',
    `${place.path}: the ConfigMap has no such key`,
    {
      where: place.what,
      got: key,
    },
  );
}

function secretValue(
  object: DataMap | undefined,
  key: string,
  place: JsonPlace,
): string | undefined {
  if (object === undefined) return undefined;
  const data = exactly(object.get('data'), key);
  const decoded = data === null ? '' : decode(data, place);
  if (decoded !== '') return decoded;
  const plain = exactly(object.get('stringData'), key);
  return plain === null ? undefined : textOf(plain, place);
}

function textOf(value: DataValue, place: JsonPlace): string {
  if (typeof value === 'string') return value;
  throw invalidAt(place, 'refers to a value that is not a text', { got: kindOfData(value) });
}

function decode(value: DataValue, place: JsonPlace): string {
  const text = textOf(value, place).replace(/[\r\n]/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw invalidAt(place, 'refers to a value that is not base64');
  }
  try {
    const bytes = Buffer.from(text, 'base64');
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalidAt(place, 'refers to a value that is not UTF-8 text', {
      hints: ['a variable cannot hold binary data: mount it as a file'],
    });
  }
}

function missing(kind: string, name: string, variable: string, place: JsonPlace): ToolError {
  return new ToolError(
    'MANIFEST_REFERENCE_MISSING',
    `the variable ${variable} needs a value of ${kind} ${name}, which no input file holds`,
    {
      where: `${place.what} ${place.path}`,
      hints: [`give the file with the ${kind} too`, 'or approve wildcards, which allow any value'],
    },
  );
}

/** Collects the ConfigMaps and Secrets among objects. */
export function collectObjects(objects: readonly DataValue[]): ReferencedObjects {
  const named = (kind: string) =>
    new Map(
      objects.flatMap((object): [string, DataMap][] => {
        const name = exactly(exactly(object, 'metadata'), 'name');
        const fits = isMap(object) && object.get('kind') === kind && typeof name === 'string';
        return fits ? [[name, object]] : [];
      }),
    );
  return { configMaps: named('ConfigMap'), secrets: named('Secret') };
}
