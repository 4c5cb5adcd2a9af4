// What layer hashing costs, beside `gzip -dc | sha256sum` over the same file.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { bigFilesGzip, smallFilesGzip, systemTar } from './make-layers.mjs';
import { CLI, measure, measureNode, median } from './measure.mjs';
import { print, printCells } from './table.mjs';

const MIB = 1024 * 1024;
const LAYER_MIB = 512;
const LAYERS_AT_ONCE = 10;
const RUNS = 3;
const TARGETS = ['aci', 'aks'];
const MEDIA_TYPES = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
};

let folder;

/** Measures and prints; files go into `temporary`, which the caller removes. */
export async function benchLayers(temporary) {
  folder = temporary;
  const layer = await makeLayer(systemTar(LAYER_MIB * MIB));
  print(
    `layer: files of this machine, ${mib(layer.tarBytes)} MiB, ${mib(layer.bytes)} MiB in gzip`,
  );
  print('');
  printCells(['', 'seconds', 'MiB/s', 'ratio', 'cores busy', 'peak MiB', 'goal']);
  await oneLayer(layer);
  await manyLayers();
  await memory();
}

/** Writes a tar as gzip layer; gives its path and names. */
async function makeLayer(tar) {
  const path = join(folder, 'layer.tar.gz');
  const [content, blob] = [counter(), counter()];
  await pipeline(
    Readable.from(tar),
    content.stream,
    createGzip({ chunkSize: MIB }),
    blob.stream,
    createWriteStream(path),
  );
  const [{ bytes: tarBytes, sha256: diffId }, names] = [content.result(), blob.result()];
  return { path, tarBytes, diffId, ...names };
}

/** A stream that passes everything on, counting and hashing it. */
function counter() {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new PassThrough();
  stream.on('data', (chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

async function oneLayer({ path, tarBytes }) {
  const base = await median(RUNS, () => measure('sh', ['-c', `gzip -dc '${path}' | sha256sum`]));
  printRow({ what: 'gzip -dc FILE | sha256sum', tarBytes, ...base, ratio: 1 });
  for (const target of TARGETS) {
    const run = await median(RUNS, () => runCli(['layer', path, '--for', target]));
    const ratio = run.seconds / base.seconds;
    const what = `podseal layer FILE --for ${target}`;
    printRow({ what, tarBytes, ...run, ratio, goal: 'ratio <= 0.75' });
  }
  await rm(path);
}

/** One image of several layers. */
async function manyLayers() {
  const layout = join(folder, 'layout');
  const tarBytes = await writeLayout(layout);
  for (const target of TARGETS) {
    const run = await runCli(['layers', `oci:${layout}`, '--for', target, '--no-cache']);
    const goal = `${availableParallelism()} cores`;
    printRow({ what: `${LAYERS_AT_ONCE} layers at once, --for ${target}`, tarBytes, ...run, goal });
  }
  await rm(layout, { recursive: true });
}

/** Layers that come from a pipe, for their peak of memory. */
async function memory() {
  const cases = [
    { what: '4 GiB of big files', make: () => bigFilesGzip(8, 512), goal: '150 MiB' },
    { what: 'a million small files', make: () => smallFilesGzip(1e6), goal: '600 MiB' },
  ];
  for (const { what, make, goal } of cases)
    for (const target of TARGETS) {
      const run = await runCli(['layer', '-', '--for', target], Readable.from(make()));
      printRow({ what: `${what}, --for ${target}`, ...run, goal });
    }
}

function runCli(args, input) {
  return measureNode([CLI, ...args, '--quiet'], { folder, input });
}

/** Writes an image of distinct layers as OCI layout; gives the uncompressed bytes of all. */
async function writeLayout(layout) {
  const blobs = join(layout, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const made = [];
  for (let index = 0; index < LAYERS_AT_ONCE; index++) {
    const size = (LAYER_MIB * MIB) / LAYERS_AT_ONCE;
    const layer = await makeLayer(systemTar(size, index, LAYERS_AT_ONCE));
    await rename(layer.path, join(blobs, layer.sha256));
    made.push(layer);
  }
  const put = async (type, value) => {
    const text = Buffer.from(JSON.stringify(value));
    const sha256 = createHash('sha256').update(text).digest('hex');
    await writeFile(join(blobs, sha256), text);
    return descriptor(type, { sha256, bytes: text.length });
  };
  const diffIds = made.map(({ diffId }) => `sha256:${diffId}`);
  const config = await put('config', {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const layers = made.map((layer) => descriptor('layer', layer));
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers };
  const manifests = [await put('manifest', manifest)];
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return made.reduce((sum, layer) => sum + layer.tarBytes, 0);
}

function descriptor(type, { sha256, bytes }) {
  return { mediaType: MEDIA_TYPES[type], digest: `sha256:${sha256}`, size: bytes };
}

function printRow({ what, seconds, tarBytes, ratio, cpuSeconds, peakMib, goal = '' }) {
  printCells([
    what,
    seconds.toFixed(2),
    tarBytes === undefined ? '' : mib(tarBytes / seconds),
    ratio === undefined ? '' : ratio.toFixed(2),
    cpuSeconds === undefined ? '' : (cpuSeconds / seconds).toFixed(2),
    peakMib === undefined ? '' : peakMib.toFixed(0),
    goal,
  ]);
}

function mib(bytes) {
  return (bytes / MIB).toFixed(0);
}
