/** What the key commands share: options of services, and the open client with its identity. */
import { type Command, Option } from 'commander';
import { ToolError } from '../../core/error.js';
import { environment } from '../../io/machine.js';
import type { ServiceClient } from '../../io/services/client.js';
import { IDENTITY_SOURCES, type IdentitySource } from '../../io/services/identity.js';
import type { VaultRequest } from '../../keyrelease/import-key.js';
import type { ServiceAnswer } from '../../keyrelease/ports.js';
import { collectHost } from '../host-options.js';

export interface ServiceOptions {
  readonly identity: IdentitySource;
  readonly clientId?: string;
  readonly allowHost?: string[];
  readonly caFile?: string;
}

const TIMEOUT_MS = 30_000;

/** Adds --identity, --client-id, --allow-host and --ca-file under "Services". */
export function addServiceOptions(command: Command): Command {
  return command
    .optionsGroup('Services:')
    .addOption(
      new Option('--identity <source>', 'where the access token comes from')
        .choices(IDENTITY_SOURCES)
        .default('az'),
    )
    .option('--client-id <id>', 'client ID of a managed identity')
    .option('--allow-host <host>', 'HOST[:PORT] that may get tokens too (repeatable)', collectHost)
    .option('--ca-file <file>', 'PEM file of certificate authorities to trust too');
}

export interface OpenServices extends ServiceClient {
  readonly accessToken: (resource: string) => Promise<string>;
  readonly listedHosts: readonly string[];
}

/** Opens the client of the services; nothing is sent yet. */
export async function openServices(options: ServiceOptions): Promise<OpenServices> {
  const [{ openServiceClient }, { openIdentity }, requests, { readCaFile }] = await Promise.all([
    import('../../io/services/client.js'),
    import('../../io/services/identity.js'),
    import('../../keyrelease/identity-requests.js'),
    import('../../io/registry/ca-file.js'),
  ]);
  const ca = options.caFile === undefined ? undefined : await readCaFile(options.caFile);
  const env = environment();
  const client = openServiceClient({ timeoutMs: TIMEOUT_MS, env, ...(ca && { ca }) });
  const identity = openIdentity({
    source: options.identity,
    send: client.send,
    env,
    requests,
    ...(options.clientId === undefined ? {} : { clientId: options.clientId }),
  });
  return {
    ...client,
    accessToken: async (resource) => (await identity(resource)).token,
    listedHosts: options.allowHost ?? [],
  };
}

/** Sends a request of the vault with an access token for it. */
export async function sendToVault(
  services: OpenServices,
  request: VaultRequest,
  bearer?: string,
): Promise<ServiceAnswer> {
  const { tokenResourceOf } = await import('../../keyrelease/hosts.js');
  const host = new URL(request.url).host;
  const token = bearer ?? (await services.accessToken(tokenResourceOf(host)));
  const headers = { ...request.headers, Authorization: `Bearer ${token}` };
  return await services.send({ ...request, headers });
}

/** Members of a request body whose values are secret. */
const SECRET_MEMBERS: readonly string[] = ['k', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'target'];

/** The request for a dry run: secrets replaced by what they are. */
export function showRequest({ method, url, headers, body }: VaultRequest): object {
  const shown = body === undefined ? undefined : (JSON.parse(body, redact) as object);
  const all = { ...headers, Authorization: 'Bearer <access token>' };
  return { method, url, headers: all, ...(shown === undefined ? {} : { body: shown }) };
}

function redact(this: unknown, key: string, value: unknown): unknown {
  if (typeof value !== 'string' || !SECRET_MEMBERS.includes(key)) return value;
  return `<secret, ${value.length} characters>`;
}

/** Reads a release policy and refuses one that must not be stored. Gives its text as it will be sent. */
export async function readStorablePolicy(file: string): Promise<string> {
  const [{ readTextFile }, { readReleasePolicy }, { blockingFindings, lintReleasePolicy }] =
    await Promise.all([
      import('../../io/files.js'),
      import('../../release/grammar.js'),
      import('../../release/lint.js'),
    ]);
  const text = await readTextFile(file);
  refuseBlocking(blockingFindings(lintReleasePolicy(readReleasePolicy(text, file), file)), file);
  return text;
}

/** Throws RELEASE_POLICY_INVALID for the first of `findings`. */
export function refuseBlocking(
  findings: readonly {
    readonly message: string;
    readonly path?: string;
    readonly remedy: string;
  }[],
  file: string,
): void {
  const [first] = findings;
  if (first === undefined) return;
  throw new ToolError('RELEASE_POLICY_INVALID', `${file} must not be stored: ${first.message}`, {
    where: `${file} ${first.path ?? ''}`.trim(),
    hints: [first.remedy, `podseal release-policy lint ${file}`],
  });
}
