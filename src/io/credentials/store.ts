/**
 * Finds the credentials of a registry where Docker and Podman keep them. Order: command line, DOCKER_AUTH_CONFIG,
 * REGISTRY_AUTH_FILE, Docker's config.json, Podman's auth.json; within a file credHelpers, credsStore, auths.
 * A place that has none passes on to the next; a place that is broken is an error.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { type AuthFile, findAuth, findHelper, parseAuthFile, readCredential } from './auth-file.js';
import {
  type Credential,
  type CredentialLookup,
  type CredentialStore,
  credentialHosts,
  type Environment,
  helperServer,
} from './credential.js';
import { type HelperOptions, runCredentialHelper } from './helper.js';

/** Credentials given on the command line. They are for one registry: no other one ever gets them. */
export interface ExplicitCredentials {
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

export interface CredentialStoreOptions {
  readonly env: Environment;
  readonly explicit?: ExplicitCredentials;
  /** Time limit of a helper; 30 s unless given. */
  readonly helperTimeoutMs?: number;
}

/** A place where an auth file may be. */
interface Place {
  readonly name: string;
  readonly namespaced: boolean;
  readonly read: () => Promise<string | undefined>;
}

interface Question {
  readonly registry: string;
  readonly repository: string;
}

type Found = { readonly credential: Credential; readonly source: string };

/** The credentials of this user, as the environment describes them. Files are read when first needed, each once. */
export function openCredentialStore(options: CredentialStoreOptions): CredentialStore {
  const helper = onceEach(helperRunner(options));
  const places = placesOf(options.env).map((place) => ({
    ...place,
    load: once(() => load(place)),
  }));
  const explicit = options.explicit;
  return {
    async find(registry, repository): Promise<CredentialLookup> {
      const tried: string[] = [];
      if (explicit !== undefined && isSameRegistry(explicit.registry, registry)) {
        const { username, password } = explicit;
        return { credential: { kind: 'basic', username, password }, source: '--username', tried };
      }
      for (const place of places) {
        const file = await place.load();
        const found = await searchFile(file, place, { registry, repository }, { helper, tried });
        if (found !== undefined) return { ...found, tried };
      }
      return { tried };
    },
  };
}

type RunHelper = (name: string, server: string) => Promise<Credential | undefined>;

async function searchFile(
  file: AuthFile | undefined,
  place: Place,
  question: Question,
  context: { readonly helper: RunHelper; readonly tried: string[] },
): Promise<Found | undefined> {
  const { registry, repository } = question;
  const { tried } = context;
  if (file === undefined) {
    tried.push(`${place.name} (not there)`);
    return undefined;
  }
  const helpers = [
    { field: 'credHelpers', name: findHelper(file, registry) },
    { field: 'credsStore', name: file.credsStore },
  ];
  for (const { field, name } of helpers) {
    if (name === undefined) continue;
    const source = `${field} ${name} of ${file.name}`;
    const credential = await context.helper(name, helperServer(registry));
    if (credential !== undefined) return { credential, source };
    tried.push(source);
  }
  const auth = findAuth(file, registry, repository, place.namespaced);
  const credential = auth && readCredential(auth.entry, auth.key, file.name);
  if (credential !== undefined) return { credential, source: `auths of ${file.name}` };
  tried.push(`auths of ${file.name}`);
  return undefined;
}

function helperRunner(options: CredentialStoreOptions): RunHelper {
  const helperOptions: HelperOptions = {
    env: options.env,
    ...(options.helperTimeoutMs === undefined ? {} : { timeoutMs: options.helperTimeoutMs }),
  };
  return (name, server) => runCredentialHelper(name, server, helperOptions);
}

function placesOf(env: Environment): readonly Place[] {
  const home = env.HOME || homedir();
  const places: Place[] = [];
  const addFile = (path: string, namespaced: boolean) =>
    places.push({ name: path, namespaced, read: () => readIfThere(path) });
  const inline = env.DOCKER_AUTH_CONFIG;
  if (inline) {
    places.push({ name: 'DOCKER_AUTH_CONFIG', namespaced: false, read: async () => inline });
  }
  const named = env.REGISTRY_AUTH_FILE;
  if (named) places.push({ name: named, namespaced: true, read: () => readNamed(named) });
  addFile(join(env.DOCKER_CONFIG || join(home, '.docker'), 'config.json'), false);
  if (env.XDG_RUNTIME_DIR) addFile(join(env.XDG_RUNTIME_DIR, 'containers', 'auth.json'), true);
  addFile(join(env.XDG_CONFIG_HOME || join(home, '.config'), 'containers', 'auth.json'), true);
  return places;
}

async function load(place: Place): Promise<AuthFile | undefined> {
  const text = await place.read();
  // Podman and Docker both take an empty file for one without entries.
  if (text === undefined) return undefined;
  return parseAuthFile(text.trim() === '' ? '{}' : text, place.name);
}

/** A file that the user named must be there. */
async function readNamed(path: string): Promise<string> {
  const text = await readIfThere(path);
  if (text !== undefined) return text;
  throw new ToolError('FILE_NOT_FOUND', `${path} does not exist`, {
    hints: ['REGISTRY_AUTH_FILE names it: correct or unset that variable'],
  });
}

/** Text of a file, undefined if there is none. Throws FILE_NOT_FOUND if it cannot be read. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size <= LIMITS.textFileBytes) return await readFile(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ToolError('FILE_NOT_FOUND', `${path} cannot be read`, { got: String(code), cause });
  }
  throw new ToolError('LIMIT_EXCEEDED', `${path} is too large`, {
    want: `at most ${LIMITS.textFileBytes} bytes`,
  });
}

function isSameRegistry(a: string, b: string): boolean {
  return credentialHosts(a)[0] === credentialHosts(b)[0];
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

/** Runs each helper once per server, however many repositories ask. */
function onceEach(run: RunHelper): RunHelper {
  const answers = new Map<string, Promise<Credential | undefined>>();
  return (name, server) => {
    const key = `${name} ${server}`;
    const answer = answers.get(key) ?? run(name, server);
    answers.set(key, answer);
    return answer;
  };
}
