import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { openCertificateStore, type StoreOptions } from '../../src/io/certificate-store.js';
import { readContextFolder } from '../../src/io/security-context.js';
import { temporaryFolder } from '../support/cli.js';
import { thrownBy } from '../support/failure.js';
import { failureOf } from '../support/images.js';

const OPTIONS: StoreOptions = { environment: {}, signal: new AbortController().signal };
const PATH = 'vcek/v1/Milan/ab?blSPL=04&teeSPL=00';

/** A service that answers as told; gives its address and what it was asked. */
async function serve(answer: RequestListener) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('a certificate service', () => {
  it('is asked for exactly the path, below its own', async () => {
    const { url, asked } = await serve((_request, response) => response.end('DER'));
    const store = openCertificateStore(`${url}/mirror`, OPTIONS);
    expect(Buffer.from((await store.read(PATH)) ?? []).toString()).toBe('DER');
    expect(asked).toEqual([`GET /mirror/${PATH}`]);
    expect(store.name).toBe(new URL(url).host);
  });

  it('may not have a certificate', async () => {
    const { url } = await serve((_request, response) => response.writeHead(404).end());
    expect(await openCertificateStore(url, OPTIONS).read(PATH)).toBeUndefined();
  });

  it.each([
    [429, 'one request in ten seconds'],
    [500, 'evidence bundle'],
    [302, 'evidence bundle'],
  ])('that answers %i is not asked again', async (status, hint) => {
    const { url, asked } = await serve((_request, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(),
    );
    const error = await failureOf(() => openCertificateStore(url, OPTIONS).read(PATH));
    expect(error.code).toBe('KDS_UNREACHABLE');
    expect(error.exit).toBe(4);
    expect(error.got).toBe(`HTTP ${status} for /vcek/v1/Milan/ab`);
    expect(error.hints.join()).toContain(hint);
    expect(asked).toHaveLength(1);
  });

  it('may send as much as a revocation list has, not more', async () => {
    const send = async (size: number) => {
      const { url } = await serve((_request, response) => response.end(Buffer.alloc(size)));
      return openCertificateStore(url, OPTIONS).read(PATH);
    };
    expect(await send(LIMITS.crlBytes)).toHaveLength(LIMITS.crlBytes);
    expect((await failureOf(() => send(LIMITS.crlBytes + 1))).code).toBe('LIMIT_EXCEEDED');
  });

  it('has to answer in time', async () => {
    const { url } = await serve(() => undefined);
    const store = openCertificateStore(url, { ...OPTIONS, requestMs: 20 });
    const error = await failureOf(() => store.read(PATH));
    expect([error.code, error.message]).toEqual([
      'KDS_UNREACHABLE',
      expect.stringContaining('does not answer in time'),
    ]);
  });

  it('may be out of reach', async () => {
    const { url } = await serve(() => undefined);
    const { port } = new URL(url);
    const error = await failureOf(() =>
      openCertificateStore(`https://127.0.0.1:${port}`, { ...OPTIONS, requestMs: 2000 }).read(PATH),
    );
    expect(error.code).toBe('KDS_UNREACHABLE');
  });

  it.each([
    'ftp://host',
    'https://user:secret@host',
    'https://host/?a=b',
    'https://host/#a',
    'https://',
  ])('is not %s', (place) => {
    expect(thrownBy(() => openCertificateStore(place, OPTIONS)).code).toBe('USAGE_CONFLICT');
  });
});

describe('a folder of certificates', () => {
  it('has files of the same names', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'vcek/v1/Milan'), { recursive: true });
    writeFileSync(join(folder, PATH), 'DER');
    const store = openCertificateStore(folder, OPTIONS);
    expect(Buffer.from((await store.read(PATH)) ?? []).toString()).toBe('DER');
    expect(await store.read('vcek/v1/Milan/crl')).toBeUndefined();
  });
});

describe('a security-context folder', () => {
  const names = { certificates: 'a', endorsement: 'b', policy: 'c' };

  it('has the files that are there', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a'), 'text');
    expect(await readContextFolder(folder, names)).toEqual({ certificates: 'text' });
  });

  it('has at least one', async () => {
    const error = await failureOf(() => readContextFolder(temporaryFolder(), names));
    expect([error.code, error.want]).toEqual(['FILE_NOT_FOUND', 'a, b, c']);
  });
});
