import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { printPageHtml } from '../../../src/core/page-html.js';
import { printPageText } from '../../../src/core/page-text.js';
import { auditKataPolicy } from '../../../src/policy/kata/audit.js';
import { compareKataPolicies } from '../../../src/policy/kata/compare.js';
import { describeKataPolicy } from '../../../src/policy/kata/describe.js';
import { kataPolicyBlocks } from '../../../src/policy/kata/describe-page.js';
import { type KataPolicy, readKataPolicy } from '../../../src/policy/kata/read-policy.js';
import { goldenPolicies, ownSettings } from '../../support/golden-policies.js';
import { editJson, type Json, pathsOf } from '../../support/json-edit.js';

const SEED = 0x5eed;
const OWN = new Map<string, string>();
const settings = ownSettings();
let texts: readonly string[];
let documents: readonly string[];

beforeAll(async () => {
  const golden = await goldenPolicies('kind-pod-demo', 'volume-empty-dir', 'pod-gpu');
  texts = golden.map(({ text }) => text);
  documents = golden.map(({ data }) => data);
});

/** Everything that reviews do with a policy. */
function review(policy: KataPolicy, other: KataPolicy): void {
  const page = { title: 't', blocks: kataPolicyBlocks(describeKataPolicy(policy, OWN)) };
  expect(printPageText(page).length + printPageHtml(page).length).toBeGreaterThan(0);
  auditKataPolicy(policy, { subject: '', place: { file: 'p' }, ownRules: OWN, settings });
  compareKataPolicies(policy, other, { ownRules: OWN });
  compareKataPolicies(other, policy, { ownRules: OWN });
}

/** Reviews a text if it can be read; only errors of ours may stop that. */
function reviewIfReadable(text: string, other: string): boolean {
  let policy: KataPolicy;
  try {
    policy = readKataPolicy(text, 'p');
  } catch (error) {
    expect(error).toBeInstanceOf(ToolError);
    return false;
  }
  review(policy, readKataPolicy(other, 'p'));
  return true;
}

describe('policies of an attacker', () => {
  it('texts changed at random are reviewed or refused', () => {
    const change = fc.record({
      which: fc.nat(),
      at: fc.nat(),
      length: fc.nat({ max: 40 }),
      insert: fc.oneof(
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.constantFrom('"', '{', '}', '\n', 'policy_data := ', '`', '#', 'null', '$(', '\\u0000'),
      ),
    });
    fc.assert(
      fc.property(change, ({ which, at, length, insert }) => {
        const text = texts[which % texts.length]!;
        const from = at % text.length;
        reviewIfReadable(text.slice(0, from) + insert + text.slice(from + length), text);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('documents with any value in any place are reviewed or refused', () => {
    let reviewed = 0;
    const change = fc.record({ which: fc.nat(), at: fc.nat(), value: fc.jsonValue() });
    fc.assert(
      fc.property(change, ({ which, at, value }) => {
        const data = documents[which % documents.length]!;
        const paths = pathsOf(JSON.parse(data) as Json);
        const path = paths[at % paths.length]!;
        // Half of the time below a key of its own, where every value is taken.
        const place =
          at % 2 === 0 && typeof path.at(-1) === 'string' ? [...path.slice(0, -1), 'x'] : path;
        const text = editJson(data, place, value as Json);
        const other = `package agent_policy\n\npolicy_data := ${data}`;
        if (reviewIfReadable(`package agent_policy\n\npolicy_data := ${text}`, other))
          reviewed += 1;
      }),
      { seed: SEED, numRuns: 200 },
    );
    expect(reviewed).toBeGreaterThan(40);
  });

  it('keys with a meaning of their own in JavaScript are fields like others', () => {
    const data = documents[0]!;
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const changed = data.replace('"containers"', `"${key}": {"polluted": 1},\n  "containers"`);
      const policy = readKataPolicy(`package agent_policy\n\npolicy_data := ${changed}`, 'p');
      expect(policy.document?.unknown.map(({ path }) => path)).toEqual([key]);
      review(policy, policy);
      const plain = readKataPolicy(`package agent_policy\n\npolicy_data := ${data}`, 'p');
      expect(compareKataPolicies(plain, policy, { ownRules: OWN })).toHaveLength(1);
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
