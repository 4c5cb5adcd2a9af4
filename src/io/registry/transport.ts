/**
 * One HTTP exchange over undici: proxies with CONNECT tunnels, private CAs, timeouts, and addresses that a registry
 * must not send us to. No redirects, no retries, no credentials: those are in follow.ts, retry.ts and token.ts.
 */
import { type Dispatcher, request } from 'undici';
import { ToolError } from '../../core/error.js';
import type { Environment } from '../credentials/credential.js';
import { type AddressKind, kindOfHost, mayLeadTo } from './addresses.js';
import { readCaFile } from './ca-file.js';
import { addressRefused, createDispatchers, type Lookup, type Timeouts } from './dispatchers.js';
import { headerText, networkFailure, printUrl } from './failure.js';
import { chooseProxy, printProxy } from './proxy.js';

export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 10_000,
  headersMs: 30_000,
  bodyMs: 120_000,
  wholeMs: 120_000,
};

export interface TransportOptions {
  readonly env: Environment;
  /** PEM file with certificates trusted beside Node's own. */
  readonly caFile?: string | undefined;
  readonly offline?: boolean | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly lookup?: Lookup | undefined;
}

export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** A form: makes the request a POST. */
  readonly form?: string;
  /** GET if absent. */
  readonly method?: 'HEAD' | 'POST' | 'PUT';
  /** What is uploaded. */
  readonly body?: Uint8Array;
  /**
   * Kind of address of the registry on whose word this host is contacted; undefined for a host that the user named.
   * Addresses to which such a registry must not lead end in REGISTRY_REDIRECT_REFUSED.
   */
  readonly sentFrom?: AddressKind | undefined;
}

export interface HttpAnswer {
  readonly url: URL;
  readonly status: number;
  /** The value of a header, several lines joined; names in lower case. */
  readonly header: (name: string) => string | undefined;
  /** All lines of a header. */
  readonly headerLines: (name: string) => readonly string[];
  /** Fails as `send` does. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the exchange without reading the rest of the body. */
  readonly discard: () => void;
}

export interface Transport {
  /** Throws ToolError, or TransientFailure for what may pass. */
  send(question: HttpRequest): Promise<HttpAnswer>;
  /** Kind of address at which a host that the user named was reached; `public` if that is not known. */
  kindOf(hostname: string): AddressKind;
  readonly timeouts: Timeouts;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** A transport for the given environment. Throws FILE_NOT_FOUND or USAGE_CONFLICT for the CA file. */
export async function openTransport(options: TransportOptions): Promise<Transport> {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const ca = options.caFile === undefined ? undefined : await readCaFile(options.caFile);
  const dispatchers = createDispatchers({ timeouts, ca, lookup: options.lookup });
  return {
    timeouts,
    kindOf: dispatchers.kindOf,
    close: dispatchers.destroy,
    async send(question) {
      const { url, sentFrom } = question;
      if (options.offline === true) throw offlineError(url);
      const kind = kindOfHost(url.hostname);
      if (sentFrom !== undefined && kind !== undefined && !mayLeadTo(sentFrom, kind)) {
        throw addressRefused(url.hostname, kind);
      }
      const proxy = chooseProxy(url, options.env);
      const shown = proxy && printProxy(proxy);
      try {
        const dispatcher = dispatchers.choose(proxy, sentFrom);
        return readAnswer(await request(url, { dispatcher, ...parameters(question) }), url, shown);
      } catch (error) {
        throw networkFailure(error, { url, proxy: shown });
      }
    },
  };
}

function parameters({ headers, form, method, body }: HttpRequest) {
  const common = { 'user-agent': 'podseal', 'accept-encoding': 'identity' };
  if (form !== undefined) {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', headers: { ...common, ...type, ...headers }, body: form } as const;
  }
  const plain = { method: method ?? 'GET', headers: { ...common, ...headers } } as const;
  return body === undefined ? plain : { ...plain, body };
}

function readAnswer(
  answer: Dispatcher.ResponseData,
  url: URL,
  proxy: string | undefined,
): HttpAnswer {
  const { body, headers, statusCode } = answer;
  return {
    url,
    status: statusCode,
    header: (name) => headerText(headers[name]),
    headerLines: (name) => [headers[name] ?? []].flat(),
    body: guardBody(body, url, proxy),
    discard: () => {
      body.on('error', () => undefined);
      body.destroy();
    },
  };
}

async function* guardBody(
  body: AsyncIterable<Uint8Array>,
  url: URL,
  proxy: string | undefined,
): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw networkFailure(error, { url, proxy });
  }
}

function offlineError(url: URL): ToolError {
  return new ToolError('REGISTRY_OFFLINE', `${url.host} is needed, but --offline is set`, {
    where: printUrl(url),
    hints: ['use oci:, oci-archive: or docker-archive: for this image, or leave out --offline'],
  });
}
