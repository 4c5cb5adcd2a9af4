import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { Difference } from '../../../src/core/finding.js';
import { compareKataPolicies } from '../../../src/policy/kata/compare.js';
import { readKataPolicy } from '../../../src/policy/kata/read-policy.js';
import { type GoldenPolicyText, goldenPolicies } from '../../support/golden-policies.js';
import { editJson, type Json, pathsOf, valueAt } from '../../support/json-edit.js';

const SEED = 0x5eed;
const CASES = [
  'kind-pod-demo',
  'volume-empty-dir',
  'security-capabilities',
  'env-duplicates',
  'pod-gpu',
  'process-init-order',
];
let golden: readonly GoldenPolicyText[];

beforeAll(async () => {
  golden = await goldenPolicies(...CASES);
});

const policyOf = (data: string) =>
  readKataPolicy(`package agent_policy\n\npolicy_data := ${data}`, 'p');

function diff(before: string, after: string): readonly Difference[] {
  return compareKataPolicies(policyOf(before), policyOf(after), { ownRules: new Map() });
}

describe('laws of comparing policies', () => {
  it('nothing differs from itself', () => {
    for (const { data } of golden) expect(diff(data, data)).toEqual([]);
  });

  /** Lists that rules read as sets. */
  const SETS: readonly string[] = ['Env', 'Mounts', 'exec_commands', 'allow_env_regex'];

  /** The value with the keys of its objects, and the elements of its sets, turned around. */
  function turned(value: Json, key = ''): Json {
    if (Array.isArray(value)) {
      const items = value.map((item) => turned(item));
      return SETS.includes(key) ? items.toReversed() : items;
    }
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).toReversed();
    return Object.fromEntries(entries.map(([name, item]) => [name, turned(item, name)]));
  }

  it('the order of keys and sets is no difference', () => {
    for (const { data } of golden) {
      const other = JSON.stringify(turned(JSON.parse(data) as Json));
      expect(other).not.toBe(JSON.stringify(JSON.parse(data)));
      expect(diff(data, other)).toEqual([]);
    }
  });

  /** `containers[1]`, `common`: where a difference has to be. */
  const placeOf = ([list, index]: readonly (string | number)[]) =>
    list === 'containers' && index !== undefined ? `${list}[${index}]` : String(list);

  /** Another value of the same kind, so that the document still fits. */
  function other(value: Json): Json | undefined {
    if (typeof value === 'string') return `${value}x`;
    if (typeof value === 'number') return value + 1;
    if (typeof value === 'boolean') return !value;
    if (value === null) return { group_id: 1, group_change_policy: 0 };
    return Array.isArray(value) ? value.slice(1) : { ...value, more: 1 };
  }

  it('every change of one place is a difference, in both directions', () => {
    const place = fc.constantFrom(...golden).chain(({ data }) =>
      fc.record({
        data: fc.constant(data),
        path: fc.constantFrom(...pathsOf(JSON.parse(data) as Json)),
        isRemoval: fc.boolean(),
      }),
    );
    let compared = 0;
    fc.assert(
      fc.property(place, ({ data, path, isRemoval }) => {
        const value = valueAt(JSON.parse(data) as Json, path);
        const text = editJson(data, path, isRemoval ? undefined : other(value));
        fc.pre(text !== data && isReadable(text));
        compared += 1;
        const found = diff(data, text);
        const isNamed = found.some((one) => one.path.startsWith(placeOf(path)));
        expect(isNamed, `${path.join('.')}: ${JSON.stringify(found)}`).toBe(true);
        expect(diff(text, data)).not.toEqual([]);
      }),
      { seed: SEED, numRuns: 300 },
    );
    expect(compared).toBeGreaterThan(250);
  });

  function isReadable(data: string): boolean {
    try {
      policyOf(data);
      return true;
    } catch (error) {
      if (error instanceof ToolError) return false;
      throw error;
    }
  }

  it('what is added one way is removed the other way', () => {
    const opposite = {
      widened: 'narrowed',
      narrowed: 'widened',
      added: 'removed',
      removed: 'added',
    };
    const dataOf = (name: string) =>
      golden.find((one) => one.name === name && one.family === 'U')!.data;
    const [a, b] = [dataOf('volume-empty-dir'), dataOf('pod-gpu')];
    const kinds = (found: readonly Difference[]) =>
      found.map(({ kind }) => kind).filter((kind) => kind in opposite);
    const there = kinds(diff(a, b)).map((kind) => opposite[kind as keyof typeof opposite]);
    expect(there.toSorted()).toEqual(kinds(diff(b, a)).toSorted());
  });
});
