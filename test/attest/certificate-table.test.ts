import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCertificateTable } from '../../src/attest/certificate-table.js';
import { isDenial } from '../../src/attest/report.js';
import { LIMITS } from '../../src/core/limits.js';
import { GUIDS, makeTable } from '../support/evidence-files.js';

const codeOf = (table: Uint8Array) => {
  const result = parseCertificateTable(table);
  return isDenial(result) ? result.code : undefined;
};

/** A table with the fields of one entry changed. */
function changed(entry: number, field: 16 | 20, value: number): Buffer {
  const table = makeTable([
    [GUIDS.vcek, Buffer.from('leaf')],
    [GUIDS.ark, Buffer.from('root')],
  ]);
  table.writeUInt32LE(value, 24 * entry + field);
  return table;
}

const guid = fc.uuid().filter((text) => !Object.values<string>(GUIDS).includes(text));

describe('certificate table', () => {
  it('gives each blob with what it is', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(guid, fc.uint8Array({ minLength: 1, maxLength: 50 })), {
          maxLength: 10,
          selector: ([id]) => id,
        }),
        fc.nat(100),
        (others, padding) => {
          const blobs = [[GUIDS.vlek, Buffer.from('leaf')] as const, ...others];
          const table = Buffer.concat([makeTable(blobs), Buffer.alloc(padding)]);
          const entries = parseCertificateTable(table);
          if (isDenial(entries)) throw new Error(entries.message);
          expect(entries.map((one) => [one.guid, Buffer.from(one.bytes)])).toEqual(
            blobs.map(([id, bytes]) => [id, Buffer.from(bytes)]),
          );
          expect(entries[0]?.role).toBe('vlek');
        },
      ),
      { seed: 0xc0de, numRuns: 100 },
    );
  });

  it.each([
    ['without an end', makeTable([[GUIDS.vcek, Buffer.from('leaf')]]).subarray(0, 24)],
    ['of no bytes', Buffer.alloc(0)],
    ['with an empty blob', changed(0, 20, 0)],
    ['with a blob in the header', changed(0, 16, 71)],
    ['with a blob beyond the end', changed(1, 20, 5)],
    ['whose offset and length wrap in 32 bits', changed(1, 16, 0xffff_fffe)],
    ['with blobs that overlap', changed(1, 16, 75)],
    [
      'with a GUID twice',
      makeTable([
        [GUIDS.vcek, Buffer.of(1)],
        [GUIDS.vcek, Buffer.of(1)],
      ]),
    ],
  ])('%s is damaged', (_name, table) => {
    expect(codeOf(table)).toBe('E_CERTTABLE');
  });

  it('needs a leaf, unless it is empty', () => {
    expect(parseCertificateTable(makeTable([]))).toEqual([]);
    expect(codeOf(makeTable([[GUIDS.ark, Buffer.of(1)]]))).toBe('E_CERTTABLE_NO_VCEK');
  });

  it('has a limit for entries', () => {
    const table = (count: number) =>
      makeTable([
        [GUIDS.vcek, Buffer.of(1)],
        ...Array.from({ length: count - 1 }, (_value, index) => {
          return [
            `${String(index).padStart(8, '0')}-0000-4000-8000-000000000000`,
            Buffer.of(1),
          ] as const;
        }),
      ]);
    expect(codeOf(table(LIMITS.certificateTableEntries))).toBeUndefined();
    expect(codeOf(table(LIMITS.certificateTableEntries + 1))).toBe('E_CERTTABLE');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (table) => {
        const result = parseCertificateTable(table);
        return isDenial(result) || result.every(({ bytes }) => bytes.length > 0);
      }),
      { seed: 0xc0de, numRuns: 500 },
    );
  });
});
