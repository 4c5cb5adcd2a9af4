import { afterEach, describe, expect, it, vi } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { callThroughLibrary, tokenThroughLibrary } from '../../../src/io/registry/library.js';

const HOST = 'registry.test:5000';

describe('callThroughLibrary', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ['JSON with odd blanks', Buffer.from('{ "a" :\n1.0}')],
    ['bytes that are no text', Buffer.from([0, 0xff, 0xfe, 0x80, 0x0d, 0x0a])],
    ['nothing', Buffer.alloc(0)],
    ['4 MiB', Buffer.alloc(4 * 1024 * 1024, 7)],
  ])('gives exactly the bytes: %s', async (_name, bytes) => {
    const raw = await callThroughLibrary(HOST, '/v2/a/manifests/1', async () => bytes);
    expect(Buffer.compare(raw, bytes)).toBe(0);
  });

  it('asks once, whatever the environment says of proxies and retries', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:9');
    let calls = 0;
    await callThroughLibrary(HOST, '/v2/a/manifests/1', async () => {
      calls += 1;
      return Buffer.from('rate limit: too many requests, please try again in a minute');
    });
    expect(calls).toBe(1);
  });

  it('fails as the loader fails, at once and without a word on the console', async () => {
    const warn = vi.spyOn(console, 'warn');
    const failure = new ToolError('REGISTRY_RATE_LIMITED', 'rate limit');
    let calls = 0;
    const work = callThroughLibrary(HOST, '/v2/a/manifests/1', async () => {
      calls += 1;
      throw failure;
    });
    await expect(work).rejects.toBe(failure);
    expect(calls).toBe(1);
    expect(warn).not.toHaveBeenCalled();
  });

  it('runs many calls at once', async () => {
    const texts = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const raw = await callThroughLibrary(HOST, '/v2/x', async () => Buffer.from(`${index}`));
        return Buffer.from(raw).toString();
      }),
    );
    expect(texts).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
  });
});

describe('tokenThroughLibrary', () => {
  const answer = (document: unknown) => async () => Buffer.from(JSON.stringify(document));

  it.each([
    [{ token: 'a' }, 'a'],
    [{ access_token: 'b' }, 'b'],
    [{ token: 'a', access_token: 'b' }, 'a'],
    [{}, undefined],
    [{ token: 5 }, undefined],
  ])('%j gives %s', async (document, expected) => {
    expect(await tokenThroughLibrary(HOST, undefined, answer(document))).toBe(expected);
  });

  it.each([
    [undefined, undefined],
    [{ username: 'ann', password: 'w:ö@rd' }, 'ann:w:ö@rd'],
    [{ username: '', password: 'word' }, undefined],
  ])('makes the header of %j', async (credentials, expected) => {
    let header: string | undefined;
    await tokenThroughLibrary(HOST, credentials, async (authorization) => {
      header = authorization;
      return Buffer.from('{"token":"a"}');
    });
    const text = header && Buffer.from(header.replace('Basic ', ''), 'base64').toString('utf8');
    expect(text).toBe(expected);
  });

  it('fails as the exchange fails', async () => {
    const failure = new ToolError('REGISTRY_UNAUTHORIZED', 'no');
    const work = tokenThroughLibrary(HOST, undefined, async () => {
      throw failure;
    });
    await expect(work).rejects.toBe(failure);
  });
});
