/** Reports and chains that are judged before they leave: certificates are read once, but nothing passes for having passed before. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type AmdCertificate, parseAmdCertificate } from '../../../src/attest/certificate.js';
import { parseReport, type SnpReport } from '../../../src/attest/report.js';
import { isReportSigned, judgeReportSignature } from '../../../src/attest/report-signature.js';
import { parsePem } from '../../../src/core/pem.js';
import {
  makeSyntheticPlatform,
  type SyntheticPlatform,
} from '../../../src/pipeline/rehearsal/platform.js';
import { type GuestCheck, makeGuestCheck } from '../../../src/pipeline/sidecar/check.js';

const NOW = 1_800_000_000;
const YEAR = 365 * 86_400;
const GUEST = { hostData: Buffer.alloc(32, 1) };

let platform: SyntheticPlatform;
let other: SyntheticPlatform;
let clock = NOW;
let check: GuestCheck;
const report = (from = platform, byte = 1) => from.report(GUEST, Buffer.alloc(64, byte));

beforeAll(async () => {
  [platform, other] = await Promise.all([makeSyntheticPlatform(NOW), makeSyntheticPlatform(NOW)]);
});

/** A check that has seen a good report with its chain. */
async function seasoned(): Promise<GuestCheck> {
  clock = NOW;
  check = makeGuestCheck(() => clock, platform.roots);
  expect(await check(report(), platform.collateral.chain)).toBeUndefined();
  return check;
}

describe('a check that has let a good report pass', () => {
  it('lets other reports of the same chip pass', async () => {
    await seasoned();
    expect(await check(report(platform, 2), platform.collateral.chain)).toBeUndefined();
  });

  it('refuses each changed byte that the signature covers, and the signature itself', async () => {
    await seasoned();
    const good = report();
    for (const at of [0x10, 0x50, 0x8f, 0xc0, 0x1ff, 0x29f, 0x2a0, 0x2e8]) {
      const changed = Buffer.from(good);
      changed[at]! ^= 1;
      expect(await check(changed, platform.collateral.chain), String(at)).toContain('fails');
    }
    expect(await check(good, platform.collateral.chain)).toBeUndefined();
  });

  it('refuses the same bytes after and before the time of the certificates', async () => {
    await seasoned();
    for (const time of [NOW + YEAR + 1, NOW - 86_401]) {
      clock = time;
      expect(await check(report(), platform.collateral.chain)).toContain('E_CERT_TIME');
    }
    clock = NOW + YEAR;
    expect(await check(report(), platform.collateral.chain)).toBeUndefined();
  });

  it('refuses the report and the chain of another chip', async () => {
    await seasoned();
    expect(await check(report(other), platform.collateral.chain)).toContain('report-signature');
    expect(await check(report(), other.collateral.chain)).toContain('chain-anchor');
    const chains = [platform, other].map(({ collateral: { chain } }) => blocks(chain));
    const mixed = [chains[1]![0], chains[0]![1], chains[0]![2]].join('');
    expect(await check(report(other), mixed)).toContain('E_CHAIN_SIG');
  });

  it('refuses each changed byte of a certificate', async () => {
    await seasoned();
    const ders = parsePem(Buffer.from(platform.collateral.chain), 'chain').map(
      ({ bytes }) => bytes,
    );
    for (const [index, der] of ders.entries()) {
      for (let at = 0; at < der.length; at += 61) {
        const changed = Buffer.from(der);
        changed[at]! ^= 1;
        const chain = ders.with(index, changed).map(pem).join('');
        expect(await check(report(), chain), `${index}:${at}`).toBeDefined();
      }
    }
    expect(await check(report(), platform.collateral.chain)).toBeUndefined();
  });
});

describe('a signature that was judged on another thread', () => {
  const leafOf = ({ collateral }: SyntheticPlatform): AmdCertificate =>
    parseAmdCertificate(parsePem(Buffer.from(collateral.chain), 'chain')[0]!.bytes, 'leaf');
  const read = (bytes: Buffer) => parseReport(bytes) as SnpReport;

  it('is judged as on this one', async () => {
    const leaf = leafOf(platform);
    expect(await judgeReportSignature(read(report()), leaf)).toMatchObject({ good: true });
    expect(await judgeReportSignature(read(report(other)), leaf)).toMatchObject({ good: false });
  });

  it('counts for its own report and certificate alone', async () => {
    const good = await judgeReportSignature(read(report()), leafOf(platform));
    const changed = report();
    changed[0x50]! ^= 1;
    expect(isReportSigned(read(changed), leafOf(platform), good)).toBe(false);
    expect(isReportSigned(read(report(other)), leafOf(other), good)).toBe(true);
    expect(isReportSigned(read(Buffer.from(good.report)), leafOf(other), good)).toBe(false);
  });
});

const blocks = (chain: string) => chain.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g)!;
const pem = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
