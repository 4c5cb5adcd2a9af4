import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type BearerOptions,
  demand,
  demandBasic,
  demandBearer,
  type FakeRegistry,
  reply,
  secretsSentTo,
  serveTokens,
} from '../../support/fake-registry.js';
import {
  type Bench,
  basic,
  createBench,
  failureOf,
  layer,
  MANIFEST_TYPE,
  NO_CREDENTIALS,
  noise,
  only,
  readBlob,
  story,
} from '../../support/registry-bench.js';
import { keepSecret } from '../../support/secrets/record.js';

const BYTES = noise(50_000);
const BODY = Buffer.from('{"schemaVersion":2}');
const PASSWORD = 'pass:word-with-colon';
const REFRESH = keepSecret('r3fresh-token-of-ann', 'a refresh token');

let bench: Bench;
let registry: FakeRegistry;
let image: string;
let valid: Set<string>;
beforeEach(async () => {
  bench = createBench();
  registry = await bench.registry();
  registry.putManifest('1.0', BODY, MANIFEST_TYPE);
  image = `${registry.host}/team/app:1.0`;
  valid = new Set();
});
afterEach(async () => {
  // Whatever a test does: nobody but the registry and its own token service ever sees a secret.
  const told = secretsSentTo(bench.log, [
    PASSWORD,
    REFRESH,
    't0ken-1-of-the-fake',
    't0ken-2-of-the-fake',
  ]);
  expect([...told].filter((host) => host !== registry.host)).toEqual([]);
  await bench.close();
});

const tokenService = (options: { tokens?: string[]; answer?: Record<string, unknown> } = {}) =>
  serveTokens(registry, {
    tokens: ['t0ken-1-of-the-fake', 't0ken-2-of-the-fake'],
    valid,
    ...options,
  });
const bearer = (options: Partial<BearerOptions> = {}) =>
  demandBearer(registry, { realm: `${registry.url}/token`, valid, ...options });
const requests = (part: string) => bench.log.filter(({ path }) => path.includes(part));

describe('credentials', () => {
  it('sends a user and password to a registry that asks for Basic, not before it asks', async () => {
    demandBasic(registry, 'ann', PASSWORD);
    const source = bench.source({ credentials: only(registry.host, basic('ann', PASSWORD)) });
    expect(Buffer.from((await source.fetchManifest(image)).bytes)).toEqual(BODY);
    const sent = requests('/manifests/').map(({ authorization }) => authorization?.slice(0, 6));
    expect(sent).toEqual([undefined, 'Basic ']);
  });

  it('gets an anonymous token', async () => {
    tokenService();
    bearer();
    await bench.source().fetchManifest(image);
    const [asked] = requests('/token');
    expect(asked?.authorization).toBeUndefined();
    expect(asked?.path).toBe('/token?service=fake+registry&scope=repository%3Ateam%2Fapp%3Apull');
  });

  it('gets a token with user and password', async () => {
    tokenService();
    bearer();
    const source = bench.source({ credentials: only(registry.host, basic('ann', PASSWORD)) });
    await source.fetchManifest(image);
    expect(requests('/token').map(({ authorization }) => authorization)).toEqual([
      `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}`,
    ]);
    expect(requests('/v2/').map(({ authorization }) => authorization)).not.toContain(
      expect.stringContaining('Basic'),
    );
  });

  it.each([
    ['', PASSWORD],
    ['jürgen', 'pässwörd'],
  ])('sends the user %j with its password to the token service', async (user, password) => {
    tokenService();
    bearer();
    const credentials = only(registry.host, basic(user, password));
    await bench.source({ credentials }).fetchManifest(image);
    const sent = requests('/token')[0]?.authorization?.replace('Basic ', '') ?? '';
    expect(Buffer.from(sent, 'base64').toString('utf8')).toBe(`${user}:${password}`);
  });

  it('exchanges an identity token by POST, in the body', async () => {
    tokenService();
    bearer();
    const token = { kind: 'identity-token', token: REFRESH } as const;
    await bench.source({ credentials: only(registry.host, token) }).fetchManifest(image);
    const [asked] = requests('/token');
    expect(asked?.method).toBe('POST');
    expect(asked?.authorization).toBeUndefined();
    expect(asked?.path).toBe('/token');
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: 'refresh_token',
      client_id: 'podseal',
      service: 'fake registry',
      scope: 'repository:team/app:pull',
      refresh_token: REFRESH,
    });
  });

  it('hands a registry token over as it is', async () => {
    valid.add('t0ken-1-of-the-fake');
    bearer();
    const token = { kind: 'registry-token', token: 't0ken-1-of-the-fake' } as const;
    await bench.source({ credentials: only(registry.host, token) }).fetchManifest(image);
    expect(requests('/token')).toEqual([]);
  });

  it('takes a token named access_token', async () => {
    registry.before((request, response) =>
      request.url?.startsWith('/token')
        ? reply(response, 200, { access_token: 't0ken-1-of-the-fake' })
        : false,
    );
    valid.add('t0ken-1-of-the-fake');
    bearer();
    await bench.source().fetchManifest(image);
  });
});

describe('challenges', () => {
  it.each([
    ['lower case', 'bearer realm="R",service="s"'],
    ['another order', 'Bearer service="s",scope="x",realm="R"'],
    ['upper-case names and blanks', 'BEARER  SERVICE = "s" ,  REALM = "R"'],
    ['Basic before it', 'Basic realm="fake", Bearer realm="R",service="s"'],
    ['another scheme before it', 'Negotiate, Bearer realm="R"'],
    ['two headers', ['Basic realm="a, b=c"', 'Bearer realm="R",service="s"']],
  ])('a Bearer challenge with %s gets a token, never the password', async (_name, challenge) => {
    tokenService();
    const real = (text: string) => text.replace('"R"', `"${registry.url}/token"`);
    bearer({ challenge: typeof challenge === 'string' ? real(challenge) : challenge.map(real) });
    const credentials = only(registry.host, basic('ann', PASSWORD));
    await bench.source({ credentials }).fetchManifest(image);
    for (const { authorization } of requests('/v2/')) {
      expect(authorization ?? '').not.toMatch(/^basic/i);
    }
    expect(requests('/token')).toHaveLength(1);
  });

  it('keeps the query of a realm and encodes what it adds', async () => {
    tokenService();
    const realm = `${registry.url}/token?account=a%26b`;
    bearer({ challenge: `Bearer realm="${realm}",service="x&scope=all y"` });
    await bench.source().fetchManifest(image);
    const query = new URLSearchParams(requests('/token')[0]?.path.split('?')[1]);
    expect([...query]).toEqual([
      ['account', 'a&b'],
      ['service', 'x&scope=all y'],
      ['scope', 'repository:team/app:pull'],
    ]);
  });

  it('asks for the right to pull this repository only, whatever the registry wants', async () => {
    tokenService();
    const wide = 'repository:other/secret:pull,push';
    bearer({ challenge: `Bearer realm="${registry.url}/token",scope="${wide}"` });
    await bench.source().fetchManifest(image);
    expect(requests('/token')[0]?.path).toContain('scope=repository%3Ateam%2Fapp%3Apull');
    expect(requests('/token')[0]?.path).not.toContain('secret');
  });

  it.each([
    ['an unreadable one', 'Bearer realm="no end'],
    ['a realm that is no URL', 'Bearer realm="token service"'],
    ['a realm of another kind', 'Bearer realm="file:///etc/passwd"'],
    ['no realm', 'Bearer service="s"'],
  ])('refuses %s', async (_name, challenge) => {
    bearer({ challenge });
    await failureOf(bench.source().fetchManifest(image), 'REGISTRY_PROTOCOL');
  });

  it.each([
    ['Negotiate', false],
    ['Basic realm="fake"', false],
    ['Digest realm="fake", nonce="1"', true],
  ])('cannot answer %s without fitting credentials', async (challenge, hasPassword) => {
    const known = only(registry.host, basic('ann', PASSWORD));
    const credentials = hasPassword ? known : NO_CREDENTIALS;
    registry.before((_request, response) => demand(response, challenge));
    await failureOf(bench.source({ credentials }).fetchManifest(image), 'REGISTRY_UNAUTHORIZED');
  });
});

describe('token cache', () => {
  it('fetches one token for many requests at once', async () => {
    const digest = registry.putBlob(BYTES);
    tokenService();
    bearer();
    const source = bench.source();
    const blob = layer(digest, BYTES.length);
    await Promise.all([
      source.fetchManifest(image),
      ...Array.from({ length: 6 }, () => readBlob(source, image, blob)),
    ]);
    await source.fetchManifest(image);
    expect(requests('/token')).toHaveLength(1);
  });

  it.each([
    [undefined, 53_000, 55_000],
    [300, 289_000, 291_000],
    [20, 17_000, 19_000],
  ])('keeps a token with expires_in %s s until shortly before its end', async (life, ok, late) => {
    tokenService({ answer: life === undefined ? {} : { expires_in: life } });
    bearer();
    const source = bench.source();
    await source.fetchManifest(image);
    bench.pass(ok);
    await source.fetchManifest(image);
    expect(requests('/token')).toHaveLength(1);
    bench.pass(late - ok);
    await source.fetchManifest(image);
    expect(requests('/token')).toHaveLength(2);
    expect(requests('/manifests/').map(({ authorization }) => authorization)).toEqual([
      undefined,
      'Bearer t0ken-1-of-the-fake',
      'Bearer t0ken-1-of-the-fake',
      'Bearer t0ken-2-of-the-fake',
    ]);
  });

  it('renews a token that ends in mid-run', async () => {
    tokenService();
    bearer();
    const source = bench.source();
    await source.fetchManifest(image);
    valid.clear();
    await source.fetchManifest(image);
    expect(requests('/token')).toHaveLength(2);
  });

  it('does not share tokens between repositories', async () => {
    tokenService();
    bearer();
    const source = bench.source();
    await source.fetchManifest(image);
    await failureOf(source.fetchManifest(`${registry.host}/team/other:1.0`), 'REGISTRY_NOT_FOUND');
    const scopes = requests('/token').map(({ path }) =>
      new URLSearchParams(path.split('?')[1]).get('scope'),
    );
    expect(scopes).toEqual(['repository:team/app:pull', 'repository:team/other:pull']);
  });
});

describe('refusals', () => {
  it('names the source of refused credentials, not the credentials', async () => {
    demandBasic(registry, 'ann', 'another tr0ub4dor&4');
    const credentials = only(registry.host, basic('ann', PASSWORD));
    const error = await failureOf(
      bench.source({ credentials }).fetchManifest(image),
      'REGISTRY_UNAUTHORIZED',
    );
    expect(story(error)).toContain('the credentials come from the test');
    expect(story(error)).not.toContain(PASSWORD);
    expect(error.got).toBe('401 UNAUTHORIZED: authentication required');
    expect(requests('/manifests/')).toHaveLength(2);
  });

  it('does not send credentials again that were refused once', async () => {
    const credentials = only(registry.host, basic('ann', PASSWORD));
    const source = bench.source({ credentials });
    demandBasic(registry, 'ann', PASSWORD);
    await source.fetchManifest(image);
    demandBasic(registry, 'ann', 'a new tr0ub4dor&5');
    bench.log.length = 0;
    await failureOf(source.fetchManifest(image), 'REGISTRY_UNAUTHORIZED');
    expect(requests('/manifests/')).toHaveLength(1);
  });

  it('names every place without credentials', async () => {
    demandBasic(registry, 'ann', PASSWORD);
    const error = await failureOf(bench.source().fetchManifest(image), 'REGISTRY_UNAUTHORIZED');
    expect(story(error)).toContain(
      `no credentials for ${registry.host} were found; searched: auths of the test`,
    );
  });

  it('says when the token service refuses the credentials', async () => {
    registry.before((request, response) =>
      request.url?.startsWith('/token')
        ? reply(response, 401, { errors: [{ message: 'wrong password' }] })
        : false,
    );
    bearer();
    const credentials = only(registry.host, basic('ann', PASSWORD));
    const error = await failureOf(
      bench.source({ credentials }).fetchManifest(image),
      'REGISTRY_UNAUTHORIZED',
    );
    expect(error.got).toBe('401 wrong password');
    expect(story(error)).toContain('the credentials come from the test');
  });

  it.each([
    ['no JSON', 'oops'],
    ['null', 'null'],
    ['no token', '{"expires_in":60}'],
    ['an empty token', '{"token":""}'],
    ['a token with a line end', '{"token":"a\\r\\nHost: b"}'],
    ['a token that is a number', '{"token":5}'],
  ])('refuses a token service that answers with %s', async (_name, body) => {
    registry.before((request, response) => {
      if (!request.url?.startsWith('/token')) return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
      return true;
    });
    bearer();
    const error = await failureOf(bench.source().fetchManifest(image), 'REGISTRY_PROTOCOL');
    expect(error.message).toMatch(/gives no token$/);
  });

  it('gives up when the registry takes no token of its own token service', async () => {
    serveTokens(registry, { tokens: ['t0ken-1-of-the-fake'], valid: new Set() });
    bearer();
    await failureOf(bench.source().fetchManifest(image), 'REGISTRY_UNAUTHORIZED');
    expect(requests('/token')).toHaveLength(1);
  });
});

describe('retries', () => {
  const failing = (statuses: number[], headers: Record<string, string> = {}) =>
    registry.before((request, response) => {
      const status = request.url?.includes('/manifests/') ? statuses.shift() : undefined;
      return status === undefined ? false : reply(response, status, {}, headers);
    });

  it.each([500, 502, 503, 504, 429])('tries again after %i', async (status) => {
    failing([status, status]);
    await bench.source().fetchManifest(image);
    expect(bench.slept).toEqual([500, 1000]);
  });

  it('gives up after three tries', async () => {
    failing([500, 502, 503, 504]);
    const error = await failureOf(bench.source().fetchManifest(image), 'REGISTRY_UNREACHABLE');
    expect(error.got).toBe('503');
    expect(requests('/manifests/')).toHaveLength(3);
  });

  it('waits as long as Retry-After asks, in seconds or until a date', async () => {
    failing([429], { 'retry-after': '17' });
    await bench.source().fetchManifest(image);
    failing([503], { 'retry-after': new Date(1_000_000 + 17_000 + 20_000).toUTCString() });
    await bench.source().fetchManifest(image);
    expect(bench.slept).toEqual([17_000, 20_000]);
  });

  it('tells the user where Retry-After asks for longer than a minute', async () => {
    failing([429], { 'retry-after': '61' });
    const error = await failureOf(bench.source().fetchManifest(image), 'REGISTRY_RATE_LIMITED');
    expect(story(error)).toContain('wait 61 s');
    expect(bench.slept).toEqual([]);
  });

  it('says that a registry throttles when it goes on doing so', async () => {
    failing([429, 429, 429]);
    await failureOf(bench.source().fetchManifest(image), 'REGISTRY_RATE_LIMITED');
  });

  it('tries again after a broken connection, and the token service likewise', async () => {
    tokenService();
    bearer();
    let broken = 0;
    registry.before((request, response) => {
      const isTarget = /^\/(token|v2\/team)/.test(request.url ?? '');
      if (!isTarget || broken++ % 2 === 1) return false;
      response.socket?.destroy();
      return true;
    });
    await bench.source().fetchManifest(image);
    expect(bench.slept.length).toBeGreaterThan(1);
  });
});
