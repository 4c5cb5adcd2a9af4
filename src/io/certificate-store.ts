/**
 * A place with the layout of AMD's key distribution service: a folder on disk, or a service that is asked over HTTP. Only
 * what is asked for is fetched: no retries, no redirects, bounded in time and size. What comes back is not trusted.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import type { CertificateStore } from '../attest/kds.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { readBinaryFile } from './files.js';
import { chooseProxy } from './registry/proxy.js';

export interface StoreOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Time for one request; LIMITS.certificateRequestMs if absent. */
  readonly requestMs?: number;
}

/** Opens `https://HOST[/PATH]`, `http://...`, or a folder. Throws USAGE_CONFLICT for another kind of address. */
export function openCertificateStore(place: string, options: StoreOptions): CertificateStore {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return openFolder(place);
  const url = URL.canParse(place) ? new URL(place) : undefined;
  const plain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (url !== undefined && plain && ['https:', 'http:'].includes(url.protocol)) {
    return openService(url, options);
  }
  throw new ToolError('USAGE_CONFLICT', 'this is not the address of a certificate service', {
    want: 'a folder, or https://HOST without user, query and fragment',
    got: place.slice(0, 200),
  });
}

function openFolder(folder: string): CertificateStore {
  return {
    name: folder,
    async read(path) {
      const file = join(folder, path);
      const isThere = await stat(file).then(
        () => true,
        () => false,
      );
      return isThere ? readBinaryFile(file, LIMITS.crlBytes) : undefined;
    },
  };
}

function openService(base: URL, options: StoreOptions): CertificateStore {
  const { environment, signal, requestMs = LIMITS.certificateRequestMs } = options;
  return {
    name: base.host,
    async read(path) {
      const root = base.href.endsWith('/') ? base.href : `${base.href}/`;
      const url = new URL(`${root}${path}`);
      const dispatcher = openDispatcher(url, environment);
      const deadline = AbortSignal.timeout(requestMs);
      try {
        const answer = await request(url, {
          dispatcher,
          signal: AbortSignal.any([signal, deadline]),
          headers: { accept: '*/*' },
        });
        if (answer.statusCode === 404) return undefined;
        if (answer.statusCode !== 200) throw refused(url, answer.statusCode);
        return await readBounded(answer.body, url);
      } catch (cause) {
        if (cause instanceof ToolError || signal.aborted) throw cause;
        throw unreachable(url, cause);
      } finally {
        await dispatcher.destroy();
      }
    },
  };
}

function openDispatcher(url: URL, environment: StoreOptions['environment']): Dispatcher {
  const proxy = chooseProxy(url, environment);
  return proxy === undefined ? new Agent() : new ProxyAgent({ uri: proxy.href });
}

async function readBounded(body: AsyncIterable<Uint8Array>, url: URL): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > LIMITS.crlBytes) {
      throw new ToolError('LIMIT_EXCEEDED', `the answer of ${url.host} is too large`, {
        want: `at most ${LIMITS.crlBytes} bytes`,
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refused(url: URL, status: number): ToolError {
  const busy = status === 429;
  return new ToolError('KDS_UNREACHABLE', `${url.host} does not give the certificate`, {
    got: `HTTP ${status} for ${url.pathname}`,
    hints: busy
      ? ['it takes about one request in ten seconds: wait, or keep an evidence bundle']
      : ['keep certificates in a folder (--kds DIR) or in an evidence bundle'],
  });
}

function unreachable(url: URL, cause: unknown): ToolError {
  const late = cause instanceof Error && cause.name === 'TimeoutError';
  const why = late ? 'does not answer in time' : 'cannot be reached';
  return new ToolError('KDS_UNREACHABLE', `${url.host} ${why}`, {
    hints: ['HTTPS_PROXY and NO_PROXY are heeded; a folder (--kds DIR) needs no network'],
    cause,
  });
}
