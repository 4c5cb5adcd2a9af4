import { describe, expect, it } from 'vitest';
import { chainPath, crlPath, linesOf, vcekPaths } from '../../src/attest/kds.js';
import { isDenial, parseReport } from '../../src/attest/report.js';
import { CHIP_ID, makeReport, type ReportPlan } from '../support/amd-pki.js';
import { ecKey } from '../support/certificates.js';

const KEY = ecKey('P-384');

function reportOf(plan: ReportPlan) {
  const report = parseReport(makeReport(KEY, plan));
  if (isDenial(report)) throw new Error(report.message);
  return report;
}

describe('paths of the key service', () => {
  it('name chip and reported TCB of Milan and Genoa', () => {
    const chip = CHIP_ID.toString('hex');
    expect(vcekPaths(reportOf({}), 'Milan')).toEqual([
      `vcek/v1/Milan/${chip}?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219`,
      `vcek/v1/Milan/${chip}?blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219`,
    ]);
  });

  it('name 8 bytes of the chip and the FMC of Turin', () => {
    const chip = CHIP_ID.subarray(0, 8).toString('hex');
    const [path] = vcekPaths(reportOf({ line: 'Turin', version: 5 }), 'Turin');
    expect(path).toBe(`vcek/v1/Turin/${chip}?fmcSPL=01&blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219`);
  });

  it('are built from the reported TCB, not from the current one', () => {
    const report = reportOf({ change: (bytes) => bytes.writeUInt8(9, 0x038) });
    expect(vcekPaths(report, 'Milan')[0]).toContain('blSPL=04');
  });

  it('name chains and revocation lists', () => {
    expect(chainPath('VLEK', 'Genoa')).toBe('vlek/v1/Genoa/cert_chain');
    expect(crlPath('VCEK', 'Turin')).toBe('vcek/v1/Turin/crl');
  });

  it('know the line by the processor, but not in version 2', () => {
    expect(linesOf(reportOf({ line: 'Genoa' }))).toEqual(['Genoa']);
    expect(linesOf(reportOf({ version: 2 }))).toEqual(['Milan', 'Genoa']);
    expect(linesOf(reportOf({ change: (bytes) => bytes.fill(0, 0x188, 0x18b) }))).toEqual([]);
  });
});
