import { describe, expect, it } from 'vitest';
import type { ToolError } from '../../../src/core/error.js';
import {
  findAuth,
  findHelper,
  parseAuthFile,
  readCredential,
} from '../../../src/io/credentials/auth-file.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const auths = (...keys: string[]) =>
  parseAuthFile(JSON.stringify({ auths: Object.fromEntries(keys.map((key) => [key, {}])) }), 'F');

describe('findAuth in a Docker file', () => {
  it.each([
    ['r.test', ['r.test'], 'r.test'],
    ['r.test', ['https://r.test'], 'https://r.test'],
    ['r.test', ['https://r.test/v1/'], 'https://r.test/v1/'],
    ['r.test', ['http://R.Test/v2'], 'http://R.Test/v2'],
    ['r.test', ['r.test:5000'], undefined],
    ['r.test:5000', ['r.test'], undefined],
    ['r.test', ['r.test/team/app'], undefined],
    ['r.test', ['x.r.test', 'r.test.example'], undefined],
    ['docker.io', ['https://index.docker.io/v1/'], 'https://index.docker.io/v1/'],
    ['docker.io', ['docker.io'], 'docker.io'],
    ['registry-1.docker.io', ['index.docker.io'], 'index.docker.io'],
    ['index.docker.io', ['registry-1.docker.io'], 'registry-1.docker.io'],
    ['docker.io', ['docker.io', 'https://index.docker.io/v1/'], 'https://index.docker.io/v1/'],
    ['r.test', [], undefined],
  ])('%s among %j is %s', (registry, keys, expected) => {
    expect(findAuth(auths(...keys), registry, 'team/app', false)?.key).toBe(expected);
  });
});

describe('findAuth in a Podman file', () => {
  it.each([
    ['r.test', ['r.test'], 'r.test'],
    ['r.test', ['r.test', 'r.test/team'], 'r.test/team'],
    ['r.test', ['r.test/team/app', 'r.test/team'], 'r.test/team/app'],
    ['r.test', ['r.test/te', 'r.test/team/ap', 'r.test/team/app/x'], undefined],
    ['r.test', ['https://r.test/v1/'], 'https://r.test/v1/'],
    ['docker.io', ['docker.io/team', 'https://index.docker.io/v1/'], 'docker.io/team'],
    ['r.test:5000', ['r.test:5000/team', 'r.test/team'], 'r.test:5000/team'],
  ])('the longest match of %s/team/app among %j is %s', (registry, keys, expected) => {
    expect(findAuth(auths(...keys), registry, 'team/app', true)?.key).toBe(expected);
  });
});

describe('findHelper', () => {
  it.each([
    ['r.test', 'one'],
    ['docker.io', 'hub'],
    ['other.test', undefined],
  ])('%s has %s', (registry, expected) => {
    const credHelpers = { 'r.test': 'one', 'https://index.docker.io/v1/': 'hub' };
    const file = parseAuthFile(JSON.stringify({ credHelpers }), 'F');
    expect(findHelper(file, registry)).toBe(expected);
  });
});

describe('readCredential', () => {
  it.each([
    [{ auth: base64('ann:word') }, { kind: 'basic', username: 'ann', password: 'word' }],
    [{ auth: base64('ann:a:b') }, { kind: 'basic', username: 'ann', password: 'a:b' }],
    [{ auth: base64(':word') }, { kind: 'basic', username: '', password: 'word' }],
    [{ auth: base64('ann:word\0\0') }, { kind: 'basic', username: 'ann', password: 'word' }],
    [{ auth: base64('jürg:ö') }, { kind: 'basic', username: 'jürg', password: 'ö' }],
    [
      { username: 'ann', password: 'word' },
      { kind: 'basic', username: 'ann', password: 'word' },
    ],
    [
      { auth: base64('x:'), identitytoken: 't' },
      { kind: 'identity-token', token: 't' },
    ],
    [{ registrytoken: 't' }, { kind: 'registry-token', token: 't' }],
    [{}, undefined],
    [{ auth: '' }, undefined],
    [{ username: 'ann' }, undefined],
  ])('%j', (entry, expected) => {
    expect(readCredential(entry, 'r.test', 'F')).toEqual(expected);
  });

  it.each(['c2VjcmV0', 'c2VjcmV0OnNlY3JldA', '!!!'])(
    'refuses auth %s without telling it',
    (auth) => {
      expect.assertions(2);
      try {
        readCredential({ auth }, 'r.test', 'F');
      } catch (error) {
        expect((error as ToolError).code).toBe('AUTH_CONFIG_INVALID');
        expect(JSON.stringify({ ...(error as ToolError), message: String(error) })).not.toMatch(
          /c2Vj|secret|!!!/,
        );
      }
    },
  );
});

describe('parseAuthFile', () => {
  it.each([
    ['{"auths":{"r":{"password":12345}}}', 'AUTH_CONFIG_INVALID'],
    ['{"auths":["12345"]}', 'AUTH_CONFIG_INVALID'],
    ['{"auths":{"r":"12345"}}', 'AUTH_CONFIG_INVALID'],
    ['{"credsStore":12345}', 'AUTH_CONFIG_INVALID'],
    ['{"credHelpers":{"r":null}}', 'AUTH_CONFIG_INVALID'],
    ['[]', 'AUTH_CONFIG_INVALID'],
    ['{"auths":{"r":{"password":"12345}}}', 'JSON_SYNTAX'],
  ])('refuses %s', (text, code) => {
    expect.assertions(2);
    try {
      parseAuthFile(text, '/home/ann/config.json');
    } catch (error) {
      const { message, where, want, got } = error as ToolError;
      expect((error as ToolError).code).toBe(code);
      expect([message, where, want, text.includes('password') ? got : ''].join()).not.toContain(
        '12345',
      );
    }
  });

  it('passes over fields that have nothing to do with credentials', () => {
    const text = '{"HttpHeaders":{"a":"b"},"psFormat":"x","auths":null,"credsStore":""}';
    const file = parseAuthFile(text, 'F');
    expect([file.auths.size, file.credHelpers.size, file.credsStore]).toEqual([0, 0, undefined]);
  });
});
