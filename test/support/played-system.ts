/**
 * cryptsetup, mount and umount in a folder for PATH. What needs no device mapper is done by the real cryptsetup: printing
 * metadata, and trying a key on the header that `open` is given. The rest is played: opening a device, mounting,
 * unmounting and closing are written down and succeed unless told otherwise.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const CRYPTSETUP = '/usr/sbin/cryptsetup';

/** True where the real program is; says so where it is not. */
export const hasCryptsetup = told(existsSync(CRYPTSETUP), `there is no ${CRYPTSETUP}`);

const MOUNTING = ['/dev/fuse', '/dev/loop-control', '/usr/sbin/mkfs.ext4', '/usr/sbin/losetup'];

/** True where this process may mount, and the system has FUSE, loop devices and ext4; says so where not. */
export const canMount = told(
  MOUNTING.every((path) => existsSync(path)) && hasAdminCapability(),
  'mounting takes root, FUSE, loop devices and e2fsprogs',
);

function told(there: boolean, reason: string): boolean {
  if (!there) process.stderr.write(`left out: tests with encrypted images (${reason})\n`);
  return there;
}

/** CAP_SYS_ADMIN is bit 21 of the effective capabilities (proc(5)). */
function hasAdminCapability(): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const [, digits = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return process.getuid?.() === 0 && ((BigInt(`0x${digits}`) >> 21n) & 1n) === 1n;
}

export interface PlayedRun {
  readonly argv: readonly string[];
  /** Hex digits. */
  readonly stdin: string;
  /** Names of its environment variables. */
  readonly env: readonly string[];
}

export interface PlayedSystem {
  /** For PATH. */
  readonly folder: string;
  /** What ran so far, in order. */
  runs(): readonly PlayedRun[];
}

/** How a run goes: by the beginning of its arguments, joined by blanks. */
export interface Script {
  /** Ends with this status. */
  readonly status?: number;
  /** Writes its standard input to standard error, in hex and as it is. */
  readonly echo?: boolean;
  /** Is done by the real program; a device that `clear` made stands in for the mapped one. */
  readonly real?: boolean;
  /** Opening and closing: a real loop device over the data of the image, as they are, in place of the mapped one. */
  readonly clear?: boolean;
  /** Waits for a file of this name in the folder. */
  readonly wait?: string;
}

const PROGRAM = String.raw`
const { appendFileSync, existsSync, readFileSync, writeFileSync, writeSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const { basename, dirname, join } = require('node:path');
const folder = dirname(process.argv[1]);
const argv = [basename(process.argv[1]), ...process.argv.slice(2)];
const stdin = readFileSync(0);
const env = Object.keys(process.env);
appendFileSync(join(folder, 'runs.jsonl'), JSON.stringify({ argv, stdin: stdin.toString('hex'), env }) + '\n');
const scripts = JSON.parse(readFileSync(join(folder, 'scripts.json'), 'utf8'));
const text = argv.join(' ');
const [, script = {}] = Object.entries(scripts).find(([start]) => text.includes(start)) ?? [];
if (script.echo) {
  writeSync(2, stdin.toString('hex') + '\n');
  writeSync(2, stdin);
}
while (script.wait && !existsSync(join(folder, script.wait))) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
}
const loop = join(folder, 'loop');
const device = existsSync(loop) ? readFileSync(loop, 'utf8').trim() : '';
if (script.real) {
  const stdio = ['ignore', 1, 2, ...(text.includes('fd=3') ? [3] : [])];
  const words = argv.slice(1).map((word) => (word.startsWith('/dev/mapper/') && device) || word);
  process.exit(spawnSync('/usr/bin/' + argv[0], words, { stdio }).status);
}
if (script.clear) {
  const mode = argv.includes('--readonly') ? ['--read-only'] : [];
  const setup = [...mode, '--offset', '16777216', '--find', '--show', argv.at(-2)];
  const made = spawnSync('losetup', argv[1] === 'open' ? setup : ['--detach', device]);
  writeFileSync(loop, made.stdout);
  writeSync(2, made.stderr);
  process.exit(made.status);
}
if (script.status !== undefined) {
  writeSync(2, 'played failure\n');
  process.exit(script.status);
}
if (argv[0] !== 'cryptsetup' || argv[1] === 'close') process.exit(0);
const rest = argv[1] === 'open' ? ['--test-passphrase', ...argv.slice(2, -1)] : argv.slice(2);
const real = spawnSync('${CRYPTSETUP}', [argv[1], ...rest], { input: stdin });
writeSync(1, real.stdout);
writeSync(2, real.stderr);
process.exit(real.status);
`;

/** Makes them in \`folder\`. */
export function playSystem(
  folder: string,
  scripts: Readonly<Record<string, Script>> = {},
): PlayedSystem {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'scripts.json'), JSON.stringify(scripts));
  for (const name of ['cryptsetup', 'mount', 'umount']) {
    const file = join(folder, name);
    writeFileSync(file, `#!${process.execPath}\n${PROGRAM}`);
    chmodSync(file, 0o755);
  }
  const journal = join(folder, 'runs.jsonl');
  return {
    folder,
    runs: () =>
      existsSync(journal)
        ? readFileSync(journal, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as PlayedRun)
        : [],
  };
}

/** Makes an image of the reference's kind with the real cryptsetup, 20 MiB. */
export function formatImage(path: string, key: Uint8Array): void {
  writeFileSync(path, '');
  truncateSync(path, 20 << 20);
  execFileSync(
    CRYPTSETUP,
    [
      ...['luksFormat', '--type', 'luks2', path, '--key-file', '-', '--batch-mode'],
      ...['--sector-size', '4096', '--cipher', 'aes-xts-plain64'],
      ...['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'],
    ],
    { input: key, stdio: ['pipe', 'ignore', 'pipe'] },
  );
}

/** Status of the real cryptsetup for a key on an image. */
export function tryKey(path: string, key: Uint8Array): number {
  try {
    execFileSync(CRYPTSETUP, ['open', '--test-passphrase', '--key-file', '-', path], {
      input: key,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
}

/** Places in a LUKS2 header (on-disk format, section 2): both copies, of 16 KiB each, JSON behind the first 4 KiB. */
const COPY_BYTES = 16_384;
const JSON_AT = 4_096;
const CHECKSUM_AT = 448;

/** Rewrites the metadata of an image as its host could: both copies, with checksums that fit. */
export function rewriteHeader(path: string, change: (json: string) => string): void {
  const image = readFileSync(path);
  for (const start of [0, COPY_BYTES]) {
    const copy = image.subarray(start, start + COPY_BYTES);
    const area = copy.subarray(JSON_AT);
    const json = change(area.toString('utf8').replace(/\0+$/, ''));
    area.fill(0);
    area.write(json);
    copy.fill(0, CHECKSUM_AT, CHECKSUM_AT + 64);
    createHash('sha256').update(copy).digest().copy(copy, CHECKSUM_AT);
  }
  writeFileSync(path, image);
}

/** Puts an ext4 filesystem, as it is, where the data of an image begin: 8 MiB. */
export function fillImage(path: string): void {
  truncateSync(path, 16 << 20);
  truncateSync(path, 24 << 20);
  execFileSync('mkfs.ext4', ['-q', '-E', 'offset=16777216', path, '8M'], { stdio: 'pipe' });
}

/** A key with a line break in it, which must not end it. */
export function randomKey(): Buffer {
  const key = randomBytes(32);
  key[7] = 0x0a;
  return key;
}
