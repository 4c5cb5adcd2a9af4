import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { parseRealm, type RealmRules } from '../../../src/io/registry/realm.js';
import {
  demandBearer,
  type FakeRegistry,
  type FakeServer,
  secretsSentTo,
  serveTokens,
} from '../../support/fake-registry.js';
import {
  type Bench,
  basic,
  createBench,
  failureOf,
  MANIFEST_TYPE,
  only,
  story,
} from '../../support/registry-bench.js';

interface Case {
  readonly registry: string;
  readonly realm: string;
  readonly trusted?: string;
  readonly isAnonymous?: boolean;
}

function judge({ registry, realm, trusted, isAnonymous }: Case): string {
  const rules: RealmRules = {
    registry: new URL(registry),
    trusted: new Set(trusted === undefined ? [] : [trusted]),
    allowsPlainHttp: (url) => url.hostname === 'listed.corp.test',
    source: isAnonymous ? undefined : 'the test',
  };
  try {
    return parseRealm(realm, rules).href;
  } catch (error) {
    return error instanceof ToolError ? error.code : String(error);
  }
}

describe('parseRealm', () => {
  it.each<Case>([
    { registry: 'https://registry-1.docker.io', realm: 'https://auth.docker.io/token' },
    { registry: 'https://us.gcr.io', realm: 'https://gcr.io/v2/token' },
    { registry: 'https://reg.example.co.uk', realm: 'https://auth.example.co.uk/t' },
    { registry: 'https://reg.example.com:5000', realm: 'https://reg.example.com/t' },
    { registry: 'https://reg.corp.test', realm: 'https://auth.reg.corp.test/t' },
    { registry: 'https://10.0.0.1', realm: 'https://10.0.0.1:8443/t' },
    { registry: 'https://[fd00::1]', realm: 'https://[fd00::1]/t' },
    {
      registry: 'https://a.example.com',
      realm: 'https://b.example.org/t',
      trusted: 'b.example.org',
    },
    {
      registry: 'https://a.example.com',
      realm: 'https://b.example.org:444/t',
      trusted: 'b.example.org:444',
    },
    { registry: 'https://a.example.com', realm: 'https://b.example.org/t', isAnonymous: true },
    { registry: 'http://localhost:5000', realm: 'http://localhost:5001/t' },
    { registry: 'http://listed.corp.test', realm: 'http://listed.corp.test/t' },
  ])('lets credentials of $registry go to $realm', (item) => {
    expect(judge(item)).toBe(item.realm);
  });

  it.each<Case>([
    { registry: 'https://registry-1.docker.io', realm: 'https://auth.docker.io.evil.example/t' },
    { registry: 'https://a.example.com', realm: 'https://b.example.org/t' },
    {
      registry: 'https://a.example.com',
      realm: 'https://b.example.org/t',
      trusted: 'c.example.org',
    },
    { registry: 'https://a.github.io', realm: 'https://b.github.io/t' },
    { registry: 'https://a.co.uk', realm: 'https://b.co.uk/t' },
    { registry: 'https://a.azurecr.io', realm: 'https://b.azurecr.io/t' },
    { registry: 'https://10.0.0.1', realm: 'https://192.168.0.1/t' },
    { registry: 'https://10.0.0.1', realm: 'https://10.9.0.1/t' },
    { registry: 'https://reg.example.com', realm: 'http://reg.example.com/t' },
    { registry: 'https://reg.example.com', realm: 'http://reg.example.com/t', isAnonymous: true },
    { registry: 'http://listed.corp.test', realm: 'http://auth.corp.test/t', isAnonymous: true },
    { registry: 'https://reg.example.com', realm: 'https://user@reg.example.com/t' },
  ])('keeps credentials of $registry from $realm', (item) => {
    expect(judge(item)).toBe('REGISTRY_REALM_REFUSED');
  });
});

describe('a token service that is not the registry', () => {
  const PASSWORD = 'tr0ub4dor&3 tulip';
  let bench: Bench;
  let registry: FakeRegistry;
  let foreign: FakeServer;
  let image: string;
  beforeEach(async () => {
    bench = createBench();
    registry = await bench.registry();
    registry.putManifest('1.0', Buffer.from('{}'), MANIFEST_TYPE);
    image = `${registry.host}/team/app:1.0`;
    foreign = await bench.server('foreign');
    const valid = new Set<string>();
    serveTokens(foreign, { tokens: ['t0ken-1-of-the-fake'], valid });
    // The same machine under its other name: another host.
    demandBearer(registry, { realm: `http://127.0.0.1:${foreign.port}/token`, valid });
  });
  afterEach(() => bench.close());

  it.each([basic('ann', PASSWORD), { kind: 'identity-token', token: PASSWORD } as const])(
    'gets no credentials ($kind)',
    async (credential) => {
      const credentials = only(registry.host, credential);
      const error = await failureOf(
        bench.source({ credentials }).fetchManifest(image),
        'REGISTRY_REALM_REFUSED',
      );
      expect(story(error)).toContain(`--trust-realm 127.0.0.1:${foreign.port}`);
      expect(bench.log.filter(({ fake }) => fake === 'foreign')).toEqual([]);
      expect(secretsSentTo(bench.log, [PASSWORD])).toEqual(new Set());
    },
  );

  it('gets them when the user trusts it', async () => {
    const credentials = only(registry.host, basic('ann', PASSWORD));
    const trustedRealms = [`127.0.0.1:${foreign.port}`];
    await bench.source({ credentials, trustedRealms }).fetchManifest(image);
    const told = secretsSentTo(bench.log, [PASSWORD]);
    expect(told).toEqual(new Set([`127.0.0.1:${foreign.port}`]));
  });

  it('may give anonymous tokens', async () => {
    await bench.source().fetchManifest(image);
    const [asked] = bench.log.filter(({ fake }) => fake === 'foreign');
    expect(asked?.authorization).toBeUndefined();
  });

  it.each([
    [basic('ann', PASSWORD), 'REGISTRY_NOT_FOUND', [undefined]],
    // A form is never sent on, not even without the secret in it.
    [{ kind: 'identity-token', token: PASSWORD } as const, 'REGISTRY_REDIRECT_REFUSED', []],
  ] as const)('cannot send credentials on by a redirect', async (credential, code, received) => {
    const evil = await bench.server('evil');
    foreign.before((_request, response) => {
      response.writeHead(307, { location: `${evil.url}/token` }).end();
      return true;
    });
    const credentials = only(registry.host, credential);
    const source = bench.source({ credentials, trustedRealms: ['127.0.0.1'] });
    await failureOf(source.fetchManifest(image), code);
    const seen = bench.log.filter(({ fake }) => fake === 'evil');
    expect(seen.map(({ authorization }) => authorization)).toEqual(received);
    expect(seen.map(({ body }) => body).join('')).toBe('');
  });

  it('is not asked at an address into which the registry must not lead', async () => {
    demandBearer(registry, { realm: 'http://169.254.169.254/token', valid: new Set() });
    const source = bench.source({ insecureRegistries: ['169.254.169.254'] });
    await failureOf(source.fetchManifest(image), 'REGISTRY_REDIRECT_REFUSED');
  });
});
