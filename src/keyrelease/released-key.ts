/** A released key as the workload gets it: a JWK as JSON text, members sorted. */
import { createPrivateKey, type JsonWebKey } from 'node:crypto';

/** Type of key by the `kty` of the vault, with or without the suffix of hardware keys. */
const FAMILIES: Readonly<Record<string, 'oct' | 'RSA' | 'EC'>> = {
  oct: 'oct',
  'oct-HSM': 'oct',
  RSA: 'RSA',
  'RSA-HSM': 'RSA',
  EC: 'EC',
  'EC-HSM': 'EC',
};
const CURVES = ['P-256', 'P-384', 'P-521'];
const MEMBERS = {
  RSA: ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'],
  EC: ['crv', 'x', 'y', 'd'],
} as const;

/**
 * The JWK of `plaintext`: raw bytes for `oct`, PKCS#8 DER for RSA and EC. `keyOps` is added when not empty. Undefined for
 * an unknown `kty` and for bytes that are not such a key.
 */
export function buildReleasedJwk(
  kty: string,
  plaintext: Buffer,
  keyOps: readonly string[],
): string | undefined {
  const family = Object.hasOwn(FAMILIES, kty) ? FAMILIES[kty] : undefined;
  const members = family === undefined ? undefined : membersOf(family, plaintext);
  if (members === undefined) return undefined;
  const all = { ...members, kty: family!, ...(keyOps.length === 0 ? {} : { key_ops: keyOps }) };
  return JSON.stringify(all, Object.keys(all).sort());
}

function membersOf(
  family: 'oct' | 'RSA' | 'EC',
  plaintext: Buffer,
): Readonly<Record<string, string>> | undefined {
  if (family === 'oct') {
    return plaintext.length === 0 ? undefined : { k: plaintext.toString('base64url') };
  }
  let jwk: JsonWebKey;
  try {
    const key = createPrivateKey({ key: plaintext, format: 'der', type: 'pkcs8' });
    if (key.asymmetricKeyType !== (family === 'RSA' ? 'rsa' : 'ec')) return undefined;
    jwk = key.export({ format: 'jwk' });
  } catch {
    return undefined;
  }
  if (family === 'EC' && !CURVES.includes(String(jwk.crv))) return undefined;
  const entries = MEMBERS[family].map((name) => [name, jwk[name]] as const);
  if (entries.some(([, value]) => typeof value !== 'string')) return undefined;
  return Object.fromEntries(entries) as Record<string, string>;
}
