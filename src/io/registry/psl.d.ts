/** The part of psl (public suffix list) that realm.ts uses; the package itself brings no types for ESM. */
declare module 'psl' {
  /** The registrable domain of a host name, e.g. `docker.io` for `auth.docker.io`; null if it has none. */
  export function get(hostname: string): string | null;
}
