/** Whatever stands in a policy of a container group, reviews say what they think of it or refuse it in our words. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { printPageHtml } from '../../../src/core/page-html.js';
import { printPageText } from '../../../src/core/page-text.js';
import { CCE_POINTS } from '../../../src/pipeline/review/base.js';
import { auditCcePolicy } from '../../../src/policy/aci/audit.js';
import { describeCcePolicy } from '../../../src/policy/aci/describe.js';
import { ccePolicyBlocks } from '../../../src/policy/aci/describe-page.js';
import { compareCcePolicies } from '../../../src/policy/aci/differences.js';
import { readCcePolicy } from '../../../src/policy/aci/read-policy.js';
import { editJson, type Json, pathsOf } from '../../support/json-edit.js';
import { mutate, mutation } from '../../support/text-mutations.js';
import { CONTAINER, policyText } from './sample-policy.js';

const SEED = 0xbad;
const PLAIN = readCcePolicy(policyText(), 'p');

/** Everything that reviews do with a policy; true if it could be read. */
function review(text: string): boolean {
  let policy: typeof PLAIN;
  try {
    policy = readCcePolicy(text, 'p');
  } catch (error) {
    expect(error).toBeInstanceOf(ToolError);
    return false;
  }
  const page = { title: 't', blocks: ccePolicyBlocks(describeCcePolicy(policy, CCE_POINTS)) };
  expect(printPageText(page).length + printPageHtml(page).length).toBeGreaterThan(0);
  const findings = auditCcePolicy(policy, {
    subject: '',
    place: { file: 'p' },
    points: CCE_POINTS,
  });
  const differences = [
    ...compareCcePolicies(policy, PLAIN, { points: CCE_POINTS }),
    ...compareCcePolicies(PLAIN, policy, { points: CCE_POINTS }),
  ];
  for (const { message } of [...findings, ...differences]) {
    expect(message).not.toMatch(/undefined|NaN|\[object/);
  }
  expect(compareCcePolicies(policy, policy, { points: CCE_POINTS })).toEqual(
    policy.kind === 'custom' ? [expect.objectContaining({ field: 'rules' })] : [],
  );
  return true;
}

describe('policies of an attacker', () => {
  it('texts changed at random are reviewed or refused', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        review(mutations.reduce(mutate, policyText()));
      }),
      { seed: SEED, numRuns: 400 },
    );
  });

  it('data with a strange value anywhere is reviewed or refused', () => {
    const data: Json = JSON.parse(
      JSON.stringify({
        containers: [CONTAINER],
        fragments: [{ issuer: 'i', feed: 'f', minimum_svn: '1', includes: ['containers'] }],
        external_processes: [
          { command: ['x'], env_rules: [], working_dir: '/', allow_stdio_access: true },
        ],
        allow_dump_stacks: false,
        api_version: '0.11.0',
        framework_version: '0.5.0',
      }),
    );
    const strange = fc.constantFrom<Json>(
      ...[null, true, -1, 1e300, '', '0', '(', '(?P<', '[', '.*=', '\\', '\u202e\u0000', '$('],
      ...[[], [[]], {}, [null], ['__proto__'], { constructor: 1 }],
    );
    let read = 0;
    fc.assert(
      fc.property(fc.constantFrom(...pathsOf(data)), strange, (path, value) => {
        const edited = JSON.parse(editJson(JSON.stringify(data), path, value));
        if (review(policyText(edited))) read += 1;
      }),
      { seed: SEED, numRuns: 600 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('names of JavaScript objects are names like any other', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const containers = [{ ...CONTAINER, name, id: name }];
      expect(review(`${policyText({ containers })}\n${name} := {"allowed": true}\n`)).toBe(true);
    }
  });
});
