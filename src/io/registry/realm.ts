/**
 * May credentials go to a token service? A registry names its token service itself (`realm`), so a hostile one could
 * name any. The rules are ours (README.md): the host of the registry, one inside its registrable domain, or one that
 * the user trusts by name; encrypted unless the registry itself is plain HTTP by permission.
 */
import { isIP } from 'node:net';
import { get as registrableDomain } from 'psl';
import { ToolError } from '../../core/error.js';

/** Domains whose hosts belong to different customers although the public suffix list does not say so. */
const SHARED_DOMAINS = [
  'azurecr.io',
  'azurecr.cn',
  'azurecr.us',
  'amazonaws.com',
  'amazonaws.com.cn',
  'jfrog.io',
];

export interface RealmRules {
  /** Address of the registry, e.g. `https://registry-1.docker.io`. */
  readonly registry: URL;
  /** Hosts given by --trust-realm, lower case. */
  readonly trusted: ReadonlySet<string>;
  /** True for hosts to which plain HTTP is allowed: loopback, or listed by --insecure-registry. */
  readonly allowsPlainHttp: (url: URL) => boolean;
  /** Where the credentials come from; undefined for an anonymous token. */
  readonly source: string | undefined;
}

/** The realm as a URL that may be asked. Throws REGISTRY_PROTOCOL or REGISTRY_REALM_REFUSED. */
export function parseRealm(text: string, rules: RealmRules): URL {
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || !/^https?:$/.test(realm.protocol) || realm.hostname === '') {
    throw new ToolError('REGISTRY_PROTOCOL', `${rules.registry.host} names no token service`, {
      want: 'realm="https://..."',
      got: text.slice(0, 200),
    });
  }
  realm.hash = '';
  if (realm.username !== '' || realm.password !== '') {
    throw refused(realm, rules, 'a realm without user and password in it');
  }
  if (realm.protocol === 'http:' && !mayBePlain(realm, rules)) {
    throw refused(realm, rules, 'an https:// realm');
  }
  if (rules.source !== undefined && !mayHaveCredentials(realm, rules)) {
    throw refused(realm, rules, 'a token service in the domain of the registry');
  }
  return realm;
}

function mayBePlain(realm: URL, rules: RealmRules): boolean {
  if (rules.registry.protocol !== 'http:') return false;
  return realm.hostname === rules.registry.hostname || rules.allowsPlainHttp(realm);
}

function mayHaveCredentials(realm: URL, rules: RealmRules): boolean {
  const host = realm.hostname;
  const registry = rules.registry.hostname;
  if (host === registry || rules.trusted.has(host) || rules.trusted.has(realm.host)) return true;
  if (isAddress(host) || isAddress(registry)) return false;
  if (host.endsWith(`.${registry}`)) return true;
  const domain = registrableDomain(registry);
  if (domain === null || SHARED_DOMAINS.includes(domain)) return false;
  return domain === registrableDomain(host);
}

/** An address has no domain, although a list of suffixes would name one for it. */
const isAddress = (hostname: string) => isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;

function refused(realm: URL, rules: RealmRules, want: string): ToolError {
  const service = `${realm.protocol}//${realm.host}`;
  const secret =
    rules.source === undefined
      ? 'nothing was sent'
      : `the credentials of ${rules.source} were not sent`;
  return new ToolError(
    'REGISTRY_REALM_REFUSED',
    `${rules.registry.host} names a token service that is not trusted`,
    {
      want,
      got: `${service} (${secret})`,
      hints: [
        `if ${realm.host} is the token service of this registry: --trust-realm ${realm.host}`,
      ],
    },
  );
}
