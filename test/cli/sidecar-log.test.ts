/** The log of the side-car: one JSON object a line, of known members only, with nothing of what callers send and get. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeSyntheticPlatform } from '../../src/pipeline/rehearsal/platform.js';
import { podseal, temporaryFolder } from '../support/cli.js';
import { GUEST, policyFor } from '../support/released-guest.js';
import { keepSecret, recordFile } from '../support/secrets/record.js';
import {
  ACCESS_TOKEN,
  post,
  type Sidecar,
  type StandIns,
  secondsNow,
  startSidecar,
  startStandIns,
} from '../support/stand-ins.js';

const GIVEN = keepSecret(randomBytes(24).toString('base64url'), 'a token of the caller');
const RUNTIME = keepSecret(Buffer.from('{"secret":"r4ndom-runtime-data"}'), 'runtime data');

/** All that the log may say of anything. */
const MEMBERS = [
  ...['time', 'level', 'event', 'method', 'path', 'status', 'ms', 'code'],
  ...['type', 'address', 'port', 'keys', 'hint', 'missing'],
];

async function startThem(): Promise<StandIns> {
  return await startStandIns({
    platform: await makeSyntheticPlatform(secondsNow()),
    guest: GUEST,
    policy: policyFor,
  });
}

/** Requests that go well and that fail, each with a secret in it. Gives their statuses. */
async function useIt(sidecar: Sidecar, { host, key }: StandIns): Promise<readonly number[]> {
  const order = { maa_endpoint: host, akv_endpoint: host, kid: key, access_token: GIVEN };
  const runtime = RUNTIME.toString('base64');
  const answers = [
    await post(sidecar, '/key/release', order),
    await post(sidecar, '/key/release', { ...order, access_token: undefined }),
    await post(sidecar, '/key/release', { ...order, kid: 'absent' }),
    await post(sidecar, '/key/release', { ...order, akv_endpoint: `${GIVEN}.example` }),
    await post(sidecar, '/key/release', { ...order, kid: GIVEN.repeat(9) }),
    await post(sidecar, `/key/release?access_token=${GIVEN}`, order),
    await post(sidecar, '/key/release', `{"access_token":"${GIVEN}"`),
    await post(sidecar, '/attest/maa', { maa_endpoint: host, runtime_data: runtime }),
    await post(sidecar, '/attest/raw', { runtime_data: `${runtime}!` }),
  ];
  return answers.map(({ status }) => status);
}

describe('the log', () => {
  it('tells what happened, and no secret', async () => {
    const standIns = await startThem();
    const sidecar = await startSidecar(standIns, ['--log-level', 'trace']);
    const statuses = await useIt(sidecar, standIns);
    expect(statuses).toEqual([200, 200, 403, 400, 400, 200, 400, 200, 400]);
    expect(await sidecar.stop()).toBe(0);
    const log = sidecar.output();
    const lines = log.trim().split('\n');
    const objects = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const members = new Set(objects.flatMap((object) => Object.keys(object)));
    expect([...members].filter((name) => !MEMBERS.includes(name))).toEqual([]);
    const requests = objects.filter(({ event }) => event === 'request');
    expect(requests.map(({ status }) => status)).toEqual(statuses);
    expect(requests.map(({ path }) => path)).toEqual([
      ...Array(7).fill('/key/release'),
      '/attest/maa',
      '/attest/raw',
    ]);
    for (const secret of [GIVEN, ACCESS_TOKEN.split('.')[2]!, RUNTIME.toString('base64')]) {
      expect(log).not.toContain(secret);
    }
  });

  it('goes to a file for its owner alone', async () => {
    const folder = temporaryFolder();
    const log = join(folder, 'sidecar.log');
    const port = await freePort();
    let running: ChildProcess | undefined;
    const ended = podseal(['sidecar', '--port', String(port), '--log-file', log], {
      env: { HOME: folder },
      onStart: (child) => {
        running = child;
      },
    });
    const statusOf = (path: string, body?: string) =>
      fetch(`http://127.0.0.1:${port}${path}`, body === undefined ? {} : { method: 'POST', body });
    while ((await statusOf('/status').catch(() => undefined))?.status !== 200);
    const refused = await statusOf('/key/release', `{"access_token":"${GIVEN}"`);
    expect(refused.status).toBe(400);
    running?.kill('SIGTERM');
    expect(await ended).toEqual({ status: 0, stdout: '', stderr: '' });
    recordFile('podseal sidecar', log);
    expect(statSync(log).mode & 0o777).toBe(0o600);
    const text = readFileSync(log, 'utf8');
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event);
    expect(events.filter((event) => event === 'request').length).toBeGreaterThan(1);
    expect(events.at(-1)).toBe('stopped');
    expect(text).not.toContain(GIVEN);
  });
});

describe('a log that cannot be written', () => {
  it('is said before anything is served', async () => {
    const file = join(temporaryFolder(), 'absent', 'sidecar.log');
    const ended = await podseal(['sidecar', '--port', '0', '--log-file', file]);
    expect(ended.status).toBe(3);
    expect(ended.stderr).toContain('[FILE_WRITE_FAILED]');
    expect(ended.stderr).toContain(`where: ${file}`);
  });

  it('goes to stderr, and the side-car goes on', async () => {
    const standIns = await startThem();
    // A device that can be opened and is full.
    const sidecar = await startSidecar(standIns, ['--log-file', '/dev/full']);
    expect((await release(sidecar, standIns)).status).toBe(200);
    expect(await sidecar.stop()).toBe(0);
    const events = sidecar.output().match(/(?<="event":")[a-z-]+/g) ?? [];
    expect(events.filter((event) => event === 'log-failed')).toEqual(['log-failed']);
    expect(events).toEqual(expect.arrayContaining(['listening', 'request', 'stopped']));
  });

  it('is missed by those who do not read it, and the side-car goes on', async () => {
    const standIns = await startThem();
    const sidecar = await startSidecar(standIns);
    const { stderr } = sidecar.child;
    const closed = new Promise((done) => stderr?.once('close', done));
    stderr?.destroy();
    await closed;
    expect((await release(sidecar, standIns)).status).toBe(200);
    expect((await release(sidecar, standIns)).status).toBe(200);
    expect(await sidecar.stop()).toBe(0);
  });
});

async function release(sidecar: Sidecar, { host, key }: StandIns) {
  return await post(sidecar, '/key/release', { maa_endpoint: host, akv_endpoint: host, kid: key });
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
