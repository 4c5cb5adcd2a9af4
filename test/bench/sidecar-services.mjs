// The services that the benchmark's side-car needs, as a process of their own: device, identity endpoint, attestation
// services and a vault with one key per release, each answer 50 ms late. Unlike the strict stand-ins of a rehearsal they
// believe all that they are told, and all is made ahead that does not depend on a request: what they compute is taken
// from the processors that the side-car could have. Tells its parent where they are.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { makeAttestations, makeIdentity, makeMachine, makeVault } from './sidecar-answers.mjs';
import { makeAuthority } from './sidecar-authority.mjs';

const [folder, keyCount, serviceCount, delay] = process.argv.slice(2);
const authority = makeAuthority('localhost');

/** Answers of `handle` (method, path, body -> JSON text, undefined for a path that is not there), late. */
async function serve(tls, handle) {
  const listener = (request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      setTimeout(() => {
        const body = handle(request.method, request.url, Buffer.concat(parts).toString());
        const text = body ?? '{"error":{"code":"NotFound","message":"there is no such path"}}';
        response.writeHead(body === undefined ? 404 : 200, {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(text),
        });
        response.end(text);
      }, Number(delay));
    });
  };
  const server = tls ? createTlsServer(authority.tls, listener) : createServer(listener);
  await new Promise((done) => {
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, done);
  });
  return server.address().port;
}

/** Attestation services, each with a name of its own; they share a signing key. */
async function serveAttestations(count) {
  const { make, asked } = await makeAttestations();
  const hosts = [];
  for (let index = 0; index < count; index += 1) {
    let handle;
    const host = `localhost:${await serve(true, (...request) => handle(...request))}`;
    handle = make(host);
    hosts.push(host);
  }
  return { hosts, asked };
}

/** What is measured is the side-car: these services have been running for long, and their code is compiled. */
async function warmUp() {
  const { makeRsaPair } = await import(new URL('../../dist/core/key-pair.js', import.meta.url));
  const attest = (await makeAttestations()).make('localhost');
  const { publicKey } = await makeRsaPair(2048);
  const keySet = JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] });
  const runtimeData = { data: Buffer.from(keySet).toString('base64url') };
  for (let time = 0; time < 200; time += 1) {
    const { token } = JSON.parse(attest('POST', '/attest/', JSON.stringify({ runtimeData })));
    const order = JSON.stringify({ target: token, nonce: String(time) });
    handle('POST', `/keys/${keys[0].kid}/release`, order);
  }
}

let release;
const { hosts: attestations, asked } = await serveAttestations(Number(serviceCount));
const vault = `localhost:${await serve(true, (...request) => release(...request))}`;
const machine = await makeMachine(Number(keyCount));
const identity = makeIdentity();
const port = await serve(false, (...request) => machine(...request) ?? identity(...request));
const { keys, handle } = makeVault(vault, authority, Number(keyCount));
release = handle;

await warmUp();

const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, authority.root);
process.send({ attestations, vault, machine: `http://127.0.0.1:${port}`, caFile, keys });
process.on('message', (message) => {
  if (message === 'usage') process.send({ usage: process.cpuUsage(), attested: asked() });
});
process.once('disconnect', () => process.exit());
