/**
 * seccompProfile -> SHA-256 of the profile in the form that the guest hashes (aci policy 6.9): known members in a fixed
 * order, compact, numbers as they were.
 */
import { decodeBase64Leniently } from '../../core/base64.js';
import {
  type DataMap,
  type DataValue,
  exactly,
  isList,
  isMap,
  isTruthy,
  kindOfData,
  textOfData,
} from '../../core/data.js';
import { parseJsonData, printCompactInOrder } from '../../core/data-json.js';
import { sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { NoticeSink } from '../../core/notice.js';

/** A member with the value that it gets where it is missing; without one it is left out then. */
type Member = readonly [key: string, missing?: DataValue];

const PROFILE: readonly Member[] = [
  ['defaultAction', ''],
  ['defaultErrnoRet'],
  ['architectures'],
  ['flags'],
  ['listenerPath'],
  ['listenerMetadata'],
  ['syscalls'],
];
const SYSCALL: readonly Member[] = [['names', []], ['action', ''], ['errnoRet'], ['args']];
const ARGUMENT: readonly Member[] = [['index', 0n], ['value', 0n], ['valueTwo'], ['op', '']];

/**
 * 64 hex digits; empty without a profile, and for a Kubernetes profile of a type that the guest does not check. The
 * value is the base64 text of a JSON profile, or a Kubernetes map. Notes a profile that the guest hashes in another form.
 * Throws the code of `place`.
 */
export function readSeccompSha256(value: DataValue, place: JsonPlace, notices: NoticeSink): string {
  if (value === null) return '';
  if (isMap(value)) return readKubernetesProfile(value, place);
  if (typeof value !== 'string') {
    throw invalidAt(place, 'is neither a base64 text nor a map', { got: kindOfData(value) });
  }
  const profile = normaliseProfile(decodeProfile(value, place), place);
  const text = printCompactInOrder(profile);
  const parts = [...emptyParts(profile), ...(GUEST_WRITES_OTHERWISE.test(text) ? ['a text'] : [])];
  if (parts.length > 0) noteOtherForm(parts, place, notices);
  return sha256Hex(text);
}

/** Members that the guest leaves out where they are empty (aci-framework 5.8). */
const LEFT_OUT: Readonly<Record<'profile' | 'syscall' | 'argument', readonly string[]>> = {
  profile: ['architectures', 'flags', 'listenerPath', 'listenerMetadata', 'syscalls'],
  syscall: ['args'],
  argument: ['valueTwo'],
};

/** Characters that the guest writes as they are, or escapes where this program does not. */
const GUEST_WRITES_OTHERWISE = /[<>&]|\\u(?!00[01])/;

/** Names of empty members, each once. */
function emptyParts(profile: DataMap): readonly string[] {
  const syscalls = listOf(profile.get('syscalls'));
  const found = [
    ...emptyIn(profile, LEFT_OUT.profile),
    ...syscalls.flatMap((syscall) => emptyIn(syscall, LEFT_OUT.syscall)),
    ...syscalls
      .flatMap((syscall) => listOf(exactly(syscall, 'args')))
      .flatMap((argument) => emptyIn(argument, LEFT_OUT.argument)),
  ];
  return [...new Set(found)];
}

function emptyIn(map: DataValue, keys: readonly string[]): readonly string[] {
  return isMap(map) ? keys.filter((key) => map.has(key) && !isTruthy(map.get(key))) : [];
}

function listOf(value: DataValue | undefined): readonly DataValue[] {
  return isList(value) ? value : [];
}

function noteOtherForm(parts: readonly string[], place: JsonPlace, notices: NoticeSink): void {
  notices({
    code: 'seccomp-other-form',
    message: `${place.path}: the guest hashes this profile in another form (${parts.join(', ')}) and would refuse the container; leave empty members and special characters out of the profile`,
    where: place.what,
  });
}

function readKubernetesProfile(profile: DataMap, place: JsonPlace): string {
  const type = exactly(profile, 'type');
  if (type !== 'Localhost') return '';
  throw invalidAt(below(place, 'type'), 'is Localhost, and the profile itself is not there', {
    want: 'seccompProfile: the profile as base64 text, or type RuntimeDefault',
    got: textOfData(type),
  });
}

function decodeProfile(text: string, place: JsonPlace): DataValue {
  const bytes = decodeBase64Leniently(text);
  if (bytes === undefined) throw invalidAt(place, 'is not base64');
  let json: string;
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalidAt(place, 'is not UTF-8 once decoded');
  }
  try {
    return parseJsonData(json, `${place.path} (decoded)`);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw invalidAt(place, `is not a JSON profile once decoded: ${error.message}`);
  }
}

function normaliseProfile(value: DataValue, place: JsonPlace): DataMap {
  const profile = new Map(pick(value, PROFILE, place));
  const syscalls = profile.get('syscalls');
  if (syscalls !== undefined) {
    profile.set('syscalls', mapList(syscalls, below(place, 'syscalls'), normaliseSyscall));
  }
  return profile;
}

function normaliseSyscall(value: DataValue, place: JsonPlace): DataMap {
  const syscall = new Map(pick(value, SYSCALL, place));
  const args = syscall.get('args');
  if (args !== undefined) {
    const pickArgument = (argument: DataValue, at: JsonPlace) =>
      new Map(pick(argument, ARGUMENT, at));
    syscall.set('args', mapList(args, below(place, 'args'), pickArgument));
  }
  return syscall;
}

function pick(
  value: DataValue,
  members: readonly Member[],
  place: JsonPlace,
): readonly (readonly [string, DataValue])[] {
  if (!isMap(value)) throw invalidAt(place, 'is not a map', { got: kindOfData(value) });
  return members.flatMap(([key, missing]) => {
    const member = value.has(key) ? value.get(key) : missing;
    return member === undefined ? [] : [[key, member]];
  });
}

function mapList(
  value: DataValue,
  place: JsonPlace,
  change: (item: DataValue, place: JsonPlace) => DataValue,
): readonly DataValue[] {
  if (!isList(value)) throw invalidAt(place, 'is not a list', { got: kindOfData(value) });
  return value.map((item, i) => change(item, below(place, i)));
}
