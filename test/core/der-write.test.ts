import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDer, readInteger, readOid } from '../../src/core/der.js';
import {
  AUTHORITY_EXTENSIONS,
  altNames,
  buildCertificate,
  encodeCommonName,
  encodeDer,
  encodeInteger,
  encodeOid,
  printPemCertificate,
} from '../../src/core/der-write.js';
import { parseCertificate, parseCertificates } from '../../src/core/x509.js';
import { checkChain } from '../../src/core/x509-chain.js';

describe('written DER', () => {
  it('reads back, integers and identifiers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 200n }), (value) => {
        expect(readInteger(parseDer(encodeInteger(value), 'x'))).toBe(value);
      }),
      { seed: 4 },
    );
    for (const oid of ['1.2.840.113549.1.1.11', '2.5.29.17', '1.3.6.1.4.1.3704.1.3.8'])
      expect(readOid(parseDer(encodeOid(oid), 'x'))).toBe(oid);
  });

  it.each([0, 1, 127, 128, 255, 256, 65_535, 65_536])('has minimal lengths: %d', (length) => {
    const element = parseDer(encodeDer(4, Buffer.alloc(length)), 'x');
    expect(element.content).toHaveLength(length);
  });
});

describe('a written certificate', () => {
  const root = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const NOW = 1_800_000_000;

  it.each(['rsa-sha256', 'rsa-pss-sha384'] as const)('chains to its root: %s', (signature) => {
    const common = {
      issuer: encodeCommonName('Root'),
      signer: root.privateKey,
      signature,
      notBefore: NOW - 10,
      notAfter: 2_600_000_000,
    };
    const rootDer = buildCertificate({
      ...common,
      subject: encodeCommonName('Root'),
      publicKey: root.publicKey,
      serial: 1n,
      extensions: AUTHORITY_EXTENSIONS,
    });
    const leafDer = buildCertificate({
      ...common,
      subject: encodeCommonName('leaf'),
      publicKey: leaf.publicKey,
      serial: 200n,
      extensions: [altNames(['a.example', '127.0.0.1'])],
    });
    const chain = [leafDer, rootDer].map((der, index) => parseCertificate(der, String(index)));
    expect(checkChain(chain, { time: NOW, strict: true })).toEqual([]);
    expect(chain[0]).toMatchObject({ serial: 200n, notBefore: NOW - 10, notAfter: 2_600_000_000 });
    const read = new X509Certificate(leafDer);
    expect(read.checkHost('a.example', { subject: 'never' })).toBe('a.example');
    expect(read.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(parseCertificates(Buffer.from(printPemCertificate(leafDer)), 'pem')[0]!.der).toEqual(
      leafDer,
    );
  });
});
