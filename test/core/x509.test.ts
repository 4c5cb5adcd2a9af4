import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  attributesOf,
  findExtension,
  fingerprintOf,
  parseCertificate,
  parseCertificates,
  publicKeyOf,
  spkiSha256,
} from '../../src/core/x509.js';
import {
  basicConstraintsOf,
  extendedKeyUsageOf,
  keyUsageOf,
  nameConstraintsOf,
  subjectAltNamesOf,
} from '../../src/core/x509-extensions.js';
import {
  basicConstraints,
  commonName,
  der,
  ecKey,
  extendedKeyUsage,
  keyUsage,
  makeCertificate,
  makeChain,
  name,
  pemOf,
  sequence,
  sha256Base64url,
  subjectAltName,
} from '../support/certificates.js';
import { thrownBy } from '../support/failure.js';

const SEED = 0x509;
const key = ecKey();
const subject = name(['2.5.4.6', 'AQ'], ['2.5.4.10', 'Example, Inc.'], ['2.5.4.3', 'Leaf']);

describe('parseCertificate', () => {
  it('gives names, times, serial, key and raw extensions', () => {
    const bytes = makeCertificate({
      subject,
      key,
      serial: 200,
      notBefore: '20240229120000Z',
      extensions: [
        { oid: '1.3.6.1.4.1.3704.1.4', value: Buffer.from('not DER') },
        basicConstraints(true, 3),
      ],
    });
    const certificate = parseCertificate(bytes, 'x');
    expect(certificate).toMatchObject({
      version: 3,
      serial: 200n,
      notBefore: 1_709_208_000,
      notAfter: 4_733_510_400,
    });
    expect(certificate.signatureAlgorithm.oid).toBe('1.2.840.10045.4.3.2');
    expect(certificate.subject.attributes.map(({ text }) => text)).toEqual([
      'AQ',
      'Example, Inc.',
      'Leaf',
    ]);
    expect(attributesOf(certificate.subject, '2.5.4.3')).toEqual(['Leaf']);
    expect(findExtension(certificate, '1.3.6.1.4.1.3704.1.4')).toMatchObject({
      critical: false,
      value: Buffer.from('not DER'),
    });
    expect(findExtension(certificate, '1.2.3')).toBeUndefined();
    expect(publicKeyOf(certificate, 'x').equals(key.publicKey)).toBe(true);
    expect(fingerprintOf(certificate).toString('base64url')).toBe(sha256Base64url(bytes));
    expect(spkiSha256(certificate).toString('base64url')).toBe(
      sha256Base64url(key.publicKey.export({ type: 'spki', format: 'der' })),
    );
  });

  it('reads version 1 without extensions', () => {
    const certificate = parseCertificate(makeCertificate({ subject, key, version: 0 }), 'x');
    expect(certificate).toMatchObject({ version: 1, extensions: [] });
    expect(basicConstraintsOf(certificate)).toBeUndefined();
  });

  it.each([
    ['trailing bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])]), 'DER_INVALID'],
    ['an early end', (bytes: Buffer) => bytes.subarray(0, -1), 'DER_INVALID'],
    ['two parts', () => sequence(sequence(), sequence()), 'CERTIFICATE_INVALID'],
    [
      'an empty body',
      () => sequence(sequence(), sequence(), der(3, Buffer.alloc(1))),
      'CERTIFICATE_INVALID',
    ],
  ])('refuses %s', (_what, change, code) => {
    expect(
      thrownBy(() => parseCertificate(change(makeCertificate({ subject, key })), 'x')).code,
    ).toBe(code);
  });

  it('refuses an extension that stands there twice', () => {
    const extensions = [basicConstraints(true), basicConstraints(true)];
    const error = thrownBy(() =>
      parseCertificate(makeCertificate({ subject, key, extensions }), 'x'),
    );
    expect(error).toMatchObject({ code: 'CERTIFICATE_INVALID' });
    expect(error.message).toContain('twice');
  });

  it('refuses two different signature algorithms', () => {
    const bytes = makeCertificate({ subject, key });
    const at = bytes.lastIndexOf(Buffer.from('2a8648ce3d040302', 'hex'));
    bytes[at + 7] = 3;
    expect(thrownBy(() => parseCertificate(bytes, 'x')).message).toContain('two signature');
  });

  it('refuses more bytes than the limit', () => {
    const bytes = Buffer.alloc(LIMITS.certificateBytes + 1, 0x30);
    expect(thrownBy(() => parseCertificate(bytes, 'x')).code).toBe('LIMIT_EXCEEDED');
    expect(thrownBy(() => parseCertificate(bytes.subarray(1), 'x')).code).toBe('DER_INVALID');
  });

  it('throws nothing but its own errors for a certificate with changed bytes', () => {
    const bytes = makeCertificate({
      subject,
      key,
      extensions: [
        basicConstraints(true),
        keyUsage(4),
        subjectAltName([2, 'a.example'], [1, 'a@b.example']),
      ],
    });
    const edits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(edits, (changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, value] of changes) changed[at] = value;
        try {
          const certificate = parseCertificate(changed, 'x');
          basicConstraintsOf(certificate);
          keyUsageOf(certificate);
          subjectAltNamesOf(certificate);
          publicKeyOf(certificate, 'x');
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
        }
      }),
      { seed: SEED, numRuns: 1_000 },
    );
  });
});

describe('extensions', () => {
  const withExtensions = (
    ...extensions: Parameters<typeof makeCertificate>[0]['extensions'] & {}
  ) => parseCertificate(makeCertificate({ subject, key, extensions }), 'x');

  it('reads usages, names and constraints', () => {
    const certificate = withExtensions(
      basicConstraints(true, 0),
      keyUsage(0x84),
      extendedKeyUsage('1.3.6.1.5.5.7.3.3', '1.3.6.1.4.1.311.76.59.1.3'),
      subjectAltName(
        [1, 'a@b.example'],
        [2, 'host.example'],
        [6, 'https://c.example/'],
        [7, Buffer.from([10, 0, 0, 1])],
      ),
      {
        oid: '2.5.29.30',
        critical: true,
        value: sequence(der(0xa0, sequence(der(0x82, Buffer.from('example'))))),
      },
    );
    expect(basicConstraintsOf(certificate)).toEqual({ ca: true, pathLength: 0 });
    expect([...(keyUsageOf(certificate) ?? [])]).toEqual(['digitalSignature', 'keyCertSign']);
    expect(extendedKeyUsageOf(certificate)).toEqual([
      '1.3.6.1.5.5.7.3.3',
      '1.3.6.1.4.1.311.76.59.1.3',
    ]);
    expect(subjectAltNamesOf(certificate)?.map(({ kind, text }) => [kind, text])).toEqual([
      ['email', 'a@b.example'],
      ['dns', 'host.example'],
      ['uri', 'https://c.example/'],
      ['ip', undefined],
    ]);
    expect(nameConstraintsOf(certificate)).toMatchObject({
      permitted: [{ kind: 'dns', text: 'example' }],
      excluded: [],
    });
  });

  it('refuses damaged ones', () => {
    const empty = (oid: string) => withExtensions({ oid, value: sequence() });
    expect(thrownBy(() => extendedKeyUsageOf(empty('2.5.29.37'))).code).toBe('CERTIFICATE_INVALID');
    expect(thrownBy(() => nameConstraintsOf(empty('2.5.29.30'))).code).toBe('CERTIFICATE_INVALID');
    const wrong = withExtensions({
      oid: '2.5.29.17',
      value: sequence(der(0x9f - 0x10, Buffer.alloc(0))),
    });
    expect(thrownBy(() => subjectAltNamesOf(wrong)).code).toBe('CERTIFICATE_INVALID');
  });
});

describe('parseCertificates', () => {
  const { chain } = makeChain();

  it('reads a PEM chain in order, and one DER certificate', () => {
    const text = `subject=/CN=x\n${pemOf(chain)}`;
    expect(parseCertificates(Buffer.from(text), 'x').map((each) => each.der)).toEqual(chain);
    expect(parseCertificates(Buffer.from(text.replaceAll('\n', '\r\n')), 'x')).toHaveLength(3);
    expect(parseCertificates(chain[0]!, 'x')).toHaveLength(1);
  });

  it.each([
    ['no block', 'hello', 'CERTIFICATE_INVALID'],
    ['other blocks only', pemOf([Buffer.from('x')], 'PRIVATE KEY'), 'CERTIFICATE_INVALID'],
    ['a block without end', pemOf(chain).replace(/-----END[\s\S]*$/, ''), 'PEM_INVALID'],
    ['foreign characters', pemOf(chain).replace('\nMII', '\n!II'), 'PEM_INVALID'],
  ])('refuses %s', (_what, text, code) => {
    const error = thrownBy(() => parseCertificates(Buffer.from(text), 'chain.pem'));
    expect(error.code).toBe(code);
  });

  it('allows as many certificates as the limit says, and no more', () => {
    const many = (count: number) =>
      Buffer.from(pemOf(Array.from({ length: count }, () => chain[2]!)));
    const all = parseCertificates(many(LIMITS.chainCertificates), 'x');
    expect(all).toHaveLength(LIMITS.chainCertificates);
    const over = many(LIMITS.chainCertificates + 1);
    expect(thrownBy(() => parseCertificates(over, 'x')).code).toBe('LIMIT_EXCEEDED');
    const large = Buffer.alloc(LIMITS.pemBytes + 1, 0x20);
    expect(thrownBy(() => parseCertificates(large, 'x')).code).toBe('LIMIT_EXCEEDED');
  });

  it('uses names of its own in messages', () => {
    const text = pemOf([chain[0]!, commonName('x')]);
    const error = thrownBy(() => parseCertificates(Buffer.from(text), 'chain.pem'));
    expect(error.message).toContain('certificate 2 of chain.pem');
  });
});
