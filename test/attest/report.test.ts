import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeReport, printReport } from '../../src/attest/describe.js';
import { isDenial, parseReport, type SnpReport } from '../../src/attest/report.js';
import { reportAsJson } from '../../src/attest/report-json.js';
import { makeReport } from '../support/amd-pki.js';
import { ecKey } from '../support/certificates.js';

const KEY = ecKey('P-384');

function parsed(bytes: Buffer): SnpReport {
  const report = parseReport(bytes);
  if (isDenial(report)) throw new Error(report.message);
  return report;
}

describe('parseReport', () => {
  it('reads each field from its place', () => {
    const bytes = Buffer.from(Array.from({ length: 1184 }, (_value, offset) => offset & 0xff));
    const report = parsed(bytes);
    expect(reportAsJson(report)).toMatchObject({
      version: 0x03020100,
      guestSvn: 0x07060504,
      policy: '0x0f0e0d0c0b0a0908',
      vmpl: 0x33323130,
      signatureAlgorithm: 0x37363534,
      currentTcb: '38393a3b3c3d3e3f',
      platformInfo: '0x4746454443424140',
      keyInfo: 0x4b4a4948,
      cpuid: '88898a',
      reportedTcb: '8081828384858687',
      committedTcb: 'e0e1e2e3e4e5e6e7',
      currentVersion: '234.233.232',
      committedVersion: '238.237.236',
      launchTcb: 'f0f1f2f3f4f5f6f7',
      launchMitVector: '0xfffefdfcfbfaf9f8',
      currentMitVector: '0x0706050403020100',
    });
    expect(report.signatureR).toHaveLength(72);
    expect(report.signatureS[0]).toBe(0xe8);
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'the input is empty'],
    ['hex text', Buffer.from(makeReport(KEY).toString('hex')), 'hex text'],
    ['base64 text', Buffer.from(makeReport(KEY).toString('base64')), 'base64 text'],
    ['a kernel buffer', Buffer.concat([Buffer.alloc(32), makeReport(KEY)]), 'offset 32'],
    ['an HCL report', Buffer.concat([Buffer.from('HCLA'), Buffer.alloc(2596)]), '--hcl'],
  ])('guesses what %s is', (_name, bytes, hint) => {
    const denial = parseReport(bytes);
    expect(isDenial(denial) && [denial.code, denial.hints?.[0]]).toEqual([
      'E_LENGTH',
      expect.stringContaining(hint),
    ]);
  });

  it('reads or refuses any bytes by their length alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2400 }), (bytes) => {
        return isDenial(parseReport(bytes)) === (bytes.length !== 1184);
      }),
      { seed: 0xc0de, numRuns: 200 },
    );
  });
});

describe('describeReport', () => {
  it('names flags, signer and TCB parts of any report', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1184, maxLength: 1184 }), (bytes) => {
        const report = parsed(Buffer.from(bytes));
        expect(printReport(report).split('\n')).toHaveLength(27);
        expect(Object.keys(describeReport(report).tcb)).toHaveLength(4);
      }),
      { seed: 0xc0de, numRuns: 100 },
    );
  });

  it('takes the TCB of Turin in its own order', () => {
    const report = parsed(makeReport(KEY, { line: 'Turin', version: 5 }));
    expect(describeReport(report)).toMatchObject({
      productLine: 'Turin',
      tcb: { reportedTcb: { fmc: 1, bl: 4, tee: 0, snp: 24, ucode: 219 } },
    });
  });

  it('says that the host asked, that there is no policy, and that the chip is hidden', () => {
    const report = parsed(
      makeReport(KEY, {
        change: (bytes) => {
          bytes.writeUInt32LE(0xffff_ffff, 0x30);
          bytes.fill(0, 0xc0, 0xe0);
          bytes.writeUInt32LE(2, 0x48);
        },
      }),
    );
    const text = printReport(report);
    expect(text).toContain('(asked for by the host)');
    expect(text).toContain('(launched without a policy)');
    expect(text).toContain('(signed with VCEK, chip hidden)');
  });
});
