/**
 * Base64 texts (RFC 4648) -> bytes. Node's own decoder skips what it does not know, so that many texts stand for the
 * same bytes; here a text is decoded as a whole or refused, or read exactly as another program reads it.
 */

const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const FOREIGN = /[^A-Za-z0-9+/=]/g;

/** Bytes of standard base64 with padding; CR and LF are ignored, as Go's decoder does. Undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  const plain = text.replace(/[\r\n]/g, '');
  return plain.length % 4 === 0 && STANDARD.test(plain) ? Buffer.from(plain, 'base64') : undefined;
}

/** Bytes of standard base64 with padding and nothing else in it. Undefined for any other text; one text per value. */
export function decodeBase64Strictly(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Bytes of base64url without padding, as in JWS (RFC 7515 section 2). Undefined for any other text; one text per value. */
export function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** Base64url with padding, as the attestation service takes it in its requests. */
export function encodeBase64UrlPadded(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64url');
  return text + '='.repeat((4 - (text.length % 4)) % 4);
}

/**
 * The bytes of a base64 text as Python's decoder takes it (aci policy 4.6): characters outside the alphabet are skipped,
 * and what follows complete padding is not read. Undefined for wrong padding.
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
