import { describe, expect, it } from 'vitest';
import {
  allowsPlainHttp,
  endpointsOf,
  parseHosts,
  parseMirrors,
} from '../../../src/io/registry/endpoint.js';

const servers = (registry: string, repository: string, mirrors: string[] = []) =>
  endpointsOf(registry, repository, parseMirrors(mirrors)).map(
    ({ host, repository: path }) => `${host}/${path}`,
  );

describe('endpointsOf', () => {
  it.each([
    ['docker.io', [], ['registry-1.docker.io/a/b']],
    ['index.docker.io', [], ['registry-1.docker.io/a/b']],
    ['Registry.Test:5000', [], ['registry.test:5000/a/b']],
    ['docker.io', ['docker.io=m.test'], ['m.test/a/b']],
    ['registry-1.docker.io', ['docker.io=m.test:5000/hub/'], ['m.test:5000/hub/a/b']],
    [
      'docker.io',
      ['docker.io=m.test/x/y-z_1', 'docker.io=docker.io'],
      ['m.test/x/y-z_1/a/b', 'registry-1.docker.io/a/b'],
    ],
    ['other.test', ['docker.io=m.test'], ['other.test/a/b']],
    ['r.test:5000', ['r.test=m.test'], ['r.test:5000/a/b']],
    ['[::1]:5000', ['[::1]:5000=[::1]:6000'], ['[::1]:6000/a/b']],
  ])('%s with %j', (registry, mirrors, expected) => {
    expect(servers(registry, 'a/b', mirrors)).toEqual(expected);
  });
});

describe('allowsPlainHttp', () => {
  it.each([
    ['http://localhost:5000', [], true],
    ['http://[::1]', [], true],
    ['http://r.test', [], false],
    ['http://r.test:5000', ['r.test'], true],
    ['http://r.test:5000', ['R.test:5000'], true],
    ['http://r.test:5001', ['r.test:5000'], false],
    ['http://10.0.0.1', ['10.0.0.1'], true],
    ['http://10.0.0.2', ['10.0.0.1'], false],
    ['http://x.r.test', ['r.test'], false],
  ])('%s with %j: %s', (url, listed, expected) => {
    const hosts = parseHosts(listed, '--insecure-registry');
    expect(allowsPlainHttp(new URL(url), hosts)).toBe(expected);
  });
});
