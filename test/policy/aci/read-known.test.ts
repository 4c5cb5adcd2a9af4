import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { readKnownPolicy } from '../../../src/policy/aci/read-known.js';
import { readCcePolicy } from '../../../src/policy/aci/read-policy.js';
import { mutate, mutation } from '../../support/text-mutations.js';
import { policyText } from './sample-policy.js';

const SEED = 20260817;
const TEXTS = [
  policyText(),
  `${policyText()}\nhost_network := {"allowed": true} if input.x\n`,
  'package policy\n\ndefault mount_device := {"allowed": false}\ncontainers := [{"layers": 1}]\n',
];

/** What a reader gives, or the code of what it throws. */
function outcomeOf<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof ToolError) return error.code;
    throw error;
  }
}

describe('readKnownPolicy', () => {
  it('refuses what is no module at all', () => {
    expect(outcomeOf(() => readKnownPolicy('x', 't'))).toBe('POLICY_UNREADABLE');
  });

  it('reads a policy with a default rule, and leaves out lists that do not fit', () => {
    const { document, unknown } = readKnownPolicy(TEXTS[2]!, 't');
    expect(document.containers).toEqual([]);
    expect(unknown.map(({ name }) => name)).toEqual(['mount_device', 'containers']);
  });

  it('tells of imports, which can give names another meaning', () => {
    const text = policyText().replace('import future.keywords.in', 'import data.x as containers');
    expect(readKnownPolicy(text, 't').unknown).toEqual([
      { name: 'import', problem: 'it imports data.x as containers', where: 't' },
    ]);
  });

  it('of damaged texts gives what can be known, all of it where nothing is unknown, or an error', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TEXTS),
        fc.array(mutation, { minLength: 1, maxLength: 6 }),
        (text, mutations) => {
          const damaged = mutations.reduce(mutate, text);
          const known = outcomeOf(() => readKnownPolicy(damaged, 't'));
          const whole = outcomeOf(() => readCcePolicy(damaged, 't'));
          if (typeof whole !== 'string' && whole.kind === 'document') {
            expect(known).toEqual({ document: whole.document, unknown: [] });
          }
          if (typeof known === 'string') expect(whole).toBe(known);
          if (typeof whole !== 'string' && whole.kind === 'custom' && typeof known !== 'string') {
            expect(known.unknown).not.toEqual([]);
          }
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
  });
});
