// Runs a program and tells what it cost.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** The built program. */
export const CLI = resolve(import.meta.dirname, '../../dist/cli.js');
const hook = new URL('./usage-hook.mjs', import.meta.url).href;

/**
 * Runs Node with the given arguments and standard input (a stream, or nothing). Gives its output and, in seconds and
 * MiB, what it took. Throws if it fails.
 */
export async function measureNode(args, { folder, input, env = {} }) {
  const usageFile = join(folder, 'usage.json');
  const { seconds, stdout } = await measure(process.execPath, args, {
    input,
    env: { NODE_OPTIONS: `--import=${hook}`, PODSEAL_BENCH_USAGE: usageFile, ...env },
  });
  const usage = JSON.parse(readFileSync(usageFile, 'utf8'));
  return {
    seconds,
    stdout,
    cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    peakMib: usage.maxRSS / 1024,
  };
}

/** Runs any program; gives its output and the wall time. */
export async function measure(program, args, { input, env = {} } = {}) {
  const start = performance.now();
  const child = spawn(program, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const fed = input === undefined ? undefined : pipeline(input, child.stdin);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  const [status] = await Promise.all([ended, fed]);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with status ${status}`);
  return { seconds: (performance.now() - start) / 1000, stdout };
}

/** The run with the median time of `count` runs. */
export async function median(count, run) {
  const runs = [];
  for (let i = 0; i < count; i++) runs.push(await run());
  return runs.sort((a, b) => a.seconds - b.seconds)[count >> 1];
}
