/** A throw-away certificate authority with one server certificate, for the stand-ins of a rehearsal. */
import type { KeyObject } from 'node:crypto';
import {
  AUTHORITY_EXTENSIONS,
  altNames,
  buildCertificate,
  encodeCommonName,
  printPemCertificate,
} from '../../core/der-write.js';
import { makeRsaPair } from '../../core/key-pair.js';

export interface ServerCertificate {
  /** PEM of the authority. */
  readonly root: string;
  /** PEM: the server's certificate, then the authority. */
  readonly chain: string;
  /** PEM of the private key. */
  readonly key: string;
  /** DER: the server's certificate, the authority. */
  readonly certificates: readonly [Buffer, Buffer];
  readonly privateKey: KeyObject;
}

/** Makes both for host names, valid around `now` (seconds since 1970). The authority's key is gone afterwards. */
export async function makeServerCertificate(
  name: string,
  now: number,
  further: readonly string[] = [],
): Promise<ServerCertificate> {
  const [rootKey, leafKey] = await Promise.all([makeRsaPair(2048), makeRsaPair(2048)]);
  const rootName = encodeCommonName('podseal rehearsal');
  const common = {
    issuer: rootName,
    signer: rootKey.privateKey,
    signature: 'rsa-sha256',
    notBefore: now - 86_400,
    notAfter: now + 365 * 86_400,
  } as const;
  const root = buildCertificate({
    ...common,
    subject: rootName,
    publicKey: rootKey.publicKey,
    serial: 1n,
    extensions: AUTHORITY_EXTENSIONS,
  });
  const leaf = buildCertificate({
    ...common,
    subject: encodeCommonName(name),
    publicKey: leafKey.publicKey,
    serial: 2n,
    extensions: [altNames([name, ...further])],
  });
  return {
    root: printPemCertificate(root),
    chain: printPemCertificate(leaf) + printPemCertificate(root),
    key: leafKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificates: [leaf, root],
    privateKey: leafKey.privateKey,
  };
}
