/** `podseal layer --write-image`: veritysetup of Debian accepts image, tree and root hash, and refuses changed ones. */
import { spawnSync } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';
import { tarOf } from '../support/plain-tar.js';
import { missingPrograms } from '../support/real-registry.js';
import { naiveRootHash, patternBytes } from '../support/verity.js';

const LAYERS = join(ROOT, 'fixtures/layers');
const IMAGES = { aci: 'layer.ext4', aks: 'layer.tarfs' } as const;

const isRequired = process.env.PODSEAL_REQUIRE_VERITYSETUP === '1';
const hasProgram = missingPrograms(['veritysetup']).length === 0;
if (!hasProgram) process.stderr.write('left out: veritysetup (cryptsetup-bin) is not installed\n');

/** Values and the check command of a parameter file. */
function readParameters(folder: string) {
  const text = readFileSync(join(folder, 'layer.txt'), 'utf8');
  const values = Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes('=') && !line.startsWith('#'))
      .map((line) => line.split('=') as [string, string]),
  );
  const command = /^# (veritysetup .+)$/m.exec(text)?.[1] ?? '';
  return { values, command };
}

/** Exit status of the command that the parameter file names, run in its folder. */
function verify(folder: string): number | null {
  const [program = '', ...args] = readParameters(folder).command.split(' ');
  return spawnSync(program, args, { cwd: folder }).status;
}

function flipByte(path: string, at: number): void {
  const byte = Buffer.from([(readFileSync(path)[at] ?? 0) ^ 1]);
  writeSync(openSync(path, 'r+'), byte, 0, 1, at);
}

async function write(layer: string, target: keyof typeof IMAGES, stdin?: Uint8Array) {
  const folder = join(temporaryFolder(), 'out');
  const args = ['layer', layer, '--for', target, '--write-image', folder];
  const result = await podseal(args, stdin === undefined ? {} : { stdin });
  return { folder, result };
}

/** One level and two, with xattr blocks and descriptors that are replaced, sparse files, long links. */
const SAMPLES = [
  ['aci', 'ext4/empty-tar'],
  ['aci', 'ext4/rootfs-pax'],
  ['aci', 'ext4/xattr-block'],
  ['aci', 'ext4/sparse'],
  ['aci', 'ext4/blocks-129'],
  ['aks', 'tarfs/basic-tree'],
  ['aks', 'tarfs/blocks-129'],
] as const;

describe('podseal layer --write-image', () => {
  it('is tried with veritysetup where that is demanded', () => {
    expect(hasProgram || !isRequired).toBe(true);
  });

  it.each(SAMPLES)('--for %s: %s is what the printed hash says', async (target, name) => {
    const { folder, result } = await write(join(LAYERS, `${name}.tar.gz`), target);
    expect(result.status).toBe(0);
    const image = readFileSync(join(folder, IMAGES[target]));
    expect(result.stdout).toBe(`${naiveRootHash(image)}\n`);
    const { values } = readParameters(folder);
    expect(values['root-hash']).toBe(result.stdout.trim());
    expect(values['data-blocks']).toBe(`${image.length / 4096}`);
    if (hasProgram) expect(verify(folder)).toBe(0);
  });

  it.runIf(hasProgram)('veritysetup finds a flipped bit in image, tree and root hash', async () => {
    const stdin = tarOf([{ name: 'big', content: patternBytes(17 * 1024 * 1024) }]);
    const { folder, result } = await write('-', 'aci', stdin);
    expect(result.status).toBe(0);
    expect(verify(folder)).toBe(0);
    const { command } = readParameters(folder);
    const [program = '', ...args] = command.split(' ');
    const wrong = args.map((arg, i) => (i === args.length - 1 ? 'ab'.repeat(32) : arg));
    expect(spawnSync(program, wrong, { cwd: folder }).status).not.toBe(0);
    flipByte(join(folder, 'layer.ext4'), 4096 * 3000);
    expect(verify(folder)).not.toBe(0);
    flipByte(join(folder, 'layer.ext4'), 4096 * 3000);
    expect(verify(folder)).toBe(0);
    flipByte(join(folder, 'layer.verity'), 4096 + 5);
    expect(verify(folder)).not.toBe(0);
  });

  it('--json names the files', async () => {
    const folder = join(temporaryFolder(), 'out');
    const layer = join(LAYERS, 'ext4/empty-tar.tar.gz');
    const { stdout } = await podseal([
      'layer',
      layer,
      '--for',
      'aci',
      '--write-image',
      folder,
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'podseal.layer/v1',
      files: {
        image: join(folder, 'layer.ext4'),
        tree: join(folder, 'layer.verity'),
        parameters: join(folder, 'layer.txt'),
      },
    });
  });

  it('leaves nothing behind when the layer is refused', async () => {
    const { folder, result } = await write('-', 'aci', Buffer.alloc(512, 1));
    expect(result).toMatchObject({ status: 3, stdout: '' });
    expect(result.stderr).toContain('[LAYER_INVALID]');
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
  });

  it('says why a folder cannot be used', async () => {
    const layer = join(LAYERS, 'ext4/empty-tar.tar.gz');
    const result = await podseal(['layer', layer, '--for', 'aci', '--write-image', layer]);
    expect(result).toMatchObject({ status: 3, stdout: '' });
    expect(result.stderr).toContain('[FILE_WRITE_FAILED]');
  });
});
