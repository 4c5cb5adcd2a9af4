/**
 * Access tokens for Azure services, from where the machine has its identity: workload identity (AKS), the identity
 * endpoint of a platform, a client secret in the environment, the instance metadata service, or the az program.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type * as IdentityRequests from '../../keyrelease/identity-requests.js';
import type { AccessToken, SendRequest } from '../../keyrelease/ports.js';

export const IDENTITY_SOURCES = ['auto', 'workload', 'endpoint', 'secret', 'imds', 'az'] as const;
export type IdentitySource = (typeof IDENTITY_SOURCES)[number];

export interface IdentityOptions {
  readonly source: IdentitySource;
  readonly send: SendRequest;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of a managed identity; AZURE_CLIENT_ID if absent. */
  readonly clientId?: string;
  /** Builds the requests and reads the answers. */
  readonly requests: typeof IdentityRequests;
}

/** Waits before the second and third request to the metadata service, which is slow to start. */
const IMDS_WAITS_MS = [1_000, 4_000];
/** Answers after which the metadata service is asked again. */
const AGAIN = (status: number) => [404, 410, 429].includes(status) || status >= 500;
const LOGIN = 'https://login.microsoftonline.com';

/** Gets an access token for a resource such as `https://vault.azure.net`. Throws IDENTITY_FAILED. */
export function openIdentity(options: IdentityOptions): (resource: string) => Promise<AccessToken> {
  return async (resource) => {
    const source = options.source === 'auto' ? chooseSource(options) : options.source;
    return await SOURCES[source](resource, options);
  };
}

function chooseSource({ env }: IdentityOptions): Exclude<IdentitySource, 'auto'> {
  if (env.AZURE_CLIENT_ID && env.AZURE_TENANT_ID && env.AZURE_FEDERATED_TOKEN_FILE) {
    return 'workload';
  }
  if (env.IDENTITY_ENDPOINT && env.IDENTITY_HEADER) return 'endpoint';
  if (env.AZURE_CLIENT_ID && env.AZURE_TENANT_ID && env.AZURE_CLIENT_SECRET) return 'secret';
  return 'imds';
}

type IdentityRequest = IdentityRequests.IdentityRequest;
type Source = (resource: string, options: IdentityOptions) => Promise<AccessToken>;

const SOURCES: Readonly<Record<Exclude<IdentitySource, 'auto'>, Source>> = {
  async workload(resource, options) {
    const { env } = options;
    const path = required(env, 'AZURE_FEDERATED_TOKEN_FILE');
    // The file is read each time: the cluster renews it.
    const assertion = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new ToolError('IDENTITY_FAILED', 'the federated token file cannot be read', {
        where: 'AZURE_FEDERATED_TOKEN_FILE',
        got: path,
        cause,
      });
    });
    return await ask(options, clientRequest(options, resource, { assertion: assertion.trim() }));
  },
  async endpoint(resource, options) {
    const { env, clientId, requests } = options;
    const endpoint = required(env, 'IDENTITY_ENDPOINT');
    if (!/^https?:/.test(endpoint) || !URL.canParse(endpoint)) {
      throw new ToolError('IDENTITY_FAILED', 'the variable IDENTITY_ENDPOINT is no address', {
        want: 'http://HOST/PATH',
        got: endpoint.slice(0, 200),
      });
    }
    const header = required(env, 'IDENTITY_HEADER');
    const request = requests.buildIdentityEndpointRequest(endpoint, header, resource, clientId);
    return await ask(options, request);
  },
  async secret(resource, options) {
    const secret = required(options.env, 'AZURE_CLIENT_SECRET');
    return await ask(options, clientRequest(options, resource, { secret }));
  },
  async imds(resource, options) {
    const { env, clientId, requests } = options;
    const request = requests.buildImdsRequest(resource, clientId ?? env.AZURE_CLIENT_ID);
    return await ask(options, request, IMDS_WAITS_MS);
  },
  async az(resource, { requests }) {
    return requests.readAccessToken(await runAz(resource), 'az');
  },
};

function clientRequest(
  { env, requests }: IdentityOptions,
  resource: string,
  proof: { readonly assertion: string } | { readonly secret: string },
): IdentityRequest {
  return requests.buildClientTokenRequest(
    {
      authority: requests.parseServiceOrigin(env.AZURE_AUTHORITY_HOST || LOGIN),
      tenant: required(env, 'AZURE_TENANT_ID'),
      clientId: required(env, 'AZURE_CLIENT_ID'),
      proof,
    },
    resource,
  );
}

async function ask(
  options: IdentityOptions,
  request: IdentityRequest,
  waits: readonly number[] = [],
): Promise<AccessToken> {
  const { host } = new URL(request.url);
  const answer = await options.send(request).catch((error: unknown) => error);
  const [pause, ...rest] = waits;
  const failed = answer instanceof Error;
  if (pause !== undefined && (failed || AGAIN((answer as { status: number }).status))) {
    await wait(pause);
    return await ask(options, request, rest);
  }
  if (failed) throw answer;
  const { status, body } = answer as Awaited<ReturnType<SendRequest>>;
  if (status === 200) return options.requests.readAccessToken(body.toString('utf8'), host);
  throw new ToolError('IDENTITY_FAILED', `${host} gives no access token`, {
    got: `status ${status}`,
    hints: [
      'check that the identity exists, is assigned to this workload and has the release role',
    ],
  });
}

function required(env: IdentityOptions['env'], name: string): string {
  const value = env[name];
  if (value) return value;
  throw new ToolError('IDENTITY_FAILED', `the variable ${name} is not set`, { where: name });
}

async function runAz(resource: string): Promise<string> {
  const args = ['account', 'get-access-token', '--resource', resource, '--output', 'json'];
  const stdout = await new Promise<string>((done, failed) => {
    const limits = { timeout: 60_000, maxBuffer: LIMITS.tokenBytes };
    execFile('az', args, limits, (error, output) =>
      error === null ? done(output) : failed(error),
    );
  }).catch((cause: unknown) => {
    throw new ToolError('IDENTITY_FAILED', 'az gives no access token', {
      hints: ['install the Azure CLI and run `az login`'],
      cause: (cause as NodeJS.ErrnoException).code,
    });
  });
  return stdout;
}
