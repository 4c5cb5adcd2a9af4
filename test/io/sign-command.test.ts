import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { runSignCommand } from '../../src/io/sign-command.js';
import { failureOf } from '../support/images.js';

const signal = new AbortController().signal;
const run = (command: string, input = 'bytes') =>
  runSignCommand(command, Buffer.from(input), { signal });

describe('runSignCommand', () => {
  it('gives what the program writes', async () => {
    expect((await run('tr a-z A-Z')).toString()).toBe('BYTES');
    expect((await run('echo x', 'y'.repeat(1 << 20))).toString()).toBe('x\n');
  });

  it('takes as much as the limit says, and no more', async () => {
    const write = (count: number) => run(`head -c ${count} /dev/zero`);
    expect(await write(LIMITS.signatureBytes)).toHaveLength(LIMITS.signatureBytes);
    expect((await failureOf(() => write(LIMITS.signatureBytes + 1))).code).toBe(
      'SIGN_COMMAND_FAILED',
    );
  });

  it.each([
    ['a status', 'exit 7', 'status 7'],
    ['silence', 'true', 'nothing'],
    ['a program that is not there', 'no-such-program-here 2>&-', 'status 127'],
    ['an end by a signal', 'kill -9 $$', 'SIGKILL'],
  ])('refuses %s', async (_what, command, got) => {
    const error = await failureOf(() => run(command));
    expect(error.code).toBe('SIGN_COMMAND_FAILED');
    expect(error.got).toContain(got);
  });

  it('does not wait for ever', async () => {
    const error = await failureOf(() =>
      runSignCommand('exec cat /dev/zero > /dev/null', Buffer.alloc(0), { signal, timeoutMs: 50 }),
    );
    expect(error.got).toContain('SIGKILL');
  });
});
