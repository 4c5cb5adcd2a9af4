/** securityContext of a container of an ACI group -> its model (aci policy 6.1, 6.2, 6.6, 6.9). */
import { type DataValue, isList, isMap, isTruthy, kindOfData, lookUp } from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { NoticeSink } from '../../core/notice.js';
import { withoutAbsent } from '../../core/record.js';
import type { GroupSecurity } from '../../workload/container-group.js';
import { readSeccompSha256 } from './seccomp.js';

/**
 * The model of a securityContext; null gives the defaults. Keys are found whatever their case. Notes what a guest does
 * not read as meant. Throws the code of `place`.
 */
export function readSecurity(
  context: DataValue,
  place: JsonPlace,
  notices: NoticeSink,
): GroupSecurity {
  if (context !== null && !isMap(context)) {
    throw invalidAt(place, 'is not a map', { got: kindOfData(context) });
  }
  const at = (key: string) => below(place, key);
  const escalation = lookUp(context, 'allowPrivilegeEscalation');
  const capabilities = lookUp(context, 'capabilities');
  if (isTruthy(capabilities) && !isMap(capabilities)) {
    throw invalidAt(at('capabilities'), 'is not a map', { got: kindOfData(capabilities) });
  }
  const names = (key: string) => {
    const list = lookUp(capabilities, key);
    return readNames(list, below(at('capabilities'), key), notices);
  };
  const privileged = lookUp(context, 'privileged');
  return withoutAbsent({
    privileged: isTruthy(privileged) && readFlag(privileged, at('privileged'), notices),
    allowPrivilegeEscalation:
      escalation === null || readFlag(escalation, at('allowPrivilegeEscalation'), notices),
    addCapabilities: names('add'),
    dropCapabilities: names('drop'),
    runAsUser: readId(lookUp(context, 'runAsUser'), at('runAsUser')),
    runAsGroup: readId(lookUp(context, 'runAsGroup'), at('runAsGroup')),
    seccompSha256: readSeccompSha256(
      lookUp(context, 'seccompProfile'),
      at('seccompProfile'),
      notices,
    ),
  });
}

/** A boolean, or a text that is true when it says so in any case. */
function readFlag(value: DataValue, place: JsonPlace, notices: NoticeSink): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') {
    throw invalidAt(place, 'has a wrong type', { want: 'true or false', got: kindOfData(value) });
  }
  const word = value.toLowerCase();
  if (word !== 'true' && word !== 'false') {
    notices({
      code: 'flag-taken-as-false',
      message: `${place.path} is neither true nor false and is taken as false: ${value.slice(0, 200)}`,
      where: place.what,
    });
  }
  return word === 'true';
}

function readNames(list: DataValue, place: JsonPlace, notices: NoticeSink): readonly string[] {
  if (!isTruthy(list)) return [];
  if (!isList(list)) throw invalidAt(place, 'is not a list', { got: kindOfData(list) });
  return list.map((name, i) => {
    if (typeof name !== 'string') {
      throw invalidAt(below(place, i), 'is not a text', { got: kindOfData(name) });
    }
    if (!name.startsWith('CAP_')) noteShortName(name, below(place, i), notices);
    return name;
  });
}

function noteShortName(name: string, place: JsonPlace, notices: NoticeSink): void {
  notices({
    code: 'capability-name',
    message:
      name.toUpperCase() === 'ALL'
        ? `${place.path}: ${name} has no special meaning in ACI policies, each capability is named by itself`
        : `${place.path}: the capability ${name} goes into the policy as written, but guests know it as CAP_${name.toUpperCase()}`,
    where: place.what,
  });
}

function readId(value: DataValue, place: JsonPlace): bigint | undefined {
  if (value === null) return undefined;
  if (typeof value === 'bigint' && value >= 0n) return value;
  throw invalidAt(place, 'is not a user or group number', {
    want: 'an integer from 0',
    got: typeof value === 'bigint' ? String(value) : kindOfData(value),
  });
}
