import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/attest/evidence.js';
import { verifyCertificates, verifyEvidence } from '../../src/attest/verify.js';
import { CHIP_ID, makeReport, signReport, TEST_TIME } from '../support/amd-pki.js';
import { der, integer } from '../support/certificates.js';
import { GUIDS, makeTable, pem } from '../support/evidence-files.js';

import { REFUSED_CONTENT } from '../support/refused-content.js';
import { REFUSED_EVIDENCE } from '../support/refused-evidence.js';
import {
  ANY_POLICY,
  amd,
  DEBUG,
  HOST_DATA,
  judge,
  ORDER,
  PKIS,
  type Plan,
  put,
  ROOTS,
  spl,
  tcbByte,
  value,
} from '../support/snp-plans.js';

describe('a good report', () => {
  it.each([
    ['Milan', 2],
    ['Milan', 3],
    ['Milan', 4],
    ['Milan', 5],
    ['Genoa', 2],
    ['Genoa', 5],
    ['Turin', 3],
    ['Turin', 5],
  ] as const)('of %s, version %i, is allowed', (line, version) => {
    for (const kind of ['VCEK', 'VLEK'] as const) {
      const verdict = judge({ line, version, kind, expectation: { hostData: [HOST_DATA] } });
      expect(verdict).toMatchObject({
        verdict: 'allowed',
        reason: null,
        skipped: [],
        product: line,
        leaf: kind,
      });
    }
  });

  it.each<[string, Plan]>([
    ['an SPL of 255', { leaf: { change: spl('3.8', integer(255)) }, ...tcbByte(7, 255) }],
    ['a current TCB above the committed one', put(0x038, 5)],
    ['an unknown platform bit', put(0x041, 0x80)],
    ['model 0xA0 of Genoa', { line: 'Genoa', ...put(0x189, 0xa0) }],
    [
      'a product name without stepping',
      { leaf: { change: value('2', der(0x16, Buffer.from('Milan'))) } },
    ],
    ['a chip ID as OCTET STRING', { leaf: { change: value('4', der(4, CHIP_ID)) } }],
    ['AMD extensions in another order', { leaf: { change: (list) => [...list].reverse() } }],
    ['SPL 4 of zero', { leaf: { change: (list) => [...list, amd('3.4', integer(0))] } }],
  ])('with %s is allowed', (_name, plan) => {
    expect(judge(plan).reason).toBeNull();
  });

  it('may have the other signature of the same message', () => {
    const verdict = judge({
      evidence: (evidence) => {
        const report = Buffer.from(evidence.report ?? []);
        const s = BigInt(
          `0x${Buffer.from(report.subarray(0x2e8, 0x318)).reverse().toString('hex')}`,
        );
        const other = (ORDER - s).toString(16).padStart(96, '0');
        Buffer.from(other, 'hex').reverse().copy(report, 0x2e8);
        return { ...evidence, report };
      },
    });
    expect(verdict.reason).toBeNull();
  });
});

describe('a report is refused', () => {
  it.each([...REFUSED_EVIDENCE, ...REFUSED_CONTENT])(
    '%s by %s for %s',
    (code, check, _name, plan) => {
      const verdict = judge(plan);
      expect(verdict.verdict).toBe('denied');
      expect(verdict.reason).toBe(code);
      const record = verdict.checks.find(({ result }) => result === 'fail');
      expect([record?.check, record?.code]).toEqual([check, code]);
      expect(record?.detail).toMatch(/[^.]$/);
    },
  );

  it('signed over SHA-256', () => {
    const { der: leaf, key } = PKIS.Milan.makeLeaf();
    const report = signReport(makeReport(key), key, 'sha256');
    const verdict = verifyEvidence(PKIS.Milan.evidence(report, leaf), ANY_POLICY, {
      time: TEST_TIME,
      roots: ROOTS,
    });
    expect(verdict.reason).toBe('E_SIGNATURE');
  });

  it('when its roots are those of AMD', () => {
    const { der: leaf, key } = PKIS.Milan.makeLeaf();
    const evidence = PKIS.Milan.evidence(makeReport(key), leaf);
    expect(verifyEvidence(evidence, ANY_POLICY, { time: TEST_TIME }).reason).toBe('E_CHAIN_ANCHOR');
  });

  it('for every single bit that is changed', () => {
    const { der: leaf, key } = PKIS.Milan.makeLeaf();
    const good = makeReport(key);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: good.length * 8 - 1 }), (bit) => {
        const report = Buffer.from(good);
        report[bit >> 3] = (report[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const evidence = PKIS.Milan.evidence(report, leaf);
        const verdict = verifyEvidence(evidence, ANY_POLICY, { time: TEST_TIME, roots: ROOTS });
        return verdict.verdict === 'denied' && verdict.reason !== null;
      }),
      { seed: 0xc0de, numRuns: 400 },
    );
  });
});

describe('checks that are turned off', () => {
  it('are listed, and the rest is still judged', () => {
    const verdict = judge({ ...DEBUG, expectation: { skip: ['chain', 'host-data'] } });
    expect(verdict.reason).toBe('E_DEBUG');
    expect(verdict.skipped).toContain('report-signature');
    expect(verdict.skipped).toContain('host-data');
    expect(verdict.leaf).toBeNull();
  });

  it('leave a report of version 2 without a product', () => {
    const skip = ['chain', 'host-data'] as const;
    const asked = judge({ version: 2, expectation: { skip, minimumTcb: { Milan: {} } } });
    expect(asked.reason).toBe('E_TCB_MIN');
    const committed = judge({ version: 2, expectation: { skip, requireCommitted: true } });
    expect(committed.reason).toBe('E_TCB_ORDER');
  });
});

describe('certificates', () => {
  it('come in a table with their revocation list', () => {
    const { der: leaf, key } = PKIS.Milan.makeLeaf();
    const pki = PKIS.Milan;
    const table = makeTable([
      [GUIDS.vcek, leaf],
      [GUIDS.ask, pki.ask],
      [GUIDS.ark, pki.ark],
      [GUIDS.crl, pki.makeCrl({ serials: [1] })],
    ]);
    const evidence: Evidence = { report: makeReport(key), certificates: { kind: 'table', table } };
    const verdict = verifyEvidence(evidence, ANY_POLICY, { time: TEST_TIME, roots: ROOTS });
    expect(verdict.reason).toBe('E_REVOKED');
  });

  it('come in a THIM answer', () => {
    const { der: leaf, key } = PKIS.Milan.makeLeaf();
    const { ask, ark } = PKIS.Milan;
    const judgeThim = (answer: object) =>
      verifyEvidence(
        { report: makeReport(key), certificates: { kind: 'thim', text: JSON.stringify(answer) } },
        ANY_POLICY,
        { time: TEST_TIME, roots: ROOTS },
      ).reason;
    const answer = { vcekCert: pem(leaf), certificateChain: pem(ask) + pem(ark), tcbm: 'x' };
    expect(judgeThim(answer)).toBeNull();
    expect(judgeThim({ ...answer, vcekCert: pem(leaf) + pem(leaf) })).toBe('E_CHAIN_FORMAT');
    expect(judgeThim({ ...answer, certificateChain: pem(ask) })).toBe('E_CHAIN_FORMAT');
    expect(judgeThim({ vcekCert: pem(leaf) })).toBe('E_CHAIN_FORMAT');
    expect(judgeThim([])).toBe('E_CHAIN_FORMAT');
  });

  it('are judged alone', () => {
    const { der: leaf } = PKIS.Turin.makeLeaf();
    const evidence = PKIS.Turin.evidence(Buffer.alloc(0), leaf);
    const verdict = verifyCertificates(evidence, ANY_POLICY, { time: TEST_TIME, roots: ROOTS });
    expect(verdict).toMatchObject({
      verdict: 'allowed',
      product: 'Turin',
      leaf: 'VCEK',
      report: null,
    });
  });

  it('of random bytes are never accepted and never throw', () => {
    const { der: leaf, key } = PKIS.Milan.makeLeaf();
    const report = makeReport(key);
    fc.assert(
      fc.property(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 }), (offset, mask) => {
        const changed = Buffer.from(leaf);
        changed[offset] = (changed[offset] ?? 0) ^ mask;
        const evidence = PKIS.Milan.evidence(report, changed);
        return (
          verifyEvidence(evidence, ANY_POLICY, { time: TEST_TIME, roots: ROOTS }).verdict ===
          'denied'
        );
      }),
      { seed: 0xc0de, numRuns: 300 },
    );
  });
});
