/** What a registry may ask for, and the port through which the registry source finds it. */

/** How to prove an identity to one registry. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token (`identitytoken`, or a helper's `<token>`): only the token service takes it. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A bearer token that the registry takes as it is (`registrytoken`). */
  | { readonly kind: 'registry-token'; readonly token: string };

/** Result of a search. It names places and hosts, never a secret. */
export interface CredentialLookup {
  readonly credential?: Credential;
  /** Where the credential was found, e.g. `auths of /root/.docker/config.json`. */
  readonly source?: string;
  /** Every place that was asked and had none, in order. */
  readonly tried: readonly string[];
}

/** Port: credentials of a repository. Throws AUTH_CONFIG_INVALID, AUTH_HELPER_FAILED or FILE_NOT_FOUND. */
export interface CredentialStore {
  /** `registry` is a host with optional port, `docker.io` for Docker Hub; `repository` a path such as `library/busybox`. */
  find(registry: string, repository: string): Promise<CredentialLookup>;
}

/** An environment as the caller passes it. */
export type Environment = Readonly<Record<string, string | undefined>>;

const HUB_HOSTS = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** True for any of the names of Docker Hub. */
export function isDockerHub(host: string): boolean {
  return HUB_HOSTS.includes(host.toLowerCase());
}

/** Names under which credentials of a registry are kept, most usual first. */
export function credentialHosts(registry: string): readonly string[] {
  return isDockerHub(registry)
    ? ['index.docker.io', 'docker.io', 'registry-1.docker.io']
    : [registry.toLowerCase()];
}

/** Server URL by which helpers know a registry: Docker Hub has a historical one, others their host. */
export function helperServer(registry: string): string {
  return isDockerHub(registry) ? 'https://index.docker.io/v1/' : registry;
}
