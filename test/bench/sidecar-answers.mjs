// What the benchmark's stand-ins answer: (method, path, body) -> JSON text, undefined for another path. Made ahead as far
// as it can be; left for each release are two RSA signatures, a key wrapped by RSA, and some text.
import {
  constants,
  createCipheriv,
  createHash,
  createPublicKey,
  publicEncrypt,
  randomBytes,
  sign,
} from 'node:crypto';

const part = (path) => import(new URL(path, new URL('../../dist/', import.meta.url)));
const { makeRsaPair } = await part('core/key-pair.js');
const { makeSyntheticPlatform } = await part('pipeline/rehearsal/platform.js');
const { thimAnswer } = await part('pipeline/rehearsal/rehearsal.js');

const HOST_DATA = Buffer.alloc(32, 0xab);
const encode = (text) => Buffer.from(text).toString('base64url');

/** The machine's own services: certificates, and reports that need no more than one multiplication when asked for. */
export async function makeMachine(reports) {
  const platform = await makeSyntheticPlatform(Math.floor(Date.now() / 1000));
  const template = platform.report({ hostData: HOST_DATA }, Buffer.alloc(64));
  const signatures = Array.from({ length: reports }, () => prepareSignature(platform.chipKey));
  const facts = JSON.stringify({ roots: platform.roots });
  const thim = JSON.stringify(thimAnswer(platform.collateral));
  return (method, path, body) => {
    if (path === '/metadata/THIM/amd/certification') return thim;
    if (path === '/rehearsal/platform') return facts;
    if (method !== 'POST' || path !== '/rehearsal/report') return undefined;
    const report = Buffer.from(template);
    report.set(Buffer.from(body, 'hex'), 0x050);
    const digest = createHash('sha384').update(report.subarray(0, 0x2a0)).digest();
    const { r, s } = (signatures.pop() ?? prepareSignature(platform.chipKey))(digest);
    report.set(r.reverse(), 0x2a0);
    report.set(s.reverse(), 0x2e8);
    return JSON.stringify({ report: report.toString('hex') });
  };
}

/** Order of P-384. */
const ORDER =
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
const numberOf = (bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const bytesOf = (number) => Buffer.from(number.toString(16).padStart(96, '0'), 'hex');

/**
 * The costly half of an ECDSA signature made ahead: one that was made of something else tells the inverse of its secret
 * number, with which another digest is signed by a multiplication. Each may be used once.
 */
function prepareSignature(key) {
  const d = numberOf(Buffer.from(key.export({ format: 'jwk' }).d, 'base64url'));
  const data = randomBytes(16);
  const made = sign('sha384', data, { key, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [numberOf(made.subarray(0, 48)), numberOf(made.subarray(48))];
  const z = numberOf(createHash('sha384').update(data).digest());
  const inverse = (s * invert((z + r * d) % ORDER)) % ORDER;
  return (digest) => ({
    r: bytesOf(r),
    s: bytesOf((inverse * ((numberOf(digest) + r * d) % ORDER)) % ORDER),
  });
}

/** The inverse modulo the order (Euclid). */
function invert(number) {
  let [a, b, x, y] = [number, ORDER, 1n, 0n];
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % ORDER) + ORDER) % ORDER;
}

export function makeIdentity() {
  const token = JSON.stringify({
    access_token: 'benchmark',
    token_type: 'Bearer',
    expires_on: String(Math.floor(Date.now() / 1000) + 86_400),
  });
  return (_, path) => (path.startsWith('/metadata/identity/') ? token : undefined);
}

/** Attestation services that vouch for whatever runtime data they get, and how often they did so. */
export async function makeAttestations() {
  const { publicKey, privateKey } = await makeRsaPair(2048);
  const { n, e } = publicKey.export({ format: 'jwk' });
  const jwks = JSON.stringify({ keys: [{ kty: 'RSA', use: 'sig', kid: 'key', n, e }] });
  const header = encode('{"alg":"RS256","kid":"key","typ":"JWT"}');
  let asked = 0;
  const make = (host) => {
    const claims = printClaims(host);
    return (method, path, body) => {
      if (path === '/certs') return jwks;
      if (method !== 'POST' || !path.startsWith('/attest/')) return undefined;
      asked += 1;
      const { runtimeData } = JSON.parse(body);
      const runtime = Buffer.from(runtimeData.data, 'base64url').toString();
      const input = `${header}.${encode(`${claims},"x-ms-runtime":${runtime}}`)}`;
      return JSON.stringify({ token: `${input}.${signRs256(input, privateKey)}` });
    };
  };
  return { make, asked: () => asked };
}

/** The claims without the last one and the closing brace. */
function printClaims(host) {
  const now = Math.floor(Date.now() / 1000);
  return JSON.stringify({
    iss: `https://${host}`,
    exp: now + 8 * 3600,
    nbf: now - 60,
    'x-ms-attestation-type': 'sevsnpvm',
    'x-ms-compliance-status': 'azure-signed-katacc-uvm',
    'x-ms-sevsnpvm-hostdata': HOST_DATA.toString('hex'),
    'x-ms-sevsnpvm-is-debuggable': false,
  }).slice(0, -1);
}

/** A vault of `count` keys that releases each of them to whoever has a token. */
export function makeVault(host, { chain, signingKey }, count) {
  const keys = Array.from({ length: count }, (_, index) => ({
    kid: `key${index}/${randomBytes(16).toString('hex')}`,
    material: randomBytes(32),
  }));
  const byPath = new Map(keys.map((key) => [`/keys/${key.kid}/release`, key]));
  const header = encode(
    JSON.stringify({
      alg: 'RS256',
      x5c: chain.map((der) => der.toString('base64')),
      'x5t#S256': createHash('sha256').update(chain[0]).digest('base64url'),
    }),
  );
  return {
    keys: keys.map(({ kid, material }) => ({ kid, k: material.toString('base64url') })),
    handle: (_, path, body) => {
      const key = byPath.get(path.replace(/\?.*$/, ''));
      if (key === undefined) return undefined;
      const { target, nonce } = JSON.parse(body);
      const payload = printPayload(`https://${host}/keys/${key.kid}`, nonce, wrap(key, target));
      const input = `${header}.${encode(payload)}`;
      return JSON.stringify({ value: `${input}.${signRs256(input, signingKey)}` });
    },
  };
}

const ENC = 'CKM_RSA_AES_KEY_WRAP';

let last = { token: '', key: undefined };

/** The key in a token: the last one is kept, since many releases may have the same. */
function keyIn(token) {
  if (token === last.token) return last.key;
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
  const [{ n, e }] = claims['x-ms-runtime'].keys;
  last = { token, key: createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' }) };
  return last.key;
}

/** The key wrapped for the key in the token. */
function wrap({ material }, token) {
  const key = keyIn(token);
  const kek = randomBytes(32);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const first = publicEncrypt({ key, padding, oaepHash: 'sha1' }, kek);
  const cipher = createCipheriv('id-aes256-wrap-pad', kek, Buffer.from('a65959a6', 'hex'));
  return Buffer.concat([first, cipher.update(material), cipher.final()]);
}

function printPayload(kid, nonce, ciphertext) {
  const keyHsm = JSON.stringify({
    schema_version: '1.0',
    header: { kid: 'TransportKey', alg: 'dir', enc: ENC },
    ciphertext: ciphertext.toString('base64url'),
  });
  return JSON.stringify({
    request: { 'api-version': '7.4', enc: ENC, kid, nonce },
    response: {
      key: { key: { kid, kty: 'oct-HSM', key_ops: ['decrypt'], key_hsm: encode(keyHsm) } },
    },
  });
}

const signRs256 = (input, key) => sign('sha256', Buffer.from(input), key).toString('base64url');
