/** Member names, which are untrusted bytes, in a form that is safe to print. */

const SHOWN_CHARACTERS = 120;
/** Control, invisible and direction-changing characters that JSON leaves as they are. */
const UNSAFE = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A byte string (one byte per character) in double quotes, cut to 120 characters, with everything unsafe escaped. */
export function printName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
  return JSON.stringify(shown).replace(
    UNSAFE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
