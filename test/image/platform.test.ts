import { describe, expect, it } from 'vitest';
import {
  DEFAULT_PLATFORM,
  isPlatformMatch,
  parsePlatform,
  printPlatform,
  rankPlatform,
} from '../../src/image/platform.js';
import { failureOf } from '../support/images.js';

describe('parsePlatform', () => {
  it.each(['linux/amd64', 'linux/arm64/v8', 'windows/amd64'])(
    '%s is printed as written',
    (text) => {
      expect(printPlatform(parsePlatform(text))).toBe(text);
    },
  );

  it.each([
    '',
    'linux',
    'linux/',
    '/amd64',
    'linux/amd64/',
    'linux/amd64/v2/x',
    'Linux/amd64',
    'linux/amd64 ',
  ])('refuses %j', async (text) => {
    const error = await failureOf(() => parsePlatform(text));
    expect(error).toMatchObject({ code: 'USAGE_CONFLICT', got: text });
  });

  it('names the architecture that an alias means', async () => {
    const error = await failureOf(() => parsePlatform('linux/x86_64'));
    expect(error.hints).toEqual(['write linux/amd64']);
  });

  it('is linux/amd64 by default', () => {
    expect(printPlatform(DEFAULT_PLATFORM)).toBe('linux/amd64');
  });
});

describe('isPlatformMatch', () => {
  it.each([
    ['linux/amd64', 'linux/amd64', true],
    ['linux/amd64/v1', 'linux/amd64', true],
    ['linux/amd64/v2', 'linux/amd64', false],
    ['linux/amd64', 'linux/amd64/v3', true],
    ['linux/amd64/v2', 'linux/amd64/v3', true],
    ['linux/amd64/v4', 'linux/amd64/v3', false],
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm64/v9', 'linux/arm64', false],
    ['linux/arm64/v8', 'linux/arm64/v9', true],
    ['linux/arm64/v8.2', 'linux/arm64/v8', false],
    ['linux/arm/v6', 'linux/arm', true],
    ['linux/arm/v7', 'linux/arm/v6', false],
    ['linux/arm64', 'linux/amd64', false],
    ['windows/amd64', 'linux/amd64', false],
    ['linux/ppc64le/power9', 'linux/ppc64le', false],
    ['linux/amd64/odd', 'linux/amd64', false],
  ])('an image for %s on %s: %s', (offered, wanted, runs) => {
    expect(isPlatformMatch(parsePlatform(offered), parsePlatform(wanted))).toBe(runs);
  });

  it('ranks the variant itself first, then the highest below it', () => {
    const wanted = parsePlatform('linux/amd64/v3');
    const ranks = ['v3', 'v2', 'v1'].map(
      (variant) => rankPlatform({ os: 'linux', architecture: 'amd64', variant }, wanted)!,
    );
    expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
    expect(new Set(ranks).size).toBe(3);
  });
});
