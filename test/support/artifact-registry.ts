/** A strict registry in this process that stores what is pushed, with or without the referrers API, behind tokens. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { keepSecret } from './secrets/record.js';

export interface ArtifactRegistryOptions {
  /** Answers GET /referrers and lists subjects by itself. */
  readonly referrers?: boolean;
  /** Asks for tokens of exactly the scope that a request needs. */
  readonly tokens?: boolean;
  /** Entries of one page of the referrers API. */
  readonly pageSize?: number;
}

export interface ArtifactRegistry {
  /** `localhost:PORT`. */
  readonly host: string;
  /** `METHOD path` of every request but those for tokens. */
  readonly log: string[];
  /** Scopes of the tokens that were asked for. */
  readonly scopes: string[];
  /** Blobs and manifests: `blobs/DIGEST`, `manifests/NAME`. */
  readonly content: Map<string, { bytes: Buffer; mediaType: string }>;
  /** May answer a request before the registry does; gives true if it has. */
  before: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

export const digestOf = (bytes: Uint8Array) =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Starts the registry; its one repository is `team/app`. */
export async function openArtifactRegistry(
  options: ArtifactRegistryOptions = {},
): Promise<ArtifactRegistry> {
  const registry: Omit<ArtifactRegistry, 'host'> = {
    log: [],
    scopes: [],
    content: new Map(),
    before: () => false,
    close: () => new Promise((done) => server.close(() => done())),
  };
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/token') return grant(registry, url, response);
    registry.log.push(`${request.method} ${request.url}`);
    if (registry.before(request, response)) return undefined;
    if (options.tokens === true && !isAllowed(request)) {
      const realm = `http://localhost:${port()}/token`;
      const challenge = `Bearer realm="${realm}",service="test",scope="repository:team/app:pull"`;
      return answer(response, 401, {}, { 'www-authenticate': challenge });
    }
    return route(registry, options, request.method ?? 'GET', url, body, response, request);
  });
  const port = () => (server.address() as AddressInfo).port;
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return Object.assign(registry, { host: `localhost:${port()}` });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function grant(registry: { scopes: string[] }, url: URL, response: ServerResponse): unknown {
  const scope = url.searchParams.get('scope') ?? '';
  registry.scopes.push(scope);
  const rights = scope.split(':').at(-1)?.replace(',', '-');
  return answer(response, 200, { token: `${rights}.${PROOF}` });
}

/** Nobody can guess it, so that it is known where it is seen. */
const PROOF = keepSecret(randomBytes(24).toString('hex'), 'a token of a registry');

/** Tokens are the rights themselves, `pull` or `pull-push`, with a proof that they were granted. */
function isAllowed(request: IncomingMessage): boolean {
  const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
  const reads = request.method === 'GET' || request.method === 'HEAD';
  const [rights = '', proof] = token.split('.');
  if (proof !== PROOF) return false;
  return reads ? rights.startsWith('pull') : rights === 'pull-push';
}

function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): unknown {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  return response.end(JSON.stringify(body));
}

function route(
  registry: Omit<ArtifactRegistry, 'host'>,
  options: ArtifactRegistryOptions,
  method: string,
  url: URL,
  body: Buffer,
  response: ServerResponse,
  request: IncomingMessage,
): unknown {
  const path = url.pathname.replace(/^\/v2\/team\/app\//, '');
  if (url.pathname === '/v2/') return answer(response, 200, {});
  if (method === 'POST' && path === 'blobs/uploads/') {
    return answer(response, 202, {}, { location: '/v2/team/app/blobs/uploads/1?state=x' });
  }
  if (method === 'PUT' && path === 'blobs/uploads/1') {
    const digest = url.searchParams.get('digest') ?? '';
    if (digest !== digestOf(body) || url.searchParams.get('state') !== 'x') {
      return answer(response, 400, { errors: [{ code: 'DIGEST_INVALID' }] });
    }
    registry.content.set(`blobs/${digest}`, { bytes: body, mediaType: 'x' });
    return answer(response, 201, {}, { 'docker-content-digest': digest });
  }
  if (method === 'PUT' && path.startsWith('manifests/')) {
    return storeManifest(registry, options, path, body, request, response);
  }
  if (method === 'GET' && path.startsWith('referrers/')) {
    if (options.referrers !== true) return answer(response, 404, {});
    return listReferrers(registry, options, path.replace('referrers/', ''), url, response);
  }
  const found = registry.content.get(path);
  if (found === undefined) return answer(response, 404, { errors: [{ code: 'UNKNOWN' }] });
  response.writeHead(200, {
    'content-type': found.mediaType,
    'content-length': found.bytes.length,
    'docker-content-digest': digestOf(found.bytes),
  });
  return response.end(method === 'HEAD' ? undefined : found.bytes);
}

interface Manifest {
  readonly artifactType?: string;
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly subject?: { readonly digest: string };
}

/** Refuses a manifest whose blobs are not there, as registries do. */
function storeManifest(
  registry: Omit<ArtifactRegistry, 'host'>,
  options: ArtifactRegistryOptions,
  path: string,
  bytes: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
): unknown {
  const manifest = JSON.parse(bytes.toString()) as Manifest;
  const blobs = [manifest.config, ...(manifest.layers ?? [])].flatMap((each) => each?.digest ?? []);
  const missing = blobs.filter((digest) => !registry.content.has(`blobs/${digest}`));
  const digest = digestOf(bytes);
  const name = path.replace('manifests/', '');
  if (missing.length > 0 || (name.startsWith('sha256:') && name !== digest)) {
    return answer(response, 400, { errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] });
  }
  const stored = { bytes, mediaType: request.headers['content-type'] ?? '' };
  registry.content.set(`manifests/${digest}`, stored);
  registry.content.set(path, stored);
  const { subject } = manifest;
  const lists = options.referrers === true && subject !== undefined;
  return answer(
    response,
    201,
    {},
    {
      'docker-content-digest': digest,
      ...(lists ? { 'oci-subject': subject.digest } : {}),
    },
  );
}

function listReferrers(
  registry: Omit<ArtifactRegistry, 'host'>,
  options: ArtifactRegistryOptions,
  subject: string,
  url: URL,
  response: ServerResponse,
): unknown {
  const all = [...registry.content].flatMap(([path, { bytes, mediaType }]) => {
    if (!path.startsWith('manifests/sha256:')) return [];
    const manifest = JSON.parse(bytes.toString()) as Manifest;
    if (manifest.subject?.digest !== subject) return [];
    const { artifactType } = manifest;
    return [{ mediaType, digest: digestOf(bytes), size: bytes.length, artifactType }];
  });
  const start = Number(url.searchParams.get('last') ?? 0);
  const size = options.pageSize ?? all.length;
  const end = start + Math.max(size, 1);
  const next = `</v2/team/app/referrers/${subject}?last=${end}>; rel="next"`;
  return answer(
    response,
    200,
    { schemaVersion: 2, manifests: all.slice(start, end) },
    end < all.length ? { link: next } : {},
  );
}
