import { describe, expect, it } from 'vitest';
import { compareSemver, isSemver } from '../../src/core/semver.js';

describe('semantic versions', () => {
  it.each([
    '0.0.0',
    '1.2.3-rc1',
    '1.2.3-0.a-b.1',
    '1.2.3+b.01',
    '1.2.3-x+y',
    '18446744073709551615.0.0',
  ])('%s is one', (text) => expect(isSemver(text)).toBe(true));

  it.each([
    '',
    '1',
    '1.2',
    '1.2.3.4',
    '01.2.3',
    'v1.2.3',
    ' 1.2.3',
    '1.2.3\n',
    '1.2.3-',
    '1.2.3-01',
    '1.2.3+',
    '1.2.x',
    '18446744073709551616.0.0',
  ])('%j is none', (text) => {
    expect(isSemver(text)).toBe(false);
    expect(compareSemver(text, '1.0.0')).toBeUndefined();
    expect(compareSemver('1.0.0', text)).toBeUndefined();
  });

  it('have the order of the specification', () => {
    const order =
      '1.0.0-2 1.0.0-10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-rc.1 1.0.0 1.0.1 1.2.0 1.10.0 2.0.0';
    const versions = order.split(' ');
    for (const [i, a] of versions.entries()) {
      for (const [j, b] of versions.entries()) {
        expect(compareSemver(a, b), `${a} ${b}`).toBe(Math.sign(i - j));
      }
    }
  });

  it('do not look at build parts', () => {
    expect(compareSemver('1.0.0+a', '1.0.0+b')).toBe(0);
  });
});
