/** Replacements in a text, and how new keys and values are written. */
import { readAsKubectl } from './scalar.js';

/** Replaces the text from `start` to `end` (exclusive). */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A key with its text, or with entries below it. */
export type NewEntry = readonly [string, string | readonly NewEntry[]];

/** Why a place cannot be edited; the caller knows which place was wanted. */
export class NotEditable extends Error {
  /** Offset of what stands in the way. */
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(reason);
    this.offset = offset;
  }
}

/** The text with all splices applied. They must not overlap; those at one offset keep their order. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const splice of splices.toSorted((a, b) => a.start - b.start)) {
    if (splice.start < from) throw new NotEditable('two changes overlap', splice.start);
    parts.push(text.slice(from, splice.start), splice.text);
    from = splice.end;
  }
  return [...parts, text.slice(from)].join('');
}

const PLAIN_KEY = /^[A-Za-z][A-Za-z0-9._/-]*$/;

/** A key: plain if no reader takes it for anything but text, else in JSON quotes. */
export function printKey(key: string): string {
  const plain = PLAIN_KEY.test(key) && readAsKubectl({ ...PLAIN_SCALAR, text: key }) === key;
  return plain ? key : printText(key);
}

const PLAIN_SCALAR = {
  kind: 'scalar',
  style: 'plain',
  start: 0,
  end: 0,
  after: 0,
  aliased: false,
} as const;

/** JSON leaves these as they are; YAML 1.1 breaks lines at some and refuses others. */
const NOT_RAW = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Text in double quotes with the escapes of JSON: the same for all YAML and JSON readers. */
export function printText(text: string): string {
  return JSON.stringify(text).replace(
    NOT_RAW,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
