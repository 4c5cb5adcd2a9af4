// Preloaded into a measured Node program: writes what it used to the file that PODSEAL_BENCH_USAGE names, as it ends.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.PODSEAL_BENCH_USAGE;
if (isMainThread && file !== undefined)
  process.on('exit', () => writeFileSync(file, JSON.stringify(process.resourceUsage())));
