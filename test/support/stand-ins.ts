/** The stand-ins of a rehearsal on real sockets of this process, with faults on demand, and side-cars beside them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPair, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AnswerHttp, serveHttp } from '../../src/io/services/http-server.js';
import type { ServiceAnswer, ServiceRequest } from '../../src/keyrelease/ports.js';
import type { SyntheticGuest, SyntheticPlatform } from '../../src/pipeline/rehearsal/platform.js';
import {
  makeMachineServices,
  makeRehearsal,
  makeServerCertificate,
  type Rehearsal,
} from '../../src/pipeline/rehearsal/rehearsal.js';
import { ROOT } from './cli.js';
import { keepSecret, keepToken, recordChild } from './secrets/record.js';

export const secondsNow = () => Math.floor(Date.now() / 1000);

/** Answers in place of the services, or changes what they answer. */
export type Fault = (
  request: ServiceRequest,
  answer: () => Promise<ServiceAnswer>,
) => Promise<ServiceAnswer>;

export interface StandInOptions {
  readonly platform: SyntheticPlatform;
  readonly guest: SyntheticGuest;
  /** Text of the release policy for an authority. */
  readonly policy: (authority: string) => string;
  readonly tokenLifetime?: number;
  readonly compliance?: string;
  readonly fault?: Fault;
  /** PKCS#8 DER of the key in the vault. */
  readonly material?: Buffer;
  /** Names to answer under, for clients that come through a proxy; `localhost:PORT` if absent. */
  readonly names?: ServiceNames;
}

export interface ServiceNames {
  readonly attestation: string;
  readonly vault: string;
  /** Further names in the certificate; requests to them are for `fault` to answer. */
  readonly others?: readonly string[];
}

export interface StandIns {
  readonly rehearsal: Rehearsal;
  /** For files of the test; removed at its end. */
  readonly folder: string;
  /** `localhost:PORT` of attestation service and vault. */
  readonly host: string;
  /** `http://127.0.0.1:PORT` of the machine's services. */
  readonly machine: string;
  readonly caFile: string;
  readonly key: string;
  /** Further environment of side-cars. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that side-cars are started by: it runs what its further arguments say. */
  readonly launcher?: readonly string[];
}

const LIMITS = { bodyBytes: 1 << 20, headersMs: 30_000, requestMs: 60_000, requests: 1_000 };

let key: Promise<Buffer> | undefined;

/** One RSA key for all vaults of a test file. */
function material(): Promise<Buffer> {
  key ??= new Promise((done, failed) => {
    generateKeyPair('rsa', { modulusLength: 3072 }, (error, _, privateKey) => {
      if (error === null) done(privateKey.export({ type: 'pkcs8', format: 'der' }));
      else failed(error);
    });
  });
  return key;
}

let certificate: ReturnType<typeof makeServerCertificate> | undefined;

/** The certificate of all servers of a test file. */
export function serverCertificate(): ReturnType<typeof makeServerCertificate> {
  certificate ??= makeServerCertificate('localhost', secondsNow());
  return certificate;
}

/** The certificate of the services: one for all of a test file, unless they have names of their own. */
async function signerFor({ names }: StandInOptions): ReturnType<typeof makeServerCertificate> {
  if (names !== undefined) {
    const { vault, attestation, others = [] } = names;
    return await makeServerCertificate(vault, secondsNow(), [attestation, ...others]);
  }
  certificate ??= makeServerCertificate('localhost', secondsNow());
  return await certificate;
}

/** Takes what must be done at the end. */
export type AtEnd = (close: () => void | Promise<void>) => void;

/** Starts them, until the running test ends unless told otherwise. */
export async function startStandIns(
  options: StandInOptions,
  atEnd: AtEnd = onTestFinished,
): Promise<StandIns> {
  const signer = await signerFor(options);
  const tls = { key: signer.key, cert: signer.chain };
  let handle: (request: ServiceRequest) => Promise<ServiceAnswer>;
  let machineHandle: (request: ServiceRequest) => Promise<ServiceAnswer> = makeMachineServicesLater;
  const answer =
    (scheme: string, of: () => (request: ServiceRequest) => Promise<ServiceAnswer>) =>
    async (request: Parameters<AnswerHttp>[0]) =>
      await of()({
        method: request.method as 'GET',
        url: `${scheme}://${request.headers.host}${request.target}`,
        headers: request.headers,
        body: Buffer.from(request.body).toString('utf8'),
      });
  const https = await serveHttp({ address: '127.0.0.1', port: 0, tls, ...LIMITS }, (request) =>
    answer('https', () => handle)(request),
  );
  const http = await serveHttp({ address: '127.0.0.1', port: 0, ...LIMITS }, (request) =>
    answer('http', () => machineHandle)(request),
  );
  atEnd(async () => {
    await Promise.all([https.close(), http.close()]);
  });
  const folder = mkdtempSync(join(tmpdir(), 'podseal-stand-ins-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const local = `localhost:${https.port}`;
  const { attestation, vault } = options.names ?? { attestation: local, vault: local };
  const rehearsal = await makeRehearsal({
    attestationHost: attestation,
    vaultHost: vault,
    policyText: options.policy(`https://${attestation}`),
    policyName: 'policy',
    key: 'key1',
    compliance: options.compliance ?? 'azure-signed-katacc-uvm',
    guest: options.guest,
    now: secondsNow,
    platform: options.platform,
    material: options.material ?? (await material()),
    signer,
    ...(options.tokenLifetime === undefined ? {} : { tokenLifetime: options.tokenLifetime }),
  });
  const fault: Fault = options.fault ?? ((_, answered) => answered());
  handle = (request) => {
    keepCredentials(request);
    return fault(request, async () => keepMinted(await rehearsal.send(request)));
  };
  machineHandle = withAccessToken(makeMachineServices(rehearsal, options.guest));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, signer.root);
  return {
    rehearsal,
    folder,
    host: local,
    machine: `http://127.0.0.1:${http.port}`,
    caFile,
    key: `key1/${rehearsal.keyVersion}`,
  };
}

/** What the identity endpoint of all stand-ins of a test file gives: a token of the form that Azure's have. */
export const ACCESS_TOKEN = [
  Buffer.from('{"alg":"RS256","typ":"JWT"}').toString('base64url'),
  Buffer.from('{"aud":"https://vault.azure.net"}').toString('base64url'),
  randomBytes(256).toString('base64url'),
].join('.');
keepToken(ACCESS_TOKEN, 'an access token');
const IDENTITY_HEADER = keepSecret(randomBytes(24).toString('base64url'), 'an identity header');

/** The machine's services with an access token that nobody can guess, so that it is known where it is seen. */
function withAccessToken(handle: Rehearsal['send']): Rehearsal['send'] {
  return async (request) => {
    const answer = await handle(request);
    const text = answer.body.toString('utf8');
    if (!request.url.includes('/oauth2/token') || answer.status !== 200) return answer;
    const body = JSON.stringify({ ...JSON.parse(text), access_token: ACCESS_TOKEN });
    return { ...answer, body: Buffer.from(body) };
  };
}

/** Whatever a service is shown to let somebody in is a secret. */
function keepCredentials({ headers }: ServiceRequest): void {
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) keepToken(bearer, 'a bearer token');
}

/** So is each token that the attestation service signs. */
function keepMinted(answer: ServiceAnswer): ServiceAnswer {
  const token = /^\{"token":"([^"]+)"/.exec(answer.body.toString('utf8'))?.[1];
  if (token !== undefined) keepToken(token, 'a token of the attestation service');
  return answer;
}

const makeMachineServicesLater = async (): Promise<ServiceAnswer> => ({
  status: 503,
  body: Buffer.from('{}'),
});

export interface Sidecar {
  readonly port: number;
  readonly child: ChildProcess;
  /** All that it has written so far. */
  output(): string;
  /** Ends it with SIGTERM and gives its exit status. */
  stop(): Promise<number | null>;
}

/** All that side-cars of this test file wrote. */
export const sidecarOutput: string[] = [];

/** Starts `podseal sidecar` as a process of its own, on made-up evidence of the stand-ins. */
export async function startSidecar(
  standIns: StandIns,
  args: readonly string[] = [],
  atEnd: AtEnd = onTestFinished,
): Promise<Sidecar> {
  const { host, machine, caFile, folder } = standIns;
  const [program = process.execPath, ...prefix] = [...(standIns.launcher ?? []), process.execPath];
  const child = spawn(
    program,
    [
      ...prefix,
      join(ROOT, 'dist/cli.js'),
      'sidecar',
      ...['--port', '0', '--allow-host', host, '--ca-file', caFile, '--keys-ahead', '4'],
      ...(machine === '' ? [] : ['--fake-evidence-that-proves-nothing', machine]),
      ...args,
    ],
    {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        IDENTITY_ENDPOINT: `${machine}/metadata/identity/oauth2/token`,
        IDENTITY_HEADER,
        ...standIns.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  recordChild(`podseal sidecar ${args.join(' ')}`, child);
  let output = '';
  const ended = new Promise<number | null>((done) => child.once('close', done));
  const port = await new Promise<number>((done, failed) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      sidecarOutput.push(chunk.toString());
      const found = /"event":"listening".*?"port":([0-9]+)/.exec(output);
      if (found !== null) done(Number(found[1]));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('close', () => failed(new Error(`the side-car ended: ${output}`)));
  });
  atEnd(() => {
    child.kill('SIGKILL');
  });
  return {
    port,
    child,
    output: () => output,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** POSTs JSON to a side-car. */
export async function post(
  { port }: Pick<Sidecar, 'port'>,
  path: string,
  body: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}
