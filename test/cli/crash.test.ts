/** A side-car that released a key shows nothing of it in a crash or for a signal: on stderr, in reports, in its core. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadNative } from '../../src/io/native.js';
import {
  makeSyntheticPlatform,
  type SyntheticPlatform,
} from '../../src/pipeline/rehearsal/platform.js';
import { temporaryFolder } from '../support/cli.js';
import { GUEST, policyFor } from '../support/released-guest.js';
import { needlesOf } from '../support/secrets/needles.js';
import { openSearch } from '../support/secrets/search.js';
import {
  ACCESS_TOKEN,
  post,
  type Sidecar,
  secondsNow,
  startSidecar,
  startStandIns,
} from '../support/stand-ins.js';

const PT_LOAD = 1;
/** The kernel always writes its own code for programs (vdso): a few pages. */
const SPECIAL_PAGES = 65_536;
const isNative = loadNative().kind === 'loaded';
const UNLIMITED = ['sh', '-c', 'ulimit -c unlimited && exec "$@"', 'sh'];

/** Why no core file can be looked at on this machine; undefined where it can. */
function coreProblem(): string | undefined {
  const setting = '/proc/sys/kernel/core_pattern';
  if (!existsSync(setting)) return 'this is not Linux';
  const pattern = readFileSync(setting, 'utf8').trim();
  if (/[|/]/.test(pattern) || pattern === '') return `cores go to ${JSON.stringify(pattern)}`;
  const [program = '', ...args] = UNLIMITED;
  const allowed = spawnSync(program, [...args, 'true']).status === 0;
  return allowed ? undefined : 'the limit of cores cannot be raised';
}

const problem = coreProblem();
if (problem !== undefined) process.stderr.write(`left out: the core of a crash (${problem})\n`);

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
const material = privateKey.export({ format: 'der', type: 'pkcs8' });

let platform: SyntheticPlatform;
beforeAll(async () => {
  platform = await makeSyntheticPlatform(secondsNow());
});

/** What the side-car knows after a release: the key, also as it stands in a JWK, and the token that it showed. */
const secrets = () => {
  const jwk = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  });
  const members = [jwk.d, jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi].map(String);
  const bytes = members.map((member) => Buffer.from(member, 'base64url'));
  return [...bytes, ...members.map((member) => Buffer.from(member)), Buffer.from(ACCESS_TOKEN)];
};
const search = openSearch(secrets().flatMap(needlesOf));
const formsIn = (text: Buffer) => search(text).map(({ needle }) => needle.form);

/** A side-car with the environment that has just released the key. */
async function startAndRelease(launcher: readonly string[], env: Record<string, string> = {}) {
  const standIns = await startStandIns({
    platform,
    guest: GUEST,
    material,
    policy: policyFor,
  });
  const sidecar = await startSidecar({ ...standIns, launcher, env });
  const { host, key } = standIns;
  const order = { maa_endpoint: host, akv_endpoint: host, kid: key };
  const { status, text } = await post(sidecar, '/key/release', order);
  expect(status, text).toBe(200);
  expect(formsIn(Buffer.from(text))).not.toEqual([]);
  return { sidecar, folder: standIns.folder };
}

const endOf = (child: ChildProcess, signal: NodeJS.Signals) =>
  new Promise<NodeJS.Signals | null>((done) => {
    child.once('close', (_, by) => done(by));
    child.kill(signal);
  });

const crash = async ({ child }: Sidecar) => expect(await endOf(child, 'SIGABRT')).toBe('SIGABRT');
const coresIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith('core'))
    .map((name) => readFileSync(join(folder, name)));

/** Bytes of memory in a core of 64 bits (elf(5)): the sizes in the file of its PT_LOAD segments. */
function memoryIn(core: Buffer): number {
  const [table, entryBytes, count] = [
    core.readBigUInt64LE(32),
    core.readUInt16LE(54),
    core.readUInt16LE(56),
  ];
  const entries = Array.from({ length: count }, (_, index) => Number(table) + index * entryBytes);
  const sizes = entries
    .filter((at) => core.readUInt32LE(at) === PT_LOAD)
    .map((at) => Number(core.readBigUInt64LE(at + 32)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe('a crash', () => {
  it('prints nothing of the key', async () => {
    const { sidecar } = await startAndRelease([]);
    await crash(sidecar);
    expect(sidecar.output()).toContain('"path":"/key/release"');
    expect(formsIn(Buffer.from(sidecar.output()))).toEqual([]);
  });

  it.runIf(problem === undefined && isNative)('writes no core', async () => {
    const { sidecar, folder } = await startAndRelease(UNLIMITED);
    await crash(sidecar);
    expect(sidecar.output()).not.toContain('core-files');
    expect(coresIn(folder)).toEqual([]);
  });

  it.runIf(problem === undefined)('writes a core without memory, and says so before', async () => {
    const { sidecar, folder } = await startAndRelease(UNLIMITED, { PODSEAL_NATIVE: 'off' });
    await crash(sidecar);
    expect(sidecar.output()).toContain('a crash may write registers');
    const cores = coresIn(folder);
    expect(cores).toHaveLength(1);
    expect(memoryIn(cores[0]!)).toBeLessThan(SPECIAL_PAGES);
  });

  /** So that the test above is known to be able to fail. */
  it.runIf(problem === undefined)('of another program does write its memory', async () => {
    const cwd = temporaryFolder();
    const [program = '', ...args] = UNLIMITED;
    const script =
      "let s = ''; process.stdin.on('data', (d) => { s += d; }).on('end', () => console.log(s.length));" +
      'setInterval(() => s.length, 1e6);';
    const child = spawn(program, [...args, process.execPath, '-e', script], { cwd });
    const read = new Promise((done) => child.stdout.once('data', done));
    child.stdin.end(JSON.stringify(privateKey.export({ format: 'jwk' })));
    await read;
    expect(await endOf(child, 'SIGABRT')).toBe('SIGABRT');
    const [core] = coresIn(cwd);
    expect(formsIn(core!)).not.toEqual([]);
    expect(memoryIn(core!)).toBeGreaterThan(SPECIAL_PAGES);
  });
});

describe('a signal', () => {
  it('opens no debugger', async () => {
    const { sidecar } = await startAndRelease([]);
    sidecar.child.kill('SIGUSR1');
    const status = await fetch(`http://127.0.0.1:${sidecar.port}/status`);
    expect(status.status).toBe(200);
    // What it ends with comes after what the signal would have made it print.
    expect(await sidecar.stop()).toBe(0);
    expect(sidecar.output()).toContain('"event":"stopped"');
    expect(sidecar.output()).not.toContain('Debugger');
  });
});

describe('a diagnostic report of Node', () => {
  const reporting = (folder: string) => ({
    NODE_OPTIONS: [
      ...['--report-on-signal', '--report-signal=SIGUSR2', '--report-uncaught-exception'],
      ...['--report-on-fatalerror', `--report-directory=${folder}`],
    ].join(' '),
  });

  it('is not written, even where the environment asks for it', async () => {
    const reports = temporaryFolder();
    const { sidecar } = await startAndRelease([], reporting(reports));
    await endOf(sidecar.child, 'SIGUSR2');
    expect(readdirSync(reports)).toEqual([]);
    expect(formsIn(Buffer.from(sidecar.output()))).toEqual([]);
  });

  it('of another program is written, with its environment', async () => {
    const reports = temporaryFolder();
    mkdirSync(join(reports, 'r'));
    const env = { PATH: process.env.PATH, TOKEN: ACCESS_TOKEN, ...reporting(join(reports, 'r')) };
    const script = "console.log('up'); setInterval(() => undefined, 1e6);";
    const child = spawn(process.execPath, ['-e', script], { env, cwd: reports });
    await new Promise((done) => child.stdout.once('data', done));
    child.kill('SIGUSR2');
    // Its line on stderr comes when the report is there.
    await new Promise((done) =>
      child.stderr.on('data', (text) => /completed/.test(text) && done(0)),
    );
    await endOf(child, 'SIGKILL');
    const [report = ''] = readdirSync(join(reports, 'r'));
    expect(formsIn(readFileSync(join(reports, 'r', report)))).not.toEqual([]);
  });
});
