/** The verifier of the guest as a program: evidence and expectations in, verdicts out, many at a time. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './cli.js';

const NAME = process.platform === 'win32' ? 'verdicts.exe' : 'verdicts';
const FILE = join(ROOT, 'native/target/release/examples', NAME);

/** Lines that may be under way at once. */
const WINDOW = 256;
let told = false;

/** True where cargo built the program; says once that the comparison is left out where it did not. */
export function hasGuestVerifier(): boolean {
  const built = existsSync(FILE);
  if (!built && !told) {
    told = true;
    process.stderr.write('left out: the comparison with the verifier of the guest (not built)\n');
  }
  return built;
}

/** Sends every request and hands each answer on, in order. Throws if the program ends early or with an error. */
export async function askGuestVerifier(
  requests: Iterable<object>,
  onAnswer: (answer: Record<string, unknown>, index: number) => void,
): Promise<number> {
  const child = spawn(FILE, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let sent = 0;
  let received = 0;
  const receive = async () => {
    const line = await answers.next();
    if (line.done) throw new Error(`the guest verifier ended after ${received} of ${sent}`);
    onAnswer(JSON.parse(line.value) as Record<string, unknown>, received);
    received += 1;
  };
  for (const request of requests) {
    const flushed = child.stdin.write(`${JSON.stringify(request)}\n`);
    sent += 1;
    if (!flushed) await new Promise((resolve) => child.stdin.once('drain', resolve));
    if (sent - received >= WINDOW) await receive();
  }
  child.stdin.end();
  while (received < sent) await receive();
  const status = await ended;
  if (status !== 0) throw new Error(`the guest verifier ended with status ${status}`);
  return received;
}
