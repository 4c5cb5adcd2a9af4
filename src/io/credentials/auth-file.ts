/**
 * Credential files of Docker (`config.json`) and Podman (`auth.json`): same JSON, different keys. Docker's keys are
 * hosts or URLs such as `https://index.docker.io/v1/`; Podman's may go on with a path, and the longest match wins.
 */
import { ToolError } from '../../core/error.js';
import { type JsonObject, parseJson } from '../../core/json.js';
import {
  invalidAt,
  type JsonPlace,
  optionalField,
  readObject,
  readString,
} from '../../core/json-read.js';
import { type Credential, credentialHosts } from './credential.js';

/** What a credential file says, secrets still encoded. Keys are as written. */
export interface AuthFile {
  /** Path, or the name of the environment variable that holds the text. */
  readonly name: string;
  readonly auths: ReadonlyMap<string, AuthEntry>;
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore?: string;
}

/** One value of `auths`. */
export interface AuthEntry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

const ENTRY_FIELDS = ['auth', 'username', 'password', 'identitytoken', 'registrytoken'] as const;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Parses a credential file. Throws JSON_SYNTAX or AUTH_CONFIG_INVALID; no message holds a value of the file. */
export function parseAuthFile(text: string, name: string): AuthFile {
  const place: JsonPlace = { code: 'AUTH_CONFIG_INVALID', what: name, path: '' };
  const document = readObject(parseJson(text, name), place);
  const auths = optionalField(document, 'auths', place, entriesOf(readEntry));
  const credHelpers = optionalField(document, 'credHelpers', place, entriesOf(readString));
  const credsStore = optionalField(document, 'credsStore', place, readString);
  return {
    name,
    auths: auths ?? new Map(),
    credHelpers: credHelpers ?? new Map(),
    ...(credsStore ? { credsStore } : {}),
  };
}

/** The entry of `auths` for a registry; in a Podman file (`namespaced`) the one with the longest matching path. */
export function findAuth(
  file: AuthFile,
  registry: string,
  repository: string,
  namespaced: boolean,
): { readonly key: string; readonly entry: AuthEntry } | undefined {
  const wanted = credentialHosts(registry).flatMap((host) =>
    namespaced ? pathsOf(host, repository) : [host],
  );
  for (const name of wanted.sort((a, b) => depth(b) - depth(a))) {
    for (const [key, entry] of file.auths) if (bareKey(key) === name) return { key, entry };
  }
  return undefined;
}

/** The helper that `credHelpers` names for a registry. */
export function findHelper(file: AuthFile, registry: string): string | undefined {
  for (const host of credentialHosts(registry)) {
    for (const [key, helper] of file.credHelpers) if (bareKey(key) === host) return helper;
  }
  return undefined;
}

/** The credential in an entry; undefined for an empty one (Docker writes those beside a `credsStore`). */
export function readCredential(
  entry: AuthEntry,
  key: string,
  file: string,
): Credential | undefined {
  if (entry.identitytoken) return { kind: 'identity-token', token: entry.identitytoken };
  if (entry.registrytoken) return { kind: 'registry-token', token: entry.registrytoken };
  if (entry.auth) return decodeAuth(entry.auth, key, file);
  if (entry.username !== undefined && entry.password) {
    return { kind: 'basic', username: entry.username, password: entry.password };
  }
  return undefined;
}

function entriesOf<T>(read: (value: JsonObject[string], place: JsonPlace) => T) {
  return (value: JsonObject[string], place: JsonPlace): ReadonlyMap<string, T> =>
    new Map(
      Object.entries(readObject(value, place)).map(([key, element]) => [
        key,
        read(element, { ...place, path: `${place.path}[${JSON.stringify(key)}]` }),
      ]),
    );
}

function readEntry(value: JsonObject[string], place: JsonPlace): AuthEntry {
  const object = readObject(value, place);
  const fields = ENTRY_FIELDS.map(
    (name) => [name, optionalField(object, name, place, readSecret)] as const,
  );
  return Object.fromEntries(fields.filter(([, text]) => text !== undefined));
}

/** As readString, but the error never tells the value. */
function readSecret(value: JsonObject[string], place: JsonPlace): string {
  if (typeof value === 'string') return value;
  throw invalidAt(place, 'has a wrong type', { want: 'a string' });
}

/** `auth` is base64 of `user:password`; the password may hold colons and, in old files, ends with NUL bytes. */
function decodeAuth(auth: string, key: string, file: string): Credential {
  const text = BASE64.test(auth) ? Buffer.from(auth, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon < 0) {
    throw new ToolError(
      'AUTH_CONFIG_INVALID',
      `${file}: the credentials of ${key} are unreadable`,
      {
        where: `${file} auths[${JSON.stringify(key)}].auth`,
        want: 'base64 of user:password',
        hints: ['log in to the registry again'],
      },
    );
  }
  const password = text.slice(colon + 1).replace(/\0+$/, '');
  return { kind: 'basic', username: text.slice(0, colon), password };
}

/** `host`, `host/a`, `host/a/b` for the repository `a/b`. */
function pathsOf(host: string, repository: string): string[] {
  const parts = repository.split('/');
  return [host, ...parts.map((_, index) => `${host}/${parts.slice(0, index + 1).join('/')}`)];
}

const depth = (path: string) => path.split('/').length;

/** A key without scheme, without Docker's `/v1/` or `/v2/` and with its host in lower case. */
function bareKey(key: string): string {
  const bare = key.replace(/^https?:\/\//i, '').replace(/\/(?:v[12]\/?)?$/, '');
  const slash = bare.indexOf('/');
  return slash < 0 ? bare.toLowerCase() : bare.slice(0, slash).toLowerCase() + bare.slice(slash);
}
