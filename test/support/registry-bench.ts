/** What the tests of the registry source share: a log, a clock that does not wait, things to close afterwards. */
import { expect } from 'vitest';
import type { Digest } from '../../src/core/digest.js';
import { type ErrorCode, ToolError } from '../../src/core/error.js';
import type { Descriptor } from '../../src/image/types.js';
import type { Credential, CredentialStore } from '../../src/io/credentials/credential.js';
import {
  openRegistrySource,
  type RegistryOptions,
  type RegistrySource,
} from '../../src/io/registry/source.js';
import { recordError } from './failure.js';
import {
  type FakeRegistry,
  type FakeServer,
  type Logged,
  openFakeRegistry,
  openFakeServer,
  type Tls,
} from './fake-registry.js';

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

export interface Bench {
  readonly log: Logged[];
  /** Waits that the source asked for, in milliseconds. */
  readonly slept: number[];
  /** Moves the clock on. */
  pass(milliseconds: number): void;
  source(options?: Partial<RegistryOptions>): RegistrySource;
  registry(tls?: Tls): Promise<FakeRegistry>;
  server(name: string, tls?: Tls): Promise<FakeServer>;
  /** Closes `thing` at the end of the test. */
  later(thing: { close(): Promise<void> }): void;
  close(): Promise<void>;
}

/** A bench for one test; close it in `afterEach`. */
export function createBench(): Bench {
  const log: Logged[] = [];
  const slept: number[] = [];
  const open: { close(): Promise<void> }[] = [];
  let now = 1_000_000;
  const clock = {
    now: () => now,
    random: () => 0,
    sleep: async (milliseconds: number) => {
      slept.push(milliseconds);
      now += milliseconds;
    },
  };
  const later = <T extends { close(): Promise<void> }>(thing: T): T => {
    open.push(thing);
    return thing;
  };
  return {
    log,
    slept,
    later,
    pass: (milliseconds) => {
      now += milliseconds;
    },
    source: (options = {}) =>
      later(openRegistrySource({ env: {}, credentials: NO_CREDENTIALS, clock, ...options })),
    registry: async (tls) => later(await openFakeRegistry({ log, ...(tls ? { tls } : {}) })),
    server: async (name, tls) =>
      later(await openFakeServer({ log, name, ...(tls ? { tls } : {}) })),
    async close() {
      for (const thing of open.reverse()) await thing.close();
    },
  };
}

export const NO_CREDENTIALS: CredentialStore = {
  find: async () => ({ tried: ['auths of the test'] }),
};

/** A store with one credential for one registry. */
export function only(registry: string, credential: Credential): CredentialStore {
  return {
    find: async (asked) =>
      asked === registry
        ? { credential, source: 'the test', tried: [] }
        : { tried: ['auths of the test'] },
  };
}

export const basic = (username: string, password: string): Credential => ({
  kind: 'basic',
  username,
  password,
});

/** The descriptor of a layer blob. */
export function layer(digest: string, size: number): Descriptor {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar';
  return { mediaType, digest: digest as Digest, size };
}

/** All bytes of a blob. */
export async function readBlob(
  source: RegistrySource,
  reference: string,
  descriptor: Descriptor,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await source.openBlob(reference, descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The ToolError with which `work` fails; fails the test if it does not or with another code. */
export async function failureOf(work: Promise<unknown>, code: ErrorCode): Promise<ToolError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ToolError)) throw error ?? new Error(`no failure, wanted ${code}`);
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `));
  return recordError(error);
}

/** Everything that an error tells, as one text. */
export function story(error: ToolError): string {
  return [error.message, error.where, error.want, error.got, ...error.hints].join('\n');
}

/** Bytes that repeat only after 64 KiB and differ for each seed. */
export function noise(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed >>> 0;
  for (let i = 0; i < size; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
