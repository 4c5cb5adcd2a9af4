/** Access tokens that are kept: for one resource, for their time, and never one that was refused. */
import { describe, expect, it } from 'vitest';
import { keepTokens } from '../../src/io/services/kept-tokens.js';
import type { AccessToken } from '../../src/keyrelease/ports.js';

const NOW = 1_000_000;

/** Tokens `RESOURCE 1`, `RESOURCE 2`, ... that end as `ends` says; the clock is `clock.now`. */
function start(ends: Partial<AccessToken> = { expiresIn: 86_400 }) {
  const clock = { now: NOW };
  let count = 0;
  const fetch = async (resource: string): Promise<AccessToken> => {
    count += 1;
    return { token: `${resource} ${count}`, ...ends };
  };
  return { clock, token: keepTokens({ fetch, now: () => clock.now }), count: () => count };
}

describe('kept access tokens', () => {
  it('are one request for many at once, and none later', async () => {
    const { token, count } = start();
    const all = await Promise.all(Array.from({ length: 200 }, () => token('vault')));
    expect(new Set(all)).toEqual(new Set(['vault 1']));
    expect(await token('vault')).toBe('vault 1');
    expect(count()).toBe(1);
  });

  it('never go to another resource', async () => {
    const { token } = start();
    expect(await Promise.all([token('vault'), token('hsm')])).toEqual(['vault 1', 'hsm 2']);
    expect(await token('hsm')).toBe('hsm 2');
  });

  it.each<[string, Partial<AccessToken>, number]>([
    ['five minutes before its end', { expiresIn: 1_000 }, 700],
    ['five minutes before its end, as a time', { expiresOn: NOW + 1_000 }, 700],
    ['by the earlier of two', { expiresIn: 1_000, expiresOn: NOW + 500 }, 200],
    ['after an hour at the latest', { expiresIn: 86_400 }, 3_600],
  ])('are replaced %s', async (_, ends, seconds) => {
    const { clock, token } = start(ends);
    await token('vault');
    clock.now = NOW + seconds - 1;
    expect(await token('vault')).toBe('vault 1');
    clock.now = NOW + seconds;
    expect(await token('vault')).toBe('vault 2');
  });

  it.each<[string, Partial<AccessToken>]>([
    ['says no end', {}],
    ['has ended', { expiresIn: 0 }],
    ['ends soon', { expiresOn: NOW + 300 }],
  ])('are none that %s', async (_, ends) => {
    const { token } = start(ends);
    expect([await token('vault'), await token('vault')]).toEqual(['vault 1', 'vault 2']);
  });

  it('are replaced when a service refuses them, once for all that hear of it', async () => {
    const { token, count } = start();
    await token('vault');
    const again = await Promise.all([1, 2, 3].map(() => token('vault', 'vault 1')));
    expect(new Set(again)).toEqual(new Set(['vault 2']));
    expect(await token('vault', 'vault 1')).toBe('vault 2');
    expect(count()).toBe(2);
  });

  it('are no failures', async () => {
    let down = true;
    const fetch = async () => {
      if (down) throw new Error('down');
      return { token: 't', expiresIn: 3_600 };
    };
    const token = keepTokens({ fetch, now: () => NOW });
    await expect(Promise.all([token('r'), token('r')])).rejects.toThrow('down');
    down = false;
    expect(await token('r')).toBe('t');
  });
});
