import { describe, expect, it } from 'vitest';
import { chooseProxy } from '../../../src/io/registry/proxy.js';

const choose = (url: string, env: Record<string, string>) =>
  chooseProxy(new URL(url), env)?.href ?? 'direct';
const PROXY = 'http://proxy.test:3128/';

describe('chooseProxy', () => {
  it.each([
    ['https://a.test', {}, 'direct'],
    ['https://a.test', { HTTPS_PROXY: PROXY }, PROXY],
    ['http://a.test', { HTTPS_PROXY: PROXY }, 'direct'],
    ['http://a.test', { HTTP_PROXY: PROXY }, PROXY],
    ['https://a.test', { HTTP_PROXY: PROXY }, PROXY],
    ['https://a.test', { https_proxy: '', HTTPS_PROXY: PROXY }, PROXY],
    ['https://a.test', { HTTPS_PROXY: '', HTTP_PROXY: '' }, 'direct'],
    ['https://a.test', { HTTPS_PROXY: 'proxy.test:3128' }, PROXY],
    ['https://a.test', { HTTPS_PROXY: 'https://proxy.test' }, 'https://proxy.test/'],
    ['https://localhost', { HTTPS_PROXY: PROXY }, 'direct'],
    ['https://127.9.9.9:5000', { HTTPS_PROXY: PROXY }, 'direct'],
    ['https://[::1]:5000', { HTTPS_PROXY: PROXY }, 'direct'],
  ])('%s with %j: %s', (url, env, expected) => {
    expect(choose(url, env)).toBe(expected);
  });

  it.each([
    ['https://a.test', 'a.test', true],
    ['https://a.test', 'A.TEST', true],
    ['https://x.a.test', 'a.test', true],
    ['https://x.a.test', '.a.test', true],
    ['https://x.a.test', '*.a.test', true],
    ['https://a.test', '.a.test', true],
    ['https://ba.test', 'a.test', false],
    ['https://a.test.example', 'a.test', false],
    ['https://a.test', 'b.test  c.test,a.test', true],
    ['https://a.test', '*', true],
    ['https://a.test', 'a.test:443', true],
    ['https://a.test', 'a.test:8443', false],
    ['https://a.test:8443', 'a.test:8443', true],
    ['https://a.test:8443', 'a.test', true],
    ['https://10.1.2.3', '10.1.0.0/16', true],
    ['https://10.1.2.3', '10.1.2.3', true],
    ['https://10.1.2.3', '10.2.0.0/16', false],
    ['https://10.1.2.3:5000', '10.0.0.0/8', true],
    ['https://10.1.2.3', '10.1.2.3/33', false],
    ['https://10.1.2.3', '10.1.2', false],
    ['https://10.1.2.3', '0.0.0.0/0', true],
    ['https://a.test', '0.0.0.0/0', false],
    ['https://[fd00::5]', 'fd00::/8', true],
    ['https://[fd00::5]', '[fd00::5]', true],
    ['https://[fd00::5]:99', '[fd00::5]:99', true],
    ['https://[fd00::5]', 'fe00::/8', false],
    ['https://[fd00::5]', 'fd00::5', true],
    ['https://[fd00::5]', '10.0.0.0/8', false],
    ['https://a.test', ', ,', false],
  ])('%s with NO_PROXY=%s: %s', (url, exceptions, isDirect) => {
    const env = { HTTPS_PROXY: PROXY, NO_PROXY: exceptions };
    expect(choose(url, env)).toBe(isDirect ? 'direct' : PROXY);
    expect(choose(url, { HTTPS_PROXY: PROXY, no_proxy: exceptions })).toBe(
      isDirect ? 'direct' : PROXY,
    );
  });

  it.each(['socks5://proxy.test', 'http://', 'http://[x', 'ftp://proxy.test'])(
    'refuses the proxy %s',
    (value) => {
      expect(() => choose('https://a.test', { HTTPS_PROXY: value })).toThrow(
        expect.objectContaining({ code: 'USAGE_CONFLICT' }),
      );
    },
  );
});
