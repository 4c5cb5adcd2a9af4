import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRuntimeData, parseHcl } from '../../src/attest/hcl.js';
import { isDenial } from '../../src/attest/report.js';
import { verifyEvidence } from '../../src/attest/verify.js';
import { createAmdPki, TEST_TIME } from '../support/amd-pki.js';
import { makeBoundReport, makeHcl } from '../support/evidence-files.js';

const RUNTIME = Buffer.from('{"keys": [], "user-data": "00"}');
const REPORT = Buffer.alloc(1184, 7);

/** An HCL report with a 32-bit field changed. */
function changed(offset: number, value: number): Buffer {
  const bytes = makeHcl(REPORT, RUNTIME);
  bytes.writeUInt32LE(value, offset);
  return bytes;
}

describe('HCL report', () => {
  it('gives the report and what it binds', () => {
    const hcl = parseHcl(makeHcl(REPORT, RUNTIME));
    if (isDenial(hcl)) throw new Error(hcl.message);
    expect(Buffer.from(hcl.report)).toEqual(REPORT);
    expect(Buffer.from(hcl.runtimeData)).toEqual(RUNTIME);
    expect(checkRuntimeData(hcl)?.code).toBe('E_REPORT_DATA');
  });

  it.each([
    [1, 'sha256'],
    [2, 'sha384'],
    [3, 'sha512'],
  ] as const)('binds with hash %i', (type, algorithm) => {
    const report = Buffer.alloc(1184);
    createHash(algorithm).update(RUNTIME).digest().copy(report, 0x50);
    const bytes = makeHcl(report, RUNTIME);
    bytes.writeUInt32LE(type, 1228);
    const hcl = parseHcl(bytes);
    expect(isDenial(hcl) ? hcl : checkRuntimeData(hcl)).toBeUndefined();
  });

  it.each([
    ['another magic', changed(0, 0)],
    ['header version 3', changed(4, 3)],
    ['another total size', changed(8, 1)],
    ['another request', changed(12, 1)],
    ['a status', changed(16, 1)],
    ['reserved bytes', changed(28, 1)],
    ['another runtime size', changed(1216, 1)],
    ['runtime version 2', changed(1220, 2)],
    ['a TDX report', changed(1224, 4)],
    ['no hash', changed(1228, 0)],
    ['hash 4', changed(1228, 4)],
    ['another data size', changed(1232, 1)],
    ['data beyond the end', makeHcl(REPORT, RUNTIME).subarray(0, 1240)],
    ['a part of the header', makeHcl(REPORT, RUNTIME).subarray(0, 1235)],
    ['bytes behind it', Buffer.concat([makeHcl(REPORT, RUNTIME), Buffer.of(1)])],
  ])('is refused with %s', (_name, bytes) => {
    const hcl = parseHcl(bytes);
    expect(isDenial(hcl) && hcl.code).toBe('E_HCL');
  });

  it('is verified with the report inside', () => {
    const pki = createAmdPki('Milan');
    const { leaf, report } = makeBoundReport(pki, RUNTIME);
    const { certificates } = pki.evidence(report, leaf);
    const judge = (runtime: Buffer) =>
      verifyEvidence(
        { hclReport: makeHcl(report, runtime), ...(certificates && { certificates }) },
        { skip: ['host-data'] },
        { time: TEST_TIME, roots: pki.roots },
      );
    expect(judge(RUNTIME)).toMatchObject({ verdict: 'allowed', reason: null });
    expect(judge(Buffer.from('{}')).reason).toBe('E_REPORT_DATA');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.nat(255), (offset, byte) => {
        const bytes = makeHcl(REPORT, RUNTIME);
        bytes[offset % bytes.length] = byte;
        const hcl = parseHcl(bytes);
        return isDenial(hcl) || hcl.report.length === 1184;
      }),
      { seed: 0xc0de, numRuns: 300 },
    );
  });
});
