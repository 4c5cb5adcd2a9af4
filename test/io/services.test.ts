/** The client of services, identities, device and security context, on real sockets, files and processes. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SECURITY_CONTEXT_FILES } from '../../src/attest/security-context.js';
import { LIMITS } from '../../src/core/limits.js';
import { findSecurityContext } from '../../src/io/security-context.js';
import { openServiceClient } from '../../src/io/services/client.js';
import { type AnswerHttp, serveHttp } from '../../src/io/services/http-server.js';
import { type IdentityOptions, openIdentity } from '../../src/io/services/identity.js';
import { openKeyPool } from '../../src/io/services/key-pool.js';
import { openReportDevice } from '../../src/io/services/report-device.js';
import * as requests from '../../src/keyrelease/identity-requests.js';
import { keepSecret } from '../support/secrets/record.js';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'podseal-services-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const SERVER = {
  address: '127.0.0.1',
  port: 0,
  bodyBytes: 1000,
  headersMs: 5000,
  requestMs: 5000,
  requests: 10,
};

async function server(answer: AnswerHttp): Promise<string> {
  const running = await serveHttp(SERVER, answer);
  onTestFinished(() => running.close());
  return `http://127.0.0.1:${running.port}`;
}

function client(change: Partial<Parameters<typeof openServiceClient>[0]> = {}) {
  const opened = openServiceClient({ timeoutMs: 5_000, env: {}, ...change });
  onTestFinished(() => opened.close());
  return opened;
}

const CLIENT_SECRET = keepSecret('client-s3cret-of-the-app', 'a client secret');
const get = (url: string) => ({ method: 'GET' as const, url, headers: {} });
const failing = (code: string) => expect.objectContaining({ code });

describe('the client', () => {
  it('gives whole answers up to the limit, and errors beyond it', async () => {
    const url = await server(async ({ target }) => ({
      status: 200,
      body: Buffer.alloc(Number(target.slice(1))),
    }));
    const { send } = client();
    const fits = await send(get(`${url}/${LIMITS.serviceAnswerBytes}`));
    expect(fits.body).toHaveLength(LIMITS.serviceAnswerBytes);
    await expect(send(get(`${url}/${LIMITS.serviceAnswerBytes + 1}`))).rejects.toThrow(
      failing('LIMIT_EXCEEDED'),
    );
  });

  it('follows no redirect', async () => {
    const url = await server(async () => ({ status: 302, body: '' }));
    expect(await client().send(get(url))).toMatchObject({ status: 302 });
  });

  it('gives up in time', async () => {
    const url = await server(() => new Promise(() => undefined));
    const { send } = client({ timeoutMs: 100 });
    await expect(send(get(url))).rejects.toThrow(failing('SERVICE_TIMEOUT'));
  });

  it('says who cannot be reached, and nothing of the request', async () => {
    const { send } = client();
    const request = {
      ...get('http://127.0.0.1:1/secret-path'),
      headers: { Authorization: 'Bearer swordfish' },
    };
    const error = await send(request).catch((one: Error) => one);
    expect(error).toMatchObject({ code: 'SERVICE_UNREACHABLE' });
    expect(JSON.stringify(error) + String(error)).not.toMatch(/swordfish|secret-path/);
  });

  it('uses the proxy of the environment, but not for the metadata of the machine', async () => {
    const seen: string[] = [];
    const proxy = createServer().on('connect', (request, socket) => {
      seen.push(String(request.url));
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await new Promise<void>((done) => {
      proxy.listen(0, '127.0.0.1', done);
    });
    onTestFinished(() => void proxy.close());
    const { port } = proxy.address() as AddressInfo;
    const { send } = client({ timeoutMs: 300, env: { http_proxy: `http://127.0.0.1:${port}` } });
    await expect(send(get('http://service.invalid/x'))).rejects.toThrow();
    await send(get('http://169.254.169.254/x')).catch(() => undefined);
    expect(seen).toEqual(['service.invalid:80']);
  });

  it.each([
    [true, 1, 200, 2],
    [true, 2, 'SERVICE_UNREACHABLE', 2],
    [false, 1, 'SERVICE_UNREACHABLE', 1],
  ])(
    'repeat %s, %d connections that end without answer: %s',
    async (repeat, ends, result, asked) => {
      let seen = 0;
      const http = createServer((request, response) => {
        seen += 1;
        if (seen <= ends) request.socket.destroy();
        else response.end('{}');
      });
      await new Promise<void>((done) => {
        http.listen(0, '127.0.0.1', done);
      });
      onTestFinished(() => void http.close());
      const { port } = http.address() as AddressInfo;
      const request = { method: 'POST' as const, url: `http://127.0.0.1:${port}/`, headers: {} };
      const answer = await client({ repeat })
        .send({ ...request, body: 'x' })
        .then(({ status }) => status)
        .catch(({ code }: { code: string }) => code);
      expect([answer, seen]).toEqual([result, asked]);
    },
  );

  it('gives up in time on a proxy that holds the connection', async () => {
    const proxy = await server(() => new Promise(() => undefined));
    const { send } = client({ timeoutMs: 200, env: { http_proxy: proxy } });
    await expect(send(get('http://service.invalid/x'))).rejects.toThrow(failing('SERVICE_TIMEOUT'));
  });
});

describe('the server', () => {
  it('refuses long bodies before it reads them', async () => {
    const url = await server(async ({ body }) => ({ status: 200, body: String(body.length) }));
    const put = (length: number) => fetch(url, { method: 'POST', body: 'x'.repeat(length) });
    expect(await (await put(1000)).text()).toBe('1000');
    expect((await put(1001)).status).toBe(413);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.alloc(2000));
        controller.close();
      },
    });
    const streamed = await fetch(url, {
      method: 'POST',
      body: stream,
      duplex: 'half',
    } as RequestInit);
    expect(streamed.status).toBe(413);
  });
});

describe('identities', () => {
  const identity = (change: Partial<IdentityOptions>) =>
    openIdentity({ source: 'auto', env: {}, requests, send: client().send, ...change });

  it('ask the identity endpoint with its header', async () => {
    let header: string | undefined;
    const url = await server(async ({ headers, target }) => {
      header = headers['x-identity-header'];
      return {
        status: 200,
        body: JSON.stringify({
          access_token: new URL(target, 'http://x').searchParams.get('resource'),
        }),
      };
    });
    const env = { IDENTITY_ENDPOINT: `${url}/token`, IDENTITY_HEADER: 'h' };
    expect(await identity({ env })('https://vault.azure.net')).toEqual({
      token: 'https://vault.azure.net',
    });
    expect(header).toBe('h');
  });

  it('read the federated token anew each time', async () => {
    const file = join(await folder(), 'token');
    const sent: string[] = [];
    const send: IdentityOptions['send'] = async ({ url, body }) => {
      expect(url).toBe('https://login.microsoftonline.com/tenant/oauth2/v2.0/token');
      sent.push(new URLSearchParams(body).get('client_assertion')!);
      return { status: 200, body: Buffer.from('{"access_token":"t"}') };
    };
    const env = {
      AZURE_CLIENT_ID: 'c',
      AZURE_TENANT_ID: 'tenant',
      AZURE_FEDERATED_TOKEN_FILE: file,
    };
    for (const token of ['one', 'two']) {
      writeFileSync(file, `${token}\n`);
      await identity({ env, send })('r');
    }
    expect(sent).toEqual(['one', 'two']);
    rmSync(file);
    await expect(identity({ env, send })('r')).rejects.toThrow(failing('IDENTITY_FAILED'));
  });

  it('choose by the environment; empty variables are absent', async () => {
    const asked: string[] = [];
    const send: IdentityOptions['send'] = async ({ url }) => {
      asked.push(new URL(url).host);
      return { status: 200, body: Buffer.from('{"access_token":"t"}') };
    };
    await identity({
      send,
      env: { AZURE_CLIENT_ID: 'c', AZURE_TENANT_ID: 't', AZURE_CLIENT_SECRET: CLIENT_SECRET },
    })('r');
    await identity({
      send,
      env: { AZURE_CLIENT_ID: 'c', AZURE_TENANT_ID: 't', AZURE_CLIENT_SECRET: '' },
    })('r');
    expect(asked).toEqual(['login.microsoftonline.com', '169.254.169.254']);
  });

  it('fail without quoting the answer', async () => {
    const url = await server(async () => ({ status: 403, body: '{"error":"swordfish"}' }));
    const env = { IDENTITY_ENDPOINT: url, IDENTITY_HEADER: 'h' };
    const error = await identity({ env })('r').catch((one: Error) => one);
    expect(error).toMatchObject({ code: 'IDENTITY_FAILED' });
    expect(JSON.stringify(error)).not.toContain('swordfish');
  });

  it.each(['x', 'http://', 'https://h:99999/', 'file:///x'])(
    'refuse the endpoint %s',
    async (url) => {
      const env = { IDENTITY_ENDPOINT: url, IDENTITY_HEADER: 'h' };
      await expect(identity({ env })('r')).rejects.toThrow(failing('IDENTITY_FAILED'));
    },
  );

  it('refuse an authority that is no https host', async () => {
    const env = {
      AZURE_CLIENT_ID: 'c',
      AZURE_TENANT_ID: 't',
      AZURE_CLIENT_SECRET: CLIENT_SECRET,
      AZURE_AUTHORITY_HOST: 'http://x',
    };
    await expect(identity({ env })('r')).rejects.toThrow(failing('SERVICE_HOST_REFUSED'));
  });
});

describe('the device', () => {
  const REPORT_DATA = Buffer.alloc(64, 5);

  it('takes what the program podseal-guest gives', async () => {
    const path = await folder();
    const program = join(path, 'guest');
    writeFileSync(
      program,
      '#!/bin/sh\n[ "$1 $2" = "report --report-data" ] || exit 2\nhead -c 1184 /dev/zero\n',
      { mode: 0o755 },
    );
    const device = openReportDevice(program);
    expect(await device.report(REPORT_DATA)).toHaveLength(1184);
    expect(device.fake).toBe(false);
  });

  it.each([
    ['echo "error: no device [DEVICE_ABSENT]" >&2; exit 4', 'DEVICE_ABSENT'],
    ['echo "error: busy [DEVICE_BUSY]" >&2; exit 4', 'DEVICE_FAILED'],
    ['exit 1', 'DEVICE_FAILED'],
    ['echo short', 'DEVICE_FAILED'],
  ])('says why there is none: %s', async (script, code) => {
    const path = await folder();
    const program = join(path, 'guest');
    writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const device = openReportDevice(program);
    await expect(device.report(REPORT_DATA)).rejects.toThrow(failing(code));
  });

  it('is asked by eight programs at once, and by the others after them', async () => {
    const path = await folder();
    const program = join(path, 'guest');
    const [started, gate] = [join(path, 'started'), join(path, 'gate')];
    execFileSync('mkfifo', [gate]);
    writeFileSync(started, '');
    const script = `echo x >> '${started}'\ncat '${gate}'\nhead -c 1184 /dev/zero\n`;
    writeFileSync(program, `#!/bin/sh\n${script}`, { mode: 0o755 });
    const device = openReportDevice(program);
    let ended = false;
    const all = Promise.all(Array.from({ length: 11 }, () => device.report(REPORT_DATA)));
    const seen = () => readFileSync(started, 'utf8').length / 2;
    while (seen() < 8) await new Promise(setImmediate);
    expect(seen()).toBe(8);
    void all.finally(() => {
      ended = true;
    });
    while (!ended) {
      openGate(gate);
      await new Promise(setImmediate);
    }
    expect(await all).toHaveLength(11);
    expect(seen()).toBe(11);
  });

  it('is absent without the program', async () => {
    const path = await folder();
    const device = openReportDevice(join(path, 'none'));
    await expect(device.report(REPORT_DATA)).rejects.toThrow(failing('DEVICE_ABSENT'));
  });
});

/** Ends the input of all that read from a named pipe now. */
function openGate(gate: string): void {
  try {
    closeSync(openSync(gate, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
  }
}

describe('the security context of this container', () => {
  const find = (given: string | undefined, env: Record<string, string>) =>
    findSecurityContext(given, env, SECURITY_CONTEXT_FILES);

  it('is read from its directory, and says what is missing', async () => {
    const path = await folder();
    writeFileSync(join(path, 'reference-info-base64'), 'AAAA\n');
    const found = {
      origin: path,
      files: { endorsement: 'AAAA\n' },
      missing: ['host-amd-cert-base64', 'security-policy-base64'],
    };
    expect(await find(path, {})).toEqual(found);
    expect(await find(undefined, { UVM_SECURITY_CONTEXT_DIR: path })).toEqual(found);
  });

  it('falls back to the variables, but not for a folder that was given', async () => {
    const env = { UVM_HOST_AMD_CERTIFICATE: 'BBBB', UVM_SECURITY_POLICY: '' };
    expect(await find(undefined, { ...env, UVM_SECURITY_CONTEXT_DIR: await folder() })).toEqual({
      origin: 'environment',
      files: { certificates: 'BBBB' },
      missing: ['reference-info-base64', 'security-policy-base64'],
    });
    await expect(find(await folder(), env)).rejects.toThrow(failing('FILE_NOT_FOUND'));
  });

  it.each(['', '\n', undefined])(
    'takes the variables where the endorsement is %j',
    async (text) => {
      const path = await folder();
      writeFileSync(join(path, 'security-policy-base64'), 'CCCC');
      if (text !== undefined) writeFileSync(join(path, 'reference-info-base64'), text);
      const there = { UVM_SECURITY_CONTEXT_DIR: path, UVM_SECURITY_POLICY: 'DDDD' };
      expect(await find(undefined, { ...there, UVM_REFERENCE_INFO: 'AAAA' })).toMatchObject({
        origin: 'environment',
        files: { endorsement: 'AAAA', policy: 'DDDD' },
      });
      const kept = { origin: path, files: { policy: 'CCCC' } };
      expect(await find(undefined, there)).toMatchObject(kept);
      expect(await find(path, { UVM_REFERENCE_INFO: 'AAAA' })).toMatchObject(kept);
    },
  );

  it('refuses what is no file', async () => {
    const path = await folder();
    mkdirSync(join(path, 'host-amd-cert-base64'));
    await expect(find(path, {})).rejects.toThrow(failing('FILE_NOT_FOUND'));
  });
});

describe('the key pool', () => {
  it('never gives a pair twice', async () => {
    const pool = openKeyPool(2);
    await pool.filled();
    const pairs = await Promise.all([pool.take(), pool.take(), pool.take()]);
    const moduli = pairs.map(({ publicKey }) => publicKey.export({ format: 'jwk' }).n);
    expect(new Set(moduli).size).toBe(3);
    pool.close();
  });

  it('is filled again a while after the first taker, even if others keep coming', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const pool = openKeyPool(1);
    await pool.filled();
    await pool.take();
    vi.advanceTimersByTime(4_000);
    await pool.take();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(vi.getTimerCount()).toBe(0);
    pool.close();
  });
});
