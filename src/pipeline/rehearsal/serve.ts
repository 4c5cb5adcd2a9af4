/**
 * The stand-ins of a rehearsal behind servers: attestation service and vault over HTTPS under a throw-away authority, the
 * services of the machine (THIM, identity, reports) over HTTP. Opening sockets is the caller's.
 */
import type { ServiceAnswer, ServiceRequest } from '../../keyrelease/ports.js';
import {
  makeMachineServices,
  makeRehearsal,
  makeServerCertificate,
  type RehearsalOptions,
} from './rehearsal.js';

/** A request as a server has it: path and query in `target`. */
export interface ServedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

type Answer = (request: ServedRequest) => Promise<ServiceAnswer>;

/** Opens a server on loopback, with TLS where key and chain (PEM) are given. */
export type OpenServer = (
  answer: Answer,
  tls?: { readonly key: string; readonly cert: string },
) => Promise<{ readonly port: number; close(): Promise<void> }>;

/** What a client of the stand-ins needs, `podseal.rehearsal/v1`. */
export interface RehearsalSettings {
  readonly format: 'podseal.rehearsal/v1';
  /** `localhost:PORT` of attestation service and vault. */
  readonly host: string;
  /** Name and version of the key. */
  readonly key: string;
  /** `http://127.0.0.1:PORT` of the services of the machine. */
  readonly machine: string;
}

export interface ServedRehearsal {
  readonly settings: RehearsalSettings;
  /** PEM of the authority of the servers' certificates. */
  readonly authority: string;
  close(): Promise<void>;
}

/** The name in the servers' certificate. */
const NAME = 'localhost';

/** Starts the servers. The policy's authority becomes the address of the server that stands in for it. */
export async function serveRehearsal(
  plan: RehearsalOptions,
  openServer: OpenServer,
): Promise<ServedRehearsal> {
  const signer = await makeServerCertificate(NAME, plan.now());
  const unready: Answer = async () => ({ status: 503, body: Buffer.from('{}') });
  let services = unready;
  let machine = unready;
  const tls = { key: signer.key, cert: signer.chain };
  const https = await openServer((request) => services(request), tls);
  const http = await openServer((request) => machine(request));
  const host = `${NAME}:${https.port}`;
  const rehearsal = await makeRehearsal({
    ...plan,
    attestationHost: host,
    vaultHost: host,
    policyText: plan.policyText.replaceAll(`https://${plan.attestationHost}`, `https://${host}`),
    signer,
  });
  services = answerWith(`https://${host}`, rehearsal.send);
  machine = answerWith('http://127.0.0.1', makeMachineServices(rehearsal, plan.guest));
  return {
    settings: {
      format: 'podseal.rehearsal/v1',
      host,
      key: `${plan.key}/${rehearsal.keyVersion}`,
      machine: `http://127.0.0.1:${http.port}`,
    },
    authority: signer.root,
    close: async () => {
      await Promise.all([https.close(), http.close()]);
    },
  };
}

function answerWith(
  origin: string,
  handle: (request: ServiceRequest) => Promise<ServiceAnswer>,
): Answer {
  return async ({ method, target, headers, body }) => {
    if (method !== 'GET' && method !== 'POST' && method !== 'PUT')
      return { status: 405, body: Buffer.from('{}') };
    const text = Buffer.from(body).toString('utf8');
    return await handle({ method, url: `${origin}${target}`, headers, body: text });
  };
}

/** What a user does with the servers, in words and commands. `caFile` is where the authority was written. */
export function printRehearsalStory(
  { host, key, machine }: RehearsalSettings,
  caFile: string,
): string {
  return [
    `attestation service and key vault: https://${host}`,
    'a side-car on them:',
    `  IDENTITY_ENDPOINT=${machine}/metadata/identity/oauth2/token IDENTITY_HEADER=x \\`,
    `  podseal sidecar --allow-host ${host} --ca-file ${caFile} \\`,
    `    --fake-evidence-that-proves-nothing ${machine}`,
    `and its request: {"maa_endpoint": "${host}", "akv_endpoint": "${host}", "kid": "${key}"}`,
  ].join('\n');
}
