import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEndorsement } from '../../src/attest/endorsement.js';
import type { Expectation } from '../../src/attest/expectation.js';
import { isDenial } from '../../src/attest/report.js';
import { verifyEndorsement, verifyEvidence } from '../../src/attest/verify.js';
import type { CborValue } from '../../src/core/cbor.js';
import { LIMITS } from '../../src/core/limits.js';
import { makeReport, TEST_TIME } from '../support/amd-pki.js';
import { basicConstraints, ecKey } from '../support/certificates.js';
import { thrownBy } from '../support/failure.js';
import { issuerOf, makeSigner, makeStatement, type StatementPlan } from '../support/statements.js';

const REPORT = makeReport(ecKey('P-384'));
const MEASUREMENT = REPORT.subarray(0x90, 0xc0).toString('hex');
const FEED = 'ContainerPlat-AMD-UVM';
const SIGNER = makeSigner();

const payload = (members: Readonly<Record<string, unknown>> = {}) =>
  Buffer.from(
    JSON.stringify({
      'x-ms-sevsnpvm-guestsvn': '101',
      'x-ms-sevsnpvm-launchmeasurement': MEASUREMENT,
      ...members,
    }),
  );

/** An endorsement that is good but for what the plan changes. */
function endorse(plan: Partial<StatementPlan> = {}): Buffer {
  return makeStatement({
    ...SIGNER,
    payload: payload(),
    ...plan,
    headers: new Map<CborValue, CborValue>([['feed', FEED], ...(plan.headers ?? [])]),
  });
}

function expectation(uvm: Partial<NonNullable<Expectation['uvm']>> = {}): Expectation {
  return {
    skip: ['host-data', 'chain'],
    launchMeasurements: [MEASUREMENT],
    uvm: { issuer: issuerOf(SIGNER.chain), feed: FEED, minimumSvn: 101, ...uvm },
  };
}

const judge = (bytes: Uint8Array | undefined, asked = expectation()) =>
  verifyEndorsement(bytes === undefined ? {} : { uvmEndorsement: bytes }, asked);

describe('endorsement of the utility VM', () => {
  it.each([
    ['tagged', endorse()],
    ['without a tag', endorse().subarray(1)],
    [
      'with issuer and feed as claims',
      endorse({
        without: ['iss', 'feed'],
        headers: new Map<CborValue, CborValue>([
          [
            15n,
            new Map<CborValue, CborValue>([
              [1n, issuerOf(SIGNER.chain)],
              [2n, FEED],
            ]),
          ],
        ]),
      }),
    ],
    ['with an algorithm of another curve', endorse({ algorithm: 'ES384' })],
    ['with members that are not known', endorse({ payload: payload({ more: 1 }) })],
    [
      'with upper-case hex',
      endorse({
        payload: payload({ 'x-ms-sevsnpvm-launchmeasurement': MEASUREMENT.toUpperCase() }),
      }),
    ],
  ])('%s is allowed', (_name, bytes) => {
    expect(judge(bytes)).toMatchObject({ verdict: 'allowed', reason: null });
  });

  it.each<[string, string, Uint8Array | undefined, Expectation?]>([
    ['E_UVM_FORMAT', 'none', undefined],
    ['E_UVM_FORMAT', 'no bytes', Buffer.alloc(0)],
    ['E_UVM_FORMAT', 'a byte behind it', Buffer.concat([endorse(), Buffer.of(0)])],
    ['E_UVM_FORMAT', 'no certificates', endorse({ without: [33n] })],
    [
      'E_UVM_FORMAT',
      'one certificate',
      endorse({ headers: new Map<CborValue, CborValue>([[33n, SIGNER.chain.slice(0, 1)]]) }),
    ],
    [
      'E_UVM_FORMAT',
      'certificates outside of what is signed',
      endorse({
        without: [33n],
        unprotectedHeader: new Map<CborValue, CborValue>([[33n, SIGNER.chain]]),
      }),
    ],
    [
      'E_UVM_FORMAT',
      'a certificate that is none',
      endorse({
        headers: new Map<CborValue, CborValue>([[33n, [SIGNER.chain[0]!, Buffer.of(1)]]]),
      }),
    ],
    ['E_UVM_FORMAT', 'no algorithm', endorse({ without: [1n] })],
    ['E_UVM_FORMAT', 'a payload elsewhere', endorse({ payload: null })],
    ['E_UVM_FORMAT', 'too many bytes', Buffer.alloc(LIMITS.endorsementBytes + 1)],
    [
      'E_UVM_CHAIN',
      'a chain without its root',
      endorse({ headers: new Map<CborValue, CborValue>([[33n, SIGNER.chain.slice(0, 2)]]) }),
    ],
    [
      'E_UVM_CHAIN',
      'a chain in another order',
      endorse({ headers: new Map<CborValue, CborValue>([[33n, [...SIGNER.chain].reverse()]]) }),
    ],
    [
      'E_UVM_CHAIN',
      'an issuer that is no authority',
      endorseWith(makeSigner({}, { extensions: [basicConstraints(false)] })),
    ],
    [
      'E_UVM_CHAIN',
      'an issuer that ends before the leaf',
      endorseWith(makeSigner({}, { notAfter: '20260101000000Z' })),
    ],
    ['E_UVM_SIGNATURE', 'another key', endorse({ key: ecKey().privateKey })],
    [
      'E_UVM_ISSUER',
      'another issuer',
      endorse(),
      expectation({ issuer: 'did:x509:0:sha256:AAAA::eku:1.2.3' }),
    ],
    [
      'E_UVM_ISSUER',
      'an issuer that the chain does not bear out',
      endorseWith(makeSigner(), issuerOf(SIGNER.chain)),
    ],
    ['E_UVM_FEED', 'another feed', endorse(), expectation({ feed: 'ConfAKS-AMD-UVM' })],
    ['E_UVM_PAYLOAD', 'no JSON', endorse({ payload: Buffer.from('{') })],
    [
      'E_UVM_PAYLOAD',
      'a number for the version',
      endorse({ payload: payload({ 'x-ms-sevsnpvm-guestsvn': 101 }) }),
    ],
    [
      'E_UVM_PAYLOAD',
      'a negative version',
      endorse({ payload: payload({ 'x-ms-sevsnpvm-guestsvn': '-1' }) }),
    ],
    [
      'E_UVM_PAYLOAD',
      'a version of 21 digits',
      endorse({ payload: payload({ 'x-ms-sevsnpvm-guestsvn': '1'.repeat(21) }) }),
    ],
    [
      'E_UVM_PAYLOAD',
      'a short measurement',
      endorse({ payload: payload({ 'x-ms-sevsnpvm-launchmeasurement': MEASUREMENT.slice(2) }) }),
    ],
    [
      'E_UVM_PAYLOAD',
      'a member twice',
      endorse({
        payload: Buffer.from(
          `${payload().toString().slice(0, -1)},"x-ms-sevsnpvm-guestsvn":"102"}`,
        ),
      }),
    ],
    [
      'E_UVM_SVN',
      'an old version, compared as a number',
      endorse({ payload: payload({ 'x-ms-sevsnpvm-guestsvn': '99' }) }),
    ],
    [
      'E_UVM_MEASUREMENT',
      'another measurement',
      endorse({ payload: payload({ 'x-ms-sevsnpvm-launchmeasurement': 'ab'.repeat(48) }) }),
    ],
  ])('%s for %s', (code, _name, bytes, asked = expectation()) => {
    expect(judge(bytes, asked)).toMatchObject({ verdict: 'denied', reason: code });
  });

  it('may be signed on P-521', () => {
    const signer = makeSigner({ key: ecKey('P-521') });
    const bytes = endorse({ ...signer, algorithm: 'ES512' });
    const asked = expectation({ issuer: issuerOf(signer.chain) });
    expect(judge(bytes, asked)).toMatchObject({ verdict: 'allowed', reason: null });
  });

  it('is for the launch measurement of the report', () => {
    const judgeReport = (report: Buffer) =>
      verifyEvidence({ report, uvmEndorsement: endorse() }, expectation(), { time: TEST_TIME });
    expect(judgeReport(REPORT).reason).toBeNull();
    const other = Buffer.from(REPORT);
    other.writeUInt8(other.readUInt8(0x90) ^ 1, 0x90);
    expect(judgeReport(other).reason).toBe('E_MEASUREMENT');
    const { launchMeasurements: _any, ...asked } = expectation();
    const verdict = verifyEvidence({ report: other, uvmEndorsement: endorse() }, asked, {
      time: TEST_TIME,
    });
    expect(verdict.reason).toBe('E_UVM_MEASUREMENT');
  });

  it('is never compared with what no report says', () => {
    const verdict = verifyEvidence({ uvmEndorsement: endorse() }, expectation(), {
      time: TEST_TIME,
    });
    const last = verdict.checks.at(-1);
    expect([verdict.reason, last?.check, last?.result]).toEqual([
      'E_LENGTH',
      'uvm-measurement',
      'blocked',
    ]);
  });

  it('is not allowed when there is nothing to compare its measurement with', () => {
    const { launchMeasurements: _any, ...asked } = expectation();
    expect(judge(endorse(), asked)).toMatchObject({ verdict: 'denied', reason: null });
  });

  it('is not judged without an expectation for it', () => {
    expect(thrownBy(() => judge(endorse(), { skip: ['host-data'] })).code).toBe(
      'EXPECTATION_INVALID',
    );
  });

  it('is refused with any byte changed, and never throws', () => {
    const good = endorse();
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (offset, mask) => {
        const bytes = Buffer.from(good);
        bytes[offset] = (bytes[offset] ?? 0) ^ mask;
        return judge(bytes).verdict === 'denied';
      }),
      { seed: 0xc0de, numRuns: 400 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        return isDenial(parseEndorsement(Buffer.concat([Buffer.of(0xd2, 0x84), bytes])));
      }),
      { seed: 0xc0de, numRuns: 300 },
    );
  });
});

/** Signed by another signer, who claims to be `issuer`. */
function endorseWith(
  signer: ReturnType<typeof makeSigner>,
  issuer = issuerOf(SIGNER.chain),
): Buffer {
  return makeStatement({
    ...signer,
    payload: payload(),
    headers: new Map<CborValue, CborValue>([
      ['feed', FEED],
      ['iss', issuer],
    ]),
  });
}
