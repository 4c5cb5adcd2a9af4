/**
 * The services that a release talks to, by host name. Access tokens and reports go to hosts of Azure or to hosts that the
 * user listed, and to no other: a key's annotation or a request's body may come from an attacker.
 */
import { ToolError } from '../core/error.js';

export type ServiceKind = 'key vault' | 'attestation service' | 'storage account';

interface VaultDomain {
  readonly suffix: string;
  /** Audience of the access token. */
  readonly resource: string;
}

/** Domains of vaults and managed HSMs in the public and the national clouds. */
const VAULTS: readonly VaultDomain[] = [
  { suffix: '.vault.azure.net', resource: 'https://vault.azure.net' },
  { suffix: '.managedhsm.azure.net', resource: 'https://managedhsm.azure.net' },
  { suffix: '.vault.azure.cn', resource: 'https://vault.azure.cn' },
  { suffix: '.managedhsm.azure.cn', resource: 'https://managedhsm.azure.cn' },
  { suffix: '.vault.usgovcloudapi.net', resource: 'https://vault.usgovcloudapi.net' },
  { suffix: '.managedhsm.usgovcloudapi.net', resource: 'https://managedhsm.usgovcloudapi.net' },
];
const DOMAINS: Readonly<Record<ServiceKind, readonly string[]>> = {
  'key vault': VAULTS.map(({ suffix }) => suffix),
  'attestation service': ['.attest.azure.net', '.attest.azure.us', '.attest.azure.cn'],
  'storage account': [
    '.blob.core.windows.net',
    '.blob.storage.azure.net',
    '.blob.core.usgovcloudapi.net',
    '.blob.core.chinacloudapi.cn',
  ],
};

/** `HOST[:PORT]`, lower case; the port is 1 to 65535. */
export const HOST_PATTERN =
  /^(?=.{1,253}(?::|$))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$/;

/** Hosts that the user trusts beside those of Azure, as `HOST[:PORT]`. */
export type ListedHosts = readonly string[];

/**
 * `HOST[:PORT]` in lower case from a bare host or `https://HOST/`. Throws SERVICE_HOST_REFUSED for anything else (a path,
 * user information, blanks, an IP address) and for a host that is neither Azure's nor listed.
 */
export function parseServiceHost(text: string, kind: ServiceKind, listed: ListedHosts): string {
  const host = lowerAscii(text)
    .replace(/^https:\/\//, '')
    .replace(/\/$/, '');
  if (listed.includes(host) && isAuthority(host)) return host;
  const domains = DOMAINS[kind];
  const name = host.replace(/:.*$/, '');
  const known = domains.some((suffix) => name.endsWith(suffix) && name.length > suffix.length);
  if (HOST_PATTERN.test(host) && known) return host;
  throw new ToolError('SERVICE_HOST_REFUSED', `the host of the ${kind} is not allowed`, {
    want: `HOST${domains.join(', HOST')}, or a host that you list`,
    got: text.slice(0, 300),
    hints: ['no token and no report leave for a host that is neither Azure\u2019s nor listed'],
  });
}

/** True for `HOST[:PORT]` of any kind: names without domain and IP addresses, as users list them. */
const isAuthority = (host: string) =>
  /^[^/?#@\\\s]+$/.test(host) && URL.canParse(`https://${host}`);

/** Letters of other alphabets stay, also those whose lower case is an ASCII letter (the Kelvin sign). */
const lowerAscii = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** Audience of the access token for a vault's host: by its domain, for a listed host that of the public cloud. */
export function tokenResourceOf(host: string): string {
  const name = host.replace(/:.*$/, '');
  const domain = VAULTS.find(({ suffix }) => name.endsWith(suffix));
  return domain?.resource ?? VAULTS[0]!.resource;
}

/** A key's name and, where given, its version. */
export interface KeyId {
  readonly name: string;
  /** 32 hex digits. */
  readonly version?: string;
}

/** `NAME[/VERSION]`. Throws KEY_ID_INVALID. */
export function parseKeyId(text: string): KeyId {
  const match = /^([0-9A-Za-z-]{1,127})(?:\/([0-9a-fA-F]{32}))?$/.exec(text);
  if (match !== null) {
    return match[2] === undefined ? { name: match[1]! } : { name: match[1]!, version: match[2] };
  }
  throw new ToolError('KEY_ID_INVALID', 'the key id is not a name or NAME/VERSION', {
    want: 'letters, digits and hyphens, at most 127; a version has 32 hex digits',
    got: text.slice(0, 200),
  });
}
