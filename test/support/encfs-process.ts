/**
 * `podseal sidecar encfs` as a process, against the stand-ins of a key release, with two encrypted images. What takes a device
 * mapper is played (played-system.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { deriveSymmetricKey } from '../../src/keyrelease/derive.js';
import {
  makeSyntheticPlatform,
  type SyntheticPlatform,
} from '../../src/pipeline/rehearsal/platform.js';
import { storedKey } from '../../src/pipeline/rehearsal/stored-keys.js';
import { ROOT, temporaryFolder } from './cli.js';
import {
  formatImage,
  hasCryptsetup,
  type PlayedSystem,
  playSystem,
  randomKey,
  type Script,
} from './played-system.js';
import { GUEST, HOST_DATA, policyFor } from './released-guest.js';
import { keepSecret, recordChild } from './secrets/record.js';
import { type StandIns, secondsNow, startStandIns } from './stand-ins.js';

const SALT = randomBytes(32);
const LABEL = 'Encryption Key';
export const OCT = keepSecret(randomKey(), 'the key of an image');
export const BEARER = keepSecret(
  'bearer-token-of-the-configuration',
  'a token of the configuration',
);

/** Of this test file; there after `startWorld`. */
export let standIns: StandIns;
/** The key that HKDF makes of the vault's RSA key. */
export let derived: Buffer;
export const outputs: string[] = [];
/** What no output may hold, beside the keys. */
export const secrets: string[] = [BEARER, 'identity-header-secret', '"d":', 'Bearer', 'eyJ'];
const atEnd: (() => void | Promise<void>)[] = [];

/** Starts the stand-ins, with keys in their vault. */
export async function startWorld(): Promise<void> {
  const platform: SyntheticPlatform = await makeSyntheticPlatform(secondsNow());
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  derived = keepSecret(deriveSymmetricKey(rsa, SALT, LABEL), 'a derived key');
  standIns = await startStandIns(
    {
      platform,
      material: rsa.export({ format: 'der', type: 'pkcs8' }),
      guest: { ...GUEST, launchMeasurement: Buffer.alloc(48, 7) },
      policy: (authority) => policyFor(authority),
    },
    (close) => {
      atEnd.unshift(close);
    },
  );
  const { vault } = standIns.rehearsal;
  const authority = `https://${standIns.host}`;
  const store = (name: string, material: Buffer, measurement: string) => {
    const key = { name, version: randomBytes(16).toString('hex'), kty: 'oct-HSM', keyOps: [] };
    vault.store(storedKey({ ...key, material }, policyFor(authority, measurement), 'policy'));
  };
  store('oct1', OCT, HOST_DATA);
  store('foreign', OCT, 'cd'.repeat(32));
}

export interface Entry {
  readonly image: string;
  readonly mountPoint: string;
  readonly kid: string;
  readonly change?: object;
}

export interface Place {
  readonly folder: string;
  readonly system: PlayedSystem;
  readonly images: readonly [string, string];
  readonly mounts: string;
  readonly entries: readonly [Entry, Entry];
}

/** Two images, of an RSA key and an oct key, and a folder for their mount points. */
export function makePlace(scripts: Readonly<Record<string, Script>> = {}): Place {
  const folder = temporaryFolder();
  const images = [join(folder, 'rsa.img'), join(folder, 'oct.img')] as const;
  formatImage(images[0], derived);
  formatImage(images[1], OCT);
  const mounts = join(folder, 'remote');
  mkdirSync(mounts);
  return {
    folder,
    images,
    mounts,
    system: playSystem(join(folder, 'bin'), scripts),
    entries: [
      { image: images[0], mountPoint: join(mounts, 'one'), kid: 'key1' },
      { image: images[1], mountPoint: join(mounts, 'two'), kid: 'oct1' },
    ],
  };
}

export const configOf = (entries: readonly Entry[]) => ({
  azure_info: { identity: { client_id: 'client' } },
  azure_filesystems: entries.map(({ image, mountPoint, kid, change = {} }) => ({
    image,
    mount_point: mountPoint,
    key: { kid, authority: { endpoint: standIns.host }, akv: { endpoint: standIns.host } },
    key_derivation: { salt: SALT.toString('hex'), label: LABEL },
    ...change,
  })),
});

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
  /** Settles when the log has the event. */
  until(event: string): Promise<void>;
}

/** Starts `podseal sidecar encfs`; `path` is where it finds programs. */
export function start(
  place: Place,
  entries: readonly Entry[],
  path = place.system.folder,
  more: readonly string[] = [],
): Running {
  const child = spawn(
    process.execPath,
    [
      ...[join(ROOT, 'dist/cli.js'), 'sidecar', 'encfs'],
      ...['--allow-host', standIns.host, '--ca-file', standIns.caFile],
      ...['--fake-evidence-that-proves-nothing', standIns.machine, '--log-level', 'trace'],
      ...more,
    ],
    {
      env: {
        PATH: path,
        HOME: place.folder,
        EncfsSideCarArgs: Buffer.from(JSON.stringify(configOf(entries))).toString('base64'),
        IDENTITY_ENDPOINT: `${standIns.machine}/metadata/identity/oauth2/token`,
        IDENTITY_HEADER: 'identity-header-secret',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  recordChild('podseal sidecar encfs', child);
  // A test that fails leaves nothing mounted.
  onTestFinished(() => {
    child.kill('SIGTERM');
  });
  let output = '';
  const waiting: (() => void)[] = [];
  const read = (chunk: Buffer) => {
    output += chunk.toString();
    outputs.push(chunk.toString());
    for (const look of waiting) look();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const ended = new Promise<number | null>((done) => {
    child.once('close', (status) => {
      noteLeftFolder(place);
      done(status);
    });
  });
  return {
    child,
    ended,
    output: () => output,
    until: (event) =>
      new Promise((done, failed) => {
        const look = () => {
          if (output.includes(`"event":"${event}"`)) done();
        };
        waiting.push(look);
        look();
        void ended.then(() => failed(new Error(`ended: ${output}`)));
      }),
  };
}

/** Runs to its end; for configurations that cannot be opened. */
export async function runToEnd(place: Place, entries: readonly Entry[], path?: string) {
  const running = start(place, entries, path);
  return { status: await running.ended, output: running.output() };
}

/** What it ran, as lines. */
export const commandsOf = ({ system }: Place) => system.runs().map(({ argv }) => argv.join(' '));
export const isClosed = (place: Place) => readdirSync(place.mounts).length === 0;
/** Folders for headers that were still there when their run had ended. */
const left: string[] = [];

function noteLeftFolder(place: Place): void {
  const [folder] = commandsOf(place).flatMap((text) => /\/\S+\/podseal-encfs-\w+/.exec(text) ?? []);
  if (folder !== undefined && existsSync(folder)) left.push(folder);
}

/** Ends the stand-ins; no output may hold a secret, and no folder may be left. */
export async function endWorld(): Promise<void> {
  for (const close of atEnd) await close();
  const output = outputs.join('');
  const keys = [derived, OCT].flatMap((key) => [
    key.toString('hex'),
    key.toString('base64').slice(0, 42),
    key.toString('base64url'),
    key.toString('latin1'),
  ]);
  for (const secret of [...keys, ...secrets]) {
    expect(output).not.toContain(secret);
  }
  const digest = createHash('sha256').update(OCT).digest('hex');
  expect(output).not.toContain(digest);
  if (hasCryptsetup) {
    expect(output).toContain('"event":"key-released"');
    expect(left).toEqual([]);
  }
}
