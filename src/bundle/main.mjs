// Joins the modules of the program into few files, so that a cold start does not read a hundred of them, and has V8 keep
// what it compiles of them. Which belong together is not written down: the program is run on the bundled example, and
// modules that the same runs load become one file in dist/chunks/. What no run loads stays a file by module. The library
// (dist/index.js) is left as it is. Run by setup.mjs on what the compiler wrote.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const here = import.meta.dirname;
const root = dirname(dirname(here));
const program = join(root, 'dist/cli.js');

const IMAGE = 'mcr.microsoft.com/acc/samples/kafka/consumer:1.0';
/** A container group with an image of the example. */
const TEMPLATE = {
  $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  resources: [
    {
      type: 'Microsoft.ContainerInstance/containerGroups',
      apiVersion: '2023-05-01',
      name: 'example',
      properties: {
        osType: 'Linux',
        sku: 'Confidential',
        confidentialComputeProperties: { ccePolicy: '' },
        containers: [{ name: 'consumer', properties: { image: IMAGE } }],
      },
    },
  ],
};

/**
 * Writes the inputs of the runs and gives the arguments of each: those whose modules are joined are the work of a user,
 * with and without the trial of the start; of the others only the compiled code is kept.
 */
function prepareRuns(folder) {
  const example = join(root, 'fixtures/example');
  const [facts, template] = [join(folder, 'facts.json'), join(folder, 'template.json')];
  const images = Object.keys(JSON.parse(readFileSync(join(example, 'images.json'), 'utf8')));
  const known = ['--images', join(example, 'images.json'), '--offline', '--quiet', '--no-cache'];
  writeFileSync(template, JSON.stringify(TEMPLATE));
  const layers = ['layers', ...images, ...known, '--facts', facts];
  run(layers);
  const policy = (manifest, flags) => [
    ...['policy', manifest, '--image-facts', facts, '--offline', '--quiet'],
    ...['-o', join(folder, 'out'), ...flags],
  ];
  const pod = join(example, 'consumer.yaml');
  const joined = {
    kata: policy(pod, ['--no-self-check']),
    'kata-start': policy(pod, []),
    aci: policy(template, ['--no-self-check']),
    'aci-start': policy(template, []),
  };
  return { joined, others: [['--help'], layers] };
}

/** Runs the program. Throws if it fails. */
function run(args, { nodeArgs = [], env = {} } = {}) {
  const { status, stderr, error } = spawnSync(process.execPath, [...nodeArgs, program, ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw error ?? new Error(`podseal ${args[0]} failed: ${stderr}`);
}

/** Runs the program and gives the files that it loaded. */
function observe(folder, args) {
  run(args, { env: { NODE_V8_COVERAGE: folder } });
  const urls = readdirSync(folder).flatMap((name) =>
    JSON.parse(readFileSync(join(folder, name), 'utf8')).result.map(({ url }) => url),
  );
  return new Set(urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url)));
}

/** Writes dist/chunks/, by the files that each run loads, and dist/cli.js. */
async function joinModules(files) {
  const packages = new Set(Object.values(files).flatMap((set) => [...set].map(packageOf)));
  const joined = await rolldown({
    input: { entry: program },
    platform: 'node',
    // Packages that no run loads are found in node_modules when they are needed.
    external: (id) => !/^[./]/.test(id) && !packages.has(packageOf(`node_modules/${id}`)),
    // The chunk is wrapped in a function, within which there is no such line.
    plugins: [{ name: 'no-hashbang', transform: (text) => text.replace(/^#!.*/, '') }],
    onLog(level, log) {
      // Some commands load at their start what others load when they need it.
      if (level === 'warn' && log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT')
        throw new Error(log.message);
    },
  });
  await joined.write({
    dir: join(root, 'dist/chunks'),
    // A code cache belongs to a script, which no module of ECMAScript is.
    format: 'cjs',
    dynamicImportInCjs: false,
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    codeSplitting: { groups: chunkGroups(files) },
  });
  await joined.close();
  rmSync(`${program}.map`);
  copyFileSync(join(here, 'launch.mjs'), program);
  chmodSync(program, 0o755);
}

/**
 * A chunk for each set of runs that load the same files. What a file imports is loaded by all runs that load the file,
 * so the chunks of many runs come first: a group takes along what its files import.
 */
function chunkGroups(files) {
  const groups = new Map();
  for (const file of new Set(Object.values(files).flatMap((set) => [...set]))) {
    const names = Object.keys(files).filter((name) => files[name].has(file));
    const group = groups.get(names.join()) ?? { name: names.join('-'), files: new Set(), names };
    if (file !== program) group.files.add(file);
    groups.set(names.join(), group);
  }
  return [...groups.values()].map(({ name, files: own, names }) => ({
    name,
    test: (id) => own.has(id),
    priority: names.length,
  }));
}

/** Name of the package whose file `path` is; undefined for our own. */
function packageOf(path) {
  const parts = path.split(/[\\/]/);
  const [first, second] = parts.slice(parts.lastIndexOf('node_modules') + 1);
  if (!parts.includes('node_modules')) return undefined;
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** Keeps what V8 compiles in the runs. Each run starts with what the ones before it left, and adds to it. */
function keepCode(runs) {
  const nodeArgs = ['--import', pathToFileURL(join(here, 'record.mjs')).href];
  for (const args of runs) run(args, { nodeArgs });
}

const folder = mkdtempSync(join(tmpdir(), 'podseal-bundle-'));
try {
  const { joined, others } = prepareRuns(folder);
  const files = Object.fromEntries(
    Object.entries(joined).map(([name, args]) => [name, observe(join(folder, name), args)]),
  );
  await joinModules(files);
  keepCode([...others, ...Object.values(joined)]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
