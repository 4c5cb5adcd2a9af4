/** --allow-host: a host that allows nothing is a mistake of the user, who hears of it at once. */
import { describe, expect, it } from 'vitest';
import { podseal } from '../support/cli.js';

describe('a listed host', () => {
  it.each([
    ['sidecar', '--allow-host', 'https://vault.example'],
    ['sidecar', '--allow-host', 'vault.example/path'],
    ['sidecar', 'encfs', '--allow-host', 'vault.example:0'],
    ['key', 'release', 'key', '--allow-host', 'user@vault.example'],
    ['key', 'doctor', '--allow-host', 'a b'],
  ])('is a name and a port: podseal %s %s %s %s', async (...args) => {
    const { status, stderr } = await podseal(args);
    expect(status).toBe(2);
    expect(stderr).toContain('want HOST or HOST:PORT, without https://');
  });

  it('may be in upper case', async () => {
    const args = [
      'key',
      'create',
      'k',
      '--vault',
      'Vault.Example',
      '--allow-host',
      'VAULT.example',
    ];
    const { stderr } = await podseal([...args, '--policy', '/nonexistent.json']);
    expect(stderr).toContain('[FILE_NOT_FOUND]');
  });
});
