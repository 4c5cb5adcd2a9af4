/** The static guest verifier as it is handed out, where it is built: its size, what it needs, how it ends. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/cli.js';
import { recordOutput } from '../support/secrets/record.js';

const PROGRAM = join(ROOT, 'native/podseal-guest');
const SIZE_BYTES_MAX = 3 * 1024 * 1024;
/** Kind of a program header that names a dynamic loader (ELF64). */
const PT_INTERP = 3;

const isBuilt = existsSync(PROGRAM);
const isRequired =
  process.env.PODSEAL_REQUIRE_NATIVE === '1' &&
  process.platform === 'linux' &&
  process.arch === 'x64';
if (!isBuilt) process.stderr.write('left out: native/podseal-guest is not built\n');

/** Kinds of the program headers of a 64-bit little-endian ELF file. */
function headerKinds(elf: Buffer): number[] {
  const start = Number(elf.readBigUInt64LE(0x20));
  const [size, count] = [elf.readUInt16LE(0x36), elf.readUInt16LE(0x38)];
  return Array.from({ length: count }, (_, i) => elf.readUInt32LE(start + i * size));
}

function run(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(PROGRAM, args, { encoding: 'utf8', env: {} });
  recordOutput(`podseal-guest ${args.join(' ')}`, stdout ?? '', stderr ?? '');
  return { status, stdout, stderr };
}

describe('native/podseal-guest', () => {
  it('is built where that is demanded', () => {
    expect(isBuilt || !isRequired).toBe(true);
  });

  it.runIf(isBuilt)('needs no loader and no library, and is small', () => {
    const elf = readFileSync(PROGRAM);
    expect(elf.subarray(0, 5)).toEqual(Buffer.from('\x7fELF\x02', 'latin1'));
    expect(headerKinds(elf)).not.toContain(PT_INTERP);
    expect(statSync(PROGRAM).size).toBeLessThanOrEqual(SIZE_BYTES_MAX);
  });

  it.runIf(isBuilt)('ends with the status of what went wrong', () => {
    expect(run(['--version'])).toMatchObject({ status: 0, stderr: '' });
    expect(run(['--no-such-flag'])).toMatchObject({ status: 2, stdout: '' });
    const report = run(['report', '--json', '--device=sev-guest=/nowhere/sev-guest']);
    expect(report).toMatchObject({ status: 4, stdout: '' });
    expect(JSON.parse(report.stderr)).toMatchObject({
      code: 'DEVICE_ABSENT',
      reason: 'E_NO_DEVICE',
    });
  });
});
