import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { openCredentialStore } from '../../../src/io/credentials/store.js';
import { keepSecret } from '../../support/secrets/record.js';

const SECRET = keepSecret('the-s3cret-of-ann', 'the password of a registry');
const auth = (user: string) => ({ auth: Buffer.from(`${user}:${SECRET}`).toString('base64') });

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'podseal-credentials-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function put(path: string, content: unknown): string {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** Installs `docker-credential-NAME` that runs a shell script. */
function helper(name: string, script: string): void {
  const file = put(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

const env = (more: Record<string, string> = {}) => ({
  HOME: home,
  PATH: `${join(home, 'bin')}:/usr/bin:/bin`,
  ...more,
});

/** `USER from SOURCE`, or the places that were searched; paths relative to the home folder. */
async function find(
  registry: string,
  more: Record<string, string> = {},
  options: Omit<Parameters<typeof openCredentialStore>[0], 'env'> = {},
): Promise<string> {
  const store = openCredentialStore({ env: env(more), ...options });
  const { credential, source, tried } = await store.find(registry, 'team/app');
  const shown =
    credential === undefined
      ? tried.join('; ')
      : `${credential.kind === 'basic' ? credential.username : credential.kind} from ${source}`;
  return shown.replaceAll(`${home}/`, '');
}

async function failure(work: Promise<unknown>): Promise<ToolError> {
  const error = await work.catch((reason: unknown) => reason);
  if (!(error instanceof ToolError)) throw new Error(`no ToolError: ${String(error)}`);
  const text = JSON.stringify([
    error.message,
    error.where,
    error.want,
    error.got,
    error.hints,
    String(error.cause),
  ]);
  expect(text).not.toContain(SECRET);
  return error;
}

describe('places', () => {
  it('are searched in this order', async () => {
    const registry = 'r.test';
    helper('one', `printf '{"Username":"helper-one","Secret":"${SECRET}"}'`);
    helper('store', `printf '{"Username":"helper-store","Secret":"${SECRET}"}'`);
    const named = put('named.json', { auths: { 'r.test/team': auth('named') } });
    put('.config/containers/auth.json', { auths: { 'r.test': auth('config') } });
    put('run/containers/auth.json', { auths: { 'r.test': auth('run') } });
    const docker = (content: unknown) => put('.docker/config.json', content);
    const auths = { 'r.test': auth('docker') };
    docker({ auths, credsStore: 'store', credHelpers: { 'r.test': 'one' } });
    const inline = JSON.stringify({ auths: { 'r.test': auth('inline') } });
    const run = { XDG_RUNTIME_DIR: join(home, 'run') };
    const explicit = { registry, username: 'flag', password: SECRET };

    const all = { ...run, REGISTRY_AUTH_FILE: named, DOCKER_AUTH_CONFIG: inline };
    expect(await find(registry, all, { explicit })).toBe('flag from --username');
    expect(await find(registry, all)).toBe('inline from auths of DOCKER_AUTH_CONFIG');
    expect(await find(registry, { ...run, REGISTRY_AUTH_FILE: named })).toBe(
      'named from auths of named.json',
    );
    expect(await find(registry, run)).toBe(
      'helper-one from credHelpers one of .docker/config.json',
    );
    docker({ auths, credsStore: 'store' });
    expect(await find(registry, run)).toBe(
      'helper-store from credsStore store of .docker/config.json',
    );
    docker({ auths });
    expect(await find(registry, run)).toBe('docker from auths of .docker/config.json');
    docker({});
    expect(await find(registry, run)).toBe('run from auths of run/containers/auth.json');
    expect(await find(registry)).toBe('config from auths of .config/containers/auth.json');
  });

  it('are all named when none has credentials', async () => {
    helper('none', 'echo "credentials not found in native keychain"; exit 1');
    put('.docker/config.json', { credsStore: 'none', auths: { 'r.test': {} } });
    expect(await find('r.test', { DOCKER_AUTH_CONFIG: '{}' })).toBe(
      [
        'auths of DOCKER_AUTH_CONFIG',
        'credsStore none of .docker/config.json',
        'auths of .docker/config.json',
        '.config/containers/auth.json (not there)',
      ].join('; '),
    );
  });

  it('follow DOCKER_CONFIG and XDG_CONFIG_HOME', async () => {
    const folder = dirname(put('elsewhere/config.json', { auths: { 'r.test': auth('moved') } }));
    expect(await find('r.test', { DOCKER_CONFIG: folder })).toBe(
      'moved from auths of elsewhere/config.json',
    );
    put('xdg/containers/auth.json', { auths: { 'r.test': auth('xdg') } });
    expect(await find('r.test', { XDG_CONFIG_HOME: join(home, 'xdg') })).toBe(
      'xdg from auths of xdg/containers/auth.json',
    );
  });

  it('may be empty files, but not broken ones', async () => {
    put('.docker/config.json', '\n');
    expect(await find('r.test')).toContain('auths of .docker/config.json');
    put('.docker/config.json', `{"auths":{"r.test":{"password":"${SECRET}"`);
    expect((await failure(find('r.test'))).code).toBe('JSON_SYNTAX');
  });

  it('that the user names must be there', async () => {
    const missing = { REGISTRY_AUTH_FILE: join(home, 'none.json') };
    const error = await failure(find('r.test', missing));
    expect([error.code, error.hints.join()]).toEqual([
      'FILE_NOT_FOUND',
      expect.stringContaining('REGISTRY_AUTH_FILE'),
    ]);
  });

  it('must be files that can be read', async () => {
    mkdirSync(join(home, '.docker/config.json'), { recursive: true });
    expect((await failure(find('r.test'))).code).toBe('FILE_NOT_FOUND');
  });

  it.each([0, 1])('may be as large as the limit (and %i)', async (more) => {
    put('.docker/config.json', ' '.repeat(LIMITS.textFileBytes + more));
    if (more === 0) expect(await find('r.test')).toContain('auths of .docker/config.json');
    else expect((await failure(find('r.test'))).code).toBe('LIMIT_EXCEEDED');
  });
});

describe('credentials of the command line', () => {
  const explicit = { registry: 'docker.io', username: 'flag', password: SECRET };

  it('are for one registry, by all of its names', async () => {
    expect(await find('registry-1.docker.io', {}, { explicit })).toBe('flag from --username');
    expect(await find('other.test', {}, { explicit })).not.toContain('flag');
  });
});

describe('helpers', () => {
  const use = (name: string) => put('.docker/config.json', { credHelpers: { 'r.test': name } });

  it.each([
    ['r.test', 'r.test'],
    ['docker.io', 'https://index.docker.io/v1/'],
  ])(
    'for %s read the server %s from stdin and get no secret as argument',
    async (registry, server) => {
      helper(
        'echo',
        `cat > ${home}/stdin; echo "$*" > ${home}/args; printf '{"Username":"u","Secret":"${SECRET}"}'`,
      );
      put('.docker/config.json', { credsStore: 'echo' });
      expect(await find(registry)).toMatch(/^u from /);
      expect(readFileSync(join(home, 'stdin'), 'utf8')).toBe(`${server}\n`);
      expect(readFileSync(join(home, 'args'), 'utf8')).toBe('get\n');
    },
  );

  it('give an identity token under the user <token>', async () => {
    helper('token', `printf '{"ServerURL":"r.test","Username":"<token>","Secret":"${SECRET}"}'`);
    use('token');
    expect(await find('r.test')).toBe(
      'identity-token from credHelpers token of .docker/config.json',
    );
  });

  it('are run once for many repositories of a registry', async () => {
    helper('count', `echo run >> ${home}/runs; printf '{"Username":"u","Secret":"${SECRET}"}'`);
    use('count');
    const store = openCredentialStore({ env: env() });
    await Promise.all(['a', 'b', 'c'].map((name) => store.find('r.test', name)));
    expect(readFileSync(join(home, 'runs'), 'utf8')).toBe('run\n');
  });

  it('may end without reading their input', async () => {
    helper('deaf', `exec 0<&-; printf '{"Username":"u","Secret":"${SECRET}"}'`);
    use('deaf');
    expect(await find('r.test')).toMatch(/^u from /);
  });

  it.each([
    [
      'fails',
      `echo ${SECRET}; echo ${SECRET} >&2; exit 3`,
      'docker-credential-x fails',
      'exit status 3',
    ],
    ['is killed', 'kill -9 $$', 'docker-credential-x fails', 'exit status SIGKILL'],
    ['prints no JSON', `echo ${SECRET}`, 'docker-credential-x prints no credentials', undefined],
    [
      'prints no secret',
      `printf '{"Username":"u"}'`,
      'docker-credential-x prints no credentials',
      undefined,
    ],
    [
      'prints a number',
      `printf '{"Username":"u","Secret":5}'`,
      'docker-credential-x prints no credentials',
      undefined,
    ],
    ['prints too much', 'exec cat /dev/zero', 'docker-credential-x prints too much', undefined],
  ])('that %s is an error', async (_name, script, message, got) => {
    helper('x', script);
    use('x');
    const error = await failure(find('r.test'));
    expect([error.code, error.message, error.got]).toEqual(['AUTH_HELPER_FAILED', message, got]);
    expect(error.where).toBe('credentials of r.test');
  });

  it('that are not installed are an error', async () => {
    use('absent');
    const error = await failure(find('r.test'));
    expect([error.code, error.message]).toEqual([
      'AUTH_HELPER_FAILED',
      'docker-credential-absent is not on PATH',
    ]);
  });

  it('that do not answer are stopped, also when a child of theirs lives on', async () => {
    helper('slow', 'sleep 5 & wait');
    use('slow');
    const error = await failure(find('r.test', {}, { helperTimeoutMs: 100 }));
    expect(error.message).toBe('docker-credential-slow does not answer in time');
  });

  it.each(['../evil', 'a b', 'a;b', 'a/b', '$(x)'])('may not be called %j', async (name) => {
    use(name);
    const error = await failure(find('r.test'));
    expect(error.message).toBe('a credential helper has an invalid name');
  });

  it('with an empty secret have none', async () => {
    helper('empty', `printf '{"Username":"","Secret":""}'`);
    use('empty');
    expect(await find('r.test')).toContain('credHelpers empty');
  });
});
