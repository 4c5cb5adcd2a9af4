import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkReceipt, statementHash } from '../../src/core/ccf-receipt.js';
import { resolveDid } from '../../src/core/did-x509.js';
import { sha256Hex } from '../../src/core/digest.js';
import { type SignedStatement, svnOf, unpackStatement } from '../../src/core/signed-statement.js';
import { ecKey } from '../support/certificates.js';
import { FEED, issuerOf, makeSigner, makeStatement, PAYLOAD } from '../support/statements.js';
import { vectorsDir } from '../support/vectors.js';

const folder = vectorsDir('cose');
const readVectors = <T>(file: string): readonly T[] =>
  folder === undefined ? [] : (JSON.parse(readFileSync(join(folder, file), 'utf8')) as T[]);

interface EnvelopeCase {
  readonly id: string;
  readonly file: string;
  readonly did_resolves?: boolean;
  readonly guest_accepts_envelope: boolean;
  readonly unpack: {
    readonly ok: boolean;
    readonly issuer: string;
    readonly feed: string;
    readonly content_type: string;
    readonly chain_length: number;
    readonly payload_sha256: string;
    readonly receipts: number;
    readonly cwt_svn?: string;
  };
}

interface ReceiptCase {
  readonly id: string;
  readonly file: string;
  readonly unpack_ok: boolean;
  readonly keys?: Readonly<Record<string, Readonly<Record<string, JsonWebKey>>>>;
  readonly receipts?: readonly {
    readonly valid: boolean;
    readonly issuer: string;
    readonly kid: string;
    readonly expected_data_hash: string;
  }[];
}

describe.runIf(folder !== undefined)('recorded verdicts of the guest', () => {
  it.each(readVectors<EnvelopeCase>('sign1.json').map((each) => [each.id, each] as const))(
    'envelope %s',
    (id, expected) => {
      const result = unpackStatement(readFileSync(join(folder!, expected.file)), id);
      expect(result.ok).toBe(expected.unpack.ok);
      if (!result.ok) {
        expect(expected.guest_accepts_envelope).toBe(false);
        return;
      }
      const { statement } = result;
      expect({
        issuer: statement.issuer,
        feed: statement.feed,
        content_type: statement.contentType,
        chain_length: statement.chain.length,
        payload_sha256: sha256Hex(statement.payload),
        receipts: statement.receipts.length,
      }).toEqual({
        issuer: expected.unpack.issuer,
        feed: expected.unpack.feed,
        content_type: expected.unpack.content_type,
        chain_length: expected.unpack.chain_length,
        payload_sha256: expected.unpack.payload_sha256,
        receipts: expected.unpack.receipts,
      });
      const resolved = resolveDid(statement.issuer, statement.chain, 'guest').ok;
      if (expected.did_resolves !== undefined) expect(resolved).toBe(expected.did_resolves);
      if (expected.unpack.cwt_svn !== undefined) {
        expect(String(statement.svn)).toBe(expected.unpack.cwt_svn);
      }
      const named = statement.issuer !== '' && statement.feed !== '';
      expect(named && resolved && svnOf(statement).kind !== 'invalid').toBe(
        expected.guest_accepts_envelope,
      );
    },
  );

  it.each(readVectors<ReceiptCase>('receipts.json').map((each) => [each.id, each] as const))(
    'receipts %s',
    (id, expected) => {
      const result = unpackStatement(readFileSync(join(folder!, expected.file)), id);
      expect(result.ok).toBe(expected.unpack_ok);
      if (!result.ok) return;
      const { message, receipts } = result.statement;
      const wanted = expected.receipts ?? [];
      expect(receipts.map(({ issuer, keyId }) => [issuer, keyId])).toEqual(
        wanted.map(({ issuer, kid }) => [issuer, kid]),
      );
      for (const [index, { valid, issuer, kid, expected_data_hash: hash }] of wanted.entries()) {
        const jwk = expected.keys?.[issuer]?.[kid];
        const key = jwk && createPublicKey({ key: jwk, format: 'jwk' });
        expect(checkReceipt(receipts[index]!, message, key) === undefined).toBe(valid);
        expect(checkReceipt(receipts[index]!, message, undefined)).toBeDefined();
        expect(checkReceipt(receipts[index]!, message, ecKey('P-384').publicKey)).toBeDefined();
        if (hash !== undefined) expect(statementHash(message).toString('hex')).toBe(hash);
      }
    },
  );
});

const accepted = (bytes: Buffer): SignedStatement => {
  const result = unpackStatement(bytes, 'x');
  if (!result.ok) throw new Error(result.message);
  return result.statement;
};

const reasonOf = (bytes: Buffer): string => {
  const result = unpackStatement(bytes, 'x');
  return result.ok ? 'accepted' : result.reason;
};

describe('unpackStatement', () => {
  const signer = makeSigner();

  it('gives what the headers say', () => {
    expect(accepted(makeStatement(signer))).toMatchObject({
      payload: PAYLOAD,
      issuer: issuerOf(signer.chain),
      feed: FEED,
      contentType: 'application/unknown+rego',
      hasSvn: false,
      receipts: [],
    });
  });

  it('believes the claims before the text labels, even empty ones', () => {
    const claims = new Map([
      [
        15n,
        new Map<bigint | string, bigint | string>([
          [2n, 'f'],
          ['svn', 3n],
        ]),
      ],
    ]);
    const statement = accepted(makeStatement({ ...signer, headers: claims }));
    expect(statement).toMatchObject({ issuer: '', feed: 'f' });
    expect(svnOf(statement)).toEqual({ kind: 'number', value: 3n });
    const odd = accepted(makeStatement({ ...signer, headers: new Map([[15n, 'x']]) }));
    expect(odd).toMatchObject({ issuer: '', feed: '' });
    expect(svnOf(odd)).toEqual({ kind: 'absent' });
  });

  it('names the step at which a document is refused', () => {
    const change = (header: ReadonlyMap<bigint, unknown>) =>
      reasonOf(makeStatement({ ...signer, headers: header as ReadonlyMap<bigint, never> }));
    expect(reasonOf(Buffer.from('80', 'hex'))).toBe('structure');
    expect(reasonOf(makeStatement({ ...signer, without: [1n] }))).toBe('algorithm');
    expect(change(new Map([[1n, -257n]]))).toBe('algorithm');
    expect(change(new Map([[1n, -35n]]))).toBe('signature');
    expect(reasonOf(makeStatement({ ...signer, without: [33n] }))).toBe('x5chain');
    expect(change(new Map([[33n, []]]))).toBe('x5chain');
    expect(change(new Map([[33n, [Buffer.from('no certificate')]]]))).toBe('x5chain');
    expect(change(new Map([[33n, [signer.chain[0], makeSigner().chain[2]]]]))).toBe('chain');
    expect(reasonOf(makeStatement({ ...signer, payload: null }))).toBe('signature');
    expect(reasonOf(makeStatement({ ...signer, key: ecKey().privateKey }))).toBe('signature');
    const receipts = new Map([[394n, 'x']]);
    expect(reasonOf(makeStatement({ ...signer, unprotectedHeader: receipts }))).toBe('receipts');
  });

  it('accepts an empty payload, and one certificate without a check of it', () => {
    expect(accepted(makeStatement({ ...signer, payload: Buffer.alloc(0) })).payload).toHaveLength(
      0,
    );
    const alone = new Map([[33n, signer.chain[0]!]]);
    expect(accepted(makeStatement({ ...signer, headers: alone })).chain).toHaveLength(1);
  });

  it.each(['ES256', 'ES384', 'ES512'])('%s with each curve', (algorithm) => {
    for (const curve of ['P-256', 'P-384', 'P-521']) {
      const each = makeSigner({ key: ecKey(curve) });
      expect(reasonOf(makeStatement({ ...each, algorithm }))).toBe('accepted');
    }
  });

  it('refuses a changed bit wherever it stands', () => {
    const bytes = makeStatement(signer);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(bytes);
        changed[at] = changed[at]! ^ (1 << bit);
        expect(reasonOf(changed)).not.toBe('accepted');
      }),
      { seed: 0x516, numRuns: 300 },
    );
  });
});
