/**
 * The only file that knows @snyk/docker-registry-v2-client. The library does the token exchange and the raw manifest
 * call; its connections end here and go on through our own transport, so that its HTTP client never touches the
 * network: it would send HTTPS requests in clear text to proxies, follow redirects on its own rules, buffer without
 * limit, decompress and re-serialise bodies (README.md has the list).
 */
import { Agent, createServer, type IncomingMessage } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { getAuthTokenForEndpoint, registryCall } from '@snyk/docker-registry-v2-client';
import { ToolError } from '../../core/error.js';

/** Answers one request of the library; the body is passed on as it is. */
type Answer = (request: IncomingMessage) => Promise<LibraryAnswer>;

interface LibraryAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const BYTES = { 'content-type': 'application/octet-stream' };
/** Path of the stand-in for the token service; the real realm is chosen and judged by realm.ts. */
const TOKEN_PATH = '/token';

/** No parsing, decoding, redirects, proxies or deadlines of the library's own. */
const RAW_OPTIONS = {
  protocol: 'http:',
  json: false,
  parse_response: false,
  decode_response: false,
  parse_cookies: false,
  follow_max: 0,
  open_timeout: 0,
  response_timeout: 0,
  read_timeout: 0,
  use_proxy_from_env_var: false,
} as const;

/** The bytes of a manifest, index or config: `load` fetches them when the library asks. Throws as `load`. */
export async function callThroughLibrary(
  host: string,
  path: string,
  load: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const response: unknown = await withBridge(
    async () => ({ status: 200, headers: BYTES, body: await load() }),
    (agent) => registryCall(`${host}${path}`, undefined, undefined, { ...RAW_OPTIONS, agent }),
  );
  const raw = (response as { readonly raw?: unknown } | null)?.raw;
  if (raw instanceof Uint8Array) return raw;
  throw new ToolError('INTERNAL', 'the registry library returns no raw bytes');
}

/**
 * A token of the token service behind a Bearer challenge. `exchange` asks that service, with the header Authorization
 * that the library made from the credentials (none for an anonymous token), and gives the JSON bytes of its answer.
 * Undefined if the answer holds no token. Throws as `exchange`.
 */
export async function tokenThroughLibrary(
  host: string,
  credentials: { readonly username: string; readonly password: string } | undefined,
  exchange: (authorization: string | undefined) => Promise<Uint8Array>,
): Promise<string | undefined> {
  const realm = `http://${host}${TOKEN_PATH}`;
  const challenge = { 'www-authenticate': `Bearer realm="${realm}"` };
  const { username = '', password = '' } = credentials ?? {};
  const token: unknown = await withBridge(
    async ({ url, headers }) =>
      url?.startsWith(TOKEN_PATH)
        ? { status: 200, headers: BYTES, body: await exchange(headers.authorization) }
        : { status: 401, headers: challenge, body: new Uint8Array() },
    (agent) => getAuthTokenForEndpoint(host, '/', username, password, { ...RAW_OPTIONS, agent }),
  );
  return typeof token === 'string' && token !== '' ? token : undefined;
}

/** Runs `call` with an agent whose connections are answered by `answer`. A failure of `answer` is what it throws. */
async function withBridge<T>(answer: Answer, call: (agent: Agent) => Promise<T>): Promise<T> {
  let failure: { readonly error: unknown } | undefined;
  const server = createServer((request, response) => {
    answer(request)
      .catch((error: unknown) => {
        failure = { error };
        // A success ends the library's work at once; a failure would make it log and try again.
        return { status: 200, headers: BYTES, body: new Uint8Array() };
      })
      .then(({ status, headers, body }) => {
        response.writeHead(status, { ...headers, 'content-length': body.length });
        response.end(body);
      });
  });
  const agent = new BridgeAgent((side) => server.emit('connection', side));
  try {
    const result = await call(agent);
    if (failure === undefined) return result;
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  } finally {
    agent.destroy();
  }
  throw failure.error;
}

/** Gives each request one end of a pair of streams and the other end to `accept`. */
class BridgeAgent extends Agent {
  readonly #accept: (side: Duplex) => void;

  constructor(accept: (side: Duplex) => void) {
    super({ keepAlive: false });
    this.#accept = accept;
  }

  override createConnection(): Duplex {
    const [ours, theirs] = duplexPair();
    this.#accept(theirs);
    return ours;
  }
}
