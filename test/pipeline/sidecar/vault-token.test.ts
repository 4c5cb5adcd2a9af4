/** Access tokens of a release: a kept one that the vault does not take is replaced once, one of the request never. */
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../src/core/x509.js';
import type { ServiceRequest } from '../../../src/keyrelease/ports.js';
import { makeRehearsal, type Rehearsal } from '../../../src/pipeline/rehearsal/rehearsal.js';
import { makeGuestCheck } from '../../../src/pipeline/sidecar/check.js';
import { EvidenceCollector } from '../../../src/pipeline/sidecar/evidence.js';
import {
  type ReleaseOrder,
  type ReleasePorts,
  releaseKey,
  SigningKeys,
} from '../../../src/pipeline/sidecar/release.js';
import { SharedAttestations } from '../../../src/pipeline/sidecar/shared-attestation.js';
import {
  buildReleasePolicy,
  parseMeasurement,
  printReleasePolicy,
} from '../../../src/release/release-policy.js';

const HOST = 'podseal.attest.azure.net';
const VAULT = 'podseal.vault.azure.net';
const NOW = 1_800_000_000;
const guest = { hostData: Buffer.alloc(32, 0xab) };

let rehearsal: Rehearsal;

beforeAll(async () => {
  const policy = buildReleasePolicy({
    authorities: [`https://${HOST}`],
    measurements: [parseMeasurement('ab'.repeat(32))],
    compliance: 'azure-signed-katacc-uvm',
    debuggable: false,
  });
  rehearsal = await makeRehearsal({
    attestationHost: HOST,
    vaultHost: VAULT,
    policyText: printReleasePolicy(policy),
    policyName: 'policy',
    key: 'key1',
    compliance: 'azure-signed-katacc-uvm',
    guest,
    now: () => NOW,
  });
});

/** Releases with tokens `old`, then `tokens` in turn; the vault takes `taken` alone. Gives the tokens that it was sent. */
async function release(taken: string, tokens: readonly string[], given?: string) {
  const sent: string[] = [];
  const left = ['old', ...tokens];
  const { platform, signer, keyVersion } = rehearsal;
  const send = async (request: ServiceRequest) => {
    const bearer = request.headers.Authorization?.slice('Bearer '.length);
    if (bearer === undefined) return await rehearsal.send(request);
    sent.push(bearer);
    if (bearer !== taken) return { status: 401, body: Buffer.from('{}') };
    return await rehearsal.send(request);
  };
  const ports: ReleasePorts = {
    evidence: new EvidenceCollector({
      device: { fake: true, report: async (data) => platform.report(guest, data) },
      send,
      initial: platform.collateral,
      check: makeGuestCheck(() => NOW, platform.roots),
    }),
    send,
    accessToken: async (_, refused) => (refused === undefined ? left[0]! : (left[1] ?? left[0]!)),
    newWrappingKey: async () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    attestations: new SharedAttestations(() => 0),
    now: () => NOW,
    nonce: () => 7n,
    roots: [parseCertificate(signer.certificates[1], 'root')],
    listedHosts: [],
    signingKeys: new SigningKeys(),
    userAgent: () => 'test',
  };
  const order: ReleaseOrder = {
    attestationService: HOST,
    vault: VAULT,
    kid: `key1/${keyVersion}`,
    ...(given === undefined ? {} : { accessToken: given }),
  };
  const outcome = await releaseKey(ports, order).then(
    () => 'released',
    ({ code }: { code: string }) => code,
  );
  return [outcome, sent];
}

describe('an access token', () => {
  it('that the vault takes is sent once', async () => {
    expect(await release('old', ['new'])).toEqual(['released', ['old']]);
  });

  it('that the vault does not take is replaced once', async () => {
    expect(await release('new', ['new'])).toEqual(['released', ['old', 'new']]);
    expect(await release('none', ['new'])).toEqual(['KEY_RELEASE_REFUSED', ['old', 'new']]);
  });

  it('is not sent again where there is no other', async () => {
    expect(await release('none', [])).toEqual(['KEY_RELEASE_REFUSED', ['old']]);
  });

  it('of the request is never replaced', async () => {
    expect(await release('new', ['new'], 'given')).toEqual(['KEY_RELEASE_REFUSED', ['given']]);
  });
});
