// Joins the modules of the program into few files, so that a cold start does not read a hundred of them. Which belong
// together is not written down: the program is run on the bundled example, and modules that the same runs load become
// one file in dist/chunks/. What no run loads stays a file by module. The library (dist/index.js) is left as it is.
// Run by setup.mjs on what the compiler wrote.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
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

/** The files that each run loads: the work of a user, with and without the trial of the start. */
function observeRuns(folder) {
  const example = join(root, 'fixtures/example');
  const [facts, template] = [join(folder, 'facts.json'), join(folder, 'template.json')];
  const images = Object.keys(JSON.parse(readFileSync(join(example, 'images.json'), 'utf8')));
  const known = ['--images', join(example, 'images.json'), '--offline', '--quiet', '--no-cache'];
  writeFileSync(template, JSON.stringify(TEMPLATE));
  observe(join(folder, 'facts'), ['layers', ...images, ...known, '--facts', facts]);
  const policy = (name, manifest, flags) =>
    observe(join(folder, name), [
      ...['policy', manifest, '--image-facts', facts, '--offline', '--quiet'],
      ...['-o', join(folder, `${name}.out`), ...flags],
    ]);
  const pod = join(example, 'consumer.yaml');
  return {
    kata: policy('kata', pod, ['--no-self-check']),
    'kata-start': policy('kata-start', pod, []),
    aci: policy('aci', template, ['--no-self-check']),
    'aci-start': policy('aci-start', template, []),
  };
}

/** Runs the program and gives the files that it loaded. Throws if it fails. */
function observe(folder, args) {
  const { status, stderr, error } = spawnSync(process.execPath, [program, ...args], {
    env: { ...process.env, NODE_V8_COVERAGE: folder },
    encoding: 'utf8',
  });
  if (status !== 0) throw error ?? new Error(`podseal ${args[0]} failed: ${stderr}`);
  const urls = readdirSync(folder).flatMap((name) =>
    JSON.parse(readFileSync(join(folder, name), 'utf8')).result.map(({ url }) => url),
  );
  return new Set(urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url)));
}

/** Writes dist/cli.js and dist/chunks/. */
async function joinModules(runs) {
  const packages = new Set(Object.values(runs).flatMap((files) => [...files].map(packageOf)));
  const joined = await rolldown({
    input: { cli: program },
    platform: 'node',
    // Packages that no run loads are found in node_modules when they are needed.
    external: (id) => !/^[./]/.test(id) && !packages.has(packageOf(`node_modules/${id}`)),
    onLog(level, log) {
      // Some commands load at their start what others load when they need it.
      if (level === 'warn' && log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT')
        throw new Error(log.message);
    },
  });
  await joined.write({
    dir: join(root, 'dist'),
    chunkFileNames: 'chunks/[name]-[hash].js',
    codeSplitting: { groups: chunkGroups(runs) },
  });
  await joined.close();
  rmSync(`${program}.map`);
}

/**
 * A chunk for each set of runs that load the same files. What a file imports is loaded by all runs that load the file,
 * so the chunks of many runs come first: a group takes along what its files import.
 */
function chunkGroups(runs) {
  const groups = new Map();
  for (const file of new Set(Object.values(runs).flatMap((files) => [...files]))) {
    const names = Object.keys(runs).filter((run) => runs[run].has(file));
    const group = groups.get(names.join()) ?? { name: names.join('-'), files: new Set(), names };
    if (file !== program) group.files.add(file);
    groups.set(names.join(), group);
  }
  return [...groups.values()].map(({ name, files, names }) => ({
    name,
    test: (id) => files.has(id),
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

const folder = mkdtempSync(join(tmpdir(), 'podseal-bundle-'));
try {
  await joinModules(observeRuns(folder));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
