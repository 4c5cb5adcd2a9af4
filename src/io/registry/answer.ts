/** Reading answers: small bodies whole, and what a status other than 200 means. */
import { ToolError } from '../../core/error.js';
import { type JsonObject, type JsonValue, parseJsonBytes } from '../../core/json.js';
import type { CredentialLookup } from '../credentials/credential.js';
import { essenceOf, printUrl } from './failure.js';
import { parseRetryAfter, TRANSIENT_STATUSES, TransientFailure } from './retry.js';
import type { HttpAnswer } from './transport.js';

/** Of the body of an error, as much as a message may need. */
const ERROR_BODY_BYTES = 16 * 1024;

export interface ReadLimits {
  /** What is read, for messages: `the manifest of HOST/NAME`. */
  readonly what: string;
  readonly bytes: number;
  readonly wholeMs: number;
}

/** The whole body. Throws LIMIT_EXCEEDED, REGISTRY_TIMEOUT, and as the body itself. */
export async function readWhole(answer: HttpAnswer, limits: ReadLimits): Promise<Uint8Array> {
  refuseEncoding(answer);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    answer.discard();
  }, limits.wholeMs);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > limits.bytes) throw tooLarge(limits);
      chunks.push(chunk);
    }
  } catch (error) {
    if (isLate) throw tooLate(answer, limits);
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}

/** Compressed transfer would change which bytes are counted and hashed; it was not asked for. Throws REGISTRY_PROTOCOL. */
export function refuseEncoding(answer: HttpAnswer): void {
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return;
  answer.discard();
  throw new ToolError('REGISTRY_PROTOCOL', `${answer.url.host} compresses what it sends`, {
    where: printUrl(answer.url),
    want: 'content-encoding: identity',
    got: encoding.slice(0, 100),
  });
}

/** A web page where bytes of an image should be: a captive portal, a proxy's message or a wrong host. */
export function refuseWebPage(answer: HttpAnswer): void {
  if (!isWebPage(answer)) return;
  answer.discard();
  throw new ToolError('REGISTRY_PROTOCOL', `${answer.url.host} answers with a web page`, {
    where: printUrl(answer.url),
    got: 'content-type: text/html',
    hints: ['check the name of the registry; a proxy or a network login page may be in between'],
  });
}

function isWebPage(answer: HttpAnswer): boolean {
  return essenceOf(answer.header('content-type')) === 'text/html';
}

/** What was asked of which registry. */
export interface Asked {
  /** Host of the registry. */
  readonly host: string;
  /** Names the object first in messages: `app:1.0 on HOST` or `blob sha256:... of HOST/app`. */
  readonly what: string;
  /** Origin of the registry: other answers come from storage behind a redirect. */
  readonly origin: string;
  readonly credentials: CredentialLookup | undefined;
  /** True where the request was to store something. */
  readonly writes?: boolean;
  readonly now: number;
}

/** What an answer that is not a success means. Reads the body's error text. */
export async function statusFailure(
  answer: HttpAnswer,
  asked: Asked,
): Promise<ToolError | TransientFailure> {
  const { status, url } = answer;
  const details = { where: printUrl(url), got: await describe(answer) };
  const waitMs = parseRetryAfter(answer.header('retry-after'), asked.now);
  if (status === 429) return new TransientFailure(rateLimited(asked, details, waitMs), waitMs);
  if (TRANSIENT_STATUSES.has(status)) {
    const error = new ToolError('REGISTRY_UNREACHABLE', `${url.host} fails`, details);
    return new TransientFailure(error, waitMs);
  }
  if (status === 401 || status === 403) {
    if (url.origin === asked.origin) return unauthorized(asked, details);
    const message = `${url.host} refuses what ${asked.host} redirects to`;
    return new TransientFailure(new ToolError('REGISTRY_UNREACHABLE', message, details));
  }
  if (status === 404) return notFound(asked, details);
  return new ToolError('REGISTRY_PROTOCOL', `${url.host} gives an unexpected answer`, details);
}

/** The error of refused or missing credentials: names every place that was searched, never a secret. */
export function unauthorized(
  asked: Pick<Asked, 'host' | 'what' | 'credentials' | 'writes'>,
  details: { readonly where?: string; readonly got?: string },
): ToolError {
  const { source, tried = [] } = asked.credentials ?? {};
  const [verb, right] = asked.writes === true ? ['written', 'push'] : ['read', 'pull'];
  const story =
    source === undefined
      ? `no credentials for ${asked.host} were found; searched: ${tried.join('; ') || 'nothing'}`
      : `the credentials come from ${source}: log in to ${asked.host} again, or ask for the right to ${right}`;
  const riddle = 'some registries answer like this for an image that does not exist';
  return new ToolError('REGISTRY_UNAUTHORIZED', `${asked.what} may not be ${verb}`, {
    ...details,
    hints: asked.credentials === undefined ? [] : [story, riddle],
  });
}

function notFound(asked: Asked, details: { where: string; got: string }): ToolError {
  const hints = ['check the name and the tag'];
  const { source } = asked.credentials ?? {};
  hints.push(
    source === undefined
      ? 'a private image looks the same without credentials: log in first'
      : `a private image looks the same when the credentials (${source}) may not pull it`,
  );
  return new ToolError('REGISTRY_NOT_FOUND', `${asked.what} does not exist`, { ...details, hints });
}

function rateLimited(
  asked: Asked,
  details: { where: string; got: string },
  waitMs: number | undefined,
): ToolError {
  const wait = waitMs === undefined ? 'a while' : `${Math.ceil(waitMs / 1000)} s`;
  return new ToolError('REGISTRY_RATE_LIMITED', `${asked.host} asks to come back later`, {
    ...details,
    hints: [`wait ${wait}, then run again`, 'log in: most registries allow more to known users'],
  });
}

/** `404 MANIFEST_UNKNOWN: manifest unknown`, as far as the body has it. */
async function describe(answer: HttpAnswer): Promise<string> {
  const status = String(answer.status);
  if (isWebPage(answer)) {
    answer.discard();
    return `${status} and a web page`;
  }
  try {
    const limits = { what: 'an error', bytes: ERROR_BODY_BYTES, wholeMs: 5_000 };
    const document = parseJsonBytes(await readWhole(answer, limits), 'an error');
    const first = element(member(document, 'errors'));
    const text = [member(first, 'code'), member(first, 'message')]
      .filter((part) => typeof part === 'string' && part !== '')
      .join(': ');
    return text === '' ? status : `${status} ${text.slice(0, 300)}`;
  } catch {
    answer.discard();
    return status;
  }
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return (value as JsonObject)[key];
}

function element(value: JsonValue | undefined): JsonValue | undefined {
  return Array.isArray(value) ? value[0] : undefined;
}

function tooLarge({ what, bytes }: ReadLimits): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `${what} is too large`, {
    want: `at most ${bytes} bytes`,
  });
}

function tooLate(answer: HttpAnswer, { what, wholeMs }: ReadLimits): ToolError {
  return new ToolError('REGISTRY_TIMEOUT', `${what} does not arrive in time`, {
    where: printUrl(answer.url),
    want: `all of it within ${wholeMs / 1000} s`,
  });
}
