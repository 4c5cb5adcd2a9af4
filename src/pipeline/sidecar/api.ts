/**
 * The HTTP interface of the key release side-car, without the server: a request -> status and JSON. Same paths, members and
 * statuses as the side-car that it replaces; one JSON object per answer, errors always a text.
 */
import { decodeBase64 } from '../../core/base64.js';
import { type ErrorCode, ToolError } from '../../core/error.js';
import { type JsonObject, parseJsonBytes } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { attestGuest, type ReleasePorts, releaseKey } from './release.js';

export interface ApiRequest {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly body: Uint8Array;
}

export interface ApiAnswer {
  readonly status: number;
  /** JSON text; may be secret. */
  readonly body: string;
  /** Why it failed: for the log, without secrets. */
  readonly problem?: ToolError;
}

export interface ApiContext {
  readonly ports: ReleasePorts;
  /** Content of reference-info-base64; empty where there is none. */
  readonly uvmBase64: string;
  /** True once the side-car can serve. */
  readonly ready: () => boolean;
  /** The evidence is made up; every answer says so. */
  readonly fakeEvidence: boolean;
}

type Route = (context: ApiContext, input: JsonObject) => Promise<object>;

const POSTS: Readonly<Record<string, Route>> = {
  '/attest/raw': attestRaw,
  '/attest/maa': attestMaa,
  '/attest/combined': attestCombined,
  '/key/release': release,
};

/** Answers one request. Never throws. */
export async function answerRequest(context: ApiContext, request: ApiRequest): Promise<ApiAnswer> {
  const { method, path, body } = request;
  if (method === 'GET' && path === '/status') {
    return json(200, { message: context.ready() ? 'Status OK' : 'Status NOT OK' });
  }
  const route = method === 'POST' && Object.hasOwn(POSTS, path) ? POSTS[path] : undefined;
  if (route === undefined)
    return json(404, { error: `there is no ${method} ${path.slice(0, 200)}` });
  try {
    const answer = await route(context, readBody(body));
    return json(200, context.fakeEvidence ? { ...answer, fake_evidence: true } : answer);
  } catch (error) {
    if (error instanceof ToolError) {
      return { ...json(statusOf(error.code), { error: textOf(error) }), problem: error };
    }
    const problem = new ToolError('INTERNAL', 'the side-car failed', { cause: error });
    return { ...json(500, { error: 'the side-car failed' }), problem };
  }
}

const STATUSES: Partial<Record<ErrorCode, number>> = {
  SIDECAR_REQUEST_INVALID: 400,
  SERVICE_HOST_REFUSED: 400,
  KEY_ID_INVALID: 400,
  DEVICE_ABSENT: 503,
};

const statusOf = (code: ErrorCode) => STATUSES[code] ?? 403;

/** The error for the caller: message, what was got, what can be done. */
function textOf({ message, got, want, hints }: ToolError): string {
  const lines = [
    message,
    ...(want === undefined ? [] : [`want: ${want}`]),
    ...(got === undefined ? [] : [`got: ${got}`]),
    ...hints.map((hint) => `hint: ${hint}`),
  ];
  return lines.join('\n');
}

async function attestRaw({ ports }: ApiContext, input: JsonObject): Promise<object> {
  const report = await ports.evidence.report(runtimeData(input));
  return { report: Buffer.from(report).toString('hex') };
}

async function attestMaa({ ports }: ApiContext, input: JsonObject): Promise<object> {
  const service = host(input, 'maa_endpoint');
  return { token: await attestGuest(ports, service, runtimeData(input)) };
}

async function attestCombined(context: ApiContext, input: JsonObject): Promise<object> {
  const { report, collateral } = await context.ports.evidence.collect(runtimeData(input));
  return {
    endorsed_tcb: collateral.tcbText,
    endorsements: Buffer.from(collateral.chain).toString('base64'),
    evidence: Buffer.from(report).toString('base64'),
    uvm_endorsements: context.uvmBase64,
  };
}

async function release({ ports }: ApiContext, input: JsonObject): Promise<object> {
  const accessToken = input.access_token ?? '';
  if (typeof accessToken !== 'string' || !/^[\x21-\x7e]*$/.test(accessToken)) {
    throw invalid('the member access_token is not a token');
  }
  const key = await releaseKey(ports, {
    attestationService: host(input, 'maa_endpoint'),
    vault: host(input, 'akv_endpoint'),
    kid: member(input, 'kid'),
    ...(accessToken === '' ? {} : { accessToken }),
  });
  return { key };
}

function readBody(body: Uint8Array): JsonObject {
  try {
    const value = parseJsonBytes(body, 'the request');
    if (isJsonObject(value)) return value;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    // The position alone: the body may hold a token.
    throw invalid(`the request is not JSON (${error.where ?? 'at its start'})`);
  }
  throw invalid('the request is not a JSON object');
}

function member(input: JsonObject, name: string): string {
  const value = input[name];
  if (typeof value === 'string' && value !== '') return value;
  const present = value !== undefined && value !== null && value !== '';
  throw invalid(`the member ${name} is ${present ? 'not a text' : 'missing'}`);
}

/** A host name; which hosts are allowed is checked where requests are made. */
function host(input: JsonObject, name: string): string {
  const text = member(input, name);
  if (!text.includes('/')) return text;
  throw invalid(`the member ${name} is not a host name: leave scheme and path out`);
}

function runtimeData(input: JsonObject): Buffer {
  const bytes = decodeBase64(member(input, 'runtime_data'));
  if (bytes !== undefined && bytes.length > 0) return bytes;
  throw invalid('the member runtime_data is not base64 with padding');
}

function invalid(message: string): ToolError {
  return new ToolError('SIDECAR_REQUEST_INVALID', message);
}

function json(status: number, value: object): ApiAnswer {
  return { status, body: JSON.stringify(value) };
}
