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

  it.each(['sidecar', 'simulate'])('of %s alone is its own', async (group) => {
    expect((await podseal([group, 'help'])).stdout).toBe((await podseal([group, '--help'])).stdout);
  });
});
