// What policy generation costs: a cold process that knows its images from facts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageFacts, manyContainers, manyDocuments } from './make-manifests.mjs';
import { CLI, measureNode, median } from './measure.mjs';
import { print, printCells } from './table.mjs';

const RUNS = 5;
/** Generation alone; trying the start of each pod is the work of a Rego engine. */
const GENERATE = ['--no-self-check'];
const SIZES = [10, 30, 100, 300, 1000];
/** Runs shorter than this beyond the smallest are noise, and no growth is told from them. */
const TELLING_SECONDS = 0.05;

/** Measures and prints; files go into `folder`, which the caller removes. */
export async function benchPolicy(folder) {
  const facts = join(folder, 'facts.json');
  await writeFile(facts, imageFacts());
  const run = async (text, flags) => {
    const manifest = join(folder, 'manifest.yaml');
    await writeFile(manifest, text);
    const files = ['--image-facts', facts, '-o', join(folder, 'out.yaml')];
    const args = ['policy', manifest, ...files, '--offline', '--quiet', ...flags];
    return median(RUNS, () => measureNode([CLI, ...args], { folder }));
  };
  print('');
  printCells(['policies from image facts', 'seconds', 'cpu seconds', 'peak MiB', 'goal']);
  printRow(
    'podseal --version',
    await median(RUNS, () => measureNode([CLI, '--version'], { folder })),
  );
  printRow('1 container', await run(manyContainers(1), GENERATE));
  printRow('100 containers', await run(manyContainers(100), GENERATE), '0.300 s');
  printRow('100 containers, start tried', await run(manyContainers(100), []), '0.300 s');
  const times = [];
  for (const size of SIZES) {
    const cost = await run(manyDocuments(size), GENERATE);
    times.push([size, cost.seconds]);
    printRow(`${size} documents`, cost);
  }
  print(`growth from ${SIZES[0]} to ${SIZES.at(-1)} documents: n^${exponent(times)} (goal: n^1.0)`);
}

function printRow(what, { seconds, cpuSeconds, peakMib }, goal = '') {
  printCells([what, seconds.toFixed(3), cpuSeconds.toFixed(3), peakMib.toFixed(0), goal]);
}

/** Least squares over the logarithms of size and time, less what the smallest run takes whatever its size. */
function exponent([[, base], ...others]) {
  const points = others
    .map(([size, seconds]) => [Math.log(size), seconds - base])
    .filter(([, seconds]) => seconds > TELLING_SECONDS)
    .map(([size, seconds]) => [size, Math.log(seconds)]);
  const mean = (index) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const slope =
    points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) /
    points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return slope.toFixed(2);
}
