import { describe, expect, it } from 'vitest';
import { readEvidence } from '../../src/attest/evidence.js';
import { readExpectation } from '../../src/attest/expectation.js';
import type { Candidate } from '../../src/attest/near-miss.js';
import type { ProductLine, TrustedRoot } from '../../src/attest/products.js';
import { verdictAsJson } from '../../src/attest/verdict.js';
import {
  type VerifyContext,
  verifyCertificates,
  verifyCertificateTable,
  verifyEndorsement,
  verifyEvidence,
  verifyHcl,
} from '../../src/attest/verify.js';
import { ToolError } from '../../src/core/error.js';
import type { JsonValue } from '../../src/core/json.js';
import { secondsOf } from '../support/snp-vectors.js';
import { type Json, type VerdictCase, verdictCases } from '../support/verdict-cases.js';
import { askGuestVerifier, hasGuestVerifier } from '../support/verdicts.js';

const SEED = 0xc0de;
const MUTATIONS = Number(process.env.PODSEAL_MUTATIONS ?? 100_000);

/** What must be equal: everything but the words for people. */
function essence(verdict: object): Json {
  const { message: _message, checks, ...rest } = verdict as { message?: string; checks: Json[] };
  return {
    ...rest,
    checks: checks.map(({ check, result, code, nearMisses }) => ({
      check,
      result,
      code,
      nearMisses,
    })),
  };
}

function candidateOf(json: Json): Candidate {
  const decode = (value: unknown) => Buffer.from(String(value), 'base64');
  return {
    name: String(json.name),
    kind: json.kind as Candidate['kind'],
    text: decode(json.text),
    ...(json.algorithm === undefined ? {} : { algorithm: json.algorithm as 'sha384' }),
    ...(json.policy === undefined ? {} : { policy: decode(json.policy) }),
  };
}

function contextOf({ time, anchors, candidates = [] }: VerdictCase): VerifyContext {
  const roots = Object.entries(anchors ?? {}).map(
    ([line, digest]): TrustedRoot => ({
      line: line as ProductLine,
      certificateSha256: String(digest),
    }),
  );
  return {
    time: secondsOf(time),
    ...(anchors === undefined ? {} : { roots }),
    candidates: candidates.map(candidateOf),
  };
}

/** Our answer in the form of the guest's. */
function judge(one: VerdictCase): object {
  try {
    const evidence = readEvidence(one.evidence as JsonValue, 'evidence');
    if (one.kind === 'certificate-table') return verdictAsJson(verifyCertificateTable(evidence));
    if (one.kind === 'hcl') return verdictAsJson(verifyHcl(evidence));
    const expectation = readExpectation(one.expectation as JsonValue, 'expectation');
    if (one.kind === 'uvm') return verdictAsJson(verifyEndorsement(evidence, expectation));
    const verify = one.kind === 'chain' ? verifyCertificates : verifyEvidence;
    return verdictAsJson(verify(evidence, expectation, contextOf(one)));
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return REFUSED;
  }
}

const REFUSED = {
  format: 'podseal.verdict/v1',
  verdict: 'refused',
  reason: 'E_USAGE',
  checks: [],
  skipped: [],
  product: null,
  leaf: null,
  report: null,
};

describe.runIf(hasGuestVerifier())('both verifiers', () => {
  it(`give one verdict on all vectors and ${MUTATIONS} mutations`, async () => {
    const ours: string[] = [];
    const sent: VerdictCase[] = [];
    function* requests() {
      for (const one of verdictCases(SEED, MUTATIONS)) {
        sent.push(one);
        yield one;
        ours.push(JSON.stringify(essence(judge(one))));
      }
    }
    const reasons = new Map<string, number>();
    const differences: string[] = [];
    const answered = await askGuestVerifier(requests(), (answer, index) => {
      const want = JSON.stringify(essence(answer));
      const reason = String(answer.reason);
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      const got = ours[index];
      const request = sent[index];
      delete ours[index];
      delete sent[index];
      if (got !== want && differences.length < 20) {
        differences.push(`${JSON.stringify(request)}\nguest: ${want}\nours:  ${got}`);
      }
    });
    expect(differences.join('\n\n')).toBe('');
    expect(answered).toBeGreaterThan(MUTATIONS);
    // The mutations reach every kind of check.
    expect(reasons.size).toBeGreaterThan(30);
  }, 600_000);
});
