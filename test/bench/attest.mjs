// What attestation costs: report bytes to verdict on one core, and size and run time of the guest verifier, beside
// `snpguest` where that is installed. The report is made here with the throw-away chain of the native tests.
import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { measure, median } from './measure.mjs';
import { print, printCells } from './table.mjs';

const NATIVE = resolve(import.meta.dirname, '../../native');
const FIXTURES = join(NATIVE, 'guest/tests/fixtures');
const GUEST = join(NATIVE, 'podseal-guest');
const VERDICTS = 1_000;
const RUNS = 21;
const HOST_DATA = Buffer.alloc(32, 7);

/** Measures and prints; files go into `folder`, which the caller removes. */
export async function benchAttest(folder) {
  print('');
  printCells(['attestation', 'ms', 'MiB', 'goal']);
  await benchVerdict();
  await benchProgram('podseal-guest', GUEST, '3 MiB');
  await benchLayers(folder);
  const other = spawnSync('sh', ['-c', 'command -v snpguest'], { encoding: 'utf8' }).stdout.trim();
  if (other === '') print('snpguest is not installed');
  else await benchProgram('snpguest', realpathSync(other), '');
}

/** Evidence as JSON lines through the library's example: parsing, certificates, signatures, all checks; one thread. */
async function benchVerdict() {
  const program = buildExample();
  if (program === undefined) return print('the verification library is not built: cargo failed');
  const line = `${JSON.stringify(evidenceLine())}\n`;
  const judge = async (count) => {
    const { seconds, stdout } = await measure(program, [], { input: [line.repeat(count)] });
    const { verdict, reason } = JSON.parse(stdout.slice(0, stdout.indexOf('\n')));
    if (verdict !== 'allowed') throw new Error(`the report is not allowed: ${reason}`);
    return seconds;
  };
  const start = await judge(1);
  const seconds = (await judge(1 + VERDICTS)) - start;
  printCells(['report to verdict', ((seconds * 1000) / VERDICTS).toFixed(3), '', '5 ms']);
}

function buildExample() {
  const args = ['build', '--release', '--locked', '--quiet', '-p', 'podseal-verify'];
  const built = spawnSync('cargo', [...args, '--example', 'verdicts'], {
    cwd: NATIVE,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, CARGO_TARGET_DIR: join(NATIVE, 'target') },
  });
  return built.status === 0 ? join(NATIVE, 'target/release/examples/verdicts') : undefined;
}

function evidenceLine() {
  const [ark, ask, vcek] = ['ark', 'ask', 'vcek'].map((name) => fixture(`${name}.der`));
  const base64 = (bytes) => bytes.toString('base64');
  return {
    evidence: {
      format: 'podseal.evidence/v1',
      report: base64(makeReport()),
      certificates: { leaf: base64(vcek), chain: [base64(ask), base64(ark)] },
    },
    expectation: { format: 'podseal.expectation/v1', hostData: [HOST_DATA.toString('hex')] },
    time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    anchors: { Milan: createHash('sha256').update(ark).digest('hex') },
  };
}

const fixture = (name) => readFileSync(join(FIXTURES, name));

/** A Milan report of version 3 with the levels and the chip of the VCEK (fixtures/make.sh), signed. */
function makeReport() {
  const report = Buffer.alloc(1184);
  report.writeUInt32LE(3, 0);
  report.writeUInt32LE(0x3001f, 8);
  report.writeUInt32LE(1, 0x34);
  for (const at of [0x38, 0x180, 0x1e0, 0x1f0]) report.set([4, 0, 0, 0, 0, 0, 24, 219], at);
  HOST_DATA.copy(report, 0xc0);
  report.fill(0xff, 0x160, 0x180);
  report.set([0x19, 1, 1], 0x188);
  createHash('sha512').update('podseal fake chip, for tests only').digest().copy(report, 0x1a0);
  report.set([30, 55, 1, 0, 30, 55, 1, 0], 0x1e8);
  const key = createPrivateKey({ key: fixture('vcek-key.der'), format: 'der', type: 'pkcs8' });
  const signature = sign('sha384', report.subarray(0, 0x2a0), { key, dsaEncoding: 'ieee-p1363' });
  signature.subarray(0, 48).reverse().copy(report, 0x2a0);
  signature.subarray(48).reverse().copy(report, 0x2e8);
  return report;
}

/** Size, and the time from start to exit of a call that does nothing. */
async function benchProgram(name, path, goal) {
  if (!existsSync(path)) return print(`${name} is not built`);
  const { seconds } = await median(RUNS, () => measure(path, ['--version']));
  const mib = (statSync(path).size / 1024 ** 2).toFixed(2);
  printCells([`${name} --version`, (seconds * 1000).toFixed(1), mib, goal]);
}

/** Start to exit of a whole verdict that needs no SNP device. */
async function benchLayers(folder) {
  if (!existsSync(GUEST)) return;
  const [hash, salt] = ['ab'.repeat(32), '00'.repeat(32)];
  const [policy, table] = [join(folder, 'policy.rego'), join(folder, 'table')];
  await writeFile(policy, `package policy\ncontainers := [{"layers":["${hash}"]}]\n`);
  await writeFile(table, `x: 0 8 verity 1 7:0 7:1 4096 4096 1 0 sha256 ${hash} ${salt}\n`);
  const args = ['layers', '--json', '--policy', policy, '--dm-table', table];
  const { seconds } = await median(RUNS, () => measure(GUEST, args));
  printCells(['podseal-guest layers', (seconds * 1000).toFixed(1), '', '']);
}
