/** SkrSideCarArgs: base64 of JSON by which a pod configures the side-car. Unknown members are ignored, as the peers do. */
import { decodeBase64 } from '../core/base64.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import {
  CERTIFICATE_SOURCES,
  type CertificateSource,
  completeCertificateSource,
} from './collateral.js';

export interface SidecarArgs {
  readonly certificates?: CertificateSource;
  /** Client ID of the managed identity. */
  readonly clientId?: string;
  /** User-Agent towards the attestation service. */
  readonly userAgent?: string;
}

/** Reads the base64 text; an empty one is no configuration. Throws SIDECAR_ARGS_INVALID. */
export function readSidecarArgs(text: string): SidecarArgs {
  if (text.trim() === '') return {};
  const bytes = decodeBase64(text.trim());
  if (bytes === undefined) throw invalid('is not base64');
  let value: JsonValue;
  try {
    value = parseJson(bytes.toString('utf8'), 'SkrSideCarArgs');
  } catch (cause) {
    throw cause instanceof ToolError ? invalid(`is not JSON: ${cause.message}`) : cause;
  }
  if (!isJsonObject(value)) throw invalid('is not a JSON object');
  return readSidecarObject(value);
}

/** Reads the decoded configuration, or the part of another one that has the same members. Throws SIDECAR_ARGS_INVALID. */
export function readSidecarObject(value: JsonObject): SidecarArgs {
  const certificates = readSource(value.certcache);
  const clientId = textAt(value.identity, 'client_id');
  const userAgent = textAt(value.maaconfig, 'user_agent');
  if (userAgent !== undefined && !HEADER_TEXT.test(userAgent)) {
    throw invalid('has a user_agent that no header can hold');
  }
  return {
    ...(certificates === undefined ? {} : { certificates }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(userAgent === undefined ? {} : { userAgent }),
  };
}

function readSource(value: JsonValue | undefined): CertificateSource | undefined {
  if (!isJsonObject(value ?? {})) throw invalid('has a member certcache that is not an object');
  if (!isJsonObject(value) || Object.values(value).every((part) => part === '')) return undefined;
  const name = textAt(value, 'endpoint_type');
  const endpoint = textAt(value, 'endpoint');
  const kind = CERTIFICATE_SOURCES.find((one) => one === name);
  if (kind === undefined) {
    throw invalid('names an unknown certificate source', {
      want: `certcache.endpoint_type ${CERTIFICATE_SOURCES.join(', ')}`,
      got: name?.slice(0, 100) ?? 'nothing',
    });
  }
  if (endpoint !== undefined && !(ENDPOINT.test(endpoint) && URL.canParse(`http://${endpoint}`))) {
    throw invalid('has an endpoint that is not HOST/PATH', { got: endpoint.slice(0, 200) });
  }
  const part = (member: string) => {
    const text = textAt(value, member) ?? '';
    if (URL_PART.test(text)) return text;
    throw invalid(`has a member ${member} that no URL can hold`, { got: text.slice(0, 200) });
  };
  return completeCertificateSource(kind, {
    endpoint: endpoint ?? '',
    teeType: part('tee_type'),
    apiVersion: part('api_version'),
    clientId: part('client_id'),
  });
}

const ENDPOINT = /^[A-Za-z0-9.-]+(:[0-9]+)?(\/[A-Za-z0-9._~/-]*)?$/;
/** A segment of a path, or `NAME=VALUE` of a query. */
const URL_PART = /^[A-Za-z0-9._~=-]{0,200}$/;
/** What a header can hold. */
const HEADER_TEXT = /^[\x20-\x7e]{1,500}$/;

/** The text at a member; absent, null and empty are the same. */
function textAt(value: JsonValue | undefined, name: string): string | undefined {
  if (!isJsonObject(value ?? {})) throw invalid(`has ${name} in what is not an object`);
  const text = isJsonObject(value) ? value[name] : undefined;
  if (text === undefined || text === null || text === '') return undefined;
  if (typeof text === 'string') return text;
  throw invalid(`has a member ${name} that is not a text`);
}

function invalid(problem: string, details: { want?: string; got?: string } = {}): ToolError {
  return new ToolError('SIDECAR_ARGS_INVALID', `SkrSideCarArgs ${problem}`, {
    ...details,
    hints: ['it is the base64 of {"certcache": {...}, "identity": {...}, "maaconfig": {...}}'],
  });
}
