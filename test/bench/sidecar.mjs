// What the side-car holds: many key releases at once through a real `podseal sidecar` process, against stand-ins in
// another process that answer each request late. Every answer must be there and hold the key that was asked for.
import { fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CLI } from './measure.mjs';
import { print, printCells } from './table.mjs';

const RELEASES = 200;
/**
 * How so many come at once. The first time the side-car opens its connections and runs most of its code for the first
 * time. Releases that name one attestation service share an attestation; with a service for each nothing can be shared,
 * and nearly all have to make a key pair first.
 */
const BURSTS = [
  { name: 'first burst', goal: '3.0', service: () => 0 },
  { name: 'second burst', goal: '3.0', service: () => 0 },
  { name: '200 services, nothing shared', goal: '', service: (index) => index },
];
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
    const alone = await measureAlone(services, sidecar);
    for (const [index, burst] of BURSTS.entries()) {
      const start = ALONE + RELEASES * index;
      const keys = services.place.keys.slice(start, start + RELEASES);
      await measureBurst(burst, { services, sidecar, keys, alone });
    }
  } finally {
    for (const socket of idle) socket.destroy();
    sidecar.child.kill('SIGTERM');
    services.child.disconnect();
  }
}

/** The service time: what one release takes when there is no other. */
async function measureAlone({ place }, sidecar) {
  const alone = [];
  for (const key of place.keys.slice(0, ALONE)) {
    alone.push(await release(sidecar, place, { key, service: place.attestations[0] }));
  }
  assertOwn(alone);
  const time = quantile(alone.slice(1), 0.5);
  print('');
  printCells([`side-car, ${RELEASES} releases at once`, 'ms', 'x service time', 'goal']);
  printCells(['service time: one release alone', time.toFixed(0), '1.0', '']);
  print(`  of it ${ROUND_TRIPS} answers of stand-ins, ${DELAY_MS} ms each`);
  return time;
}

async function measureBurst({ name, goal, service }, { services, sidecar, keys, alone }) {
  const { child, place } = services;
  const before = await usage(child, sidecar);
  const all = await Promise.all(
    keys.map((key, index) =>
      release(sidecar, place, { key, service: place.attestations[service(index)] }),
    ),
  );
  const after = await usage(child, sidecar);
  const { lost, mixedUp } = countWrong(all);
  for (const [what, part, wanted] of [
    ['p50', 0.5, ''],
    ['p99', 0.99, goal],
    ['longest', 1, ''],
  ]) {
    const value = quantile(all, part);
    printCells([`${name}, ${what}`, value.toFixed(0), (value / alone).toFixed(1), wanted]);
  }
  const each = (what) => ((after[what] - before[what]) / RELEASES).toFixed(1);
  const attested = after.attested - before.attested;
  print(`  lost ${lost}, mixed up ${mixedUp}; ${attested} attestations`);
  print(
    `  CPU per release: side-car ${each('sidecarMs')} ms; stand-ins ${each('servicesMs')} ms and callers ${each('callersMs')} ms (on the same processors)`,
  );
  print(`  memory of the side-car: ${before.mib} MiB before, ${after.mib} MiB after`);
  assertOwn(all);
}

function startServices(folder) {
  const child = fork(
    new URL('./sidecar-services.mjs', import.meta.url),
    [folder, String(KEYS), String(RELEASES), String(DELAY_MS)],
    { execArgv: [] },
  );
  return new Promise((done, failed) => {
    child.once('message', (place) => done({ child, place }));
    child.once('exit', (code) => failed(new Error(`the stand-ins ended with ${code}`)));
  });
}

/** The side-car as it is by default, with its key pairs made; its port. */
function startSidecar(folder, { attestations, vault, machine, caFile }) {
  const args = ['--port', '0', '--ca-file', caFile];
  const hosts = [...attestations, vault].flatMap((host) => ['--allow-host', host]);
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
    const read = (text) => {
      log += text;
      const port = /"event":"listening".*?"port":([0-9]+)/.exec(log)?.[1];
      if (!log.includes('"event":"keys-ready"')) return;
      child.stderr.off('data', read).resume();
      done({ child, port: Number(port) });
    };
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('exit', (code) => failed(new Error(`the side-car ended with ${code}: ${log}`)));
  });
}

/** Connections to the side-car that are kept. Plain ones: a client of HTTP would take its share of the processors. */
const idle = [];

/** One release: its key, the answer and the time that it took. */
async function release({ port }, { vault }, { key, service }) {
  const start = performance.now();
  const order = JSON.stringify({ maa_endpoint: service, akv_endpoint: vault, kid: key.kid });
  const socket = idle.pop() ?? connect({ host: '127.0.0.1', port, noDelay: true });
  const head = ['POST /key/release HTTP/1.1', 'Host: localhost', `Content-Length: ${order.length}`];
  socket.write(`${head.join('\r\n')}\r\n\r\n${order}`);
  const text = await readAnswer(socket);
  idle.push(socket);
  return { key, text, ms: performance.now() - start };
}

/** The body of an answer with Content-Length. */
function readAnswer(socket) {
  return new Promise((done, failed) => {
    let text = '';
    const end = (settle, value) => {
      socket.off('data', read).off('error', broken).off('close', broken);
      settle(value);
    };
    const read = (part) => {
      text += part.toString('latin1');
      const body = text.indexOf('\r\n\r\n') + 4;
      const length = Number(/\r\ncontent-length: ([0-9]+)/i.exec(text)?.[1]);
      if (body > 3 && text.length >= body + length) end(done, text.slice(body));
    };
    const broken = () => end(failed, new Error(`the side-car hung up: ${text}`));
    socket.on('data', read).once('error', broken).once('close', broken);
  });
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

/** Memory of the side-car in MiB, CPU milliseconds of all processes and attestations so far. */
async function usage(services, { child: { pid } }) {
  const answered = new Promise((done) => services.once('message', done));
  services.send('usage');
  const { usage: theirs, attested } = await answered;
  const sum = ({ user, system }) => (user + system) / 1000;
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
    servicesMs: sum(theirs),
    callersMs: sum(process.cpuUsage()),
    attested,
  };
}
