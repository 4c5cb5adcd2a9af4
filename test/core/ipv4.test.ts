import { describe, expect, it } from 'vitest';
import { isIPv4 } from '../../src/core/ipv4.js';

describe('isIPv4', () => {
  it.each([['10.0.0.1'], ['255.255.255.255'], ['1.0.0.0']])('takes %s', (text) => {
    expect(isIPv4(text)).toBe(true);
  });

  it.each([
    ['0.0.0.1'],
    ['256.0.0.1'],
    ['1.2.3'],
    ['1.2.3.4.5'],
    ['01.2.3.4'],
    ['1e1.0.0.1'],
    ['1.2.3.'],
    ['::1'],
    [' 1.2.3.4'],
  ])('refuses %s', (text) => {
    expect(isIPv4(text)).toBe(false);
  });
});
