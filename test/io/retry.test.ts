/** Requests that are sent again: which ones, and how often at most. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openServiceClient } from '../../src/io/services/client.js';
import { sendAgain } from '../../src/io/services/retry.js';

/** Answers with `statuses` in turn, the last one for ever; gives the status that comes out, and how often it was asked. */
async function ask(statuses: readonly number[], headers: Record<string, string> = {}) {
  let asked = 0;
  const http = createServer((_, response) => {
    response.writeHead(statuses[Math.min(asked, statuses.length - 1)]!, headers).end('{}');
    asked += 1;
  });
  await new Promise<void>((done) => {
    http.listen(0, '127.0.0.1', done);
  });
  const client = openServiceClient({ timeoutMs: 5_000, env: {} });
  onTestFinished(async () => {
    await client.close();
    http.close();
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  const { status } = await sendAgain(client.send)({ method: 'POST', url, headers: {}, body: 'x' });
  return [status, asked];
}

describe('a service that cannot answer now', () => {
  it.each([408, 429, 500, 502, 503, 504])('is asked three times after %d', async (status) => {
    expect(await ask([status])).toEqual([status, 3]);
  });

  it('is asked until it answers', async () => {
    expect(await ask([429, 200])).toEqual([200, 2]);
    expect(await ask([500, 429, 200])).toEqual([200, 3]);
  });

  it.each([200, 400, 401, 403, 404, 501])('is not asked again after %d', async (status) => {
    expect(await ask([status, 200])).toEqual([status, 1]);
  });

  it('is given up where it wants to be left alone for longer', async () => {
    expect(await ask([429], { 'Retry-After': '4' })).toEqual([429, 1]);
    expect(await ask([429, 200], { 'Retry-After': '0' })).toEqual([200, 2]);
  });
});
