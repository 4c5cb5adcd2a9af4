/** The code caches of the built program save time and nothing else: without them, or with wrong ones, it does the same. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../support/cli.js';
import { recordOutput } from '../support/secrets/record.js';

/** What the program finds beside dist/. */
const BESIDE = ['package.json', 'node_modules', 'policies', 'native'];

let installation: string;
let chunks: string;

beforeEach(() => {
  installation = mkdtempSync(join(tmpdir(), 'podseal-test-'));
  chunks = join(installation, 'dist/chunks');
  cpSync(join(ROOT, 'dist'), join(installation, 'dist'), { recursive: true });
  if (!existsSync(chunks)) throw new Error('dist/chunks is missing: run `npm run build`');
  for (const name of BESIDE) symlinkSync(join(ROOT, name), join(installation, name));
});

afterEach(() => rmSync(installation, { recursive: true, force: true }));

/** The measurement of the example, and the code that V8 refused to take from a cache. */
function measureExample() {
  const example = join(ROOT, 'fixtures/example');
  const script = `
    import vm from 'node:vm';
    const scripts = [];
    vm.Script = class extends vm.Script {
      constructor(...args) { super(...args); scripts.push(this); }
    };
    process.on('exit', () => {
      const taken = scripts.filter((script) => script.cachedDataRejected === false).length;
      process.stderr.write('taken ' + taken + ' of ' + scripts.length);
    });`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...['--import', `data:text/javascript,${encodeURIComponent(script)}`],
      ...[join(installation, 'dist/cli.js'), 'policy', join(example, 'consumer.yaml')],
      ...['--images', join(example, 'images.json'), '--offline', '--quiet', '--no-cache'],
      ...['-o', join(installation, 'out.yaml')],
    ],
    { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: installation } },
  );
  recordOutput('podseal policy', Buffer.from(stdout), Buffer.from(stderr));
  const [, taken, all] = /taken (\d+) of (\d+)$/.exec(stderr) ?? [];
  const policy = readFileSync(join(installation, 'out.yaml'), 'utf8');
  return { status, stdout, policy, taken: Number(taken), all: Number(all) };
}

const caches = () => readdirSync(chunks).filter((name) => name.endsWith('.cache'));

/** The same with all caches, and after `change` was done to each of them. */
function compare(change: (path: string) => void) {
  const usual = measureExample();
  expect(usual.status).toBe(0);
  expect(usual.taken).toBeGreaterThan(usual.all / 2);
  for (const name of caches()) change(join(chunks, name));
  const { status, stdout, policy, taken } = measureExample();
  expect({ status, stdout, policy }).toEqual({
    status: 0,
    stdout: usual.stdout,
    policy: usual.policy,
  });
  return taken;
}

describe('the program with its code caches', () => {
  it('does the same without them', () => {
    expect(compare((path) => rmSync(path))).toBe(0);
  });

  it('does the same with those of another version of V8', () => {
    const taken = compare((path) => {
      const bytes = readFileSync(path);
      bytes.writeUInt32LE(bytes.readUInt32LE(4) ^ 1, 4);
      writeFileSync(path, bytes);
    });
    expect(taken).toBe(0);
  });

  it('does the same with half of them, and with what is none', () => {
    let turn = 0;
    const taken = compare((path) => {
      turn += 1;
      if (turn % 2 === 0) writeFileSync(path, 'no code');
      else truncateSync(path, readFileSync(path).length >> 1);
    });
    expect(taken).toBe(0);
  });
});

describe('the program as a module', () => {
  it('has ended when it is loaded, and runs again when it is loaded again', () => {
    const script = `
      for (const run of [1, 2]) {
        process.argv = [process.execPath, 'podseal', 'measure', '--help'];
        await import(process.env.PROGRAM + '?run=' + run);
        console.log('ended ' + run + ' with ' + process.exitCode);
      }`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', script],
      {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, PROGRAM: join(installation, 'dist/cli.js') },
      },
    );
    recordOutput('podseal measure --help', Buffer.from(stdout), Buffer.from(stderr));
    const lines = stdout.split('\n').filter((line) => /^(Usage|ended)/.test(line));
    expect(lines).toEqual([
      expect.stringMatching(/^Usage: podseal measure/),
      'ended 1 with 0',
      expect.stringMatching(/^Usage: podseal measure/),
      'ended 2 with 0',
    ]);
  });
});
