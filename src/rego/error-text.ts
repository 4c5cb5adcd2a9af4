/**
 * The text of a refusal as kubelet, containerd or a log prints it -> what survives of it: the request's kind, the lines
 * that the rules printed, and the request, if these hold it (spec kata-policy-rules section 2). Each program on the way
 * escapes the text once more and may cut it.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { LIMITS } from '../core/limits.js';
import { type PartialJson, parsePartialObject } from '../core/partial-json.js';
import { MESSAGES, REQUEST_KINDS } from './messages.js';

export interface ErrorText {
  /** `denied` by the policy, `failed` to decide, or a text that says neither. */
  readonly outcome: 'denied' | 'failed' | 'unknown';
  /** Name of the request. */
  readonly kind?: string;
  /** Lines that the rules printed, or why they failed; the request is left out of them. */
  readonly lines: readonly string[];
  /** The request as far as it is there. */
  readonly request?: JsonObject;
  /** Part of the request in which the text ends. */
  readonly cutAt?: string;
  /** Levels of escapes that were removed. */
  readonly depth: number;
}

const BLOCKED = /\b([A-Z][A-Za-z]{2,60}) is blocked by policy:? ?/;
const FAILED = /\b([A-Z][A-Za-z]{2,60}): internal error ?/;
/** What regorus puts in front of a printed line. */
const PRINT_HEAD = /(?:^|\s)agent_policy:\d+: /;
/** The end of the quotation in which the text stood, and what other programs add behind it. */
const QUOTE_END = /\\*["'](?:: [^"']*)?$/;
const QUOTE_END_CHARS = 200;
const LEVELS_MAX = 16;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/** What a text tells. Never throws: a text without any sign of a refusal gives `unknown`. */
export function readErrorText(text: string): ErrorText {
  // A text that was cut may end in the middle of an escape.
  const whole = withoutEnd(text.slice(0, LIMITS.errorTextChars));
  const readings = levelsOf(whole).map(readLevel);
  return readings.toSorted((a, b) => b.score - a.score)[0]?.told ?? EMPTY;
}

const EMPTY: ErrorText = { outcome: 'unknown', lines: [], depth: 0 };

/** The text, and with one more level of escapes removed each, as long as there are any. */
function levelsOf(text: string): readonly string[] {
  const levels = [text];
  while (levels.length < LEVELS_MAX) {
    const last = levels.at(-1) ?? '';
    const next = unescapeOnce(last);
    if (next === last) break;
    levels.push(next);
  }
  return levels;
}

/** The text without backslashes and blanks at its end. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /[\\\s]/.test(text[end - 1] ?? '')) end -= 1;
  return text.slice(0, end);
}

function unescapeOnce(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g, (whole, u, x, one) => {
    const code: string | undefined = u ?? x;
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return ESCAPES[one as string] ?? (/["'\\/]/.test(one as string) ? (one as string) : whole);
  });
}

interface Reading {
  readonly told: ErrorText;
  readonly score: number;
}

/** The longer the request that is read at a level, the better the level; of equal ones the first. */
function readLevel(text: string, depth: number): Reading {
  const blocked = BLOCKED.exec(text);
  const marker = blocked ?? FAILED.exec(text);
  const rest = marker === null ? text : text.slice(marker.index + marker[0].length);
  const found = findRequest(rest, marker?.[1]);
  const kind = marker?.[1] ?? (found === undefined ? undefined : kindOf(found.request));
  const outcome = marker === null ? 'unknown' : blocked === null ? 'failed' : 'denied';
  const lines = linesOf(
    found === undefined ? rest : rest.slice(0, found.start) + rest.slice(found.end),
  );
  const told: ErrorText = {
    outcome,
    lines: marker === null ? [] : lines,
    depth,
    ...(kind === undefined ? {} : { kind }),
    ...(found === undefined ? {} : { request: found.request }),
    ...(found?.cutAt === undefined ? {} : { cutAt: found.cutAt }),
  };
  const length = found === undefined ? 0 : found.end - found.start;
  return { told, score: length + (marker === null ? 0 : 1) };
}

interface FoundRequest {
  readonly request: JsonObject;
  readonly start: number;
  readonly end: number;
  readonly cutAt?: string;
}

/** The longest object in the text that is a request of this kind, or its OCI part. */
function findRequest(text: string, kind: string | undefined): FoundRequest | undefined {
  let best: FoundRequest | undefined;
  for (let at = text.indexOf('{'); at >= 0; ) {
    const part = parsePartialObject(text, at);
    const found = part === undefined ? undefined : asRequest(part, at, kind);
    if (found !== undefined && found.end - found.start > (best ? best.end - best.start : 0)) {
      best = found;
    }
    at = text.indexOf('{', found === undefined ? at + 1 : found.end);
  }
  return best;
}

function asRequest(
  { value, end, cutAt }: PartialJson,
  start: number,
  kind: string | undefined,
): FoundRequest | undefined {
  if (!isJsonObject(value)) return undefined;
  const place = (path: string | undefined) => (path === undefined ? {} : { cutAt: path });
  if (isRequest(value, kind)) return { request: value, start, end, ...place(cutAt) };
  if (isMessage(value, 'Spec')) {
    const inner = cutAt === undefined ? undefined : `OCI.${cutAt}`;
    return { request: { OCI: value }, start, end, ...place(inner) };
  }
  const { request, input } = value;
  const wrapped = [request, input].find((one) => isJsonObject(one) && isRequest(one, kind));
  if (!isJsonObject(wrapped)) return undefined;
  return { request: wrapped, start, end, ...place(cutAt?.replace(/^(?:request|input)\.?/, '')) };
}

function isRequest(value: JsonObject, kind: string | undefined): boolean {
  const base = value.base;
  if (isJsonObject(base)) return isRequest(base, kind);
  if (kind !== undefined && MESSAGES[kind] !== undefined) return isMessage(value, kind);
  return kindOf(value) !== undefined;
}

/** Requests that can be told by their members. */
const TOLD_BY: readonly (readonly [member: string, kind: string])[] = [
  ['OCI', 'CreateContainerRequest'],
  ['process', 'ExecProcessRequest'],
  ['guest_hook_path', 'CreateSandboxRequest'],
];

function kindOf(value: JsonObject): string | undefined {
  const plain = isJsonObject(value.base) ? value.base : value;
  const kind = TOLD_BY.find(([member]) => isJsonObject(plain[member]) || member in plain)?.[1];
  return kind !== undefined && REQUEST_KINDS.includes(kind) ? kind : undefined;
}

/** True if every member is one of the message, and there is one. */
function isMessage(value: JsonObject, name: string): boolean {
  const known = Object.keys(MESSAGES[name] ?? {});
  const extra = name === 'CopyFileRequest' ? ['file_type', 'symlink_target', 'symlink_src'] : [];
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => [...known, ...extra, 'type'].includes(key));
}

function linesOf(text: string): readonly string[] {
  const end = Math.max(0, text.length - QUOTE_END_CHARS);
  return (text.slice(0, end) + text.slice(end).replace(QUOTE_END, ''))
    .split(PRINT_HEAD)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** True if the part at `path` (as `OCI.Process.Env[3]`) is in the request and is not the part that was cut. */
export function hasSurvived({ request, cutAt }: ErrorText, path: string): boolean {
  if (cutAt?.startsWith(path) === true) return false;
  const parts = path.matchAll(/([A-Za-z_]\w*)|\[(\d+)\]|\["([^"]+)"\]/g);
  let value: JsonValue | undefined = request;
  for (const [, name, index, key] of parts) {
    if (index !== undefined && Array.isArray(value)) value = value[Number(index)] as JsonValue;
    else value = isJsonObject(value) ? value[name ?? key ?? ''] : undefined;
    if (value === undefined) return false;
  }
  return true;
}
