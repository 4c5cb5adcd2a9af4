// What policies of container groups cost: a cold process that knows its images from facts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manyGroups, templateFacts } from './make-templates.mjs';
import { CLI, measureNode, median } from './measure.mjs';
import { print, printCells } from './table.mjs';

const RUNS = 5;

/** Measures and prints; files go into `folder`, which the caller removes. */
export async function benchAci(folder) {
  const facts = join(folder, 'facts.json');
  await writeFile(facts, templateFacts());
  const run = async (groups, command) => {
    const template = join(folder, 'template.json');
    await writeFile(template, manyGroups(groups));
    const args = command(template, join(folder, 'out.json'));
    const known = ['--image-facts', facts, '--offline', '--quiet'];
    return median(RUNS, () => measureNode([CLI, ...args, ...known], { folder }));
  };
  const tryAndWrite = (template, out) => ['policy', template, '-o', out];
  const write = (template, out) => [...tryAndWrite(template, out), '--no-self-check'];
  const printRaw = (template) => ['acipolicygen', '-a', template, '--outraw'];
  print('');
  printCells(['container groups from image facts', 'seconds', 'cpu seconds', 'peak MiB', 'goal']);
  printRow('1 group', await run(1, write));
  printRow('50 groups of 3 containers', await run(50, write), '0.400 s');
  printRow('50 groups, starts tried', await run(50, tryAndWrite), '0.400 s');
  printRow('500 groups of 3 containers', await run(500, write));
  printRow('50 groups, acipolicygen --outraw', await run(50, printRaw));
}

function printRow(what, { seconds, cpuSeconds, peakMib }, goal = '') {
  printCells([what, seconds.toFixed(3), cpuSeconds.toFixed(3), peakMib.toFixed(0), goal]);
}
