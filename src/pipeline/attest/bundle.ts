/** Evidence -> the file that is kept: certificates as a plain chain, and a word if it will not verify. */
import type { Evidence } from '../../attest/evidence.js';
import type { Expectation } from '../../attest/expectation.js';
import { verifyEvidence } from '../../attest/verify.js';
import type { NoticeSink } from '../../core/notice.js';
import { withPlainChain } from './collect.js';

/** Everything that an expectation may allow: what is denied all the same is wrong with the evidence itself. */
const ANYTHING: Expectation = {
  vmpl: 'any',
  allowDebug: true,
  allowMigrationAgent: true,
  allowCxl: true,
  skip: ['host-data'],
};

/** The evidence as it is kept. `time` is when its certificates should be valid. Throws as withPlainChain. */
export function bundleEvidence(given: Evidence, time: number, notices: NoticeSink): Evidence {
  const evidence = withPlainChain(given);
  const { checks } = verifyEvidence(evidence, ANYTHING, { time });
  for (const { check, code, detail } of checks.filter(({ result }) => result === 'fail')) {
    notices({
      code: 'evidence-not-verifiable',
      message: `this evidence will be denied: ${check}: ${detail ?? ''} (${code})`,
    });
  }
  return evidence;
}
