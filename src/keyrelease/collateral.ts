/** Where certificates of a report come from: requests to AMD's key distribution service, Azure's cache and THIM. */
import { ToolError } from '../core/error.js';

export const CERTIFICATE_SOURCES = ['AMD', 'AzCache', 'LocalTHIM'] as const;
export type CertificateSourceKind = (typeof CERTIFICATE_SOURCES)[number];

/** The member `certcache` of SkrSideCarArgs, defaults filled in. */
export interface CertificateSource {
  readonly kind: CertificateSourceKind;
  /** Host and path without scheme. */
  readonly endpoint: string;
  readonly teeType: string;
  /** Query text, e.g. `api-version=2020-10-15-preview`. */
  readonly apiVersion: string;
  readonly clientId: string;
}

export interface CertificateRequest {
  readonly url: string;
  /** Where the rest of the chain is, if the first answer holds the leaf alone. */
  readonly chainUrl?: string;
  readonly headers: Readonly<Record<string, string>>;
}

const DEFAULTS: Readonly<Record<CertificateSourceKind, Omit<CertificateSource, 'kind'>>> = {
  AMD: { endpoint: 'kdsintf.amd.com/vcek/v1', teeType: 'Milan', apiVersion: '', clientId: '' },
  AzCache: {
    endpoint: 'global.acccache.azure.net',
    teeType: 'SevSnpVM',
    apiVersion: 'api-version=2020-10-15-preview',
    clientId: 'clientId=ConfidentialACI',
  },
  LocalTHIM: {
    endpoint: '169.254.169.254/metadata/THIM/amd/certification',
    teeType: '',
    apiVersion: '',
    clientId: '',
  },
};

/** What AMD's service is asked for: levels by their byte in a TCB, and how much of the chip ID counts. */
interface Product {
  readonly bytes: readonly (readonly [string, number])[];
  readonly chipDigits: number;
}

/** Milan and Genoa; levels in the order of the peers. */
const MILAN: Product = {
  bytes: [
    ['ucodeSPL', 7],
    ['snpSPL', 6],
    ['teeSPL', 1],
    ['blSPL', 0],
  ],
  chipDigits: 128,
};
const TURIN: Product = {
  bytes: [
    ['fmcSPL', 0],
    ['blSPL', 1],
    ['teeSPL', 2],
    ['snpSPL', 3],
    ['ucodeSPL', 7],
  ],
  chipDigits: 16,
};

/** A source with the defaults of its kind for what is empty or absent. */
export function completeCertificateSource(
  kind: CertificateSourceKind,
  given: Partial<Omit<CertificateSource, 'kind'>>,
): CertificateSource {
  const defaults = DEFAULTS[kind];
  return {
    kind,
    endpoint: given.endpoint || defaults.endpoint,
    teeType: given.teeType || defaults.teeType,
    apiVersion: given.apiVersion || defaults.apiVersion,
    clientId: given.clientId || defaults.clientId,
  };
}

/** TCB of a report or of THIM: 64 bits; the microcode's level is byte 7 of it, the others stand where the product has them. */
export type Tcb = bigint;

/** The TCB in a hex text, most significant digit first, as THIM writes `tcbm`. Throws CERTIFICATE_SOURCE_INVALID. */
export function parseTcb(text: string): Tcb {
  if (/^[0-9A-Fa-f]{1,16}$/.test(text)) return BigInt(`0x${text}`);
  throw new ToolError('CERTIFICATE_SOURCE_INVALID', 'the TCB is not a hex number of 64 bits', {
    want: 'at most 16 hex digits',
    got: text.slice(0, 100),
  });
}

/** 16 lower-case hex digits, most significant first. */
export function printTcb(tcb: Tcb): string {
  return tcb.toString(16).padStart(16, '0');
}

/** The request for the certificates of a chip (128 hex digits) at a TCB. THIM is asked for this machine's own. */
export function buildCertificateRequest(
  source: CertificateSource,
  chipId: string,
  tcb: Tcb,
): CertificateRequest {
  const { endpoint, teeType, apiVersion, clientId } = source;
  if (source.kind === 'LocalTHIM') {
    return { url: `http://${endpoint}`, headers: { Metadata: 'true' } };
  }
  if (source.kind === 'AzCache') {
    const path = `${teeType}/certificates/${chipId}/${printTcb(tcb)}`;
    return { url: `https://${endpoint}/${path}?${apiVersion}&${clientId}`, headers: {} };
  }
  const { bytes, chipDigits } = teeType === 'Turin' ? TURIN : MILAN;
  const levels = bytes.map(([name, byte]) => `${name}=${(tcb >> BigInt(8 * byte)) & 0xffn}`);
  return {
    url: `https://${endpoint}/${teeType}/${chipId.slice(0, chipDigits)}?${levels.join('&')}`,
    chainUrl: `https://${endpoint}/${teeType}/cert_chain`,
    headers: {},
  };
}
