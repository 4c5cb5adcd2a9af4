/** The fields of a report as JSON, the same in every output: bytes as hex, bit fields as 16 hex digits, numbers as numbers. */
import type { FirmwareVersion, SnpReport } from './report.js';

/** One report as a JSON value. */
export function reportAsJson(report: SnpReport): Readonly<Record<string, string | number>> {
  const { cpuidFamily, cpuidModel, cpuidStepping } = report;
  return {
    version: report.version,
    guestSvn: report.guestSvn,
    policy: bits(report.policy),
    familyId: hex(report.familyId),
    imageId: hex(report.imageId),
    vmpl: report.vmpl,
    signatureAlgorithm: report.signatureAlgorithm,
    currentTcb: hex(report.currentTcb),
    platformInfo: bits(report.platformInfo),
    keyInfo: report.keyInfo,
    reportData: hex(report.reportData),
    launchMeasurement: hex(report.launchMeasurement),
    hostData: hex(report.hostData),
    idKeyDigest: hex(report.idKeyDigest),
    authorKeyDigest: hex(report.authorKeyDigest),
    reportId: hex(report.reportId),
    reportIdMa: hex(report.reportIdMa),
    reportedTcb: hex(report.reportedTcb),
    cpuid: hex(Uint8Array.of(cpuidFamily, cpuidModel, cpuidStepping)),
    chipId: hex(report.chipId),
    committedTcb: hex(report.committedTcb),
    currentVersion: version(report.currentVersion),
    committedVersion: version(report.committedVersion),
    launchTcb: hex(report.launchTcb),
    launchMitVector: bits(report.launchMitVector),
    currentMitVector: bits(report.currentMitVector),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function bits(word: bigint): string {
  return `0x${word.toString(16).padStart(16, '0')}`;
}

function version({ major, minor, build }: FirmwareVersion): string {
  return `${major}.${minor}.${build}`;
}
