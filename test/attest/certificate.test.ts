import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPssSha384, isSignedBy, parseAmdCertificate } from '../../src/attest/certificate.js';
import { parseCrl } from '../../src/attest/crl.js';
import { parseDer } from '../../src/core/der.js';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import { createAmdPki, PSS_SHA384 } from '../support/amd-pki.js';
import { der, integer, oid, sequence } from '../support/certificates.js';
import { thrownBy } from '../support/failure.js';
import { filesOf, openSnpVectors } from '../support/snp-vectors.js';

const PKI = createAmdPki('Milan');
const SHA384 = oid('2.16.840.1.101.3.4.2.2');
const NULL = Buffer.of(5, 0);
const pss = (...parts: readonly Buffer[]) =>
  sequence(oid('1.2.840.113549.1.1.10'), sequence(...parts));
const hash = (id: Buffer, ...rest: readonly Buffer[]) => der(0xa0, sequence(id, ...rest));
const mask = (id: Buffer, ...rest: readonly Buffer[]) =>
  der(0xa1, sequence(oid('1.2.840.113549.1.1.8'), sequence(id, ...rest)));
const salt = (size: number) => der(0xa2, integer(size));
const trailer = (value: number) => der(0xa3, integer(value));
const SHA256 = oid('2.16.840.1.101.3.4.2.1');

describe('certificates of AMD', () => {
  it('are read with names, serial number, validity and extensions', () => {
    const leaf = parseAmdCertificate(PKI.makeLeaf().der, 'leaf');
    expect(leaf).toMatchObject({
      commonName: 'SEV-VCEK',
      serial: 0n,
      notBefore: Date.UTC(2020, 0, 1) / 1000,
      notAfter: Date.UTC(2045, 0, 1) / 1000,
    });
    expect(leaf.extensions).toHaveLength(10);
    const ask = parseAmdCertificate(PKI.ask, 'ASK');
    expect(leaf.issuer.equals(ask.subject)).toBe(true);
    expect(isSignedBy(leaf.tbs, leaf.signature, ask)).toBe(true);
    expect(isSignedBy(leaf.tbs.subarray(1), leaf.signature, ask)).toBe(false);
    expect(isSignedBy(leaf.tbs, leaf.signature, leaf)).toBe(false);
  });

  it('have a limit', () => {
    const over = Buffer.alloc(LIMITS.certificateBytes + 1);
    expect(thrownBy(() => parseAmdCertificate(over, 'x')).code).toBe('LIMIT_EXCEEDED');
    const at = Buffer.alloc(LIMITS.certificateBytes);
    expect(thrownBy(() => parseAmdCertificate(at, 'x')).code).not.toBe('LIMIT_EXCEEDED');
  });

  it('are certificates or a ToolError, whatever the bytes', () => {
    const { der: good } = PKI.makeLeaf();
    const survives = (read: () => unknown) => {
      try {
        read();
        return true;
      } catch (error) {
        return error instanceof ToolError;
      }
    };
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.nat(good.length),
        (offset, byte, end) => {
          const bytes = Buffer.from(good);
          bytes[offset] = byte;
          return (
            survives(() => parseAmdCertificate(bytes, 'x')) &&
            survives(() => parseAmdCertificate(bytes.subarray(0, end), 'x')) &&
            survives(() => parseCrl(bytes, 'x'))
          );
        },
      ),
      { seed: 0xc0de, numRuns: 500 },
    );
    const list = PKI.makeCrl({ serials: [1, 2] });
    fc.assert(
      fc.property(fc.nat(list.length - 1), fc.nat(255), (offset, byte) => {
        const bytes = Buffer.from(list);
        bytes[offset] = byte;
        return survives(() => parseCrl(bytes, 'x'));
      }),
      { seed: 0xc0de, numRuns: 500 },
    );
  });
});

describe('RSASSA-PSS with SHA-384', () => {
  it.each([
    ['as AMD writes it', PSS_SHA384, true],
    ['with parameters of NULL', pss(hash(SHA384, NULL), mask(SHA384, NULL), salt(48)), true],
    ['with its trailer field', pss(hash(SHA384), mask(SHA384), salt(48), trailer(1)), true],
    ['with another hash', pss(hash(SHA256), mask(SHA384), salt(48)), false],
    ['with another mask hash', pss(hash(SHA384), mask(SHA256), salt(48)), false],
    ['with another salt', pss(hash(SHA384), mask(SHA384), salt(32)), false],
    ['with another trailer', pss(hash(SHA384), mask(SHA384), salt(48), trailer(2)), false],
    ['with the defaults of SHA-1', pss(), false],
    ['without its salt', pss(hash(SHA384), mask(SHA384)), false],
    ['with something behind', pss(hash(SHA384), mask(SHA384), salt(48), trailer(1), NULL), false],
    ['in another place', sequence(oid('1.2.840.113549.1.1.12'), NULL), false],
    ['without parameters', sequence(oid('1.2.840.113549.1.1.10')), false],
  ])('%s', (_name, bytes, expected) => {
    expect(isPssSha384(parseDer(bytes, 'x'))).toBe(expected);
  });
});

const vectors = openSnpVectors();

const roots = filesOf(vectors, 'roots').flatMap((name) => name.match(/^(.*)-ark\.pem$/)?.[1] ?? []);

describe.runIf(roots.length > 0)('real certificates', () => {
  it.each(roots)('%s: root, ASK and ASVK form a chain', async (line) => {
    const { pemCertificates } = await import('../../src/attest/certificate-sources.js');
    const { AMD_ROOTS } = await import('../../src/attest/products.js');
    const read = (name: string) => {
      const [bytes = Buffer.alloc(0)] = pemCertificates(
        vectors?.read(`roots/${line}-${name}.pem`) ?? Buffer.alloc(0),
        name,
      );
      return parseAmdCertificate(bytes, name);
    };
    const ark = read('ark');
    expect(AMD_ROOTS.map(({ certificateSha256 }) => certificateSha256)).toContain(ark.sha256);
    for (const certificate of [ark, read('ask'), read('asvk')]) {
      expect(isPssSha384(certificate.signatureAlgorithm)).toBe(true);
      expect(isSignedBy(certificate.tbs, certificate.signature, ark)).toBe(true);
    }
  });
});
