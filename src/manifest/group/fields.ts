/** Fields that containers of ARM templates, JSON configurations and virtual nodes share (aci policy 6.3, 6.5, 6.8, 8.7). */
import { type DataValue, isList, isTruthy, kindOfData, lookUp } from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { GroupExecProcess } from '../../workload/container-group.js';

/** A list, or null for one that is empty or missing in any way. Throws the code of `place` for anything else. */
export function readListIfAny(value: DataValue, place: JsonPlace): readonly DataValue[] | null {
  if (!isTruthy(value)) return null;
  if (isList(value)) return value;
  throw invalidAt(place, 'is not a list', { got: kindOfData(value) });
}

/** The words of a command; their types are not checked, as the policy passes them through. */
export function readWords(value: DataValue, place: JsonPlace): readonly DataValue[] {
  return readListIfAny(value, place) ?? [];
}

/** A text that is not empty. */
export function readFilledText(value: DataValue, place: JsonPlace): string {
  if (!isTruthy(value)) throw invalidAt(place, 'is empty or missing');
  if (typeof value === 'string') return value;
  throw invalidAt(place, 'is not a text', { got: kindOfData(value) });
}

/** readOnly of a mount: false where it is missing or null. */
export function readReadOnly(value: DataValue, place: JsonPlace): boolean {
  if (value === null) return false;
  if (typeof value === 'boolean') return value;
  throw invalidAt(place, 'is not true or false', { got: kindOfData(value) });
}

/** The process that a probe or hook starts; none for probes of other kinds (httpGet and so on). */
export function readExecHandler(handler: DataValue, place: JsonPlace): readonly GroupExecProcess[] {
  const exec = lookUp(handler, 'exec');
  if (!isTruthy(exec)) return [];
  const at = below(below(place, 'exec'), 'command');
  const command = readWords(lookUp(exec, 'command'), at);
  if (command.length === 0) throw invalidAt(at, 'is empty or missing');
  return [{ command, signals: [] }];
}
