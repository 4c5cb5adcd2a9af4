// The services that the benchmark's side-car needs, as a process of their own: the strict stand-ins of a rehearsal on
// loopback, each answer 50 ms late, and a vault with one key per release. Tells its parent where they are.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const DIST = new URL('../../dist/', import.meta.url);
const part = (path) => import(new URL(path, DIST));
const { serveHttp } = await part('io/services/http-server.js');
const { makeMachineServices, makeRehearsal, makeServerCertificate } = await part(
  'pipeline/rehearsal/rehearsal.js',
);
const { storedKey } = await part('pipeline/rehearsal/stored-keys.js');
const { buildReleasePolicy, parseMeasurement, printReleasePolicy } = await part(
  'release/release-policy.js',
);

const [folder, keyCount, delay] = process.argv.slice(2);
const HOST_DATA = 'ab'.repeat(32);
const guest = { hostData: Buffer.from(HOST_DATA, 'hex') };
const now = () => Math.floor(Date.now() / 1000);
const limits = { bodyBytes: 1 << 20, headersMs: 60_000, requestMs: 60_000, requests: 10_000 };
const signer = await makeServerCertificate('localhost', now());

/** Set once the ports are known. */
let host;
let services;
let machine;

const https = await serve({ tls: { key: signer.key, cert: signer.chain } }, () => services);
const http = await serve({}, () => machine);
host = `localhost:${https.port}`;

function serve(tls, handler) {
  const options = { address: '127.0.0.1', port: 0, ...tls, ...limits };
  return serveHttp(options, async ({ body, target, ...request }) => {
    await wait(Number(delay));
    const text = Buffer.from(body).toString('utf8');
    return await handler()({ ...request, url: `https://${host}${target}`, body: text });
  });
}

const policyText = printReleasePolicy(
  buildReleasePolicy({
    authorities: [`https://${host}`],
    measurements: [parseMeasurement(HOST_DATA)],
    compliance: 'azure-signed-katacc-uvm',
    debuggable: false,
  }),
);
const rehearsal = await makeRehearsal({
  attestationHost: host,
  vaultHost: host,
  policyText,
  policyName: 'policy',
  key: 'first',
  compliance: 'azure-signed-katacc-uvm',
  guest,
  now,
  signer,
});
const keys = Array.from({ length: Number(keyCount) }, (_, index) => ({
  name: `key${index}`,
  version: randomBytes(16).toString('hex'),
  kty: 'oct-HSM',
  keyOps: ['decrypt'],
  material: randomBytes(32),
}));
for (const key of keys) rehearsal.vault.store(storedKey(key, policyText, 'policy'));
services = rehearsal.send;
machine = makeMachineServices(rehearsal, guest);
const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, signer.root);
process.send({
  host,
  machine: `http://127.0.0.1:${http.port}`,
  caFile,
  keys: keys.map(({ name, version, material }) => ({
    kid: `${name}/${version}`,
    k: material.toString('base64url'),
  })),
});
process.on('message', (message) => {
  if (message === 'usage') process.send({ usage: process.cpuUsage() });
});
process.once('disconnect', () => process.exit());
