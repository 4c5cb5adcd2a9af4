/** `help COMMAND` of each command that has others below it. */
import { describe, expect, it } from 'vitest';
import { podseal } from '../support/cli.js';

describe('help', () => {
  it.each([
    ['sidecar', 'encfs'],
    ['simulate', 'release'],
    ['key', 'doctor'],
    ['release-policy', 'lint'],
    ['report', 'verify'],
    ['attest', 'bundle'],
    ['fragment', 'sign'],
    ['expectation', 'create'],
  ])('of %s prints that of %s', async (group, command) => {
    const asked = await podseal([group, 'help', command]);
    expect(asked).toEqual(await podseal([group, command, '--help']));
    expect(asked.status).toBe(0);
    expect(asked.stdout).toMatch(new RegExp(`^Usage: podseal ${group} ${command} `));
  });

  it('teaches every command by an example', async () => {
    const without: string[] = [];
    const visit = async (path: readonly string[]): Promise<void> => {
      const { stdout } = await podseal([...path, '--help']);
      const [list = ''] = stdout.split(/^Commands:\n/m)[1]?.split('\n\n') ?? [];
      const names = [...list.matchAll(/^ {2}([a-z-]+)(?= )/gm)].map(([, name = '']) => name);
      const below = names.filter((name) => name !== 'help');
      if (below.length === 0 && !/^Examples?:$/m.test(stdout)) without.push(path.join(' '));
      for (const name of below) await visit([...path, name]);
    };
    await visit([]);
    expect(without).toEqual([]);
  });

  it.each(['sidecar', 'simulate'])('of %s alone is its own', async (group) => {
    expect((await podseal([group, 'help'])).stdout).toBe((await podseal([group, '--help'])).stdout);
  });
});
