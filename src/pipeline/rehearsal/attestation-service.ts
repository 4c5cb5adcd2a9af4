/**
 * A stand-in for Azure Attestation, strict: it verifies the report with its chain, the binding of the runtime data and the
 * endorsement, and signs real tokens with a throw-away key. Same requests, answers and claims as the service (REST API
 * 2020-10-01, SevSnpVm).
 */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { TrustedRoot } from '../../attest/products.js';
import { isDenial, parseReport, type SnpReport } from '../../attest/report.js';
import type { Verdict } from '../../attest/verdict.js';
import { verifyEvidence } from '../../attest/verify.js';
import { ToolError } from '../../core/error.js';
import { type JsonObject, type JsonValue, parseJsonBytes } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { makeRsaPair } from '../../core/key-pair.js';
import { parsePem } from '../../core/pem.js';
import { ATTEST_PATH } from '../../keyrelease/maa-request.js';
import type { ServiceAnswer, ServiceRequest } from '../../keyrelease/ports.js';
import { reportDataFor } from '../../keyrelease/wrapping-key.js';

export interface AttestationServiceOptions {
  /** `HOST[:PORT]`, the issuer of the tokens. */
  readonly host: string;
  /** Roots beside AMD's own. */
  readonly roots: readonly TrustedRoot[];
  /** What it vouches for where the endorsement does not decide: `azure-signed-katacc-uvm`, ... */
  readonly compliance: string;
  /** Seconds since 1970. */
  readonly now: () => number;
  /** Seconds for which tokens are valid; negative for expired ones. */
  readonly lifetime?: number;
}

export interface StandIn {
  readonly host: string;
  /** Answers a request to this host. */
  handle(request: ServiceRequest): Promise<ServiceAnswer>;
}

/** Eight hours, as the service has it. */
const LIFETIME = 8 * 3600;

/** Makes the service with a signing key of its own. */
export async function makeAttestationService(options: AttestationServiceOptions): Promise<StandIn> {
  const { publicKey, privateKey } = await makeRsaPair(2048);
  const { n, e } = publicKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(`${n}`).digest('base64url');
  const jwks = { keys: [{ kty: 'RSA', use: 'sig', kid, n, e }] };
  return {
    host: options.host,
    async handle({ method, url, body }) {
      const { pathname, search } = new URL(url);
      if (method === 'GET' && pathname === '/certs') return json(200, jwks);
      const [path] = ATTEST_PATH.split('?');
      if (method !== 'POST' || pathname.toLowerCase() !== path!.toLowerCase()) {
        return failure(404, 'NotFound', 'there is no such operation');
      }
      if (!search.includes('api-version='))
        return failure(400, 'MissingApiVersion', 'no api-version');
      const attested = attest(body ?? '', options);
      if (typeof attested === 'string') return failure(400, 'InvalidParameter', attested);
      return json(200, { token: signToken(attested, { options, kid, privateKey }) });
    },
  };
}

interface Attested {
  readonly report: SnpReport;
  readonly verdict: Verdict;
  readonly runtimeData: JsonValue;
  readonly compliance: string;
  readonly nonce: string;
}

/** What the request proves, or why it proves nothing. */
function attest(body: string, options: AttestationServiceOptions): Attested | string {
  const outer = parseObject(Buffer.from(body));
  const inner = outer && parseObject(bytesOf(outer.report));
  const runtime =
    outer && isJsonObject(outer.runtimeData) ? bytesOf(outer.runtimeData.data) : undefined;
  if (outer === undefined || inner === undefined || runtime === undefined) {
    return 'the request has no report or no runtime data';
  }
  const runtimeData = parseObject(runtime);
  if (runtimeData === undefined) return 'the runtime data is not a JSON object';
  const bytes = bytesOf(inner.SnpReport);
  const report = bytes === undefined ? undefined : parseReport(bytes);
  if (bytes === undefined || report === undefined || isDenial(report))
    return 'the report is no report';
  const chain = chainOf(bytesOf(inner.VcekCertChain));
  const [leaf, ...rest] = chain ?? [];
  if (leaf === undefined) return 'the certificate chain is no PEM text';
  const endorsement = endorsementOf(inner.Endorsements);
  if (endorsement === 'unreadable') return 'the endorsement is no COSE_Sign1';
  const verdict = verifyEvidence(
    {
      report: bytes,
      certificates: { kind: 'chain', leaf, chain: rest },
      ...(endorsement === undefined ? {} : { uvmEndorsement: endorsement }),
    },
    { skip: ['host-data'], vmpl: 'any', allowDebug: true, allowMigrationAgent: true },
    { time: options.now(), roots: options.roots },
  );
  if (verdict.verdict !== 'allowed') return `the evidence is refused (${verdict.reason})`;
  const wanted = reportDataFor(runtime);
  if (Buffer.from(report.reportData).toString('hex') !== wanted) {
    return 'REPORT_DATA is not the SHA-256 of the runtime data';
  }
  return {
    report,
    verdict,
    runtimeData,
    compliance: options.compliance,
    nonce: /"nonce":([0-9]{1,20})/.exec(body)?.[1] ?? '',
  };
}

interface Signer {
  readonly options: AttestationServiceOptions;
  readonly kid: string;
  readonly privateKey: KeyObject;
}

function signToken(attested: Attested, { options, kid, privateKey }: Signer): string {
  const issuer = `https://${options.host}`;
  const now = options.now();
  const header = { alg: 'RS256', jku: `${issuer}/certs`, kid, typ: 'JWT' };
  const times = { exp: now + (options.lifetime ?? LIFETIME), iat: now, iss: issuer };
  const payload = {
    ...times,
    jti: randomBytes(32).toString('hex'),
    nbf: now,
    nonce: attested.nonce,
    ...guestClaims(attested),
    'x-ms-ver': '1.0',
  };
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

/** The claims about a guest, as the service derives them from a verified report. */
export function guestClaims({
  report,
  compliance,
  runtimeData,
}: Pick<Attested, 'report' | 'compliance' | 'runtimeData'>): JsonObject {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const bit = (position: bigint) => ((report.policy >> position) & 1n) === 1n;
  const [bootloader = 0, tee = 0, , , , , snpFirmware = 0, microcode = 0] = report.reportedTcb;
  return {
    'x-ms-attestation-type': 'sevsnpvm',
    'x-ms-compliance-status': compliance,
    'x-ms-policy-hash': createHash('sha256').update('').digest('base64url'),
    'x-ms-runtime': runtimeData,
    'x-ms-sevsnpvm-authorkeydigest': hex(report.authorKeyDigest),
    'x-ms-sevsnpvm-bootloader-svn': bootloader,
    'x-ms-sevsnpvm-familyId': hex(report.familyId),
    'x-ms-sevsnpvm-guestsvn': report.guestSvn,
    'x-ms-sevsnpvm-hostdata': hex(report.hostData),
    'x-ms-sevsnpvm-idkeydigest': hex(report.idKeyDigest),
    'x-ms-sevsnpvm-imageId': hex(report.imageId),
    'x-ms-sevsnpvm-is-debuggable': bit(19n),
    'x-ms-sevsnpvm-launchmeasurement': hex(report.launchMeasurement),
    'x-ms-sevsnpvm-microcode-svn': microcode,
    'x-ms-sevsnpvm-migration-allowed': bit(18n),
    'x-ms-sevsnpvm-reportdata': hex(report.reportData),
    'x-ms-sevsnpvm-reportid': hex(report.reportId),
    'x-ms-sevsnpvm-smt-allowed': bit(16n),
    'x-ms-sevsnpvm-snpfw-svn': snpFirmware,
    'x-ms-sevsnpvm-tee-svn': tee,
    'x-ms-sevsnpvm-vmpl': report.vmpl,
  };
}

function chainOf(text: Buffer | undefined): readonly Uint8Array[] | undefined {
  if (text === undefined) return undefined;
  try {
    return parsePem(text, 'the chain').map(({ bytes }) => bytes);
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}

function endorsementOf(value: JsonValue | undefined): Buffer | 'unreadable' | undefined {
  if (value === undefined) return undefined;
  const uvm = parseObject(bytesOf(value))?.Uvm;
  const [first] = Array.isArray(uvm) ? uvm : [];
  return bytesOf(first) ?? 'unreadable';
}

/** Bytes of a base64url text, with or without padding. */
function bytesOf(value: JsonValue | undefined): Buffer | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]+={0,2}$/.test(value)) return undefined;
  return Buffer.from(value, 'base64url');
}

function parseObject(bytes: Buffer | undefined): JsonObject | undefined {
  if (bytes === undefined) return undefined;
  try {
    const value = parseJsonBytes(bytes, 'part');
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}

/** An answer in JSON. */
export function json(status: number, value: object): ServiceAnswer {
  return { status, body: Buffer.from(JSON.stringify(value)) };
}

/** An error in the form of Azure's services. */
export function failure(status: number, code: string, message: string): ServiceAnswer {
  return json(status, { error: { code, message } });
}
