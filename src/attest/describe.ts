/** A report in words: every field with its meaning, flags by name, TCBs by part. Decodes only; nothing is verified. */
import {
  hasAuthorKey,
  hasBit,
  isChipKeyMasked,
  PLATFORM_BITS,
  POLICY_BITS,
  policyAbi,
  signingKey,
} from './flags.js';
import { lineOfCpu, PRODUCTS, type ProductLine } from './products.js';
import type { SnpReport } from './report.js';
import { reportAsJson } from './report-json.js';
import { printTcb, readTcb, type Tcb } from './tcb.js';

const TCB_FIELDS = ['currentTcb', 'reportedTcb', 'committedTcb', 'launchTcb'] as const;

/** What the bits and numbers of a report mean. */
export interface ReportMeaning {
  /** As the processor says; absent in version 2 and for unknown processors. */
  readonly productLine?: ProductLine;
  readonly signingKey: 'VCEK' | 'VLEK' | 'none or unknown';
  readonly hasAuthorKey: boolean;
  readonly isChipKeyMasked: boolean;
  /** Lowest firmware ABI that the guest accepts. */
  readonly policyAbi: string;
  /** Names of the bits that are set. */
  readonly policyFlags: readonly string[];
  readonly platformFlags: readonly string[];
  /** Parts of each TCB; as Milan and Genoa have them where the product is not known. */
  readonly tcb: Readonly<Record<(typeof TCB_FIELDS)[number], Tcb>>;
}

/** Names what the fields say. */
export function describeReport(report: SnpReport): ReportMeaning {
  const line = report.version < 3 ? undefined : lineOfCpu(report.cpuidFamily, report.cpuidModel);
  const product = PRODUCTS[line ?? 'Milan'];
  const abi = policyAbi(report.policy);
  const setBits = (bits: Readonly<Record<string, number>>, value: bigint) =>
    Object.keys(bits).filter((name) => hasBit(value, bits[name] ?? 0));
  const { reservedOne: _always, ...policyBits } = POLICY_BITS;
  return {
    ...(line === undefined ? {} : { productLine: line }),
    signingKey: signingKey(report.keyInfo) ?? 'none or unknown',
    hasAuthorKey: hasAuthorKey(report.keyInfo),
    isChipKeyMasked: isChipKeyMasked(report.keyInfo),
    policyAbi: `${abi.major}.${abi.minor}`,
    policyFlags: setBits(policyBits, report.policy),
    platformFlags: setBits(PLATFORM_BITS, report.platformInfo),
    tcb: Object.fromEntries(
      TCB_FIELDS.map((field) => [field, readTcb(report[field], product)]),
    ) as ReportMeaning['tcb'],
  };
}

const NAME_WIDTH = 19;

/** The report as text, a line for each field, in the order of the report. Ends with a newline. */
export function printReport(report: SnpReport): string {
  const meaning = describeReport(report);
  const flags = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '));
  const notes: Readonly<Record<string, string>> = {
    policy: `firmware ABI at least ${meaning.policyAbi}; ${flags(meaning.policyFlags)}`,
    platformInfo: flags(meaning.platformFlags),
    keyInfo: `signed with ${meaning.signingKey}${meaning.isChipKeyMasked ? ', chip hidden' : ''}`,
    vmpl: report.vmpl === 0xffff_ffff ? 'asked for by the host' : '',
    cpuid: meaning.productLine ?? (report.version < 3 ? 'not in this version' : 'unknown'),
    idKeyDigest: isZero(report.idKeyDigest) ? 'launched without an ID block' : '',
    authorKeyDigest: isZero(report.authorKeyDigest) ? 'none' : '',
    hostData: isZero(report.hostData) ? 'launched without a policy' : '',
    ...Object.fromEntries(TCB_FIELDS.map((field) => [field, printTcb(meaning.tcb[field])])),
  };
  const lines = Object.entries(reportAsJson(report)).map(([name, value]) => {
    const note = notes[name] ?? '';
    return `${name.padEnd(NAME_WIDTH)} ${value}${note === '' ? '' : `  (${note})`}`;
  });
  return `${lines.join('\n')}\n`;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
