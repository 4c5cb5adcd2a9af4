/** Fragment entries of a configuration or a fragments file (aci policy 15.6). */
import {
  type DataMap,
  type DataValue,
  isList,
  isMap,
  isTruthy,
  kindOfData,
} from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';

/** The entries of a list, each checked; empty ones are left out. Throws the code of `place`. */
export function readFragmentEntries(value: DataValue, place: JsonPlace): readonly DataMap[] {
  const filled = isList(value) ? value.filter(isTruthy) : value;
  return readMaps(filled, place).map((entry, i) => {
    checkFragmentEntry(entry, below(place, i));
    return entry;
  });
}

/** The maps of a list that may be missing. Throws the code of `place`. */
export function readMaps(value: DataValue, place: JsonPlace): readonly DataMap[] {
  if (!isTruthy(value)) return [];
  if (!isList(value)) throw invalidAt(place, 'is not a list', { got: kindOfData(value) });
  return value.map((entry, i) => {
    if (isMap(entry)) return entry;
    throw invalidAt(below(place, i), 'is not a map', { got: kindOfData(entry) });
  });
}

/** Throws the code of `place` unless the members of an entry have the types that a policy needs. */
export function checkFragmentEntry(entry: DataMap, place: JsonPlace): void {
  const refuse = (key: string, want: string) => {
    const got = kindOfData(entry.get(key) ?? null);
    return invalidAt(below(place, key), 'does not fit a fragment', { want, got });
  };
  for (const key of ['feed', 'issuer']) {
    if (typeof entry.get(key) !== 'string') throw refuse(key, 'a text');
  }
  const svn = entry.get('minimum_svn');
  if (typeof svn !== 'string' || !/^[0-9]+$/.test(svn)) {
    throw refuse('minimum_svn', 'an integer as text, e.g. "1"');
  }
  if (!isList(entry.get('includes'))) throw refuse('includes', 'a list');
}
