// What the side-car holds: many key releases at once through a real `podseal sidecar` process, against stand-ins in
// another process that answer each request late. Every answer must be there and hold the key that was asked for.
import { fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { CLI } from './measure.mjs';
import { print, printCells } from './table.mjs';

const RELEASES = 200;
/** How often so many come at once: the first time the side-car runs most of its code for the first time. */
const BURSTS = ['first burst', 'second burst'];
/** Releases one after the other: the first opens connections and certificates, the others give the service time. */
const ALONE = 6;
const KEYS = ALONE + RELEASES * BURSTS.length;
const DELAY_MS = 50;
/** Requests of one release: a report of the device, a token of the attestation service, the key of the vault. */
const ROUND_TRIPS = 3;

/** Measures and prints; files go into `folder`, which the caller removes. */
export async function benchSidecar(folder) {
  const services = await startServices(folder);
  const sidecar = await startSidecar(folder, services.place);
  try {
    const service = await measureAlone(services, sidecar);
    for (const [index, name] of BURSTS.entries()) {
      const start = ALONE + RELEASES * index;
      const keys = services.place.keys.slice(start, start + RELEASES);
      await measureBurst(name, { services, sidecar, keys, service });
    }
  } finally {
    sidecar.child.kill('SIGTERM');
    services.child.disconnect();
  }
}

/** The service time: what one release takes when there is no other. */
async function measureAlone({ place }, sidecar) {
  const alone = [];
  for (const key of place.keys.slice(0, ALONE)) alone.push(await release(sidecar, place, key));
  assertOwn(alone);
  const service = quantile(alone.slice(1), 0.5);
  print('');
  printCells([`side-car, ${RELEASES} releases at once`, 'ms', 'x service time', 'goal']);
  printCells(['service time: one release alone', service.toFixed(0), '1.0', '']);
  print(`  of it ${ROUND_TRIPS} answers of stand-ins, ${DELAY_MS} ms each`);
  return service;
}

async function measureBurst(name, { services: { child, place }, sidecar, keys, service }) {
  const before = await usage(child, sidecar);
  const all = await Promise.all(keys.map((key) => release(sidecar, place, key)));
  const after = await usage(child, sidecar);
  const { lost, mixedUp } = countWrong(all);
  for (const [what, part, goal] of [
    ['p50', 0.5, ''],
    ['p99', 0.99, '3.0'],
    ['longest', 1, ''],
  ]) {
    const value = quantile(all, part);
    printCells([`${name}, ${what}`, value.toFixed(0), (value / service).toFixed(1), goal]);
  }
  const each = (end, start) => ((end - start) / RELEASES).toFixed(1);
  const [own, theirs] = [
    each(after.sidecarMs, before.sidecarMs),
    each(after.servicesMs, before.servicesMs),
  ];
  print(`  lost ${lost}, mixed up ${mixedUp}`);
  print(`  CPU per release: side-car ${own} ms, stand-ins ${theirs} ms (on the same processors)`);
  print(`  memory of the side-car: ${before.mib} MiB before, ${after.mib} MiB after`);
  assertOwn(all);
}

function startServices(folder) {
  const child = fork(
    new URL('./sidecar-services.mjs', import.meta.url),
    [folder, String(KEYS), String(DELAY_MS)],
    { execArgv: [] },
  );
  return new Promise((done, failed) => {
    child.once('message', (place) => done({ child, place }));
    child.once('exit', (code) => failed(new Error(`the stand-ins ended with ${code}`)));
  });
}

/** The side-car with its key pairs made; its port. */
function startSidecar(folder, { attestation, vault, machine, caFile }) {
  const args = ['--port', '0', '--ca-file', caFile, '--log-level', 'debug'];
  const hosts = ['--allow-host', attestation, '--allow-host', vault];
  const fake = ['--fake-evidence-that-proves-nothing', machine];
  const child = spawn(process.execPath, [CLI, 'sidecar', ...args, ...hosts, ...fake], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      IDENTITY_ENDPOINT: `${machine}/metadata/identity/oauth2/token`,
      IDENTITY_HEADER: 'header',
    },
  });
  return new Promise((done, failed) => {
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log += text;
      const port = /"event":"listening".*?"port":([0-9]+)/.exec(log)?.[1];
      if (log.includes('"event":"keys-ready"')) done({ child, port: Number(port) });
    });
    child.once('exit', (code) => failed(new Error(`the side-car ended with ${code}: ${log}`)));
  });
}

const agent = new Agent({ keepAlive: true });

/** One release: its key, the answer and the time that it took. */
async function release({ port }, { attestation, vault }, key) {
  const start = performance.now();
  const order = { maa_endpoint: attestation, akv_endpoint: vault, kid: key.kid };
  const text = await new Promise((done, failed) => {
    const options = { agent, host: '127.0.0.1', port, method: 'POST', path: '/key/release' };
    const sent = httpRequest(options, async (answer) => {
      const parts = await answer.setEncoding('utf8').toArray();
      done(parts.join(''));
    });
    sent.once('error', failed);
    sent.end(JSON.stringify(order));
  });
  return { key, text, ms: performance.now() - start };
}

/** How many answers have no key, and how many have another's. */
function countWrong(releases) {
  const keys = releases.map(({ key, text }) => [key.k, JSON.parse(text).key]);
  const answered = keys.filter(([, got]) => got !== undefined);
  return {
    lost: keys.length - answered.length,
    mixedUp: answered.filter(([wanted, got]) => JSON.parse(got).k !== wanted).length,
  };
}

function assertOwn(releases) {
  const { lost, mixedUp } = countWrong(releases);
  if (lost + mixedUp === 0) return;
  const [failed] = releases.filter(({ text }) => JSON.parse(text).key === undefined);
  throw new Error(`${lost} lost, ${mixedUp} mixed up: ${failed?.text ?? ''}`);
}

function quantile(releases, part) {
  const sorted = releases.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * part) - 1];
}

/** Memory of the side-car in MiB, and CPU milliseconds of both processes so far. */
async function usage(services, { child: { pid } }) {
  const answered = new Promise((done) => services.once('message', done));
  services.send('usage');
  const { user, system } = (await answered).usage;
  const proc = (file) => readFileSync(join('/proc', String(pid), file), 'utf8');
  const [, kib] = /VmRSS:\s*([0-9]+)/.exec(proc('status'));
  // Fields 14 and 15 of stat, in ticks of 10 ms; the name before may hold blanks.
  const [userTicks, systemTicks] = proc('stat')
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 13);
  return {
    mib: Math.round(Number(kib) / 1024),
    sidecarMs: (Number(userTicks) + Number(systemTicks)) * 10,
    servicesMs: (user + system) / 1000,
  };
}
