/**
 * From the registry of a reference to the servers that are asked: Docker Hub's real host, `--registry-mirror A=B`, and
 * which hosts may be spoken to in plain HTTP.
 */
import { ToolError } from '../../core/error.js';
import { isDockerHub } from '../credentials/credential.js';
import { isLoopbackHost } from './addresses.js';

/** One server that may hold a repository. */
export interface Endpoint {
  /** Host with optional port: also the name under which credentials are looked up. */
  readonly host: string;
  /** The repository there. */
  readonly repository: string;
  /** What tokens are asked for; `pull` if absent. */
  readonly actions?: Actions;
}

/** Rights that a token is asked for. */
export type Actions = 'pull' | 'pull,push';

/** Registry -> its mirrors in order; keys are canonical. */
export type Mirrors = ReadonlyMap<string, readonly Mirror[]>;

interface Mirror {
  readonly host: string;
  /** Path before the repository, without slash at either end; may be empty. */
  readonly prefix: string;
}

const HUB = 'docker.io';
const HUB_API = 'registry-1.docker.io';
const HOST = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:]+\\])(?::[0-9]{1,5})?';
const MIRROR = new RegExp(`^(${HOST})=(${HOST})((?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)/?$`);
const BARE_HOST = new RegExp(`^${HOST}$`);

/** Values of `--registry-mirror`, each `REGISTRY=HOST[:PORT][/PREFIX]`. Throws USAGE_CONFLICT. */
export function parseMirrors(values: readonly string[]): Mirrors {
  const mirrors = new Map<string, Mirror[]>();
  for (const value of values) {
    const [, registry, host, path = ''] = MIRROR.exec(value) ?? [];
    if (registry === undefined || host === undefined) {
      throw new ToolError('USAGE_CONFLICT', '--registry-mirror has an invalid value', {
        want: 'REGISTRY=HOST[:PORT][/PREFIX], for example docker.io=mirror.example:5000',
        got: value.slice(0, 200),
      });
    }
    const key = canonicalRegistry(registry);
    mirrors.set(key, [...(mirrors.get(key) ?? []), { host, prefix: path.slice(1) }]);
  }
  return mirrors;
}

/** Hosts of an option that names hosts, in lower case. Throws USAGE_CONFLICT. */
export function parseHosts(values: readonly string[], flag: string): ReadonlySet<string> {
  for (const value of values) {
    if (BARE_HOST.test(value)) continue;
    throw new ToolError('USAGE_CONFLICT', `${flag} has an invalid value`, {
      want: 'HOST or HOST:PORT, without scheme and path',
      got: value.slice(0, 200),
    });
  }
  return new Set(values.map((value) => value.toLowerCase()));
}

/**
 * The servers to ask for a repository, in order. Where a registry has mirrors, it is itself asked only if it is listed
 * as one (`A=A`): a mirror is often there because the registry must not be contacted.
 */
export function endpointsOf(
  registry: string,
  repository: string,
  mirrors: Mirrors,
): readonly Endpoint[] {
  const listed = mirrors.get(canonicalRegistry(registry)) ?? [{ host: registry, prefix: '' }];
  return listed.map(({ host, prefix }) => ({
    host: isDockerHub(host) ? HUB_API : host.toLowerCase(),
    repository: prefix === '' ? repository : `${prefix}/${repository}`,
  }));
}

/** True where plain HTTP may be spoken: loopback hosts, and hosts of `--insecure-registry` (with or without port). */
export function allowsPlainHttp(url: URL, insecure: ReadonlySet<string>): boolean {
  return isLoopbackHost(url.hostname) || insecure.has(url.host) || insecure.has(url.hostname);
}

function canonicalRegistry(registry: string): string {
  return isDockerHub(registry) ? HUB : registry.toLowerCase();
}
