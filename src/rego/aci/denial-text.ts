/**
 * The text of an error as a portal, kubelet or a log prints it -> the guest's denial in it (spec aci-framework 8). The guest
 * cuts long ones itself and says what it left out; programs on the way may cut the rest.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { LIMITS } from '../../core/limits.js';
import { parsePartialObject } from '../../core/partial-json.js';
import { errorsOf } from './denial.js';
import { ENFORCEMENT_POINTS } from './guests.js';

export interface DenialText {
  /** Enforcement point, where the denial or the words in front of it tell. */
  readonly point?: string;
  /** What the policy gave as reasons. */
  readonly errors: readonly string[];
  /** Candidates that the guest looked at. */
  readonly candidates: readonly JsonObject[];
  /** The request with values of variables hidden, as far as it is there. */
  readonly input?: JsonObject;
  /** Why the policy could not decide. */
  readonly fault?: string;
  /** A reason that is no list of errors. */
  readonly reason?: string;
  /** What the guest left out for length. */
  readonly truncated: readonly string[];
  /** Part in which the text ends, where a program on the way cut it. */
  readonly cutAt?: string;
}

const MESSAGE = /policyDecision<\s*([A-Za-z0-9+/=\s\\]*)(>policyDecision)?/;
/** Words that guests put in front of a denial. */
const PREFIXES: readonly (readonly [words: RegExp, point: string])[] = [
  [/container creation denied due to policy/, 'create_container'],
  [/exec in container denied due to policy/, 'exec_in_container'],
  [/exec is denied due to policy/, 'exec_external'],
  [/overlay creation denied by policy/, 'mount_overlay'],
  [/overlay removal denied by policy/, 'unmount_overlay'],
  [/scratch mounting denied by policy/, 'scratch_mount'],
  [/unmounting (?:scsi|pmem) device .* denied by policy/, 'unmount_device'],
  [/mounting (?:scsi|pmem) device .* denied by policy/, 'mount_device'],
  [/unmounting plan9 device .* denied by policy/, 'plan9_unmount'],
  [/mounting plan9 device .* denied by policy/, 'plan9_mount'],
  [/get properties denied due to policy/, 'get_properties'],
  [/dump stacks denied due to policy/, 'dump_stacks'],
  [/error loading security policy fragment/, 'load_fragment'],
  [/error loading transparency trust list/, 'load_transparency_trust_list'],
];

/** The denial in a text; undefined where there is none. Never throws. */
export function readDenialText(text: string): DenialText | undefined {
  const part = text.slice(0, LIMITS.errorTextChars);
  const found = MESSAGE.exec(part);
  if (found === null) return undefined;
  const [, encoded = '', end] = found;
  const bytes = Buffer.from(encoded.replace(/\\[nrt]|[\s\\]/g, ''), 'base64');
  const decision = parsePartialObject(bytes.toString('utf8'), 0);
  if (decision === undefined || !isJsonObject(decision.value)) return undefined;
  const prefix = PREFIXES.find(([words]) => words.test(part.slice(0, found.index)))?.[1];
  const isCut = decision.cutAt !== undefined || end === undefined;
  const cutAt = isCut ? { cutAt: decision.cutAt ?? '' } : {};
  return { ...readDecision(decision.value, prefix), ...cutAt };
}

function readDecision(decision: JsonObject, prefix: string | undefined): DenialText {
  const { input, reason, policyError, truncated } = decision;
  const { rule, ...request } = isJsonObject(input) ? input : {};
  const isPoint = typeof rule === 'string' && Object.hasOwn(ENFORCEMENT_POINTS, rule);
  const point = isPoint ? rule : prefix;
  const objects = isJsonObject(reason) ? reason.error_objects : undefined;
  return {
    ...(point === undefined ? {} : { point }),
    errors: errorsOf(reason) ?? [],
    candidates: Array.isArray(objects) ? objects.filter(isJsonObject) : [],
    ...(isJsonObject(input) ? { input: request } : {}),
    ...(typeof policyError === 'string' ? { fault: policyError } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    truncated: Array.isArray(truncated)
      ? truncated.filter((one: JsonValue): one is string => typeof one === 'string')
      : [],
  };
}
