// Brings a fresh clone to the state that `npm start`, `npm test` and `npm run bench` need, then runs them.
// Plain JavaScript with Node's own modules only, since it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [task = 'start', ...args] = process.argv.slice(2);

/** Runs a command in the project's folder; ends this process with its status if it fails. */
function run(command, commandArgs, options = {}) {
  const result = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) fail(`cannot run ${command}: ${result.error.message}`);
  if (result.signal) process.kill(process.pid, result.signal);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

/** File name of the guest verifier, below native/. */
const GUEST = 'podseal-guest';

const isBuilt = (name) =>
  name === 'target' || name === 'node_modules' || name === GUEST || name.endsWith('.node');

/** Paths of all files below `folders`, sorted; build output is left out. */
function filesBelow(folders) {
  const files = [];
  const walk = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path)) if (!isBuilt(name)) walk(join(path, name));
    } else files.push(path);
  };
  for (const folder of folders) walk(join(root, folder));
  return files.sort();
}

/** SHA-256 over names and contents: a stage is done again exactly when this changes. */
function fingerprint(folders) {
  const hash = createHash('sha256').update(process.version);
  for (const file of filesBelow(folders))
    hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/** Runs `work` unless the stamp of a former run says that nothing changed since. `false` from it means: not done. */
function once(name, inputs, outputs, work) {
  const stamp = join(root, 'node_modules', '.podseal', name);
  const wanted = fingerprint(inputs);
  const present = outputs.every((path) => existsSync(join(root, path)));
  if (present && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  if (work() === false) return;
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** npm without its banner on stdout: the product's own output stays alone there. */
function install() {
  once(
    'install',
    ['package-lock.json'],
    ['node_modules/typescript', 'node_modules/commander'],
    () => {
      process.stderr.write('setup: installing packages\n');
      run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
        stdio: ['ignore', 2, 2],
      });
    },
  );
}

function build() {
  once('build', ['src', 'tsconfig.json', 'package-lock.json'], ['dist/cli.js'], () => {
    process.stderr.write('setup: compiling\n');
    rmSync(join(root, 'dist'), { recursive: true, force: true });
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    run(process.execPath, [compiler, '-p', '.'], { stdio: ['ignore', 2, 2] });
    run(process.execPath, [join(root, 'src/bundle/main.mjs')], { stdio: ['ignore', 2, 2] });
  });
}

/** Name that cargo gives a library on this system. */
const LIBRARY = { darwin: 'libpodseal_addon.dylib', win32: 'podseal_addon.dll' };

/** Builds the Node addon. Without it everything works but the evaluation of foreign policies, so no failure ends this. */
function buildNative() {
  once('native', ['native'], ['native/podseal.node'], () => {
    if (!hasCargo()) {
      process.stderr.write('setup: cargo is not installed; going on without the native part\n');
      return false;
    }
    process.stderr.write('setup: building the native part (about a minute, once)\n');
    const target = join(root, 'native/target');
    const cargoArgs = ['build', '--release', '--locked', '--quiet', '-p', 'podseal-addon'];
    const result = spawnSync('cargo', [...cargoArgs, '--target-dir', target], {
      cwd: join(root, 'native'),
      stdio: ['ignore', 2, 2],
    });
    if (result.status !== 0) {
      process.stderr.write('setup: cargo failed; going on without the native part\n');
      return false;
    }
    const library = LIBRARY[process.platform] ?? 'libpodseal_addon.so';
    replaceFile(join(target, 'release', library), join(root, 'native/podseal.node'));
  });
}

/** A new file in place of the old one: a running program may have the old one mapped. */
function replaceFile(from, to) {
  const copy = to.endsWith('.node') ? to.replace(/node$/, 'new.node') : `${to}.new.node`;
  copyFileSync(from, copy);
  renameSync(copy, to);
}

/** What cargo builds the guest verifier for: it runs inside x86-64 Linux guests, without their C library. */
const GUEST_TARGET = 'x86_64-unknown-linux-gnu';

/** Builds the static guest verifier, where this machine can. Nothing else here needs it, so no failure ends this. */
function buildGuest() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return;
  once('guest', ['native'], [`native/${GUEST}`], () => {
    if (!hasCargo()) return false;
    process.stderr.write('setup: building the guest verifier (about a minute, once)\n');
    const target = join(root, 'native/target');
    const cargoArgs = ['build', '--profile', 'guest', '--locked', '--quiet', '-p', GUEST];
    const result = spawnSync(
      'cargo',
      [...cargoArgs, '--target', GUEST_TARGET, '--target-dir', target],
      {
        cwd: join(root, 'native'),
        stdio: ['ignore', 2, 2],
        env: { ...process.env, RUSTFLAGS: '-C target-feature=+crt-static' },
      },
    );
    if (result.status !== 0) {
      process.stderr.write('setup: cargo failed; going on without the guest verifier\n');
      return false;
    }
    replaceFile(join(target, GUEST_TARGET, 'guest', GUEST), join(root, 'native', GUEST));
  });
}

/** The verifier of the guest as a program that answers many requests; a test compares it with ours. */
const VERDICTS = `native/target/release/examples/verdicts${process.platform === 'win32' ? '.exe' : ''}`;

/** Builds it. Without it the comparison is left out and the test says so, hence no failure ends this. */
function buildVerdicts() {
  once('verdicts', ['native'], [VERDICTS], () => {
    if (!hasCargo()) return false;
    process.stderr.write('setup: building the verifier of the guest\n');
    const cargoArgs = ['build', '--release', '--locked', '--quiet', '-p', 'podseal-verify'];
    const target = join(root, 'native/target');
    const result = spawnSync(
      'cargo',
      [...cargoArgs, '--example', 'verdicts', '--target-dir', target],
      { cwd: join(root, 'native'), stdio: ['ignore', 2, 2] },
    );
    if (result.status === 0) return true;
    process.stderr.write('setup: cargo failed; going on without the verifier of the guest\n');
    return false;
  });
}

const hasCargo = () => spawnSync('cargo', ['--version'], { stdio: 'ignore' }).status === 0;

/** The main job on the bundled pod: each command is shown, then run. */
async function example() {
  const folder = 'fixtures/example';
  const images = ['--images', `${folder}/images.json`];
  const references = Object.keys(
    JSON.parse(readFileSync(join(root, folder, 'images.json'), 'utf8')),
  );
  const manifest = 'out/consumer.yaml';
  const release = 'out/release-policy.json';
  mkdirSync(join(root, 'out'), { recursive: true });
  const authority = 'https://sharedeus2.eus2.attest.azure.net';
  const commands = [
    ['layers', ...references, ...images, '--for', 'aks'],
    ['policy', `${folder}/consumer.yaml`, ...images, '-o', manifest],
    ['release-policy', 'create', '--authority', authority, '--from', manifest, '-o', release],
  ];
  // In this process, one after the other: three starts of Node would take longer than the work.
  process.chdir(root);
  const program = join(root, 'dist/cli.js');
  for (const [i, command] of commands.entries()) {
    process.stderr.write(`$ podseal ${command.join(' ')}\n`);
    process.argv = [process.execPath, program, ...command];
    await import(`${pathToFileURL(program)}?run=${i}`);
    if (process.exitCode) process.exit();
  }
  process.stdout.write(readFileSync(join(root, release)));
}

const tasks = {
  build() {
    install();
    build();
    buildNative();
    buildGuest();
  },
  async start() {
    install();
    build();
    buildNative();
    buildGuest();
    if (args.length === 0) return await example();
    run(process.execPath, [join(root, 'dist/cli.js'), ...args], {
      cwd: process.env.INIT_CWD ?? root,
    });
  },
  test() {
    install();
    build();
    buildNative();
    buildVerdicts();
    buildGuest();
    run(process.execPath, [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      'test/vitest.config.ts',
      '--root',
      root,
      ...args,
    ]);
    if (!existsSync(join(root, 'native/Cargo.toml'))) return;
    if (hasCargo())
      run('cargo', ['test', '--locked', '--quiet', '--manifest-path', 'native/Cargo.toml']);
    else process.stderr.write('setup: cargo is not installed; the native tests were left out\n');
  },
  bench() {
    install();
    build();
    buildNative();
    buildGuest();
    run(process.execPath, [join(root, 'test/bench/main.mjs'), ...args]);
  },
};

const chosen = tasks[task];
if (!chosen) fail(`unknown task ${task}; there are ${Object.keys(tasks).join(', ')}`);
await chosen();
