import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { sampleRegex } from '../../src/core/sample-regex.js';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

/** What JavaScript writes in another way. */
const asJavaScript = (pattern: string) =>
  pattern.replaceAll('(?P<', '(?<').replace('(?i:', '(?:').replace('[]a]', '[\\]a]');

describe('sampleRegex', () => {
  it.each([
    ['^[a-z0-9]{64}$'],
    [`^/var/run/netns/cni-${UUID}$`],
    ['^busybox-[bcdfghjklmnpqrstvwxz2456789]+-[bcdfghjklmnpqrstvwxz2456789]+$'],
    ['^gen\\.n\\-[a-z0-9.-]*[a-z0-9]$'],
    ['^/run/kata-containers/shared/containers(?:/passthrough)?/(watchable/)?[a-z0-9]{16}-hosts$'],
    ['^(TCP|UDP)=[^0-9]\\d{2,4}?[\\w.-]+x??$'],
    ['^(?P<name>a|b)(?<other>c)(?i:d)\\.\\n[\\]\\-]$'],
    ['^[]a]+[a-]$'],
    ['^a{3}b{2,}c{0,}$'],
  ])('finds a text for %s', (pattern) => {
    const text = sampleRegex(pattern);
    expect(text).toMatch(new RegExp(asJavaScript(pattern)));
  });

  it('gives the same text for the same pattern and others for other patterns', () => {
    expect(sampleRegex('^[a-z]{16}-a$')).toBe(sampleRegex('^[a-z]{16}-a$'));
    expect(sampleRegex('^[a-z]{16}-a$')?.slice(0, 16)).not.toBe(
      sampleRegex('^[a-z]{16}-b$')?.slice(0, 16),
    );
  });

  it('takes a dot for itself, so that names stay names', () => {
    expect(sampleRegex('^n.x-0$')).toBe('n.x-0');
  });

  it.each([
    ['('],
    [')'],
    ['[a'],
    ['[z-a]'],
    ['*a'],
    ['\\p{L}'],
    ['a\\'],
    ['(?=a)'],
    ['[[:alpha:]]'],
  ])('does not read %s', (pattern) => {
    expect(sampleRegex(pattern)).toBeUndefined();
  });

  it('stops at its limits', () => {
    expect(sampleRegex(`a{${LIMITS.sampleChars / 2}}`)).toHaveLength(LIMITS.sampleChars / 2);
    expect(sampleRegex(`a{${LIMITS.sampleChars / 2 + 1}}`)).toBeUndefined();
    expect(sampleRegex('(?:(?:a{1000}){1000}){1000}')).toBeUndefined();
    expect(sampleRegex('a'.repeat(LIMITS.sampleChars / 2 + 1))).toBeUndefined();
    expect(sampleRegex('('.repeat(10_000))).toBeUndefined();
  });

  it('finds a text for every pattern of its grammar', () => {
    const atom = fc.constantFrom(
      'a',
      'Z',
      '\\.',
      '\\d',
      '\\w',
      '[a-f]',
      '[^a-f]',
      '(?:x|yz)',
      '(q)',
    );
    const count = fc.constantFrom('', '*', '+', '?', '{3}', '{1,2}', '{2,}');
    const pattern = fc
      .array(fc.tuple(atom, count), { maxLength: 8 })
      .map((parts) => `^${parts.map(([one, times]) => one + times).join('')}$`);
    fc.assert(
      fc.property(pattern, (text) => {
        expect(sampleRegex(text)).toMatch(new RegExp(text));
      }),
      { seed: 41, numRuns: 300 },
    );
  });
});
