/** Settings drop-ins: JSON Patches (RFC 6902) over a settings file, accepted for every guest. */
import { parseJson } from '../../core/json.js';
import { applyJsonPatch } from '../../core/json-patch.js';
import type { JsonPlace } from '../../core/json-read.js';

/** A text file: its name is for messages. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
}

/**
 * Applies drop-ins to the text of a settings file, in the order given, and prints the result as JSON.
 * Throws JSON_SYNTAX, and SETTINGS_INVALID naming file and operation where one is malformed or does not apply.
 */
export function applyDropIns(base: TextFile, dropIns: readonly TextFile[]): string {
  const patched = dropIns.reduce(
    (document, { file, text }) => {
      const place: JsonPlace = { code: 'SETTINGS_INVALID', what: file, path: '' };
      return applyJsonPatch(document, parseJson(text, file), place);
    },
    parseJson(base.text, base.file),
  );
  return JSON.stringify(patched);
}
