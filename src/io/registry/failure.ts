/** What went wrong between us and a registry, in the words of the error catalogue. Query strings are never shown. */
import { ToolError } from '../../core/error.js';
import { TransientFailure } from './retry.js';

/** A URL for messages: signed query strings and user names are left out. */
export function printUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** The text of one header; several lines are joined. */
export function headerText(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}

/** Media type without parameters, in lower case. */
export function essenceOf(contentType: string | undefined): string | undefined {
  const essence = contentType?.split(';')[0]?.trim().toLowerCase();
  return essence === '' ? undefined : essence;
}

interface Rule {
  readonly codes: RegExp;
  readonly build: (place: Place, code: string) => ToolError | TransientFailure;
}

interface Place {
  readonly url: URL;
  /** The proxy in use, printed. */
  readonly proxy: string | undefined;
  readonly cause?: unknown;
}

const CERTIFICATE =
  /^(CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_TLS_CERT|UND_ERR_PRX_TLS)/;

/** First match wins. Codes are those of Node, OpenSSL and undici. */
const RULES: readonly Rule[] = [
  {
    codes: CERTIFICATE,
    build: (place, code) =>
      unreachable(place, 'has a certificate that is not trusted', code, [
        'give the certificate of its CA with --ca-file',
      ]),
  },
  {
    codes: /^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT|TIMEOUT)$/,
    build: (place, code) =>
      new ToolError('REGISTRY_TIMEOUT', `${place.url.host} does not answer in time`, {
        ...at(place),
        got: code,
        hints: ['check the network and the proxy settings, then run again'],
      }),
  },
  {
    codes: /^(HPE_|HTTPParserError|UND_ERR_HEADERS_OVERFLOW)/,
    build: (place, code) =>
      new ToolError('REGISTRY_PROTOCOL', `${place.url.host} answers with invalid HTTP`, {
        ...at(place),
        got: code,
      }),
  },
  {
    codes: /^UND_ERR_ABORTED$/,
    build: (place, code) => unreachable(place, 'cannot be reached through the proxy', code, PROXY),
  },
  {
    codes: /^(ECONNRESET|EPIPE|EAI_AGAIN|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/,
    build: (place, code) => new TransientFailure(unreachable(place, 'breaks the connection', code)),
  },
];
const PROXY = ['the proxy is that of HTTPS_PROXY or HTTP_PROXY; NO_PROXY lists hosts without one'];

/** The error of a connection, as thrown by undici. A ToolError stays what it is. */
export function networkFailure(error: unknown, place: Place): ToolError | TransientFailure {
  if (error instanceof ToolError) return error;
  const code = codeOf(error);
  const rule = RULES.find(({ codes }) => codes.test(code));
  const told = { ...place, cause: error };
  return rule?.build(told, code) ?? unreachable(told, 'cannot be reached', code);
}

/** Code of an error or of the first of its causes that has one. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'TimeoutError') return 'TIMEOUT';
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code === 'string') return code;
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error.cause === undefined ? error.name : codeOf(error.cause);
}

function unreachable(
  place: Place,
  problem: string,
  code: string,
  hints: readonly string[] = [],
): ToolError {
  return new ToolError('REGISTRY_UNREACHABLE', `${place.url.host} ${problem}`, {
    ...at(place),
    got: code,
    hints: hints.length > 0 ? hints : ['check the name of the registry and the network'],
  });
}

function at({ url, proxy, cause }: Place): { where: string; cause: unknown } {
  const where = proxy === undefined ? printUrl(url) : `${printUrl(url)} (proxy ${proxy})`;
  return { where, cause };
}
