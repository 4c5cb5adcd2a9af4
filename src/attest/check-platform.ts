/**
 * The report against the certificate that signed it: signature, processor, TCB and chip (spec snp-attestation section
 * 5.2, steps O to U).
 */
import type { ProvenLeaf } from './check-chain.js';
import type { Outcome } from './checks.js';
import type { Expectation, TcbByLine } from './expectation.js';
import { isChipKeyMasked } from './flags.js';
import { lineOfCpu, type Product } from './products.js';
import { deny } from './reasons.js';
import type { SnpReport } from './report.js';
import { isReportSigned, type JudgedSignature } from './report-signature.js';
import { hasReservedTcbBytes, partsBelow, printTcb, readTcb, type Tcb } from './tcb.js';

/** Step O. */
export function checkSignature(
  report: SnpReport,
  leaf: ProvenLeaf,
  judged: JudgedSignature | undefined,
): Outcome {
  if (isReportSigned(report, leaf.certificate, judged)) return 'pass';
  return deny('E_SIGNATURE', 'the report was not signed by the key of the certificate', {
    hints: [
      'the certificate may be that of another chip or of another TCB: fetch the one for this report',
    ],
  });
}

/** Step P; without a product (the chain is skipped) any processor with a known line will do. */
export function checkProduct(report: SnpReport, product: Product | undefined): Outcome {
  const { version, cpuidFamily, cpuidModel, cpuidStepping } = report;
  if (version < 3) return product === undefined ? 'skipped' : 'pass';
  const line = lineOfCpu(cpuidFamily, cpuidModel);
  if (line !== undefined && line === (product?.line ?? line)) return 'pass';
  const hex = (value: number) => `0x${value.toString(16).padStart(2, '0')}`;
  return deny('E_PRODUCT', 'the processor does not belong to a known or to this product line', {
    want: product?.line ?? 'Milan, Genoa or Turin',
    got: `${line ?? 'unknown'} (family ${hex(cpuidFamily)}, model ${hex(cpuidModel)}, stepping ${hex(cpuidStepping)})`,
  });
}

const TCB_FIELDS = ['currentTcb', 'reportedTcb', 'committedTcb', 'launchTcb'] as const;

/** Step Q. Without a product the meaning of the bytes is not known. */
export function checkTcbReserved(report: SnpReport, product: Product | undefined): Outcome {
  if (product === undefined) return 'skipped';
  const field = TCB_FIELDS.find((name) => hasReservedTcbBytes(report[name], product));
  if (field === undefined) return 'pass';
  return deny('E_RESERVED', `${field} has a byte that must be zero on ${product.line}`, {
    got: Buffer.from(report[field]).toString('hex'),
  });
}

/** Step R: all parts are equal. */
export function checkTcbCertificate(report: SnpReport, leaf: ProvenLeaf): Outcome {
  const reported = readTcb(report.reportedTcb, leaf.product);
  const equal =
    !leaf.hasReservedTcb &&
    partsBelow(reported, leaf.tcb).length === 0 &&
    partsBelow(leaf.tcb, reported).length === 0;
  if (equal) return 'pass';
  return deny('E_TCB_CERT', 'the reported TCB is not the one of the certificate', {
    want: `${printTcb(leaf.tcb)}${leaf.hasReservedTcb ? ', reserved levels set' : ''}`,
    got: printTcb(reported),
    hints: ['the certificate is for another TCB: fetch the one for the reported TCB'],
  });
}

/** Step S: reported <= committed <= current, part by part. Current above committed is normal: the host may go back. */
export function checkTcbOrder(
  report: SnpReport,
  product: Product | undefined,
  { requireCommitted }: Expectation,
): Outcome {
  if (product === undefined) {
    if (requireCommitted !== true) return 'skipped';
    return deny(
      'E_TCB_ORDER',
      'the product line is not known, so nothing is shown to be committed',
    );
  }
  const [current, reported, committed] = [
    report.currentTcb,
    report.reportedTcb,
    report.committedTcb,
  ].map((bytes) => readTcb(bytes, product)) as [Tcb, Tcb, Tcb];
  const details = { want: printTcb(committed) };
  if (partsBelow(committed, reported).length > 0) {
    const got = printTcb(reported);
    return deny('E_TCB_ORDER', 'the reported TCB is above the committed one', { ...details, got });
  }
  if (partsBelow(current, committed).length > 0) {
    const got = printTcb(current);
    return deny('E_TCB_ORDER', 'the current TCB is below the committed one', { ...details, got });
  }
  if (requireCommitted !== true || partsBelow(committed, current).length === 0) return 'pass';
  const got = printTcb(current);
  return deny('E_TCB_ORDER', 'the current TCB is not committed: the host may go back', {
    ...details,
    got,
  });
}

/** Step T, for the reported TCB and that at launch. Without a product a minimum cannot be shown to hold. */
export function checkTcbMinimum(
  report: SnpReport,
  product: Product | undefined,
  expectation: Expectation,
): Outcome {
  const { minimumTcb, minimumLaunchTcb } = expectation;
  if (minimumTcb === undefined && minimumLaunchTcb === undefined) return 'not-asked';
  if (product === undefined) {
    return deny('E_TCB_MIN', 'a report of version 2 does not say whose TCB it has', {
      hints: ['without its certificates no minimum can be shown to hold'],
    });
  }
  const rows: readonly (readonly [string, Uint8Array, TcbByLine | undefined])[] = [
    ['reported TCB', report.reportedTcb, minimumTcb],
    ['TCB at launch', report.launchTcb, minimumLaunchTcb],
  ];
  for (const [name, bytes, minimum] of rows) {
    if (minimum === undefined) continue;
    const floor = minimum[product.line];
    if (floor === undefined) {
      return deny('E_TCB_MIN', `there is no minimum for this product line, so it is refused`, {
        want: Object.keys(minimum).join(', '),
        got: product.line,
      });
    }
    const tcb = readTcb(bytes, product);
    const low = partsBelow(tcb, floor);
    if (low.length === 0) continue;
    return deny('E_TCB_MIN', `the ${name} is below the minimum in ${low.join(', ')}`, {
      want: printTcb(floor),
      got: printTcb(tcb),
    });
  }
  return 'pass';
}

/** Step U for the chip; without a leaf (the chain is skipped) only whether the key is one of a chip. */
export function checkChip(
  report: SnpReport,
  leaf: ProvenLeaf | undefined,
  { chipIds }: Expectation,
): Outcome {
  if (isChipKeyMasked(report.keyInfo)) {
    return deny('E_CHIP_ID', 'the report was signed with a key that hides the chip');
  }
  if (leaf === undefined) return 'skipped';
  const got = Buffer.from(report.chipId).toString('hex');
  if (leaf.hardwareId !== undefined) {
    const want = leaf.hardwareId.toString('hex').padEnd(got.length, '0');
    if (got !== want) {
      return deny('E_CHIP_ID', 'the chip is not the one of the certificate', { want, got });
    }
  }
  if (chipIds === undefined || chipIds.includes(got)) return 'pass';
  return deny('E_CHIP_ID', 'the chip is not a wanted one', { want: chipIds.join(', '), got });
}

/** Step U for the cloud provider of a VLEK. */
export function checkCsp({ kind, cspId }: ProvenLeaf, { cspIds }: Expectation): Outcome {
  if (cspIds === undefined || kind === 'VCEK') return 'not-asked';
  if (cspId !== undefined && cspIds.includes(cspId)) return 'pass';
  return deny('E_CSP_ID', 'the cloud provider is not a wanted one', {
    want: cspIds.join(', '),
    got: cspId?.slice(0, 200) ?? 'none',
  });
}
