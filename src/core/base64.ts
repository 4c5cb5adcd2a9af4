/** Base64 as Python's decoder takes it: characters outside the alphabet are skipped (aci policy 4.6). */

const FOREIGN = /[^A-Za-z0-9+/=]/g;

/**
 * The bytes of a base64 text; undefined for wrong padding. Characters outside the alphabet are skipped, and what
 * follows complete padding is not read.
 */
export function decodeBase64Leniently(text: string): Buffer | undefined {
  const kept = text.replace(FOREIGN, '');
  const end = kept.search(/=/);
  if (end === -1) return kept.length % 4 === 0 ? Buffer.from(kept, 'base64') : undefined;
  return decodePadded(kept, end);
}

/** Padding counts only where a group of four needs it; before that it is skipped as any foreign character. */
function decodePadded(text: string, firstPad: number): Buffer | undefined {
  let group = text.slice(0, firstPad);
  let pads = 0;
  for (const character of text.slice(firstPad)) {
    if (character === '=') {
      pads += 1;
      if (group.length % 4 >= 2 && (group.length % 4) + pads >= 4)
        return Buffer.from(group, 'base64');
    } else {
      pads = 0;
      group += character;
    }
  }
  return group.length % 4 === 0 ? Buffer.from(group, 'base64') : undefined;
}
