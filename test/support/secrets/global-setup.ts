/**
 * Around the whole run: makes the folder that record.ts fills, records what the run itself prints (workers print through
 * it), and fails the run if a secret of the tests is in any output.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judgeRun } from './judge.js';
import { OUTPUT_PREFIX, RECORD_VARIABLE } from './record.js';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'podseal-run-'));
  process.env[RECORD_VARIABLE] = folder;
  const restore = [process.stdout, process.stderr].map((stream, index) =>
    recordStream(stream, join(folder, `${OUTPUT_PREFIX}run-${index + 1}`)),
  );
  // Also when the run is interrupted.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return () => {
    for (const end of restore) end();
    const { secrets, outputs, bytes, leaks } = judgeRun(folder);
    const told = `${secrets} secrets of tests looked for in ${outputs} outputs, ${bytes} bytes`;
    process.stderr.write(`secrets: ${told}: ${leaks.length === 0 ? 'none is there' : 'LEAKED'}\n`);
    if (leaks.length === 0) return;
    process.exitCode = 1;
    throw new Error(`secrets are in the output:\n${leaks.join('\n')}`);
  };
}

/** Copies what is written to a stream of this process; gives what ends it. */
function recordStream(stream: NodeJS.WriteStream, file: string): () => void {
  const write = stream.write;
  stream.write = ((chunk: string | Uint8Array, ...rest: []) => {
    appendFileSync(file, chunk, { mode: 0o600 });
    return write.call(stream, chunk, ...rest);
  }) as typeof write;
  return () => {
    stream.write = write;
  };
}
