/**
 * Certificate table of the hypervisor (auxblob, extended report; GHCB, spec snp-attestation section 4.1): GUIDs with the
 * place of a blob each. All of it is untrusted transport.
 */
import { LIMITS } from '../core/limits.js';
import { type Denial, deny } from './reasons.js';

/** What a blob is. */
export type TableRole = 'vcek' | 'vlek' | 'intermediate' | 'root' | 'crl';

/** GUIDs in text order of RFC 4122. Others are kept and not used. */
const ROLES: Readonly<Record<string, TableRole>> = {
  '63da758d-e664-4564-adc5-f4b93be8accd': 'vcek',
  'a8074bc2-a25a-483e-aae6-39c045a0b8a1': 'vlek',
  '4ab7b379-bbac-4fe4-a02f-05aef327c782': 'intermediate',
  'c0b406a4-a803-4952-9743-3fb6014cd0ae': 'root',
  '92f81bc3-5811-4d3d-97ff-d19f88dc67ea': 'crl',
};

const ENTRY_BYTES = 24;
const GUID_BYTES = 16;

/** One blob: its GUID (lower case), what it is if known, and its bytes. */
export interface TableEntry {
  readonly guid: string;
  readonly role?: TableRole;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * The blobs in the order of the table; none for a table without certificates. E_CERTTABLE for a damaged table,
 * E_CERTTABLE_NO_VCEK for one that has blobs but neither VCEK nor VLEK.
 */
export function parseCertificateTable(table: Uint8Array): readonly TableEntry[] | Denial {
  const rows = readRows(table);
  if (!Array.isArray(rows)) return rows as Denial;
  const entries: TableEntry[] = [];
  const headerBytes = (rows.length + 1) * ENTRY_BYTES;
  for (const { guid, offset, length } of rows as readonly TableRow[]) {
    if (entries.some((entry) => entry.guid === guid)) return damaged(`${guid} stands there twice`);
    if (length === 0) return damaged(`${guid} has no bytes`);
    if (offset < headerBytes) return damaged(`${guid} begins inside of the header`);
    if (offset + length > table.length) return damaged(`${guid} goes beyond the end`);
    const overlaps = entries.some(
      (other) => offset < other.offset + other.bytes.length && other.offset < offset + length,
    );
    if (overlaps) return damaged(`${guid} overlaps another blob`);
    const role = ROLES[guid];
    entries.push({
      guid,
      ...(role === undefined ? {} : { role }),
      offset,
      bytes: table.subarray(offset, offset + length),
    });
  }
  const hasLeaf = entries.some(({ role }) => role === 'vcek' || role === 'vlek');
  if (entries.length === 0 || hasLeaf) return entries;
  return deny('E_CERTTABLE_NO_VCEK', 'the certificate table has neither a VCEK nor a VLEK', {
    got: entries.map(({ guid }) => guid).join(', '),
  });
}

interface TableRow {
  readonly guid: string;
  readonly offset: number;
  readonly length: number;
}

/** The rows before the one that is all zero. */
function readRows(table: Uint8Array): readonly TableRow[] | Denial {
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  const rows: TableRow[] = [];
  for (let start = 0; start + ENTRY_BYTES <= table.length; start += ENTRY_BYTES) {
    const entry = table.subarray(start, start + ENTRY_BYTES);
    if (entry.every((byte) => byte === 0)) return rows;
    if (rows.length === LIMITS.certificateTableEntries) {
      return damaged(`it has more than ${LIMITS.certificateTableEntries} entries`);
    }
    rows.push({
      guid: printGuid(entry.subarray(0, GUID_BYTES)),
      offset: view.getUint32(start + GUID_BYTES, true),
      length: view.getUint32(start + GUID_BYTES + 4, true),
    });
  }
  return damaged('the entry of zeros at its end is missing');
}

function printGuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [0, 8, 12, 16, 20, 32]
    .map((at, index, ends) => hex.slice(at, ends[index + 1]))
    .slice(0, 5)
    .join('-');
}

function damaged(problem: string): Denial {
  return deny('E_CERTTABLE', `the certificate table is damaged: ${problem}`);
}
