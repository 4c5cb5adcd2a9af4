/**
 * The forms that a secret can take in an output: what one value of bytes becomes when it is printed, encoded, escaped or
 * inspected. Long secrets are cut into pieces, so that a part of one is found as well, and one that is broken into lines.
 */

export interface Needle {
  /** Index of the secret among those that are searched for. */
  readonly secret: number;
  /** E.g. `base64url`. */
  readonly form: string;
  readonly bytes: Buffer;
}

/**
 * A piece of 16 bytes cannot be met by chance. Secrets of two or more are cut without gaps, so that the end of one line
 * of PEM, which holds 48 bytes, leaves one of two pieces whole; of long ones every second piece will do.
 */
const PIECE = 16;
const LONG = 64;
/** Shortest secret, and shortest form, in bytes. */
export const SHORTEST = 8;

/** The pieces of a secret that are searched for. */
export function piecesOf(secret: Buffer): readonly Buffer[] {
  if (secret.length < 2 * PIECE) return [secret];
  const pieces: Buffer[] = [];
  const step = secret.length > LONG ? 2 * PIECE : PIECE;
  for (let at = 0; at + PIECE <= secret.length; at += step) {
    pieces.push(secret.subarray(at, at + PIECE));
  }
  pieces.push(secret.subarray(-PIECE));
  return pieces;
}

/** True for bytes that are not met by chance or as a pattern of a test: enough of them, and enough that differ. */
export function isDistinct(bytes: Buffer): boolean {
  if (bytes.length < SHORTEST) return false;
  const steps = bytes.subarray(1).map((byte, index) => (byte - bytes[index]! + 256) % 256);
  const wanted = Math.min(bytes.length, PIECE) / 2;
  return new Set(bytes).size >= wanted && new Set(steps).size >= wanted - 1;
}

/** All forms of one secret; none for pieces that are patterns. */
export function needlesOf(secret: Buffer, index: number): readonly Needle[] {
  const needles: Needle[] = [];
  for (const piece of piecesOf(secret).filter(isDistinct)) {
    const seen = new Set<string>();
    for (const [form, text] of formsOf(piece)) {
      const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
      const key = bytes.toString('latin1');
      if (seen.has(key) || bytes.length < SHORTEST) continue;
      seen.add(key);
      needles.push({ secret: index, form, bytes });
    }
  }
  return needles;
}

function formsOf(bytes: Buffer): readonly (readonly [string, string | Buffer])[] {
  const hex = bytes.toString('hex');
  const pairs = hex.match(/../g) ?? [];
  const numbers = [...bytes].map(String);
  const base64 = [0, 1, 2].map((shift) => base64Core(bytes, shift));
  return [
    ['raw', bytes],
    ['hex', hex],
    ['hex, upper case', hex.toUpperCase()],
    ['hex of an inspected buffer', pairs.join(' ')],
    ['hex with colons', pairs.join(':')],
    ['numbers of a buffer as JSON', numbers.join(',')],
    ...base64.map((text) => ['base64', text] as const),
    ...base64.map((text) => ['base64url', toUrlAlphabet(text)] as const),
    ...base64.map((text) => ['base64 in a URL', encodeURIComponent(text)] as const),
    ...textForms(bytes),
  ];
}

/** The forms of bytes that are a text. */
function textForms(bytes: Buffer): readonly (readonly [string, string | Buffer])[] {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) return [];
  const escaped = JSON.stringify(text).slice(1, -1);
  const url = encodeURIComponent(text);
  const form = new URLSearchParams({ '': text }).toString().slice(1);
  const lower = (value: string) => value.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['JSON', escaped],
    ['JSON in JSON', JSON.stringify(escaped).slice(1, -1)],
    ['JSON in ASCII', escaped.replace(/[\u0080-\uffff]/g, unicodeEscape)],
    ['URL', url],
    ['URL, lower case', lower(url)],
    ['form', form],
    ['form, lower case', lower(form)],
    ['HTML', escapeHtml(text)],
    ['shell', text.replaceAll("'", `'\\''`)],
  ];
}

/** The characters of base64 that depend on these bytes alone when `shift` bytes stand before them. */
function base64Core(bytes: Buffer, shift: number): string {
  const all = Buffer.concat([Buffer.alloc(shift), bytes]);
  return all.toString('base64').slice(Math.ceil((shift * 8) / 6), Math.floor((all.length * 8) / 6));
}

const toUrlAlphabet = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_');
const unicodeEscape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
const escapeHtml = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
