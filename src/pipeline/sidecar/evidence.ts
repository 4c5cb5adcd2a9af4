/**
 * Evidence of this guest: a fresh report with certificates of the same TCB. Certificates and their TCB are one value that
 * is swapped as a whole, so that a report never travels with the chain of another TCB.
 */
import { ToolError } from '../../core/error.js';
import { type JsonValue, parseJson } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import {
  buildCertificateRequest,
  type CertificateSource,
  parseTcb,
  type Tcb,
} from '../../keyrelease/collateral.js';
import type { Collateral, ReportDevice, SendRequest } from '../../keyrelease/ports.js';
import { reportDataFor } from '../../keyrelease/wrapping-key.js';

/** Offsets in a report: REPORTED_TCB (u64, little-endian) and CHIP_ID (64 bytes); ABI table of the report. */
const REPORTED_TCB = 0x180;
const CHIP_ID = 0x1a0;
const REPORT_BYTES = 1184;

export interface GuestEvidence {
  readonly report: Uint8Array;
  readonly collateral: Collateral;
}

export interface EvidenceOptions {
  readonly device: ReportDevice;
  readonly send: SendRequest;
  /** Certificates that the platform put beside the guest. */
  readonly initial?: Collateral;
  /** Where other certificates come from; absent: `initial` must fit. */
  readonly source?: CertificateSource;
  /** Judges report and chain before they leave; gives what is wrong with them. */
  readonly check: (report: Uint8Array, chain: string) => Promise<string | undefined>;
}

/** Collects evidence; one object for the whole life of a side-car. Safe for any number of calls at once. */
export class EvidenceCollector {
  private readonly options: EvidenceOptions;
  private current: Collateral | undefined;
  private readonly fetching = new Map<string, Promise<Collateral>>();

  constructor(options: EvidenceOptions) {
    this.options = options;
    this.current = options.initial;
  }

  /** A fresh report bound to `runtimeData` by SHA-256. Throws DEVICE_ABSENT, DEVICE_FAILED. */
  async report(runtimeData: Uint8Array): Promise<Uint8Array> {
    return await this.reportWith(Buffer.from(reportDataFor(runtimeData), 'hex'));
  }

  /** A fresh report with these 64 bytes in REPORT_DATA. Throws DEVICE_ABSENT, DEVICE_FAILED. */
  async reportWith(reportData: Buffer): Promise<Uint8Array> {
    const report = await this.options.device.report(reportData);
    if (report.length === REPORT_BYTES && reportData.equals(report.subarray(0x50, 0x90)))
      return report;
    throw new ToolError(
      'DEVICE_FAILED',
      'the SNP device gave a report that is not about this request',
    );
  }

  /** Report and certificates that fit each other. Throws COLLATERAL_MISMATCH, and what the ports throw. */
  async collect(runtimeData: Uint8Array): Promise<GuestEvidence> {
    const first = await this.report(runtimeData);
    const known = this.current;
    if (known?.tcb === tcbOf(first)) return await this.checked(first, known);
    const fetched = await this.fetch(first);
    if (fetched.tcb === tcbOf(first)) return await this.checked(first, fetched);
    // The firmware may have been updated in between: a new report, and certificates for that one.
    const second = await this.report(runtimeData);
    const again = fetched.tcb === tcbOf(second) ? fetched : await this.fetch(second);
    if (again.tcb === tcbOf(second)) return await this.checked(second, again);
    throw new ToolError(
      'COLLATERAL_MISMATCH',
      `SNP reported TCB value: ${tcbOf(second)} doesn't match Certificate TCB value: ${again.tcb}`,
      { hints: ['the firmware of the host was updated and the certificates are stale'] },
    );
  }

  private async checked(report: Uint8Array, collateral: Collateral): Promise<GuestEvidence> {
    const problem = await this.options.check(report, collateral.chain);
    if (problem !== undefined) {
      throw new ToolError(
        'COLLATERAL_MISMATCH',
        `the certificates do not fit the report: ${problem}`,
      );
    }
    this.current = collateral;
    return { report, collateral };
  }

  /** Certificates for a report; requests for the same ones are one request. */
  private async fetch(report: Uint8Array): Promise<Collateral> {
    const { source } = this.options;
    if (source === undefined) {
      if (this.current !== undefined) return this.current;
      throw new ToolError('COLLATERAL_MISMATCH', 'no certificates for the report are known', {
        hints: ['the platform gave none: name a certificate source (certcache) in SkrSideCarArgs'],
      });
    }
    const chipId = Buffer.from(report.subarray(CHIP_ID, CHIP_ID + 64)).toString('hex');
    const key = `${chipId} ${tcbOf(report)}`;
    const pending = this.fetching.get(key) ?? this.fetchFrom(source, chipId, tcbOf(report));
    this.fetching.set(key, pending);
    try {
      return await pending;
    } finally {
      this.fetching.delete(key);
    }
  }

  private async fetchFrom(
    source: CertificateSource,
    chipId: string,
    tcb: Tcb,
  ): Promise<Collateral> {
    const { url, chainUrl, headers } = buildCertificateRequest(source, chipId, tcb);
    const get = async (address: string) => {
      const { status, body } = await this.options.send({ method: 'GET', url: address, headers });
      if (status === 200) return body;
      throw new ToolError('COLLATERAL_UNAVAILABLE', 'the certificate source refuses to answer', {
        got: `status ${status}`,
        where: new URL(address).host,
      });
    };
    const body = await get(url);
    if (source.kind === 'LocalTHIM')
      return readThimCollateral(body.toString('utf8'), 'the answer of THIM');
    const tcbText = tcb.toString(16).padStart(16, '0');
    if (chainUrl === undefined) return { tcb, tcbText, chain: body.toString('utf8') };
    return { tcb, tcbText, chain: pemOf(body) + pemOf(await get(chainUrl)) };
  }
}

/** REPORTED_TCB as a number. */
export function tcbOf(report: Uint8Array): Tcb {
  return Buffer.from(report.buffer, report.byteOffset, report.length).readBigUInt64LE(REPORTED_TCB);
}

/** Certificates as THIM gives them (also `host-amd-cert-base64`). Throws CERTIFICATE_SOURCE_INVALID. */
export function readThimCollateral(text: string, what: string): Collateral {
  let value: JsonValue;
  try {
    value = parseJson(text, what);
  } catch (cause) {
    throw new ToolError('CERTIFICATE_SOURCE_INVALID', `${what} is not JSON`, { cause });
  }
  const textAt = (name: string) => {
    const found = isJsonObject(value) ? value[name] : undefined;
    if (typeof found === 'string' && found !== '') return found;
    throw new ToolError('CERTIFICATE_SOURCE_INVALID', `${what} has no ${name}`);
  };
  const tcbText = textAt('tcbm');
  return {
    tcb: parseTcb(tcbText),
    tcbText,
    chain: textAt('vcekCert') + textAt('certificateChain'),
  };
}

/** PEM text of an answer: the certificate service answers with DER for one certificate, with PEM for chains. */
function pemOf(body: Buffer): string {
  const text = body.toString('latin1');
  if (text.includes('-----BEGIN')) return text.endsWith('\n') ? text : `${text}\n`;
  const lines = body.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
