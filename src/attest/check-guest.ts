/**
 * What the report says of guest, platform and owner against the expectation (spec snp-attestation section 5.2, steps V
 * to AF).
 */
import type { Outcome } from './checks.js';
import { type Expectation, printFirmware, printWord } from './expectation.js';
import {
  hasAuthorKey,
  hasBit,
  PLATFORM_BITS,
  PLATFORM_UNKNOWN_FROM,
  POLICY_BITS,
  POLICY_RESERVED_FROM,
  policyAbi,
} from './flags.js';
import { type Candidate, findNearMisses } from './near-miss.js';
import { deny, type ReasonCode } from './reasons.js';
import type { FirmwareVersion, SnpReport } from './report.js';

/** Step V. */
export function checkGuestPolicy(report: SnpReport, expectation: Expectation): Outcome {
  const { policy, currentVersion: version } = report;
  const got = printPolicy(policy);
  if (!hasBit(policy, POLICY_BITS.reservedOne)) {
    return deny('E_POLICY', 'bit 17 of the guest policy must be set', { got });
  }
  if (policy >> POLICY_RESERVED_FROM !== 0n) {
    return deny('E_POLICY', 'bits 63 to 26 of the guest policy must be zero', { got });
  }
  const abi = policyAbi(policy);
  if (isBelow({ ...version, build: 0 }, { ...abi, build: 0 })) {
    return deny('E_POLICY', 'the guest policy asks for a newer firmware than the one that runs', {
      want: `at most ${version.major}.${version.minor}`,
      got: `${abi.major}.${abi.minor}`,
    });
  }
  if (hasBit(policy, POLICY_BITS.cxlAllow) && expectation.allowCxl !== true) {
    return deny('E_POLICY', 'the guest policy allows CXL memory', { got });
  }
  if (hasBit(policy, POLICY_BITS.smt) && expectation.requireSmtDisabled === true) {
    return deny('E_POLICY', 'the guest policy allows SMT', { got });
  }
  const { guestPolicies } = expectation;
  if (guestPolicies === undefined || guestPolicies.includes(policy)) return 'pass';
  return deny('E_POLICY', 'the guest policy is not a wanted one', {
    want: guestPolicies.map(printWord).join(', '),
    got: printWord(policy),
  });
}

/** Step W. */
export function checkDebug({ policy }: SnpReport, { allowDebug }: Expectation): Outcome {
  if (!hasBit(policy, POLICY_BITS.debug) || allowDebug === true) return 'pass';
  return deny('E_DEBUG', 'the host may debug this guest: it can read all of its memory', {
    got: printPolicy(policy),
  });
}

/** Step X. */
export function checkMigrationAgent(
  { policy, reportIdMa }: SnpReport,
  { allowMigrationAgent }: Expectation,
): Outcome {
  if (allowMigrationAgent === true) return 'pass';
  if (hasBit(policy, POLICY_BITS.migrateMa)) {
    return deny('E_MIGRATE_MA', 'the guest policy allows a migration agent', {
      got: printPolicy(policy),
    });
  }
  if (reportIdMa.every((byte) => byte === 0xff)) return 'pass';
  return deny('E_MIGRATE_MA', 'a migration agent is associated with the guest', {
    got: hex(reportIdMa),
  });
}

/** Step Y. */
export function checkPlatform(report: SnpReport, expectation: Expectation): Outcome {
  const { policy, platformInfo: info } = report;
  const got = printPolicy(info);
  if (hasBit(info, PLATFORM_BITS.smtEnabled) && !hasBit(policy, POLICY_BITS.smt)) {
    return deny('E_PLATFORM_INFO', 'SMT is on although the guest policy forbids it', { got });
  }
  const { requireTsme, requireEcc, requireAliasCheck, allowUnknownPlatformBits } = expectation;
  const wanted = [
    { asked: requireTsme, bit: PLATFORM_BITS.tsmeEnabled, problem: 'TSME is off' },
    { asked: requireEcc, bit: PLATFORM_BITS.eccEnabled, problem: 'ECC memory is not in use' },
    {
      asked: requireAliasCheck,
      bit: PLATFORM_BITS.aliasCheckComplete,
      problem: 'the firmware has not checked the memory for aliases',
    },
  ];
  const missing = wanted.find(({ asked, bit }) => asked === true && !hasBit(info, bit));
  if (missing !== undefined) return deny('E_PLATFORM_INFO', missing.problem, { got });
  if (allowUnknownPlatformBits !== false || info >> PLATFORM_UNKNOWN_FROM === 0n) return 'pass';
  return deny('E_PLATFORM_INFO', 'the platform information has bits without a known meaning', {
    got,
  });
}

/** Step Z: level 0 unless another one is expected. */
export function checkVmpl({ vmpl }: SnpReport, { vmpl: wanted = 0 }: Expectation): Outcome {
  if (vmpl <= 3 && (wanted === 'any' || vmpl === wanted)) return 'pass';
  const hints =
    vmpl === 0xffff_ffff
      ? ['the host asked for this report, not the guest']
      : vmpl <= 3
        ? ['guests under a paravisor (AWS, Azure VMs) have a level of their own']
        : [];
  return deny('E_VMPL', 'the report was asked for at another privilege level', {
    want: wanted === 'any' ? '0 to 3' : String(wanted),
    got: String(vmpl),
    hints,
  });
}

/** Step AA, security version of the guest. */
export function checkGuestSvn({ guestSvn }: SnpReport, { minimumGuestSvn }: Expectation): Outcome {
  if (minimumGuestSvn === undefined) return 'not-asked';
  if (guestSvn >= minimumGuestSvn) return 'pass';
  return deny('E_GUEST_SVN', 'the security version of the guest is below the minimum', {
    want: `at least ${minimumGuestSvn}`,
    got: String(guestSvn),
  });
}

/** Step AA, firmware: versions are compared as numbers. */
export function checkFirmware(report: SnpReport, expectation: Expectation): Outcome {
  const { minimumFirmware: floor, requireCommitted } = expectation;
  const { currentVersion: current, committedVersion: committed } = report;
  if (floor === undefined && requireCommitted !== true) return 'not-asked';
  if (floor !== undefined && isBelow(current, { ...floor, build: floor.build ?? 0 })) {
    return deny('E_FIRMWARE', 'the firmware is older than the minimum', {
      want: `at least ${printFirmware(floor)}`,
      got: printFirmware(current),
    });
  }
  if (requireCommitted !== true || printFirmware(current) === printFirmware(committed)) {
    return 'pass';
  }
  return deny('E_FIRMWARE', 'the firmware is not committed: the host may go back', {
    want: printFirmware(committed),
    got: printFirmware(current),
  });
}

/** Step AA, mitigations: each wanted bit is set. */
export function checkMitigations(report: SnpReport, expectation: Expectation): Outcome {
  const { launchMitigations, currentMitigations } = expectation;
  if (launchMitigations === undefined && currentMitigations === undefined) return 'not-asked';
  const rows = [
    { when: 'at launch', want: launchMitigations ?? 0n, got: report.launchMitVector },
    { when: 'now', want: currentMitigations ?? 0n, got: report.currentMitVector },
  ];
  const bad = rows.find(({ want, got }) => (got & want) !== want);
  if (bad === undefined) return 'pass';
  return deny('E_MITIGATION', `a wanted mitigation was not active ${bad.when}`, {
    want: printWord(bad.want),
    got: printWord(bad.got),
  });
}

/** Step AB, author key. */
export function checkAuthorKey(report: SnpReport, expectation: Expectation): Outcome {
  const { keyInfo, authorKeyDigest } = report;
  const { requireAuthorKey, authorKeyDigests } = expectation;
  const present = hasAuthorKey(keyInfo);
  if (present !== authorKeyDigest.some((byte) => byte !== 0)) {
    return deny('E_AUTHOR_KEY', 'the report contradicts itself about an author key', {
      want: present ? 'a digest' : 'no digest',
      got: hex(authorKeyDigest),
    });
  }
  if (requireAuthorKey === true && !present) {
    return deny('E_AUTHOR_KEY', 'the guest was launched without an author key');
  }
  return checkListed(authorKeyDigest, authorKeyDigests, 'E_AUTHOR_KEY', 'author key', 'pass');
}

/** Step AB, ID key. A guest without an ID block has the digest zero, which no list should hold. */
export function checkIdKey({ idKeyDigest }: SnpReport, { idKeyDigests }: Expectation): Outcome {
  return checkListed(idKeyDigest, idKeyDigests, 'E_ID_KEY', 'ID key');
}

/** Step AC. */
export function checkFamilyId({ familyId }: SnpReport, expectation: Expectation): Outcome {
  return checkListed(familyId, listOf(expectation.familyId), 'E_FAMILY_ID', 'family ID');
}

/** Step AC. */
export function checkImageId({ imageId }: SnpReport, expectation: Expectation): Outcome {
  return checkListed(imageId, listOf(expectation.imageId), 'E_IMAGE_ID', 'image ID');
}

/** Step AD. */
export function checkLaunchMeasurement(
  { launchMeasurement }: SnpReport,
  { launchMeasurements }: Expectation,
): Outcome {
  return checkListed(launchMeasurement, launchMeasurements, 'E_MEASUREMENT', 'launch measurement');
}

/** Step AE, all 64 bytes. */
export function checkReportData({ reportData }: SnpReport, expectation: Expectation): Outcome {
  return checkListed(reportData, listOf(expectation.reportData), 'E_REPORT_DATA', 'report data');
}

/** Step AF. Zeros are a mismatch like any other; what else the value may be is looked for among the candidates. */
export function checkHostData(
  { hostData }: SnpReport,
  { hostData: wanted = [], skip = [] }: Expectation,
  candidates: readonly Candidate[],
): Outcome {
  if (skip.includes('host-data')) return 'skipped';
  const got = hex(hostData);
  if (wanted.includes(got)) return 'pass';
  const nearMisses = findNearMisses(hostData, wanted, candidates);
  const denial = deny('E_HOST_DATA', 'HOST_DATA is that of another policy', {
    want: wanted.join(', '),
    got,
  });
  return { ...denial, nearMisses };
}

function checkListed(
  value: Uint8Array,
  wanted: readonly string[] | undefined,
  code: ReasonCode,
  name: string,
  unasked: Outcome = 'not-asked',
): Outcome {
  if (wanted === undefined) return unasked;
  const got = hex(value);
  if (wanted.includes(got)) return 'pass';
  return deny(code, `the ${name} is not a wanted one`, { want: wanted.join(', '), got });
}

function listOf(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value];
}

/** True if a version is below another, as numbers in the order major, minor, build. */
function isBelow(version: FirmwareVersion, floor: FirmwareVersion): boolean {
  const rank = ({ major, minor, build }: FirmwareVersion) => (major << 16) | (minor << 8) | build;
  return rank(version) < rank(floor);
}

/** A 64-bit field with all its digits. */
function printPolicy(word: bigint): string {
  return `0x${word.toString(16).padStart(16, '0')}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
