/** Variables of a virtual-node container (aci policy 9.3). */
import {
  type DataValue,
  exactly,
  isMap,
  isTruthy,
  kindOfData,
  textOfData,
} from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { GroupEnvRule } from '../../workload/container-group.js';
import { readMaps } from '../group/fragments.js';
import { type GroupReading, wildcardRule } from '../group/reading.js';
import { type Decisions, type ReferencedObjects, readReference } from './references.js';

/** What a variable may refer to. */
export interface EnvContext {
  readonly objects: ReferencedObjects;
  /** Of the container that has the variables. */
  readonly containerName: string;
  readonly resources: DataValue;
  readonly reading: GroupReading;
}

/** Marks whose value the node fills in; a final line end is allowed. */
const FILLED_IN = /^===VIRTUALNODE2[^\n]CC[^\n]THIM[^\n][^\n]+===\n?$/;

/** The rules of `env`, in order. Throws MANIFEST_INVALID and MANIFEST_REFERENCE_MISSING. */
export function readEnv(env: DataValue, place: JsonPlace, context: EnvContext): GroupEnvRule[] {
  const decisions: Decisions = { approved: new Set(), refused: new Set() };
  return readMaps(env, place).flatMap((entry, i) => {
    const at = below(place, i);
    const name = exactly(entry, 'name');
    if (typeof name !== 'string' || name === '') {
      throw invalidAt(below(at, 'name'), 'is not the name of a variable', {
        got: kindOfData(name),
      });
    }
    if (entry.has('value')) return [readPlain(name, exactly(entry, 'value'), at)];
    const source = exactly(entry, 'valueFrom');
    return isTruthy(source)
      ? readSource(name, source, below(at, 'valueFrom'), context, decisions)
      : [];
  });
}

function readPlain(name: string, value: DataValue, place: JsonPlace): GroupEnvRule {
  if (typeof value !== 'string') {
    throw invalidAt(below(place, 'value'), 'is not a text', {
      got: kindOfData(value),
      hints: ['put the value in quotes'],
    });
  }
  return FILLED_IN.test(value)
    ? wildcardRule(name)
    : { pattern: `${name}=${value}`, strategy: 'string' };
}

function readSource(
  name: string,
  source: DataValue,
  place: JsonPlace,
  context: EnvContext,
  decisions: Decisions,
): GroupEnvRule[] {
  if (!isMap(source)) throw invalidAt(place, 'is not a map', { got: kindOfData(source) });
  const { objects, reading } = context;
  for (const [key, kind] of REFERENCES) {
    const value = exactly(source, key);
    if (!isTruthy(value)) continue;
    const reference = { kind, variable: name, value, place: below(place, key) };
    return [readReference(reference, objects, decisions, reading)];
  }
  const field = exactly(source, 'fieldRef');
  if (isTruthy(field)) return isTruthy(exactly(field, 'fieldPath')) ? [wildcardRule(name)] : [];
  const resource = exactly(source, 'resourceFieldRef');
  if (isTruthy(resource)) {
    return readResource(name, resource, below(place, 'resourceFieldRef'), context);
  }
  reading.notices({
    code: 'variable-left-out',
    message: `the variable ${name} has a source that is not known, and is not in the policy`,
    where: `${place.what} ${place.path}`,
  });
  return [];
}

const REFERENCES = [
  ['configMapKeyRef', 'ConfigMap'],
  ['secretKeyRef', 'Secret'],
] as const;

/** The value as it stands in the manifest: without divisor and unit conversion, as the reference has it. */
function readResource(
  name: string,
  reference: DataValue,
  place: JsonPlace,
  { containerName, resources }: EnvContext,
): GroupEnvRule[] {
  const other = exactly(reference, 'containerName');
  if (other !== containerName) {
    throw invalidAt(below(place, 'containerName'), 'is not the container itself', {
      want: containerName,
      got: textOfData(other),
    });
  }
  const resource = exactly(reference, 'resource');
  if (typeof resource !== 'string') {
    throw invalidAt(below(place, 'resource'), 'is not a text', { got: kindOfData(resource) });
  }
  const dot = resource.indexOf('.');
  const value =
    dot === -1
      ? null
      : exactly(exactly(resources, resource.slice(0, dot)), resource.slice(dot + 1));
  if (!isTruthy(value)) return [];
  return [{ pattern: `${name}=${textOfData(value)}`, strategy: 'string' }];
}
