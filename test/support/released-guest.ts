/** The guest of most tests of the side-car, and the release policy that trusts it. */
import type { SyntheticGuest } from '../../src/pipeline/rehearsal/platform.js';
import {
  buildReleasePolicy,
  parseMeasurement,
  printReleasePolicy,
} from '../../src/release/release-policy.js';

export const HOST_DATA = 'ab'.repeat(32);

export const GUEST: SyntheticGuest = { hostData: Buffer.from(HOST_DATA, 'hex') };

/** Text of the policy that releases a key by an authority: to that guest, or another measurement. */
export const policyFor = (authority: string, measurement = HOST_DATA): string =>
  printReleasePolicy(
    buildReleasePolicy({
      authorities: [authority],
      measurements: [parseMeasurement(measurement)],
      compliance: 'azure-signed-katacc-uvm',
      debuggable: false,
    }),
  );
