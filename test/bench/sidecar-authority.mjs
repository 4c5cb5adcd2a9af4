// Certificates of the benchmark's stand-ins: a throw-away authority, a P-256 certificate with which the servers speak
// TLS (cheap to sign with), and an RSA certificate with which the vault signs its answers, as the real one does.
import { generateKeyPairSync } from 'node:crypto';

const { AUTHORITY_EXTENSIONS, altNames, buildCertificate, encodeCommonName, printPemCertificate } =
  await import(new URL('../../dist/core/der-write.js', import.meta.url));

/** Authority and certificates for a host name, valid from yesterday to tomorrow. */
export function makeAuthority(name) {
  const now = Math.floor(Date.now() / 1000);
  const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [root, signer] = [rsa(), rsa()];
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = encodeCommonName('podseal benchmark');
  const certify = (subject, { publicKey }, serial, extensions) =>
    buildCertificate({
      ...{ subject, issuer, publicKey, serial, extensions },
      signer: root.privateKey,
      signature: 'rsa-sha256',
      notBefore: now - 86_400,
      notAfter: now + 86_400,
    });
  const rootDer = certify(issuer, root, 1n, AUTHORITY_EXTENSIONS);
  const leaf = (keys, serial) => certify(encodeCommonName(name), keys, serial, [altNames([name])]);
  const rootPem = printPemCertificate(rootDer);
  return {
    root: rootPem,
    tls: {
      key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: printPemCertificate(leaf(server, 2n)) + rootPem,
    },
    /** DER: the certificate of the vault's signatures, the authority. */
    chain: [leaf(signer, 3n), rootDer],
    signingKey: signer.privateKey,
  };
}
