/**
 * Which proxy the environment names for a URL: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, the lower-case names first, empty
 * ones as absent; HTTPS falls back to HTTP_PROXY. Loopback hosts are never proxied.
 */
import { BlockList, isIP } from 'node:net';
import { ToolError } from '../../core/error.js';
import type { Environment } from '../credentials/credential.js';
import { isLoopbackHost } from './addresses.js';

const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  'https:': ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'],
  'http:': ['http_proxy', 'HTTP_PROXY'],
};
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80' };

/** The proxy for a URL; undefined for a direct connection. Throws USAGE_CONFLICT for a variable that is no proxy URL. */
export function chooseProxy(url: URL, env: Environment): URL | undefined {
  const variable = VARIABLES[url.protocol]?.find((name) => env[name]);
  if (variable === undefined || isLoopbackHost(url.hostname)) return undefined;
  const exceptions = env.no_proxy || env.NO_PROXY || '';
  if (isExcepted(url, exceptions)) return undefined;
  return parseProxy(env[variable] ?? '', variable);
}

/** A proxy as errors may name it: without user and password. */
export function printProxy(proxy: URL): string {
  return proxy.origin;
}

function parseProxy(text: string, variable: string): URL {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const proxy = URL.canParse(full) ? new URL(full) : undefined;
  if (proxy !== undefined && /^https?:$/.test(proxy.protocol) && proxy.hostname !== '')
    return proxy;
  throw new ToolError('USAGE_CONFLICT', `${variable} is not the URL of an HTTP proxy`, {
    want: 'http://HOST:PORT or https://HOST:PORT',
    hints: [`correct or unset ${variable}`],
  });
}

/** NO_PROXY: `*`, hosts (with their sub-domains, with or without a leading dot), addresses, CIDR; each may have a port. */
function isExcepted(url: URL, exceptions: string): boolean {
  const host = url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  const port = url.port || DEFAULT_PORTS[url.protocol];
  return exceptions
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      const rule = splitPort(entry.toLowerCase());
      return (rule.port === undefined || rule.port === port) && matchesHost(host, rule.host);
    });
}

function matchesHost(host: string, rule: string): boolean {
  if (rule === '*') return true;
  if (rule.includes('/')) return isIP(host) !== 0 && isInSubnet(host, rule);
  if (isIP(host) !== 0) return isIP(rule) !== 0 && isInSubnet(host, rule);
  const name = rule.replace(/^\*?\./, '');
  return host === name || host.endsWith(`.${name}`);
}

function isInSubnet(address: string, subnet: string): boolean {
  const [base = '', bits] = subnet.split('/');
  const width = isIP(base) === 6 ? 128 : 32;
  const prefix = bits === undefined ? width : Number(bits);
  if (isIP(base) === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > width) return false;
  const list = new BlockList();
  list.addSubnet(base, prefix, width === 128 ? 'ipv6' : 'ipv4');
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** `host:port`, `[v6]:port`; a bare IPv6 address has no port. */
function splitPort(entry: string): { host: string; port?: string } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) return { host: entry };
  return { host, ...(match?.[3] === undefined ? {} : { port: match[3] }) };
}
