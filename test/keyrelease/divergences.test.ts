/** What the rows of the area `key-release` say: each is shown here, and each test has its row. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openGuest } from '../../src/commands/guest-options.js';
import { ToolError } from '../../src/core/error.js';
import {
  buildCertificateRequest,
  completeCertificateSource,
} from '../../src/keyrelease/collateral.js';
import { parseServiceHost, tokenResourceOf } from '../../src/keyrelease/hosts.js';
import { buildPrivateJwk, readImportConfig } from '../../src/keyrelease/import-key.js';
import { readWrapInput } from '../../src/keyrelease/key-provider.js';
import { unwrapReleasedKey } from '../../src/keyrelease/key-unwrap.js';
import { verifyMaaToken } from '../../src/keyrelease/maa-token.js';
import type { ReportDevice } from '../../src/keyrelease/ports.js';
import { openReleaseAnswer } from '../../src/keyrelease/release-answer.js';
import { buildReleasedJwk } from '../../src/keyrelease/released-key.js';
import type { SidecarArgs } from '../../src/keyrelease/sidecar-args.js';
import { answerRequest } from '../../src/pipeline/sidecar/api.js';
import { EvidenceCollector } from '../../src/pipeline/sidecar/evidence.js';
import { getReport, type KeyProviderPorts } from '../../src/pipeline/sidecar/key-provider.js';
import { SharedAttestations } from '../../src/pipeline/sidecar/shared-attestation.js';
import { readDivergences } from '../support/divergences.js';
import { thrownBy } from '../support/failure.js';
import {
  makeJws,
  makeVault,
  NOW,
  releasePayload,
  rsaKey,
  VAULT,
  wrapKey,
} from '../support/release.js';

const HOST = 'a.attest.azure.net';
const RUNTIME = Buffer.from('{}').toString('base64');
const nothing = () => Promise.reject(new Error('nothing is asked for here'));

/** The side-car's ports with a device; nothing else is there. */
function portsWith(device: ReportDevice): KeyProviderPorts {
  const evidence = new EvidenceCollector({ device, send: nothing, check: async () => undefined });
  return {
    evidence,
    send: nothing,
    accessToken: nothing,
    newWrappingKey: nothing,
    attestations: new SharedAttestations(() => 0),
    readKey: nothing,
    now: () => NOW,
    nonce: () => 1n,
    roots: [],
    listedHosts: [],
    signingKeys: { of: nothing } as unknown as KeyProviderPorts['signingKeys'],
    userAgent: () => 'test',
  };
}

/** A device that writes REPORT_DATA into an empty report. */
const device = (fake: boolean): ReportDevice => ({
  fake,
  report: async (reportData) => {
    const report = Buffer.alloc(1184);
    report.set(reportData, 0x50);
    return report;
  },
});
const broken = (code: 'DEVICE_ABSENT' | 'DEVICE_FAILED'): ReportDevice => ({
  fake: false,
  report: () => Promise.reject(new ToolError(code, 'no report')),
});

async function ask(from: ReportDevice, path: string, body: string) {
  const context = { ports: portsWith(from), uvmBase64: '', ready: () => true };
  const request = { method: 'POST', path, body: Buffer.from(body) };
  const answer = await answerRequest({ ...context, fakeEvidence: from.fake }, request);
  return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> };
}
const raw = (from: ReportDevice) =>
  ask(from, '/attest/raw', JSON.stringify({ runtime_data: RUNTIME }));

const vault = makeVault();
const wrapping = rsaKey();
const payload = releasePayload(wrapKey(randomBytes(32), wrapping.publicKey));

/** Why an answer of the vault is refused. */
function refusal(header: object, change: object = {}, edit = (jws: string) => jws) {
  const x5c = vault.chain.map((bytes) => bytes.toString('base64'));
  const jws = makeJws({ alg: 'RS256', x5c, ...header }, payload, vault.leafKey.privateKey);
  const outcome = openReleaseAnswer(JSON.stringify({ value: edit(jws) }), {
    host: VAULT,
    key: { name: 'key1' },
    wrappingKey: wrapping.privateKey,
    roots: vault.roots,
    now: NOW,
    ...change,
  });
  return outcome.released ? 'released' : outcome.reason;
}

const wrapInput = (agent: string, op = 'keywrap') =>
  JSON.stringify({
    op,
    keywrapparams: {
      ec: { Parameters: { 'attestation-agent': [Buffer.from(agent).toString('base64')] } },
      optsdata: 'AAAA',
    },
  });
const wrapCode = (input: string) => thrownBy(() => readWrapInput(input)).code;
const unwrap = (wrapped: Buffer) =>
  unwrapReleasedKey('CKM_RSA_AES_KEY_WRAP', wrapped, wrapping.privateKey);

const SHOWN: Readonly<Record<string, () => unknown>> = {
  'sidecar-one-answer': async () => {
    const { status, body } = await raw(broken('DEVICE_FAILED'));
    expect([status, Object.keys(body)]).toEqual([403, ['error']]);
  },
  'sidecar-error-text': async () => {
    const { status, body } = await ask(device(false), '/key/release', '{');
    expect([status, typeof body.error]).toEqual([400, 'string']);
  },
  'sidecar-no-device': async () => {
    expect((await raw(broken('DEVICE_ABSENT'))).status).toBe(503);
  },
  'sidecar-fake-mark': async () => {
    expect((await raw(device(false))).body.fake_evidence).toBeUndefined();
    expect((await raw(device(true))).body.fake_evidence).toBe(true);
  },
  'sidecar-hosts': () => {
    const code = (host: string) => thrownBy(() => parseServiceHost(host, 'key vault', [])).code;
    expect(code('evil.example')).toBe('SERVICE_HOST_REFUSED');
    expect(code('evil.example#.vault.azure.net')).toBe('SERVICE_HOST_REFUSED');
  },
  'sidecar-audience': () =>
    expect(tokenResourceOf('managedhsm-x.vault.azure.net')).toBe('https://vault.azure.net'),
  'sidecar-token-verified': () => {
    const jws = makeJws(
      { alg: 'RS256', kid: 'k' },
      { iss: `https://${HOST}` },
      rsaKey().privateKey,
    );
    const jwk = { ...rsaKey().publicKey.export({ format: 'jwk' }), kid: 'k' };
    const jwks = { keys: [jwk as Record<string, string>] };
    const verdict = verifyMaaToken(jws, { issuer: `https://${HOST}`, jwks, now: NOW, skew: 300 });
    expect(verdict.accepted).toBe(false);
  },
  'certificate-url-digits': () => {
    const { url } = buildCertificateRequest(completeCertificateSource('AzCache', {}), 'ab', 7n);
    expect(url).toContain('/0000000000000007?');
  },
  'release-algorithm': () => {
    expect(refusal({})).toBe('released');
    expect(refusal({ alg: 'RS384' })).toBe('jws-algorithm');
  },
  'release-no-certificate': () => expect(refusal({ x5c: [] })).toBe('certificate-missing'),
  'release-thumbprint': () =>
    expect(refusal({ 'x5t#S256': 'AAAA' })).toBe('certificate-thumbprint'),
  'release-other-key': () => expect(refusal({}, { key: { name: 'key2' } })).toBe('wrong-key'),
  'release-nonce': () => expect(refusal({}, { nonce: 'n' })).toBe('wrong-nonce'),
  'release-short-text': () => expect(unwrap(Buffer.alloc(255))).toBeUndefined(),
  'release-kek-size': () => {
    const secret = randomBytes(32);
    expect(unwrap(wrapKey(secret, wrapping.publicKey))).toEqual(secret);
    const long = Buffer.concat([randomBytes(32), Buffer.alloc(8)]);
    const enc = 'CKM_RSA_AES_KEY_WRAP';
    expect(unwrap(wrapKey(secret, wrapping.publicKey, enc, long))).toBeUndefined();
  },
  'release-key-type': () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    expect(buildReleasedJwk('EC-HSM', der, [])).toContain('"kty":"EC"');
    expect(buildReleasedJwk('RSA-HSM', der, [])).toBeUndefined();
  },
  'provider-report-data': async () => {
    const report = await getReport(portsWith(device(false)), 'c0ffee');
    expect(report.slice(0xa0, 0x120)).toBe('c0ffee'.padEnd(128, '0'));
  },
  'provider-key-name': () => expect(wrapCode(wrapInput('skr:../x'))).toBe('KEY_ID_INVALID'),
  'provider-operation': () =>
    expect(wrapCode(wrapInput('skr:key1', 'keyunwrap'))).toBe('KEY_PROVIDER_INPUT'),
  'import-ec': () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(buildPrivateJwk(privateKey, 'EC-HSM', [])).toMatchObject({ kty: 'EC', crv: 'P-256' });
  },
  'import-size': () => {
    const { privateKey } = rsaKey(1024);
    const code = thrownBy(() => buildPrivateJwk(privateKey, 'RSA-HSM', [])).code;
    expect(code).toBe('KEY_CONFIG_INVALID');
  },
  'import-operations': () => {
    const { privateKey } = rsaKey();
    expect(buildPrivateJwk(privateKey, 'RSA-HSM', ['sign'])).toMatchObject({ key_ops: ['sign'] });
    expect(buildPrivateJwk(privateKey, 'RSA-HSM', [])).not.toHaveProperty('key_ops');
  },
  'import-members': () => {
    const code = (claim: object, version: string) => {
      const akv = { endpoint: 'v', api_version: version };
      const key = { kid: 'k', authority: { endpoint: 'a' }, akv };
      const text = JSON.stringify({ key, claims: [[{ claim: 'c', equals: 'd', ...claim }]] });
      return thrownBy(() => readImportConfig(text, 'c')).code;
    };
    expect(code({ less: 1 }, 'api-version=7.4')).toBe('KEY_CONFIG_INVALID');
    expect(code({}, 'api-version=7.4&x=y')).toBe('KEY_CONFIG_INVALID');
  },
  'provider-doubled-members': () =>
    expect(wrapCode(wrapInput('skr:key1').replace('{', '{"Op":"keywrap",'))).toBe(
      'KEY_PROVIDER_INPUT',
    ),
  'sidecar-members': async () => {
    const status = async (body: string) => (await ask(device(false), '/attest/raw', body)).status;
    const member = `"runtime_data":"${RUNTIME}"`;
    expect(await status(`{${member}}`)).toBe(200);
    expect(await status(`{${member},${member}}`)).toBe(400);
    expect(await status(`{${member.replace('runtime', 'Runtime')}}`)).toBe(400);
  },
  'release-spelling': () => {
    const other = { A: 'B', Q: 'R', g: 'h', w: 'x' } as Readonly<Record<string, string>>;
    const respell = (jws: string) => jws.replace(/.$/, (last) => other[last]!);
    expect(refusal({}, {}, respell)).toBe('jws-form');
    expect(refusal({ crit: ['x5c'] })).toBe('jws-form');
  },
  'sidecar-user-agent': async () => {
    const agentOf = async (args: SidecarArgs) => {
      const guest = await openGuest({ base64: '', args, identity: 'imds' }, nothing);
      await guest.close();
      return guest.ports.userAgent();
    };
    expect(await agentOf({})).toBe('ConfidentialSkrContainer');
    expect(await agentOf({ userAgent: 'mine' })).toBe('mine');
  },
  'sidecar-error-help': async () => {
    const { body } = await raw(broken('DEVICE_FAILED'));
    expect(body).toEqual({ error: 'no report' });
  },
  'release-shared-attestation': async () => {
    const attestations = new SharedAttestations<number>(() => 0);
    let made = 0;
    const next = () => attestations.of(HOST, async () => ++made);
    expect(await Promise.all([next(), next()])).toEqual([1, 1]);
    expect(await next()).toBe(2);
  },
};

describe('the divergences of key release', () => {
  it('are the ones that are shown', () => {
    const rows = readDivergences().filter(({ area }) => area === 'key-release');
    expect(rows.map(({ id }) => id)).toEqual(Object.keys(SHOWN));
  });

  it.each(Object.keys(SHOWN))('%s', async (id) => {
    await SHOWN[id]!();
  });
});
