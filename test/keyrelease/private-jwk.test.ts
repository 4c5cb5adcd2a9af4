/**
 * Imported RSA and EC keys against a reading of RFC 7518 section 6 of our own: members are checked by the arithmetic that
 * defines them, and put together again as PKCS#1 and SEC 1 by hand, which must give the bytes of the key.
 */
import { createECDH, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeDer, encodeInteger, encodeOid, encodeSequence } from '../../src/core/der-write.js';
import { buildPrivateJwk } from '../../src/keyrelease/import-key.js';
import { rsaKey } from '../support/release.js';

type Members = Readonly<Record<string, string>>;

const jwkOf = (key: KeyObject) =>
  buildPrivateJwk(key, key.asymmetricKeyType === 'rsa' ? 'RSA-HSM' : 'EC-HSM', []) as Members;
const bytes = (text: string) => Buffer.from(text, 'base64url');
const number = (value: Buffer) => BigInt(`0x${value.toString('hex') || '0'}`);
const integer = (text: string) => number(bytes(text));

/** Base64urlUInt (RFC 7518 section 2): the fewest octets, big-endian. */
const unsigned = (value: bigint) => {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
};

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n];
  while (b !== 0n) {
    const quotient = a / b;
    [a, b, x, y] = [b, a - quotient * b, y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}

/** RSAPrivateKey (RFC 8017, A.1.2) of the members of a JWK. */
function pkcs1Of(jwk: Members): Buffer {
  const members = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'];
  return encodeSequence(
    encodeInteger(0n),
    ...members.map((name) => encodeInteger(integer(jwk[name]!))),
  );
}

const CURVES = {
  'P-256': { name: 'prime256v1', oid: '1.2.840.10045.3.1.7', octets: 32 },
  'P-384': { name: 'secp384r1', oid: '1.3.132.0.34', octets: 48 },
  'P-521': { name: 'secp521r1', oid: '1.3.132.0.35', octets: 66 },
} as const;
type Curve = keyof typeof CURVES;

/** ECPrivateKey (RFC 5915) of the members of a JWK. */
function sec1Of({ crv, d, x, y }: Members): Buffer {
  const point = Buffer.concat([Buffer.from([0, 4]), bytes(x!), bytes(y!)]);
  return encodeSequence(
    encodeInteger(1n),
    encodeDer(0x04, bytes(d!)),
    encodeDer(0xa0, encodeOid(CURVES[crv as Curve].oid)),
    encodeDer(0xa1, encodeDer(0x03, point)),
  );
}

const open = (der: Buffer, type: 'pkcs1' | 'sec1') =>
  createPrivateKey({ key: der, format: 'der', type });

describe('an RSA key', () => {
  it.each([2048, 3072, 4096])('of %d bits has the members that the RFC defines', (bits) => {
    const { privateKey } = rsaKey(bits);
    const jwk = jwkOf(privateKey);
    expect(Object.keys(jwk)).toEqual(['d', 'dp', 'dq', 'e', 'kty', 'n', 'p', 'q', 'qi']);
    expect([jwk.kty, jwk.e]).toEqual(['RSA', 'AQAB']);
    const [n, e, d, p, q] = ['n', 'e', 'd', 'p', 'q'].map((name) => integer(jwk[name]!));
    expect(p! * q!).toBe(n);
    for (const prime of [p!, q!]) expect((d! * e!) % (prime - 1n)).toBe(1n);
    expect(jwk).toMatchObject({
      n: unsigned(n!),
      d: unsigned(d!),
      p: unsigned(p!),
      q: unsigned(q!),
      dp: unsigned(d! % (p! - 1n)),
      dq: unsigned(d! % (q! - 1n)),
      qi: unsigned(inverse(q!, p!)),
    });
    expect(pkcs1Of(jwk)).toEqual(privateKey.export({ format: 'der', type: 'pkcs1' }));
  });

  it('of RFC 7515, A.2, has the members that stand there', () => {
    const rfc = {
      n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
      e: 'AQAB',
      d: 'Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ',
      p: '4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc',
      q: 'uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc',
      dp: 'BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0',
    };
    const [d, p, q] = [rfc.d, rfc.p, rfc.q].map(integer);
    const dq = unsigned(d! % (q! - 1n));
    const all = { ...rfc, dq, qi: unsigned(inverse(q!, p!)) };
    expect(jwkOf(open(pkcs1Of(all), 'pkcs1'))).toEqual({ ...all, kty: 'RSA' });
  });

  it('of another size is refused before anything is sent', () => {
    for (const bits of [1024, 2056]) {
      expect(() => jwkOf(rsaKey(bits).privateKey), String(bits)).toThrow(
        expect.objectContaining({ code: 'KEY_CONFIG_INVALID', got: `RSA of ${bits} bits` }),
      );
    }
    const { privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
    expect(() => buildPrivateJwk(privateKey, 'RSA-HSM', [])).toThrow(
      expect.objectContaining({ code: 'KEY_CONFIG_INVALID' }),
    );
  });
});

describe('an EC key', () => {
  it.each([
    {
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
    },
    {
      crv: 'P-521',
      x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
      y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
      d: 'AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C',
    },
  ])('of RFC 7515, A.3 and A.4, on $crv has the members that stand there', (rfc) =>
    expect(jwkOf(open(sec1Of(rfc), 'sec1'))).toEqual({ ...rfc, kty: 'EC' }),
  );

  /** Small scalars have leading zeros, and so have some coordinates: none may be left out (RFC 7518, 6.2.1.2, 6.2.2.1). */
  it.each(Object.keys(CURVES) as Curve[])('on %s keeps its leading zeros', (crv) => {
    const { name, octets } = CURVES[crv];
    const scalar = fc
      .tuple(fc.integer({ min: 0, max: 31 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .map(([zeros, random]) => Buffer.from([...random.fill(0, 0, zeros).subarray(0, 31), 1]));
    let short = 0;
    fc.assert(
      fc.property(scalar, (low) => {
        const secret = Buffer.concat([Buffer.alloc(octets - 32), low]);
        // Below the order of P-256 too.
        secret[octets - 32]! &= 0x7f;
        const curve = createECDH(name);
        curve.setPrivateKey(secret);
        const point = curve.getPublicKey();
        const x = point.subarray(1, 1 + octets);
        const y = point.subarray(1 + octets);
        if (x[0] === 0 || y[0] === 0) short += 1;
        const wanted = {
          crv,
          d: secret.toString('base64url'),
          kty: 'EC',
          x: x.toString('base64url'),
          y: y.toString('base64url'),
        };
        const key = open(sec1Of(wanted), 'sec1');
        const jwk = jwkOf(key);
        expect(jwk).toEqual(wanted);
        expect(Object.keys(jwk)).toEqual(['crv', 'd', 'kty', 'x', 'y']);
        expect(sec1Of(jwk)).toEqual(key.export({ format: 'der', type: 'sec1' }));
      }),
      { seed: 20261122, numRuns: 250 },
    );
    expect(short).toBeGreaterThan(0);
  });

  it('on a curve that no guest gets released is refused', () => {
    for (const namedCurve of ['secp256k1', 'secp224r1', 'brainpoolP256r1']) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve });
      expect(() => jwkOf(privateKey), namedCurve).toThrow(
        expect.objectContaining({ code: 'KEY_CONFIG_INVALID', got: `EC on ${namedCurve}` }),
      );
    }
    const { privateKey } = generateKeyPairSync('ed25519');
    expect(() => buildPrivateJwk(privateKey, 'EC-HSM', [])).toThrow(
      expect.objectContaining({ code: 'KEY_CONFIG_INVALID' }),
    );
  });
});
