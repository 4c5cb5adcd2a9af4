import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseCertificateTable } from '../../src/attest/certificate-table.js';
import { readExpectation } from '../../src/attest/expectation.js';
import { isDenial, parseReport } from '../../src/attest/report.js';
import { reportAsJson } from '../../src/attest/report-json.js';
import type { Verdict } from '../../src/attest/verdict.js';
import {
  verifyCertificates,
  verifyCertificateTable,
  verifyEndorsement,
  verifyEvidence,
  verifyHcl,
} from '../../src/attest/verify.js';
import { ToolError } from '../../src/core/error.js';
import type { JsonValue } from '../../src/core/json.js';
import {
  evidenceOf,
  expectationOf,
  openSnpVectors,
  type PartCase,
  type ReportCase,
  rootsOf,
  type SnpVectors,
  secondsOf,
  uvmExpectationOf,
} from '../support/snp-vectors.js';

const vectors = openSnpVectors();

/** The verdict of a case; E_USAGE for an expectation that is none. */
function judge(all: SnpVectors, one: ReportCase): Verdict | 'E_USAGE' {
  const roots = rootsOf(all, one);
  const context = { time: secondsOf(one.verify_time), ...(roots && { roots }) };
  try {
    const expectation = readExpectation(expectationOf(one) as JsonValue, one.id);
    const verify = one.report === null ? verifyCertificates : verifyEvidence;
    return verify(evidenceOf(all, one), expectation, context);
  } catch (error) {
    if (error instanceof ToolError && error.code === 'EXPECTATION_INVALID') return 'E_USAGE';
    throw error;
  }
}

function expectVerdict(verdict: Verdict, one: PartCase | ReportCase): void {
  if (one.verdict === 'accept') expect(verdict.reason).toBeNull();
  else expect(one.reasons).toContain(verdict.reason);
  expect(verdict.verdict).toBe(one.verdict === 'accept' ? 'allowed' : 'denied');
}

/** Checks that together say whether the chain is good. */
const CHAIN = ['chain-format', 'chain-anchor', 'chain-signature', 'chain-time'];

describe.runIf(vectors !== undefined)('vectors', () => {
  const all = vectors as SnpVectors;

  describe('reports', () => {
    it.each(all?.cases.map((one) => [one.id, one] as const) ?? [])('%s', (_id, one) => {
      const verdict = judge(all, one);
      if (verdict === 'E_USAGE') return expect(one.reasons).toContain('E_USAGE');
      expectVerdict(verdict, one);
      const resultOf = (name: string) => verdict.checks.find(({ check }) => check === name)?.result;
      if (one.chain_valid === true) {
        const judged = CHAIN.map(resultOf).filter((result) => result !== 'blocked');
        expect(new Set(judged)).toEqual(new Set(judged.length === 0 ? [] : ['pass']));
      }
      if (one.signature_valid === false) expect(resultOf('report-signature')).not.toBe('pass');
    });
  });

  describe('fields', () => {
    const parsed = all?.cases.filter((one) => one.parsed !== undefined && one.report !== null);
    it.each(parsed?.map((one) => [one.id, one] as const) ?? [])('%s', (_id, one) => {
      const report = parseReport(all.read(one.report ?? ''));
      if (isDenial(report)) throw new Error(report.message);
      const fields = reportAsJson(report);
      const { reported_tcb_parts: _parts, ...raw } = one.parsed ?? {};
      for (const [name, value] of Object.entries(raw)) {
        const field =
          FIELDS[name] ?? name.replace(/_(.)/g, (_all, letter: string) => letter.toUpperCase());
        const got = fields[field];
        const text = field.endsWith('MitVector') ? asStored(String(got)) : got;
        const shown = name === 'key_info' ? `0x${Number(got).toString(16).padStart(8, '0')}` : text;
        expect(shown, name).toBe(value);
      }
    });
  });

  describe('endorsements', () => {
    it.each(all?.uvm_cases.map((one) => [one.id, one] as const) ?? [])('%s', (_id, one) => {
      const expectation = readExpectation(uvmExpectationOf(one) as JsonValue, one.id);
      expectVerdict(verifyEndorsement({ uvmEndorsement: all.read(one.file) }, expectation), one);
    });
  });

  describe('certificate tables', () => {
    it.each(all?.certtable_cases.map((one) => [one.id, one] as const) ?? [])('%s', (_id, one) => {
      const table = all.read(one.file);
      expectVerdict(verifyCertificateTable({ certificates: { kind: 'table', table } }), one);
      const entries = parseCertificateTable(table);
      if (one.entries === undefined || isDenial(entries)) return;
      const found = entries.map(({ guid, bytes }) => {
        return {
          guid,
          length: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        };
      });
      expect(found).toEqual(
        one.entries.map(({ guid, length, sha256 }) => ({ guid, length, sha256 })),
      );
    });
  });

  describe('HCL reports', () => {
    it.each(all?.hcl_cases.map((one) => [one.id, one] as const) ?? [])('%s', (_id, one) => {
      expectVerdict(verifyHcl({ hclReport: all.read(one.file) }), one);
    });
  });
});

/** A bit field as the bytes of the report, hex. */
const asStored = (bits: string) => Buffer.from(bits.slice(2), 'hex').reverse().toString('hex');

/** Names of fields in the vectors that differ from ours in more than case. */
const FIELDS: Readonly<Record<string, string>> = {
  signature_algo: 'signatureAlgorithm',
  measurement: 'launchMeasurement',
  launch_mit: 'launchMitVector',
  current_mit: 'currentMitVector',
};
