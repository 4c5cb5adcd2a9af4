import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Evidence,
  isEvidenceText,
  parseEvidence,
  printEvidence,
} from '../../src/attest/evidence.js';
import { withoutAbsent } from '../../src/core/record.js';
import { thrownBy } from '../support/failure.js';

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const EVIDENCE: fc.Arbitrary<Evidence> = fc
  .record(
    {
      report: bytes,
      hclReport: bytes,
      certificates: fc.oneof(
        fc.record({
          kind: fc.constant('chain' as const),
          leaf: bytes,
          chain: fc.array(bytes, { maxLength: 3 }),
        }),
        fc.record({ kind: fc.constant('table' as const), table: bytes }),
        fc.record({ kind: fc.constant('thim' as const), text: fc.string() }),
      ),
      crl: bytes,
      uvmEndorsement: bytes,
    },
    { requiredKeys: [] },
  )
  .map(({ certificates, ...rest }) => {
    const { hclReport, report, ...others } = rest;
    const one = hclReport === undefined ? { report } : { hclReport };
    return withoutAbsent({
      ...others,
      ...one,
      certificates: certificates && { ...certificates },
    }) as Evidence;
  });

describe('evidence', () => {
  it('is read back as it was printed', () => {
    fc.assert(
      fc.property(EVIDENCE, (evidence) => {
        const text = printEvidence(evidence);
        expect(isEvidenceText(Buffer.from(text))).toBe(true);
        expect(parseEvidence(text, 'x.json')).toEqual(evidence);
      }),
      { seed: 0xc0de, numRuns: 200 },
    );
  });

  it.each([
    ['{"format": "podseal.evidence/v2"}', 'format does not fit'],
    ['{"format": "podseal.evidence/v1", "policy": ""}', 'policy is not a known field'],
    ['{"format": "podseal.evidence/v1", "crl": "AB"}', 'crl is not base64 with padding'],
    ['{"format": "podseal.evidence/v1", "crl": "AB=="}', 'crl is not base64 with padding'],
    ['{"format": "podseal.evidence/v1", "crl": "AA==\\n"}', 'crl is not base64 with padding'],
    ['{"format": "podseal.evidence/v1", "crl": 1}', 'crl has a wrong type'],
    ['{"format": "podseal.evidence/v1", "certificates": {"leaf": ""}}', 'needs leaf and chain'],
    ['{"format": "podseal.evidence/v1", "thim": "", "certificateTable": ""}', 'more than one of'],
    ['{"format": "podseal.evidence/v1", "report": "", "hclReport": ""}', 'report and hclReport'],
    ['{"format": "podseal.evidence/v1", "crl": "", "crl": ""}', 'stands there twice'],
    ['[]', 'has a wrong type'],
    ['{', 'is not valid JSON'],
  ])('refuses %s', (text, message) => {
    const error = thrownBy(() => parseEvidence(text, 'x.json'));
    expect(error.code).toBe('EVIDENCE_INVALID');
    expect(error.message).toContain(message);
  });

  it('is not every JSON text', () => {
    expect(isEvidenceText(Buffer.from('{"format": "podseal.expectation/v1"}'))).toBe(false);
    expect(isEvidenceText(Buffer.from('podseal.evidence/v1'))).toBe(false);
    expect(isEvidenceText(Buffer.alloc(1184))).toBe(false);
  });
});
