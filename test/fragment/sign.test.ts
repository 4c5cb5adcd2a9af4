import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CborMap, decodeCbor, encodeCbor } from '../../src/core/cbor.js';
import { COSE_ALGORITHMS, findCoseAlgorithm, signCose } from '../../src/core/cose-algorithms.js';
import { parseCoseSign1, sigStructure } from '../../src/core/cose-sign1.js';
import { sha256Hex } from '../../src/core/digest.js';
import { makeDid } from '../../src/core/make-did-x509.js';
import { svnOf, unpackStatement } from '../../src/core/signed-statement.js';
import { parseCertificate } from '../../src/core/x509.js';
import { FRAGMENT_CONTENT_TYPE, type SigningPlan, signFragment } from '../../src/fragment/sign.js';
import { ecKey, type KeyPair, makeChain } from '../support/certificates.js';
import { temporaryFolder } from '../support/cli.js';
import { failureOf } from '../support/images.js';
import { PAYLOAD } from '../support/statements.js';
import { vectorsDir } from '../support/vectors.js';

const KEYS: Readonly<Record<string, () => KeyPair>> = {
  ES256: () => ecKey('P-256'),
  ES384: () => ecKey('P-384'),
  ES512: () => ecKey('P-521'),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS384: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS512: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

function planOf(algorithm: string, more: Partial<SigningPlan> = {}) {
  const { chain: der, leafKey } = makeChain({ key: KEYS[algorithm]!() });
  const chain = der.map((bytes) => parseCertificate(bytes, 'x'));
  const plan: SigningPlan = {
    payload: PAYLOAD,
    algorithm: findCoseAlgorithm(algorithm)!,
    chain,
    issuer: makeDid(chain, { index: 1, policy: 'CN', form: 'strict' }),
    feed: 'contoso.azurecr.io/frag',
    contentType: FRAGMENT_CONTENT_TYPE,
    headers: 'text',
    ...more,
  };
  const sign = (data: Buffer) => signCose(plan.algorithm, leafKey.privateKey, data);
  return { plan, sign, key: leafKey };
}

describe('signFragment', () => {
  it.each(COSE_ALGORITHMS.map(({ name }) => name))('%s is accepted by the guest', async (name) => {
    const { plan, sign } = planOf(name);
    const result = unpackStatement(await signFragment(plan, sign), 'x');
    expect(result).toMatchObject({
      ok: true,
      statement: { issuer: plan.issuer, feed: plan.feed, payload: PAYLOAD, hasSvn: false },
    });
  });

  it('writes the claims beside the text labels when asked to', async () => {
    const { plan, sign } = planOf('ES384', { headers: 'claims', svn: 3n });
    const document = await signFragment(plan, sign);
    const header = parseCoseSign1(document, 'x').protectedHeader;
    expect([...header.keys()]).toEqual([1n, 3n, 15n, 33n, 'iss', 'feed']);
    expect(header.get(15n)).toEqual(
      new Map<bigint | string, bigint | string>([
        [1n, plan.issuer],
        [2n, plan.feed],
        ['svn', 3n],
      ]),
    );
    const result = unpackStatement(document, 'x');
    expect(result.ok && svnOf(result.statement)).toEqual({ kind: 'number', value: 3n });
  });

  it('leaves out an empty feed', async () => {
    const { plan, sign } = planOf('ES256', { feed: '' });
    const header = parseCoseSign1(await signFragment(plan, sign), 'x').protectedHeader;
    expect([...header.keys()]).toEqual([1n, 3n, 33n, 'iss']);
  });

  it('refuses a key that is not that of the certificate', async () => {
    const { plan } = planOf('ES256');
    const foreign = ecKey().privateKey;
    const error = await failureOf(() =>
      signFragment(plan, (data) => signCose(plan.algorithm, foreign, data)),
    );
    expect(error.code).toBe('SIGNATURE_INVALID');
    const broken = await failureOf(() => signFragment(plan, () => Buffer.from('x')));
    expect(broken.code).toBe('SIGNATURE_INVALID');
  });

  it('refuses a key of another family, and an issuer that does not resolve', async () => {
    const { plan, key } = planOf('ES256');
    const other = findCoseAlgorithm('PS256')!;
    const unfit = await failureOf(() =>
      signFragment({ ...plan, algorithm: other }, (data) => signCose(other, key.privateKey, data)),
    );
    expect(unfit.code).toBe('KEY_INVALID');
    const { plan: stranger, sign } = planOf('ES256', { issuer: plan.issuer });
    expect((await failureOf(() => signFragment(stranger, sign))).code).toBe('DID_INVALID');
  });

  it('makes the protected header of the reference', async () => {
    const folder = vectorsDir('aci');
    if (folder === undefined) return;
    const read = (name: string) => readFileSync(join(folder, 'cose', name));
    const wanted = JSON.parse(read('protected_header.json').toString()) as Record<string, string>;
    const source = parseCoseSign1(read('esrp.test.cose'), 'x').protectedHeader.get(33n);
    const chain = (source as readonly Buffer[]).map((bytes) => parseCertificate(bytes, 'x'));
    const seen: Buffer[] = [];
    const plan: SigningPlan = {
      payload: PAYLOAD,
      algorithm: findCoseAlgorithm(BigInt(wanted.alg!))!,
      chain,
      issuer: wanted.issuer!,
      feed: wanted.feed!,
      contentType: wanted.content_type!,
      headers: 'text',
    };
    // The key is Microsoft's: only the bytes to be signed are looked at.
    await failureOf(() =>
      signFragment(plan, (data) => {
        seen.push(data);
        return Buffer.from('x');
      }),
    );
    const [, header] = decodeCbor(seen[0]!, 'x') as readonly [string, Buffer];
    expect(header.length).toBe(Number(wanted.protected_bytes));
    expect(sha256Hex(header)).toBe(wanted.protected_sha256);
  });
});

describe('documents of the reference', () => {
  const folder = vectorsDir('aci');
  const names = ['aci-cc-ttl.ttl.cose', 'esrp.test.cose'];
  it.runIf(folder !== undefined).each(names)('%s reads as recorded', (name) => {
    const bytes = readFileSync(join(folder!, 'cose', name));
    const wanted = JSON.parse(readFileSync(join(folder!, 'cose', `${name}.json`), 'utf8')) as {
      issuer: string;
      feed: string;
      content_type: string;
      cwt_svn: number | null;
      did_x509_cn?: string;
      payload_sha256: string;
      protected_sha256: string;
      sig_structure_sha256: string;
      x5chain_sha256: string[];
      protected_labels_in_order: (number | string)[];
      unprotected_labels: (number | string)[];
    };
    const result = unpackStatement(bytes, name);
    if (!result.ok) throw new Error(result.message);
    const { statement } = result;
    const labels = (map: CborMap) =>
      [...map.keys()].map((key) => (typeof key === 'bigint' ? Number(key) : key));
    const { message } = statement;
    expect({
      issuer: statement.issuer,
      feed: statement.feed,
      content_type: statement.contentType,
      cwt_svn: statement.hasSvn ? Number(statement.svn) : null,
      payload_sha256: sha256Hex(statement.payload),
      protected_sha256: sha256Hex(message.protectedBytes),
      sig_structure_sha256: sha256Hex(sigStructure(message.protectedBytes, statement.payload)),
      x5chain_sha256: statement.chain.map(({ der }) => sha256Hex(der)),
      protected_labels_in_order: labels(message.protectedHeader),
      unprotected_labels: labels(message.unprotectedHeader),
    }).toEqual({
      issuer: wanted.issuer,
      feed: wanted.feed,
      content_type: wanted.content_type,
      cwt_svn: wanted.cwt_svn,
      payload_sha256: wanted.payload_sha256,
      protected_sha256: wanted.protected_sha256,
      sig_structure_sha256: wanted.sig_structure_sha256,
      x5chain_sha256: wanted.x5chain_sha256,
      protected_labels_in_order: wanted.protected_labels_in_order,
      unprotected_labels: wanted.unprotected_labels,
    });
    if (wanted.did_x509_cn === undefined) return;
    const plan = { index: 1, policy: 'CN', form: 'reference' } as const;
    expect(makeDid(statement.chain, plan)).toBe(wanted.did_x509_cn);
  });
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** r and s one after the other <-> the DER that openssl speaks. */
function derSignature(raw: Buffer): Buffer {
  const half = raw.length / 2;
  const number = (bytes: Buffer) => {
    let start = 0;
    while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
    const short = bytes.subarray(start);
    const positive = short[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short;
    return Buffer.concat([Buffer.from([2, positive.length]), positive]);
  };
  const body = Buffer.concat([number(raw.subarray(0, half)), number(raw.subarray(half))]);
  const head = body.length < 0x80 ? [0x30, body.length] : [0x30, 0x81, body.length];
  return Buffer.concat([Buffer.from(head), body]);
}

const PSS = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'];

describe.runIf(hasOpenssl)('openssl', () => {
  const digestName = (name: string) => `-sha${name.slice(2)}`;
  const isRsa = (name: string) => name.startsWith('PS');
  const names = COSE_ALGORITHMS.map(({ name }) => name).filter((name) => name !== 'EdDSA');

  it.each(names)('verifies what we sign with %s', async (name) => {
    const { plan, sign, key } = planOf(name);
    const message = parseCoseSign1(await signFragment(plan, sign), 'x');
    const folder = temporaryFolder();
    const file = (at: string, content: Buffer | string) => {
      writeFileSync(join(folder, at), content);
      return join(folder, at);
    };
    const signature = isRsa(name) ? message.signature : derSignature(message.signature);
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
    const verify = (data: Buffer) =>
      spawnSync('openssl', [
        ...['dgst', digestName(name), '-verify', file('key.pem', pem)],
        ...['-signature', file('signature', signature), ...(isRsa(name) ? PSS : [])],
        file('data', data),
      ]).status;
    expect(verify(sigStructure(message.protectedBytes, PAYLOAD))).toBe(0);
    expect(verify(sigStructure(message.protectedBytes, randomBytes(8)))).not.toBe(0);
  });

  it.each(names)('signs with %s what we verify', async (name) => {
    const { plan, key } = planOf(name);
    const folder = temporaryFolder();
    const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(folder, 'key.pem'), pem);
    const document = await signFragment(plan, (data) => {
      const out = execFileSync(
        'openssl',
        ['dgst', digestName(name), '-sign', join(folder, 'key.pem'), ...(isRsa(name) ? PSS : [])],
        { input: data },
      );
      return isRsa(name) ? out : rawSignature(out, plan.chain[0]!.x509);
    });
    expect(unpackStatement(document, 'x').ok).toBe(true);
  });
});

function rawSignature(der: Buffer, leaf: X509Certificate): Buffer {
  const bits = { prime256v1: 32, secp384r1: 48, secp521r1: 66 };
  const curve = leaf.publicKey.asymmetricKeyDetails?.namedCurve as keyof typeof bits;
  const numbers: Buffer[] = [];
  for (let at = der[1] === 0x81 ? 3 : 2; at < der.length; at += 2 + der[at + 1]!) {
    const value = der.subarray(at + 2, at + 2 + der[at + 1]!);
    const size = bits[curve];
    const short = value.subarray(Math.max(0, value.length - size));
    numbers.push(Buffer.concat([Buffer.alloc(size - short.length), short]));
  }
  return Buffer.concat(numbers);
}

/** Reads a document with its own few lines of CBOR, and checks the signature with the library of Python. */
const PYTHON = `
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
data = sys.stdin.buffer.read()
def item(at):
    first = data[at]; major, info = first >> 5, first & 31; at += 1
    if info >= 24:
        size = 1 << (info - 24); info = int.from_bytes(data[at:at + size], 'big'); at += size
    if major == 0: return info, at
    if major == 1: return -1 - info, at
    if major == 2: return data[at:at + info], at + info
    if major == 3: return data[at:at + info].decode(), at + info
    if major == 4:
        out = []
        for _ in range(info):
            value, at = item(at); out.append(value)
        return out, at
    if major == 5:
        out = {}
        for _ in range(info):
            key, at = item(at); value, at = item(at); out[key] = value
        return out, at
    if major == 6: return item(at)
    raise SystemExit('unexpected')
(protected, _, payload, signature), end = item(0)
assert end == len(data)
def bstr(value):
    n = len(value)
    for limit, size in ((24, 0), (1 << 8, 1), (1 << 16, 2)):
        if n < limit:
            return bytes([0x40 | (n if size == 0 else 23 + size)]) + n.to_bytes(size, 'big') + value
signed = b'\\x84\\x6aSignature1' + bstr(protected) + b'\\x40' + bstr(payload)
outer = data; data = protected; header, _ = item(0)
key = x509.load_der_x509_certificate(header[33][0]).public_key()
hash_ = {-7: hashes.SHA256, -35: hashes.SHA384, -36: hashes.SHA512, -37: hashes.SHA256, -38: hashes.SHA384, -39: hashes.SHA512}[header[1]]()
if isinstance(key, rsa.RSAPublicKey):
    key.verify(signature, signed, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
else:
    half = len(signature) // 2
    r, s = (int.from_bytes(part, 'big') for part in (signature[:half], signature[half:]))
    key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hash_))
print(header['iss'], header['feed'], sep='\\n')
`;

const hasPython = spawnSync('python3', ['-c', 'import cryptography']).status === 0;

describe.runIf(hasPython)("Python's cryptography", () => {
  it.each(['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'])('verifies %s', async (name) => {
    const { plan, sign } = planOf(name);
    const document = await signFragment(plan, sign);
    const run = (input: Buffer) => spawnSync('python3', ['-c', PYTHON], { input });
    expect(run(document).stdout.toString()).toBe(`${plan.issuer}\n${plan.feed}\n`);
    const changed = Buffer.from(document);
    changed[changed.length - 1]! ^= 1;
    expect(run(changed).status).not.toBe(0);
  });
});

it('the key of a document is that of its certificate', async () => {
  const { plan, sign, key } = planOf('ES256');
  const message = parseCoseSign1(await signFragment(plan, sign), 'x');
  const [leaf] = message.protectedHeader.get(33n) as readonly Buffer[];
  expect(
    createPublicKey(
      new X509Certificate(leaf!).publicKey.export({ type: 'spki', format: 'pem' }),
    ).equals(key.publicKey),
  ).toBe(true);
  expect(encodeCbor(message.protectedHeader)).toEqual(message.protectedBytes);
});
