import { describe, expect, it } from 'vitest';
import { reachOf, reachOfVariables } from '../../../src/policy/review/patterns.js';
import { ownSettings } from '../../support/golden-policies.js';

describe('reach of patterns', () => {
  it.each([
    ['^a$', 'bounded'],
    ['^[a-z]+$', 'bounded'],
    ['^a\\.*$', 'bounded'],
    ['^(a|b)[|]$', 'bounded'],
    ['^a\\$', 'free-end'],
    ['^a', 'free-end'],
    ['^a.*$', 'free-end'],
    ['^a[^x]+$', 'free-end'],
    ['^a\\\\.*$', 'free-end'],
    ['$(sfprefix)x$', 'bounded'],
    ['$(sfprefix)', 'free-end'],
    ['a$', 'free'],
    ['a', 'free'],
    ['', 'free'],
    ['^', 'free'],
    ['^$', 'free'],
    ['.*', 'free'],
    ['^.*$', 'free'],
    ['^(.+)$', 'free'],
    ['^[^a]*$', 'free'],
    ['^\\S+$', 'free'],
    ['^a$|.*', 'free'],
    ['^a$|^b', 'free-end'],
    ['(?i)^a$', 'free'],
    ['(?m)^a$', 'free'],
    ['^(?m:a)$', 'free'],
  ])('%s: %s', (pattern, reach) => {
    expect(reachOf(pattern)).toBe(reach);
  });

  it.each([
    ['^A=[0-9]+$', 'bounded'],
    ['^A=$', 'free-end'],
    ['^A=.*$', 'free-end'],
    ['^A=1', 'free-end'],
    ['^[A-Z]+=1$', 'bounded'],
    ['^.+=1$', 'free'],
    ['A=1$', 'free'],
    ['^A$', 'free'],
    ['', 'free'],
    ['^A=1$|B=2', 'free'],
    ['(?s)^A=1$', 'free'],
    ['^A=(?i:x)$', 'free'],
  ])('of variables %s: %s', (pattern, reach) => {
    expect(reachOfVariables(pattern)).toBe(reach);
  });

  it('the variables of our settings are bounded', () => {
    for (const { requestDefaults } of ownSettings()) {
      const create = requestDefaults.CreateContainerRequest as { allow_env_regex: string[] };
      expect(create.allow_env_regex.length).toBeGreaterThan(10);
      for (const pattern of create.allow_env_regex) {
        expect(reachOfVariables(pattern), pattern).toBe('bounded');
      }
    }
  });
});
