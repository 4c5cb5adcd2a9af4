/** Measured texts -> HOST_DATA (spec kata-policy-rules 3.3 and 3.4). Needs no reader of what the texts say. */
import { createHash } from 'node:crypto';
import { type Sha256Hex, sha256Hex } from '../core/digest.js';
import type { InitdataAlgorithm } from './read-initdata.js';

/** What a measured text is. */
export type MeasuredKind = 'policy' | 'initdata';

export interface Measurement {
  readonly kind: MeasuredKind;
  /** HOST_DATA: 64 lower-case hex digits. */
  readonly hostData: Sha256Hex;
  /** Digest algorithm of an initdata document; sha256 for a policy. */
  readonly algorithm: InitdataAlgorithm;
  /** The exact bytes that were hashed. */
  readonly text: Uint8Array;
}

const HOST_DATA_BYTES = 32;

/** Measurement of a policy text as it stands: SHA-256 of its bytes. */
export function measurePolicyText(text: Uint8Array): Measurement {
  return { kind: 'policy', hostData: sha256Hex(text), algorithm: 'sha256', text };
}

/** Measurement of an initdata TOML document that names `algorithm`: its digest, cut to 32 bytes. */
export function measureInitdataText(toml: Uint8Array, algorithm: InitdataAlgorithm): Measurement {
  const digest = createHash(algorithm).update(toml).digest();
  return {
    kind: 'initdata',
    hostData: digest.subarray(0, HOST_DATA_BYTES).toString('hex') as Sha256Hex,
    algorithm,
    text: toml,
  };
}
