/** `podseal sidecar`: the key release side-car of a confidential guest, over HTTP or gRPC. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { millisecondsNow } from '../io/machine.js';
import type { RunningServer } from '../io/services/http-server.js';
import type { Log } from '../io/services/log.js';
import { aborted, type CommandContext } from './context.js';
import {
  addGuestOptions,
  addLogOptions,
  type GuestOptions,
  type LogOptions,
  type OpenGuest,
  openGuest,
} from './guest-options.js';

interface SidecarOptions extends GuestOptions, LogOptions {
  readonly serverType: 'http' | 'grpc';
  readonly port: number;
  readonly address: string;
  readonly keyDir: string;
  readonly maxRequests: number;
  readonly timeout: number;
  readonly keysAhead: number;
}

/** Milliseconds for the headers of a request. */
const HEADERS_MS = 30_000;
/** Connections to one service at a time: each costs a handshake, and then serves one request after the other. */
const CONNECTIONS = 100;

/** Adds `sidecar`; gives the command that encfs joins. */
export function addSidecarCommand(program: Command, context: CommandContext): Command {
  // Options behind a sub-command are its own; it has some of the same names.
  const command = program
    .enablePositionalOptions()
    .command('sidecar')
    .enablePositionalOptions()
    .summary('serve attestation and key release to the containers of a pod')
    .helpCommand('help [command]', 'print the help of a command')
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
      new Option('--timeout <seconds>', 'for a whole request; then it is told to come back')
        .argParser(parseCount)
        .default(60),
    )
    .addOption(
      new Option(
        '--keys-ahead <n>',
        'key pairs kept ready: each serves all releases that come together',
      )
        .argParser(parseCount)
        .default(16),
    )
    .option('--key-dir <dir>', 'folder of KEY-info.json files for WrapKey', '.');
  addLogOptions(addGuestOptions(command))
    .addHelpText(
      'after',
      `
The log has one JSON object a line, without tokens and keys. SIGTERM ends the side-car when running requests are answered.

Example:
  podseal sidecar --port 8080
  curl -s localhost:8080/key/release -d '{"maa_endpoint": "sharedeus2.eus2.attest.azure.net", "akv_endpoint": "NAME.vault.azure.net", "kid": "KEY"}'`,
    )
    .action((options: SidecarOptions) => run(options, context));
  return command;
}

async function run(options: SidecarOptions, context: CommandContext): Promise<void> {
  const [{ openLog }, { openKeyPool }, { keepOutOfCore }] = await Promise.all([
    import('../io/services/log.js'),
    import('../io/services/key-pool.js'),
    import('../io/crash.js'),
  ]);
  const log = openLog(options.logLevel, options.logFile);
  const pool = openKeyPool(options.keysAhead);
  // One service that does not answer is named before the time of the whole request is over.
  const timeoutMs = options.timeout * 500;
  const guest = await openGuest(options, pool.take, { connections: CONNECTIONS, timeoutMs });
  try {
    if (guest.missing.length > 0) {
      log('info', 'security-context', { missing: guest.missing.join(' ') });
    }
    if (guest.fake) {
      log('warning', 'fake-evidence', { hint: 'reports are made up: they prove nothing' });
    }
    if (!isLoopback(options.address)) log('warning', 'not-loopback', { address: options.address });
    const inCore = keepOutOfCore();
    if (inCore !== 'nothing') {
      log('warning', 'core-files', {
        hint: `a crash may write ${inCore}: set the limit of cores to 0`,
      });
    }
    const server = await (options.serverType === 'grpc' ? serveGrpc : serveApi)(
      options,
      guest,
      log,
    );
    const { address, port } = server;
    log('info', 'listening', { type: options.serverType, address, port });
    void pool.filled().then(() => {
      if (!context.signal.aborted) log('info', 'keys-ready', { keys: options.keysAhead });
    });
    await aborted(context.signal);
    log('info', 'stopping');
    await server.close();
    log('info', 'stopped');
  } finally {
    pool.close();
    await guest.close();
  }
}

/** The information file of a key and its public key. Throws KEY_CONFIG_INVALID. */
async function readKeyFiles(folder: string, name: string) {
  const [{ readTextFile }, { readKeyInfo }, { join, resolve }] = await Promise.all([
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
  const path = resolve(folder, info.publicKeyPath);
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
  guest: OpenGuest,
  log: Log,
): Promise<RunningServer> {
  const [{ serveHttp }, { answerRequest }] = await Promise.all([
    import('../io/services/http-server.js'),
    import('../pipeline/sidecar/api.js'),
  ]);
  const { ports, uvmBase64, fake: fakeEvidence } = guest;
  const api = { ports, uvmBase64, fakeEvidence, ready: () => true };
  return await serveHttp(
    {
      address: options.address,
      port: options.port,
      bodyBytes: LIMITS.sidecarRequestBytes,
      headersMs: HEADERS_MS,
      requestMs: options.timeout * 1000,
      answerMs: options.timeout * 1000,
      requests: options.maxRequests,
      free: ['/status'],
      onRefused: (status, problem) => log('warning', 'refused', { status, problem }),
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
      await log.written();
      return answer;
    },
  );
}

async function serveGrpc(
  options: SidecarOptions,
  guest: OpenGuest,
  log: Log,
): Promise<RunningServer> {
  const [{ serveKeyProvider }, provider] = await Promise.all([
    import('../io/services/key-provider-server.js'),
    import('../pipeline/sidecar/key-provider.js'),
  ]);
  const { uvmBase64 } = guest;
  const readKey = (name: string) => readKeyFiles(options.keyDir, name);
  const ports = { ...guest.ports, readKey };
  const { address, port, maxRequests: requests, timeout } = options;
  return await serveKeyProvider(
    {
      address,
      port,
      messageBytes: LIMITS.sidecarRequestBytes,
      requests,
      answerMs: timeout * 1000,
    },
    {
      wrapKey: (input) => provider.wrapKey(ports, input),
      unwrapKey: (input) => provider.unwrapKey(ports, input),
      getReport: (hex) => provider.getReport(ports, hex),
      getAttestationData: async (data) => ({
        ...(await provider.getAttestationData(ports, data)),
        uvmReferenceInfo: uvmBase64,
      }),
      onCall: async (call, error) => {
        log(error === undefined ? 'info' : 'warning', 'call', { call, code: error?.code });
        await log.written();
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
