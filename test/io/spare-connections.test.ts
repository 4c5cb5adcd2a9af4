/** Connections that are made before the request, to a real server over TLS. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Agent, buildConnector } from 'undici';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openServiceClient } from '../../src/io/services/client.js';
import { SpareConnections, type SpareLimits } from '../../src/io/services/spare-connections.js';
import {
  makeServerCertificate,
  type ServerCertificate,
} from '../../src/pipeline/rehearsal/authority.js';

let certificate: ServerCertificate;
let stranger: ServerCertificate;
beforeAll(async () => {
  const now = Math.floor(Date.now() / 1000);
  certificate = await makeServerCertificate('localhost', now);
  stranger = await makeServerCertificate('localhost', now);
});

/** A server that tells of each connection; its name, and what waits for the next one. */
async function serve(signer = certificate) {
  const sockets: TLSSocket[] = [];
  let tell: () => void = () => undefined;
  const server: Server = createServer({ key: signer.key, cert: signer.chain }, (_, response) => {
    response.end(String(sockets.length));
  });
  server.on('secureConnection', (socket) => {
    sockets.push(socket);
    tell();
  });
  await new Promise<void>((done) => {
    server.listen(0, 'localhost', done);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const count = (wanted: number) =>
    new Promise<void>((done) => {
      tell = () => {
        if (sockets.length >= wanted) done();
      };
      tell();
    });
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  return { host, sockets, count };
}

/** Connections to it, with what asks through them and gives the number of connections so far. */
function open(limits: Partial<SpareLimits> = {}) {
  const attempts: string[] = [];
  const made: Socket[] = [];
  const build = buildConnector({ ca: certificate.root });
  const spare = new SpareConnections(
    (options, callback) => {
      attempts.push(String(options.host));
      build(options, (...outcome) => {
        if (outcome[0] === null) made.push(outcome[1]);
        callback(...outcome);
      });
    },
    { connections: 8, lifetimeMs: 60_000, ...limits },
  );
  const agent = new Agent({ connect: spare.connect, connections: 8 });
  onTestFinished(async () => {
    spare.close();
    await agent.destroy();
  });
  const ask = async (host: string) => {
    const { body } = await agent.request({ origin: `https://${host}`, path: '/', method: 'GET' });
    return Number(await body.text());
  };
  return { spare, ask, attempts, made };
}

/** Resolves when the process has been through with what is at hand some times over. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done));
}

const closed = (socket: Socket) =>
  new Promise<void>((done) => {
    socket.once('close', () => done());
  });

describe('a connection made ahead', () => {
  it('is there before the request, and is the one that is used', async () => {
    const { host, sockets, count } = await serve();
    const { spare, ask } = open();
    const sent = spare.announce(host);
    await count(1);
    sent();
    expect(await ask(host)).toBe(1);
    expect(sockets).toHaveLength(1);
  });

  it('is used although it is not there yet', async () => {
    const { host, sockets } = await serve();
    const { spare, ask, attempts } = open();
    spare.announce(host);
    await turns(3);
    expect(attempts).toHaveLength(1);
    expect(sockets).toHaveLength(0);
    expect(await ask(host)).toBe(1);
    expect(attempts).toHaveLength(1);
  });

  it('is made for each announced request, up to the limit, and counts those in use', async () => {
    const { host, count } = await serve();
    const { spare, ask, attempts } = open({ connections: 4 });
    await ask(host);
    for (let request = 0; request < 3; request += 1) spare.announce(host);
    await count(3);
    await turns();
    expect(attempts).toHaveLength(3);
    for (let request = 0; request < 50; request += 1) spare.announce(host);
    await count(4);
    await turns();
    expect(attempts).toHaveLength(4);
  });

  it('is not made for a request that was sent, or will not be', async () => {
    const { host } = await serve();
    const { spare, attempts } = open();
    const over = spare.announce(host);
    over();
    over();
    spare.announce('localhost:1')();
    await turns();
    expect(attempts).toEqual([]);
    // Said twice, it does not take another one back.
    const [one] = [spare.announce(host), spare.announce(host)];
    one();
    one();
    await turns();
    expect(attempts).toEqual([host]);
  });

  it('is not tried more often than there are requests, and its failure is not theirs', async () => {
    const { host } = await serve(stranger);
    const { spare, attempts, ask } = open();
    for (let request = 0; request < 3; request += 1) spare.announce(host);
    while (attempts.length < 3) await turns(1);
    await turns(2_000);
    expect(attempts).toHaveLength(3);
    // Refused at once, while others are still to be made.
    for (let request = 0; request < 8; request += 1) spare.announce('localhost:1');
    await turns(2_000);
    expect(attempts).toHaveLength(11);
    await expect(ask(host)).rejects.toMatchObject({ code: 'CERT_SIGNATURE_FAILURE' });
  });

  it('fails as the connection of the request that waits for it', async () => {
    const { host } = await serve(stranger);
    const { spare, attempts, ask } = open();
    spare.announce(host);
    await turns(3);
    expect(attempts).toHaveLength(1);
    await expect(ask(host)).rejects.toMatchObject({ code: 'CERT_SIGNATURE_FAILURE' });
    expect(attempts).toHaveLength(1);
  });

  it('that the server ended is not used', async () => {
    const { host, sockets, count } = await serve();
    const { spare, ask, attempts, made } = open();
    spare.announce(host);
    while (made.length < 1) await turns(1);
    await count(1);
    sockets[0]!.destroy();
    await closed(sockets[0]!);
    await turns();
    expect(await ask(host)).toBe(2);
    expect(attempts).toHaveLength(2);
  });

  it('goes when nobody takes it', async () => {
    const { host, sockets, count } = await serve();
    const { spare, attempts, ask } = open({ lifetimeMs: 20 });
    spare.announce(host);
    await count(1);
    await closed(sockets[0]!);
    await turns();
    expect(attempts).toHaveLength(1);
    expect(await ask(host)).toBe(2);
  });

  it('goes at the end, also when it comes later', async () => {
    const { host } = await serve();
    const { spare, attempts, made } = open();
    spare.announce(host);
    while (made.length < 1) await turns(1);
    spare.announce(host);
    await turns(3);
    expect(attempts).toHaveLength(2);
    expect(made.map(({ destroyed }) => destroyed)).toEqual([false]);
    spare.close();
    while (made.length < 2) await turns(1);
    expect(made.map(({ destroyed }) => destroyed)).toEqual([true, true]);
    spare.announce(host);
    await turns();
    expect(attempts).toHaveLength(2);
  });

  it('is made by a client that was used before, and for it', async () => {
    const [{ host, sockets }, other] = [await serve(), await serve()];
    const client = openServiceClient({ timeoutMs: 5_000, ca: [certificate.root], env: {} });
    onTestFinished(() => client.close());
    const ask = async (name: string) =>
      await client.send({ method: 'GET', url: `https://${name}/`, headers: {} });
    client.announce(host);
    await turns();
    expect(sockets).toHaveLength(0);
    await ask(other.host);
    const sent = client.announce(host);
    while (sockets.length < 1) await turns(1);
    sent();
    expect((await ask(host)).body.toString()).toBe('1');
  });
});
