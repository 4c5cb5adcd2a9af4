/** Objects of a CCE policy from JSON: required and optional fields of each kind (spec aci-framework 4.2 and 4.3). */
import type { JsonObject, JsonValue } from '../../core/json.js';
import {
  arrayOf,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readBoolean,
  readObject,
  readString,
  requiredField,
} from '../../core/json-read.js';
import { withoutAbsent } from '../../core/record.js';
import type {
  CceCapabilities,
  CceContainer,
  CceEnvRule,
  CceExecProcess,
  CceExternalProcess,
  CceFragmentEntry,
  CceIdRule,
  CceMount,
  CcePlatformRule,
  CceSignal,
  CceTrustList,
  CceUser,
} from './cce-document.js';

const readStrings = arrayOf(readString);
const readAnything: JsonReader<JsonValue> = (value) => value;
const readCommand = arrayOf(readAnything);

const readSignal: JsonReader<CceSignal> = (value, place) => {
  if (typeof value === 'string' || Number.isSafeInteger(value)) return value as CceSignal;
  throw invalidAt(place, 'has a wrong type or value', { want: 'a number, or a name on Windows' });
};

/** A number or a text. */
export const readSvn: JsonReader<number | string> = (value, place) => {
  if (typeof value === 'string' || typeof value === 'number') return value;
  throw invalidAt(place, 'has a wrong type or value', { want: 'a number or a text' });
};

const ENV_TEXTS = [
  'pattern',
  'strategy',
  'name',
  'name_strategy',
  'value',
  'value_strategy',
] as const;

const readEnvRule: JsonReader<CceEnvRule> = (value, place) => {
  const rule = readObject(value, place);
  const made: { -readonly [K in keyof CceEnvRule]: CceEnvRule[K] } = {};
  for (const key of ENV_TEXTS) {
    const text = optionalField(rule, key, place, readString);
    if (text !== undefined) made[key] = text;
  }
  const required = optionalField(rule, 'required', place, readBoolean);
  if (required !== undefined) made.required = required;
  return made;
};

const readMount: JsonReader<CceMount> = (value, place) => {
  const mount = readObject(value, place);
  return {
    destination: requiredField(mount, 'destination', place, readString),
    options: requiredField(mount, 'options', place, readStrings),
    source: requiredField(mount, 'source', place, readString),
    type: requiredField(mount, 'type', place, readString),
  };
};

const readExecProcess: JsonReader<CceExecProcess> = (value, place) => {
  const exec = readObject(value, place);
  return {
    command: requiredField(exec, 'command', place, readCommand),
    signals: requiredField(exec, 'signals', place, arrayOf(readSignal)),
  };
};

const readIdRule: JsonReader<CceIdRule> = (value, place) => {
  const rule = readObject(value, place);
  return {
    pattern: requiredField(rule, 'pattern', place, readString),
    strategy: requiredField(rule, 'strategy', place, readString),
  };
};

const readUser: JsonReader<CceUser | string> = (value, place) => {
  if (typeof value === 'string') return value;
  const user = readObject(value, place);
  return {
    user_idname: requiredField(user, 'user_idname', place, readIdRule),
    group_idnames: requiredField(user, 'group_idnames', place, arrayOf(readIdRule)),
    umask: requiredField(user, 'umask', place, readString),
  };
};

const readCapabilities: JsonReader<CceCapabilities> = (value, place) => {
  const sets = readObject(value, place);
  return {
    ambient: requiredField(sets, 'ambient', place, readStrings),
    bounding: requiredField(sets, 'bounding', place, readStrings),
    effective: requiredField(sets, 'effective', place, readStrings),
    inheritable: requiredField(sets, 'inheritable', place, readStrings),
    permitted: requiredField(sets, 'permitted', place, readStrings),
  };
};

/** null stays null, absent stays absent: only the latter is a missing field for the guest. */
function nullable<T>(
  object: JsonObject,
  key: string,
  place: JsonPlace,
  read: JsonReader<T>,
): T | null | undefined {
  if (!(key in object)) return undefined;
  return optionalField(object, key, place, read) ?? null;
}

/** One element of `containers`. Throws the code of `place`. */
export const readContainer: JsonReader<CceContainer> = (value, place) => {
  const object = readObject(value, place);
  const { command } = object;
  if (command === undefined)
    throw invalidAt({ ...place, path: `${place.path}.command` }, 'is missing');
  return {
    command: nullable(object, 'command', place, readCommand) ?? null,
    env_rules: requiredField(object, 'env_rules', place, arrayOf(readEnvRule)),
    layers: requiredField(object, 'layers', place, readStrings),
    exec_processes: requiredField(object, 'exec_processes', place, arrayOf(readExecProcess)),
    working_dir: requiredField(object, 'working_dir', place, readString),
    allow_stdio_access: requiredField(object, 'allow_stdio_access', place, readBoolean),
    ...withoutAbsent({
      id: optionalField(object, 'id', place, readString),
      name: nullable(object, 'name', place, readString),
      mounts: optionalField(object, 'mounts', place, arrayOf(readMount)),
      signals: optionalField(object, 'signals', place, arrayOf(readSignal)),
      user: optionalField(object, 'user', place, readUser),
      capabilities: nullable(object, 'capabilities', place, readCapabilities),
      seccomp_profile_sha256: optionalField(object, 'seccomp_profile_sha256', place, readString),
      allow_elevated: optionalField(object, 'allow_elevated', place, readBoolean),
      no_new_privileges: optionalField(object, 'no_new_privileges', place, readBoolean),
      mounted_cim: optionalField(object, 'mounted_cim', place, readStrings),
      registry_changes: optionalField(object, 'registry_changes', place, readAnything),
    }),
  };
};

/** One element of `external_processes`. Throws the code of `place`. */
export const readExternalProcess: JsonReader<CceExternalProcess> = (value, place) => {
  const object = readObject(value, place);
  return {
    command: requiredField(object, 'command', place, readCommand),
    env_rules: requiredField(object, 'env_rules', place, arrayOf(readEnvRule)),
    working_dir: requiredField(object, 'working_dir', place, readString),
    allow_stdio_access: requiredField(object, 'allow_stdio_access', place, readBoolean),
  };
};

/** One element of `fragments`. Throws the code of `place`. */
export const readFragmentEntry: JsonReader<CceFragmentEntry> = (value, place) => {
  const object = readObject(value, place);
  return {
    issuer: requiredField(object, 'issuer', place, readString),
    feed: requiredField(object, 'feed', place, readString),
    minimum_svn: requiredField(object, 'minimum_svn', place, readSvn),
    includes: requiredField(object, 'includes', place, readStrings),
    ...withoutAbsent({
      parameters: optionalField(object, 'parameters', place, readObject),
      required_receipts: optionalField(object, 'required_receipts', place, readStrings),
    }),
  };
};

/** One element of `platform_rules`. Throws the code of `place`. */
export const readPlatformRule: JsonReader<CcePlatformRule> = (value, place) => {
  const object = readObject(value, place);
  return withoutAbsent({
    env_rules: optionalField(object, 'env_rules', place, arrayOf(readEnvRule)),
    mounts: optionalField(object, 'mounts', place, arrayOf(readMount)),
  });
};

/** One element of `transparency_trust_lists`. Throws the code of `place`. */
export const readTrustList: JsonReader<CceTrustList> = (value, place) => {
  const object = readObject(value, place);
  return {
    issuer: requiredField(object, 'issuer', place, readString),
    subject: requiredField(object, 'subject', place, readString),
    minimum_svn: requiredField(object, 'minimum_svn', place, readSvn),
    allowed_ledgers: requiredField(object, 'allowed_ledgers', place, readStrings),
  };
};
