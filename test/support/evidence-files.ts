/** What carries certificates and reports: tables, HCL reports, PEM. */
import { createHash } from 'node:crypto';
import { type AmdPki, makeReport } from './amd-pki.js';

/** A certificate table of these blobs. */
export function makeTable(blobs: readonly (readonly [string, Uint8Array])[]): Buffer {
  let offset = (blobs.length + 1) * 24;
  const rows = blobs.map(([guid, bytes]) => {
    const row = Buffer.alloc(24);
    Buffer.from(guid.replaceAll('-', ''), 'hex').copy(row);
    row.writeUInt32LE(offset, 16);
    row.writeUInt32LE(bytes.length, 20);
    offset += bytes.length;
    return row;
  });
  return Buffer.concat([...rows, Buffer.alloc(24), ...blobs.map(([, bytes]) => bytes)]);
}

export const GUIDS = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  crl: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
} as const;

/** An HCL report around a report, which is signed for it by the caller if it should verify. */
export function makeHcl(report: Uint8Array, runtimeData: Uint8Array): Buffer {
  const header = Buffer.alloc(32);
  header.write('HCLA');
  header.writeUInt32LE(1, 4);
  header.writeUInt32LE(1236 + runtimeData.length, 8);
  header.writeUInt32LE(2, 12);
  const runtime = Buffer.alloc(20);
  [20 + runtimeData.length, 1, 2, 1, runtimeData.length].forEach((value, index) => {
    runtime.writeUInt32LE(value, 4 * index);
  });
  return Buffer.concat([header, report, runtime, runtimeData, Buffer.alloc(100)]);
}

/** A certificate as PEM. */
export function pem(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** A report that carries the hash of runtime data. */
export function makeBoundReport(pki: AmdPki, runtimeData: Uint8Array) {
  const { der, key } = pki.makeLeaf();
  const digest = createHash('sha256').update(runtimeData).digest();
  const report = makeReport(key, {
    line: pki.line,
    change: (bytes) => {
      bytes.fill(0, 0x50, 0x90);
      digest.copy(bytes, 0x50);
    },
  });
  return { leaf: der, report };
}
