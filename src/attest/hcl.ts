/**
 * HCL report of an Azure confidential VM (TPM NV index 0x01400001, spec snp-attestation section 3.5): an SNP report and
 * the runtime data whose hash the report carries in REPORT_DATA.
 */
import { createHash } from 'node:crypto';
import { type Denial, deny } from './reasons.js';
import { REPORT_SIZE_BYTES } from './report.js';

const HEADER_BYTES = 32;
const RUNTIME_OFFSET = HEADER_BYTES + REPORT_SIZE_BYTES;
const RUNTIME_HEADER_BYTES = 20;
const DATA_OFFSET = RUNTIME_OFFSET + RUNTIME_HEADER_BYTES;
/** Place of REPORT_DATA in the report. */
const REPORT_DATA_OFFSET = 0x050;
const REPORT_DATA_BYTES = 64;

const HASHES: Readonly<Record<number, 'sha256' | 'sha384' | 'sha512'>> = {
  1: 'sha256',
  2: 'sha384',
  3: 'sha512',
};

/** The two parts, views of the input, and the hash that binds them. */
export interface HclReport {
  /** 1184 bytes, not yet looked at. */
  readonly report: Uint8Array;
  /** JSON with the keys of the vTPM; its hash is REPORT_DATA. */
  readonly runtimeData: Uint8Array;
  readonly hash: 'sha256' | 'sha384' | 'sha512';
}

interface FieldRow {
  readonly name: string;
  readonly offset: number;
  readonly allowed: readonly number[];
}

/** Fixed 32-bit fields; a report type of 4 would be TDX. */
const FIELDS: readonly FieldRow[] = [
  { name: 'header version', offset: 4, allowed: [1, 2] },
  { name: 'request type', offset: 12, allowed: [2] },
  { name: 'status', offset: 16, allowed: [0] },
  { name: 'reserved field', offset: 20, allowed: [0] },
  { name: 'reserved field', offset: 24, allowed: [0] },
  { name: 'reserved field', offset: 28, allowed: [0] },
  { name: 'runtime data version', offset: RUNTIME_OFFSET + 4, allowed: [1] },
  { name: 'report type', offset: RUNTIME_OFFSET + 8, allowed: [2] },
  { name: 'hash type', offset: RUNTIME_OFFSET + 12, allowed: [1, 2, 3] },
];

/** The parts of an HCL report, or E_HCL for what is none. Zero bytes may follow, as the TPM stores them. */
export function parseHcl(bytes: Uint8Array): HclReport | Denial {
  if (bytes.length < DATA_OFFSET) return damaged('it is too short', `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (offset: number) => view.getUint32(offset, true);
  if (Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== 'HCLA') {
    return damaged('it does not begin with HCLA');
  }
  const wrong = FIELDS.find(({ offset, allowed }) => !allowed.includes(u32(offset)));
  if (wrong !== undefined) return damaged(`its ${wrong.name} does not fit`, `${u32(wrong.offset)}`);
  const dataBytes = u32(RUNTIME_OFFSET + 16);
  const end = DATA_OFFSET + dataBytes;
  const sizesFit =
    u32(RUNTIME_OFFSET) === RUNTIME_HEADER_BYTES + dataBytes &&
    u32(8) === end &&
    end <= bytes.length;
  if (!sizesFit) return damaged('its sizes do not fit each other');
  if (bytes.subarray(end).some((byte) => byte !== 0)) return damaged('bytes follow its end');
  const hash = HASHES[u32(RUNTIME_OFFSET + 12)] ?? 'sha256';
  const runtimeData = bytes.subarray(DATA_OFFSET, end);
  return { report: bytes.subarray(HEADER_BYTES, RUNTIME_OFFSET), runtimeData, hash };
}

/** E_REPORT_DATA unless REPORT_DATA is the hash of the runtime data, followed by zeros. */
export function checkRuntimeData({ report, runtimeData, hash }: HclReport): Denial | undefined {
  const digest = createHash(hash).update(runtimeData).digest('hex');
  const want = digest.padEnd(2 * REPORT_DATA_BYTES, '0');
  const got = Buffer.from(
    report.subarray(REPORT_DATA_OFFSET, REPORT_DATA_OFFSET + REPORT_DATA_BYTES),
  ).toString('hex');
  if (got === want) return undefined;
  return deny('E_REPORT_DATA', 'the report does not carry the hash of the runtime data', {
    want,
    got,
  });
}

function damaged(problem: string, got?: string): Denial {
  return deny('E_HCL', `this is not an HCL report of an SNP guest: ${problem}`, {
    ...(got === undefined ? {} : { got }),
  });
}
