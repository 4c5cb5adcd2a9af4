/**
 * Initdata document of upstream kata -> TOML text, byte for byte as the reference's TOML writer prints it, and its
 * annotation value (spec kata-policy-data section 5.2). Keys are sorted, so that one input has one measurement.
 */
import { gzipSync } from 'node:zlib';
import { compareBytes } from '../core/record.js';
import type { Initdata } from './read-initdata.js';

/** Key under which the guest finds its policy. */
export const POLICY_KEY = 'policy.rego';

const BARE_KEY = /^[A-Za-z0-9_-]+$/;
/** Control characters other than tab and newline. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
};
/** Byte 9 of a gzip header: the operating system; 255 is unknown. */
const GZIP_OS_OFFSET = 9;
const GZIP_OS_UNKNOWN = 255;

/** Initdata with `policyText`, and with the version, algorithm and other data of `base` if there is one. */
export function buildInitdata(policyText: string, base?: Initdata): Initdata {
  return {
    version: base?.version ?? '0.1.0',
    algorithm: base?.algorithm ?? 'sha256',
    data: new Map([...(base?.data ?? []), [POLICY_KEY, policyText]]),
  };
}

/** The TOML text; it is what is measured. */
export function printInitdata(initdata: Initdata): string {
  const lines = [...initdata.data]
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([key, value]) => `${printKey(key)} = ${printText(value)}\n`);
  return [
    `version = ${printText(initdata.version)}\n`,
    `algorithm = ${printText(initdata.algorithm)}\n`,
    '\n[data]\n',
    ...lines,
  ].join('');
}

/** The annotation value: base64 of gzip (default level, no name, time 0). The compressed bytes are not measured. */
export function encodeInitdata(toml: string): string {
  const bytes = gzipSync(toml);
  bytes[GZIP_OS_OFFSET] = GZIP_OS_UNKNOWN;
  return bytes.toString('base64');
}

function printKey(key: string): string {
  return BARE_KEY.test(key) ? key : (printOnOneLine(key) ?? printBasic(key));
}

/** The first form that holds the text without escapes, else an escaped one. */
function printText(text: string): string {
  const form = printOnOneLine(text) ?? printOnLines(text);
  if (form !== undefined) return form;
  return text.includes('\n') ? printLongBasic(text) : printBasic(text);
}

function printOnOneLine(text: string): string | undefined {
  if (CONTROL.test(text) || text.includes('\n')) return undefined;
  if (!/["\\]/.test(text)) return printBasic(text);
  return text.includes("'") ? undefined : `'${text}'`;
}

function printOnLines(text: string): string | undefined {
  if (CONTROL.test(text)) return undefined;
  if (!text.includes('\\') && !text.includes('"""')) return printLongBasic(text);
  return text.includes("'''") ? undefined : `'''${firstLineEnd(text)}${text}'''`;
}

function printBasic(text: string): string {
  return `"${text.replace(/[\u0000-\u001f\u007f\\"]/g, escapeCharacter)}"`;
}

/** Of quotes in a row each third is escaped. */
function printLongBasic(text: string): string {
  const escaped = text
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f\\]/g, escapeCharacter)
    .replace(/"""/g, '""\\"');
  return `"""${firstLineEnd(text)}${escaped}"""`;
}

/** A newline behind the opening quotes is not part of the value. */
function firstLineEnd(text: string): string {
  return text.includes('\n') ? '\n' : '';
}

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  if (character === '"') return '\\"';
  return `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
