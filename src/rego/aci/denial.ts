/**
 * A refusal as the guest sends it (spec aci-framework 8): the decision object with what must not leave the guest taken out,
 * cut to the length that fits, in base64 between two marks.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { compareBytes } from '../../core/record.js';
import { PRIVILEGED_CAPABILITIES, UNPRIVILEGED_CAPABILITIES } from './guest-data.js';

export interface Denial {
  /** What the message holds. */
  readonly decision: JsonObject;
  /** `policyDecision< BASE64 >policyDecision`. */
  readonly message: string;
}

/** Longest message of a guest, in bytes. */
export const DENIAL_BYTES = 3072;
export const NO_REASON =
  'Security policy is either not valid or did not provide a reason for denial. Please check security policy or re-generate with tooling.';
export const INVALID_POLICY =
  'Security policy is not valid. Please check security policy or re-generate with tooling.';

const HEAD = 'policyDecision< ';
const TAIL = ' >policyDecision';
/** Characters that Go's encoder writes as escapes, since they mean something in HTML or JavaScript. */
const ESCAPED = /[<>&\u2028\u2029]/g;

/** A refusal by a rule. `reason` is undefined where the policy gives none. `most` is 0 for any length. */
export function denialOf(
  point: string,
  input: JsonObject,
  reason: JsonValue | undefined,
  most: number,
): Denial {
  const redacted = redactInput({ ...input, rule: point });
  return cutToFit(
    { decision: 'deny', input: redacted, reason: redactReason(reason ?? NO_REASON) },
    most,
  );
}

/** A refusal because the policy could not decide. */
export function faultOf(input: JsonObject, fault: string, most: number): Denial {
  const decision = {
    decision: 'deny',
    input: redactInput(input),
    policyError: fault,
    reason: INVALID_POLICY,
  };
  return cutToFit(decision, most);
}

/** JSON as Go's encoder writes it: keys in order of their bytes, no blanks. */
export function goJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (isJsonObject(value)) {
    const keys = Object.keys(value).sort(compareBytes);
    const members = keys.map((key) => `${goText(key)}:${goJson(value[key] ?? null)}`);
    return `{${members.join(',')}}`;
  }
  return typeof value === 'string' ? goText(value) : JSON.stringify(value);
}

function goText(text: string): string {
  return JSON.stringify(text).replace(
    ESCAPED,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function messageOf(decision: JsonObject): string {
  return `${HEAD}${Buffer.from(goJson(decision)).toString('base64')}${TAIL}`;
}

/** Leaves out one part after the other until the message fits, or nothing is left to leave out. */
function cutToFit(whole: JsonObject, most: number): Denial {
  let decision = whole;
  for (const part of [undefined, 'reason.error_objects', 'input', 'reason']) {
    if (part !== undefined) decision = without(decision, part);
    const message = messageOf(decision);
    if (most === 0 || message.length <= most) return { decision, message };
  }
  return { decision, message: messageOf(decision) };
}

function without(decision: JsonObject, part: string): JsonObject {
  const { truncated, ...kept } = { truncated: [], ...decision } as JsonObject & {
    readonly truncated: readonly JsonValue[];
  };
  const { reason } = kept;
  if (part === 'reason.error_objects') {
    if (!isJsonObject(reason) || reason.error_objects === undefined) return { ...kept, truncated };
    const { error_objects: _left, ...rest } = reason;
    return { ...kept, reason: rest, truncated: [...truncated, part] };
  }
  const { [part]: _left, ...rest } = kept;
  return { ...rest, truncated: [...truncated, part] };
}

/** Values of variables never leave the guest; the usual capabilities are told by a word. */
function redactInput(input: JsonObject): JsonObject {
  const { envList } = input;
  const names = Array.isArray(envList) ? { envList: envList.map(redactVariable) } : {};
  return withCapabilityWord({ ...input, ...names });
}

function redactVariable(entry: JsonValue): JsonValue {
  return typeof entry === 'string' ? `${entry.split('=', 1)[0] ?? ''}=<<redacted>>` : entry;
}

function redactReason(reason: JsonValue): JsonValue {
  if (!isJsonObject(reason) || !Array.isArray(reason.error_objects)) return reason;
  const objects = reason.error_objects.map((object: JsonValue) =>
    isJsonObject(object) ? withCapabilityWord(object) : object,
  );
  return { ...reason, error_objects: objects };
}

function withCapabilityWord(object: JsonObject): JsonObject {
  const sets = object.capabilities;
  if (!isJsonObject(sets)) return object;
  const has = (kinds: readonly string[], names: readonly string[]) =>
    kinds.every((kind) => isListOf(sets[kind], names));
  const most = ['bounding', 'effective', 'permitted'];
  if (has([...most, 'inheritable'], PRIVILEGED_CAPABILITIES) && has(['ambient'], [])) {
    return { ...object, capabilities: '[privileged]' };
  }
  const isUsual = has(most, UNPRIVILEGED_CAPABILITIES) && has(['inheritable', 'ambient'], []);
  return isUsual ? { ...object, capabilities: '[unprivileged]' } : object;
}

function isListOf(value: JsonValue | undefined, names: readonly string[]): boolean {
  if (!Array.isArray(value) || value.length !== names.length) return false;
  return value.every((name, i) => name === names[i]);
}

/** What `reason.errors` holds, where a reason has such a list. */
export function errorsOf(reason: JsonValue | undefined): readonly string[] | undefined {
  if (!isJsonObject(reason) || !Array.isArray(reason.errors)) return undefined;
  const texts = reason.errors.filter((one: JsonValue): one is string => typeof one === 'string');
  return [...new Set<string>(texts)].sort(compareBytes);
}
