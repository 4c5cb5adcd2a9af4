/** `podseal sidecar`: the key release side-car of a confidential guest, over HTTP or gRPC. */
import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import type { Certificate } from '../core/x509.js';
import { environment, millisecondsNow, secondsNow } from '../io/machine.js';
import type { ServiceClient } from '../io/services/client.js';
import type { RunningServer } from '../io/services/http-server.js';
import { IDENTITY_SOURCES, type IdentitySource } from '../io/services/identity.js';
import { LOG_LEVELS, type Log, type LogLevel } from '../io/services/log.js';
import { completeCertificateSource } from '../keyrelease/collateral.js';
import { WRAP_ALGORITHMS, type WrapAlgorithm } from '../keyrelease/key-unwrap.js';
import { readSidecarArgs, type SidecarArgs } from '../keyrelease/sidecar-args.js';
import type { KeyProviderPorts } from '../pipeline/sidecar/key-provider.js';
import type { ReleasePorts } from '../pipeline/sidecar/release.js';
import { aborted, type CommandContext, collect } from './context.js';

interface SidecarOptions {
  readonly serverType: 'http' | 'grpc';
  readonly port: number;
  readonly address: string;
  readonly base64: string;
  readonly logLevel: LogLevel;
  readonly logFile?: string;
  readonly allowHost?: string[];
  readonly caFile?: string;
  readonly identity: IdentitySource;
  readonly wrapAlgorithm?: WrapAlgorithm;
  readonly securityContext?: string;
  readonly configfs?: string;
  readonly guestProgram?: string;
  readonly keyDir: string;
  readonly maxRequests: number;
  readonly keysAhead: number;
  readonly fakeEvidenceThatProvesNothing?: string;
}

/** Milliseconds: the headers of a request, the whole of it, and a call to a service. */
const HEADERS_MS = 30_000;
const REQUEST_MS = 60_000;
const SERVICE_MS = 30_000;

/** Adds `sidecar`. */
export function addSidecarCommand(program: Command, context: CommandContext): void {
  program
    .command('sidecar')
    .summary('serve attestation and key release to the containers of a pod')
    .description(
      'Serve attestation and key release inside a confidential guest: GET /status, POST /attest/raw, /attest/maa, /attest/combined and /key/release, or the gRPC key provider of encrypted images. Listens on loopback: every container of the pod may ask, nobody else. Tokens and reports go to hosts of Azure only, or to those that are listed.',
    )
    .optionsGroup('Server:')
    .addOption(
      new Option('--server-type <type>', 'http or grpc')
        .choices(['http', 'grpc'])
        .default('http')
        .env('ServerType'),
    )
    .addOption(
      new Option('--port <port>', 'port (grpc is usually 50000)')
        .argParser(parsePort)
        .default(8080)
        .env('Port'),
    )
    .option(
      '--address <ip>',
      'DANGEROUS: any other than loopback serves keys to the network',
      '127.0.0.1',
    )
    .addOption(
      new Option('--max-requests <n>', 'requests at once; further ones are told to come back')
        .argParser(parseCount)
        .default(256),
    )
    .addOption(
      new Option('--keys-ahead <n>', 'key pairs kept ready: as many releases at once are fast')
        .argParser(parseCount)
        .default(8),
    )
    .optionsGroup('Evidence and services:')
    .addOption(
      new Option('--base64 <text>', 'configuration, the base64 of SkrSideCarArgs')
        .default('')
        .env('SkrSideCarArgs'),
    )
    .option(
      '--security-context <dir>',
      'folder of certificates and endorsement (default: as the platform says)',
    )
    .option('--configfs <dir>', 'configfs-tsm folder (default: /sys/kernel/config/tsm/report)')
    .option('--guest-program <file>', 'podseal-guest, asked for reports where there is no configfs')
    .addOption(
      new Option('--identity <source>', 'where access tokens come from')
        .choices(IDENTITY_SOURCES)
        .default('auto'),
    )
    .option(
      '--allow-host <host>',
      'HOST[:PORT] that may get tokens and reports too (repeatable)',
      collect,
    )
    .option('--ca-file <file>', 'PEM file of certificate authorities to trust too')
    .addOption(
      new Option('--wrap-algorithm <name>', 'mechanism to ask the vault for').choices(
        Object.keys(WRAP_ALGORITHMS),
      ),
    )
    .option('--key-dir <dir>', 'folder of KEY-info.json files for WrapKey', '.')
    .option(
      '--fake-evidence-that-proves-nothing <url>',
      'REHEARSALS ONLY: reports of a made-up platform (`podseal simulate release --serve`)',
    )
    .optionsGroup('Log:')
    .addOption(
      new Option('--log-level <level>', 'least level of lines')
        .choices(LOG_LEVELS)
        .default('info')
        .env('LogLevel'),
    )
    .addOption(new Option('--log-file <file>', 'append to a file instead of stderr').env('LogFile'))
    .addHelpText(
      'after',
      `
The log has one JSON object a line, without tokens and keys. SIGTERM ends the side-car when running requests are answered.

Example:
  podseal sidecar --port 8080
  curl -s localhost:8080/key/release -d '{"maa_endpoint": "sharedeus2.eus2.attest.azure.net", "akv_endpoint": "NAME.vault.azure.net", "kid": "KEY"}'`,
    )
    .action((options: SidecarOptions) => run(options, context));
}

async function run(options: SidecarOptions, context: CommandContext): Promise<void> {
  const { openLog } = await import('../io/services/log.js');
  const log = openLog(options.logLevel, options.logFile);
  const args = readSidecarArgs(options.base64);
  const caFile = await import('../io/registry/ca-file.js');
  const ca = options.caFile === undefined ? undefined : await caFile.readCaFile(options.caFile);
  const { openServiceClient } = await import('../io/services/client.js');
  const client = openServiceClient({
    timeoutMs: SERVICE_MS,
    env: environment(),
    connections: options.maxRequests,
    ...(ca === undefined ? {} : { ca }),
  });
  try {
    await serve(options, { args, client, log, ca, signal: context.signal });
  } finally {
    await client.close();
  }
}

interface Setup {
  readonly args: SidecarArgs;
  readonly client: ServiceClient;
  readonly log: Log;
  readonly ca: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

async function serve(options: SidecarOptions, setup: Setup): Promise<void> {
  const { log, signal } = setup;
  const { openKeyPool } = await import('../io/services/key-pool.js');
  const pool = openKeyPool(options.keysAhead);
  const opened = await openPorts(options, setup, pool.take);
  if (opened.ports.fake) {
    log('warning', 'fake-evidence', { hint: 'reports are made up: they prove nothing' });
  }
  if (!isLoopback(options.address)) {
    log('warning', 'not-loopback', { address: options.address });
  }
  const server = await (options.serverType === 'grpc' ? serveGrpc : serveApi)(options, opened, log);
  void pool.filled();
  log('info', 'listening', {
    type: options.serverType,
    address: server.address,
    port: server.port,
  });
  await aborted(signal);
  log('info', 'stopping');
  pool.close();
  await server.close();
  log('info', 'stopped');
}

interface OpenedPorts {
  readonly ports: KeyProviderPorts & { readonly fake: boolean };
  readonly uvmBase64: string;
}

async function openPorts(
  options: SidecarOptions,
  { args, client, ca, log }: Setup,
  newWrappingKey: ReleasePorts['newWrappingKey'],
): Promise<OpenedPorts> {
  const [context, sidecar, { checkGuestEvidence }, release, { openIdentity }, requests] =
    await Promise.all([
      import('../io/services/security-context.js'),
      import('../pipeline/sidecar/evidence.js'),
      import('../pipeline/sidecar/check.js'),
      import('../pipeline/sidecar/release.js'),
      import('../io/services/identity.js'),
      import('../keyrelease/identity-requests.js'),
    ]);
  const { send } = client;
  const place = await context.readSecurityContext(options.securityContext, environment());
  if (place.missing.length > 0) {
    log('info', 'security-context', { origin: place.origin, missing: place.missing.join(' ') });
  }
  const platform = await openDevice(options, client);
  // A made-up platform has its own certificates.
  const thim = options.fakeEvidenceThatProvesNothing?.replace(/^http:\/\//, '');
  const endpoint = thim === undefined ? '' : `${thim}/metadata/THIM/amd/certification`;
  const source = args.certificates ?? completeCertificateSource('LocalTHIM', { endpoint });
  const uvmBase64 = place.referenceInfo ?? '';
  const evidence = new sidecar.EvidenceCollector({
    device: platform.device,
    send,
    source,
    ...(place.hostCertificates === undefined
      ? {}
      : { initial: hostCertificates(place.hostCertificates, sidecar.readThimCollateral) }),
    check: (report, chain) => checkGuestEvidence(report, chain, secondsNow(), platform.roots),
  });
  const clientId = args.clientId === undefined ? {} : { clientId: args.clientId };
  const accessToken = openIdentity({
    source: options.identity,
    send,
    env: environment(),
    requests,
    ...clientId,
  });
  const enc = options.wrapAlgorithm;
  return {
    uvmBase64,
    ports: {
      fake: platform.device.fake,
      evidence,
      send,
      accessToken,
      newWrappingKey,
      now: secondsNow,
      nonce: () => randomBytes(8).readBigUInt64BE(),
      roots: await trustedRoots(ca),
      listedHosts: (options.allowHost ?? []).map((host) => host.toLowerCase()),
      signingKeys: new release.SigningKeys(),
      userAgent: () => args.userAgent ?? 'ConfidentialSkrContainer',
      readKey: (name) => readKeyFiles(options.keyDir, name),
      ...(uvmBase64 === '' ? {} : { uvmEndorsement: Buffer.from(uvmBase64, 'base64') }),
      ...(enc === undefined ? {} : { enc }),
    },
  };
}

async function openDevice(options: SidecarOptions, { send }: ServiceClient) {
  const { fakeEvidenceThatProvesNothing: fake, configfs, guestProgram } = options;
  if (fake !== undefined) {
    const { openFakePlatform } = await import('../io/services/fake-platform.js');
    return await openFakePlatform(fake, send);
  }
  const { openReportDevice } = await import('../io/services/report-device.js');
  const device = openReportDevice({
    ...(configfs === undefined ? {} : { configfs }),
    ...(guestProgram === undefined ? {} : { program: guestProgram }),
  });
  return { device, roots: undefined };
}

function hostCertificates(
  base64: string,
  read: typeof import('../pipeline/sidecar/evidence.js').readThimCollateral,
) {
  return read(Buffer.from(base64, 'base64').toString('utf8'), 'host-amd-cert-base64');
}

/** Roots that a vault's certificate may chain to: those of TLS. */
async function trustedRoots(ca: readonly string[] | undefined): Promise<readonly Certificate[]> {
  const [{ rootCertificates }, { parseCertificates }] = await Promise.all([
    import('../io/services/roots.js'),
    import('../core/x509.js'),
  ]);
  return (ca ?? rootCertificates()).flatMap((pem) => {
    try {
      return parseCertificates(Buffer.from(pem), 'a trusted root');
    } catch (error) {
      // A root of the system that our strict reader refuses is one that is trusted less.
      if (error instanceof ToolError) return [];
      throw error;
    }
  });
}

/** The information file of a key and its public key. Throws KEY_CONFIG_INVALID. */
async function readKeyFiles(folder: string, name: string) {
  const [{ readTextFile }, { readKeyInfo }, { join }] = await Promise.all([
    import('../io/files.js'),
    import('../keyrelease/key-provider.js'),
    import('node:path'),
  ]);
  const file = join(folder, `${name}-info.json`);
  const text = await readTextFile(file, LIMITS.tokenBytes).catch(
    asKeyError('failed to read key info file', file),
  );
  const info = await Promise.resolve(text)
    .then((found) => readKeyInfo(found, file))
    .catch(asKeyError('invalid RSA key info file', file));
  const path = join(folder, info.publicKeyPath);
  const pem = await readTextFile(path, LIMITS.tokenBytes).catch(
    asKeyError('failed to read public key file', path),
  );
  return { info, pem };
}

function asKeyError(problem: string, file: string) {
  return (cause: unknown): never => {
    throw new ToolError('KEY_CONFIG_INVALID', `${problem} ${file}`, { cause });
  };
}

async function serveApi(
  options: SidecarOptions,
  opened: OpenedPorts,
  log: Log,
): Promise<RunningServer> {
  const [{ serveHttp }, { answerRequest }] = await Promise.all([
    import('../io/services/http-server.js'),
    import('../pipeline/sidecar/api.js'),
  ]);
  const { ports, uvmBase64 } = opened;
  const api = { ports, uvmBase64, fakeEvidence: ports.fake, ready: () => true };
  return await serveHttp(
    {
      address: options.address,
      port: options.port,
      bodyBytes: LIMITS.sidecarRequestBytes,
      headersMs: HEADERS_MS,
      requestMs: REQUEST_MS,
      requests: options.maxRequests,
    },
    async ({ method, target, body }) => {
      const started = millisecondsNow();
      const path = target.replace(/\?.*$/s, '');
      const answer = await answerRequest(api, { method, path, body });
      const ms = Math.round(millisecondsNow() - started);
      const code = answer.problem?.code;
      log(code === undefined ? 'info' : 'warning', 'request', {
        method,
        path: path.slice(0, 200),
        status: answer.status,
        ms,
        code,
      });
      return answer;
    },
  );
}

async function serveGrpc(
  options: SidecarOptions,
  opened: OpenedPorts,
  log: Log,
): Promise<RunningServer> {
  const [{ serveKeyProvider }, provider] = await Promise.all([
    import('../io/services/key-provider-server.js'),
    import('../pipeline/sidecar/key-provider.js'),
  ]);
  const { ports, uvmBase64 } = opened;
  const { address, port } = options;
  return await serveKeyProvider(
    { address, port, messageBytes: LIMITS.sidecarRequestBytes },
    {
      wrapKey: (input) => provider.wrapKey(ports, input),
      unwrapKey: (input) => provider.unwrapKey(ports, input),
      getReport: (hex) => provider.getReport(ports, hex),
      getAttestationData: async (data) => ({
        ...(await provider.getAttestationData(ports, data)),
        uvmReferenceInfo: uvmBase64,
      }),
      onCall: (call, error) => {
        log(error === undefined ? 'info' : 'warning', 'call', { call, code: error?.code });
      },
    },
  );
}

const isLoopback = (address: string) => /^(127\.|::1$|localhost$)/.test(address);

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('want 0 to 65535');
}

function parseCount(text: string): number {
  const count = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (count > 0) return count;
  throw new InvalidArgumentError('want 1 to 9999');
}
