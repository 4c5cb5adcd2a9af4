/** Plays a key release from end to end and says step by step how it went, and which claim stopped it. */
import { randomBytes } from 'node:crypto';
import type { Evidence } from '../../attest/evidence.js';
import { verifyEvidence } from '../../attest/verify.js';
import { ToolError } from '../../core/error.js';
import { parseCertificate } from '../../core/x509.js';
import type { WrappingKey } from '../../keyrelease/ports.js';
import { evaluateReleasePolicy, type ReleaseEvaluation } from '../../release/evaluate.js';
import type { ReleasePolicyDocument } from '../../release/grammar.js';
import { makeGuestCheck } from '../sidecar/check.js';
import { EvidenceCollector } from '../sidecar/evidence.js';
import { releaseKey, SigningKeys } from '../sidecar/release.js';
import { SharedAttestations } from '../sidecar/shared-attestation.js';
import { guestClaims } from './attestation-service.js';
import { makeRehearsal, type RehearsalOptions } from './rehearsal.js';

export interface RehearsalStep {
  readonly step: string;
  readonly result: 'ok' | 'failed' | 'not reached';
  readonly detail?: string;
}

export interface RehearsalResult {
  readonly released: boolean;
  readonly steps: readonly RehearsalStep[];
  /** The policy over the claims of the token; absent if it came not to that. */
  readonly evaluation?: ReleaseEvaluation;
}

/** The seven steps of a release. */
const STEPS = [
  'the key is put under the release policy',
  'the workload has an identity',
  'the guest runs with the policy in HOST_DATA',
  'a report is bound to a fresh key',
  'report and certificates fit',
  'the attestation service gives a token',
  'the vault releases the key, and it is unwrapped',
] as const;

/** Where an error of a release belongs. */
const FAILED_AT: Readonly<Record<string, number>> = {
  DEVICE_FAILED: 3,
  COLLATERAL_MISMATCH: 4,
  ATTESTATION_REFUSED: 5,
  KEY_RELEASE_REFUSED: 6,
};

/** Runs the release in this process. Throws for a policy that does not fit; a refused release is a result. */
export async function rehearseRelease(
  options: RehearsalOptions,
  newWrappingKey: () => Promise<WrappingKey>,
): Promise<RehearsalResult> {
  let evaluation: ReleaseEvaluation | undefined;
  const rehearsal = await makeRehearsal({
    ...options,
    onEvaluation: (found) => {
      evaluation = found;
    },
  });
  const { platform, signer, keyVersion, send } = rehearsal;
  const { now } = options;
  const evidence = new EvidenceCollector({
    device: {
      fake: true,
      report: async (reportData) => platform.report(options.guest, reportData),
    },
    send,
    initial: platform.collateral,
    check: makeGuestCheck(now, platform.roots),
  });
  try {
    const order = {
      attestationService: options.attestationHost,
      vault: options.vaultHost,
      kid: `${options.key}/${keyVersion}`,
      accessToken: 'rehearsal',
    };
    await releaseKey(
      {
        evidence,
        send,
        accessToken: async () => 'rehearsal',
        newWrappingKey,
        // One release: there is nobody to share with.
        attestations: new SharedAttestations(() => 0),
        now,
        nonce: () => randomBytes(8).readBigUInt64BE(),
        roots: [parseCertificate(signer.certificates[1], 'the root of the rehearsal')],
        listedHosts: [options.attestationHost, options.vaultHost],
        signingKeys: new SigningKeys(),
        userAgent: () => 'podseal-rehearsal',
      },
      order,
    );
    return resultOf(undefined, evaluation);
  } catch (error) {
    if (error instanceof ToolError && Object.hasOwn(FAILED_AT, error.code)) {
      return resultOf(error, evaluation);
    }
    throw error;
  }
}

export interface RecordedOptions {
  readonly evidence: Evidence;
  /** Seconds since 1970 at which the certificates must be valid. */
  readonly time: number;
  /** `https://HOST` of the attestation service. */
  readonly authority: string;
  readonly compliance: string;
  readonly policy: ReleasePolicyDocument;
}

/**
 * As rehearseRelease, for the report of a real guest: its chain is verified up to AMD's root, and the release policy is
 * held against the claims of that guest. The report is bound to a key that is long gone, so no key can be unwrapped.
 */
export function rehearseRecorded(options: RecordedOptions): RehearsalResult {
  const { evidence, time, authority, compliance, policy } = options;
  const open = {
    vmpl: 'any',
    allowDebug: true,
    allowMigrationAgent: true,
    allowCxl: true,
  } as const;
  const verdict = verifyEvidence(evidence, { ...open, skip: ['host-data'] }, { time });
  const { report } = verdict;
  if (verdict.verdict !== 'allowed' || report === null) {
    const failed = verdict.checks.find(({ result }) => result === 'fail');
    const got = `${failed?.check ?? 'the evidence'} fails (${verdict.reason})`;
    return resultOf(
      new ToolError('COLLATERAL_MISMATCH', 'the evidence is refused', { got }),
      undefined,
    );
  }
  const claims = guestClaims({ report, compliance, runtimeData: {} });
  const evaluation = evaluateReleasePolicy(policy, { iss: authority, ...claims });
  const refused = new ToolError('KEY_RELEASE_REFUSED', 'the release policy does not hold', {
    got: evaluation.decision,
  });
  return resultOf(evaluation.decision === 'release' ? undefined : refused, evaluation);
}

function resultOf(
  error: ToolError | undefined,
  evaluation: ReleaseEvaluation | undefined,
): RehearsalResult {
  const failedAt = error === undefined ? STEPS.length : (FAILED_AT[error.code] ?? 0);
  const steps = STEPS.map((step, index): RehearsalStep => {
    if (index > failedAt) return { step, result: 'not reached' };
    if (index < failedAt) return { step, result: 'ok' };
    return { step, result: 'failed', detail: `${error?.message}: ${error?.got ?? ''}` };
  });
  return {
    released: error === undefined,
    steps,
    ...(evaluation === undefined ? {} : { evaluation }),
  };
}
