/** `podseal simulate` on the requests that were recorded of the reference. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/core/json.js';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';
import { policyText, RequestVectors } from '../support/kata-requests.js';
import { vectorsDir } from '../support/vectors.js';

const RULES = join(ROOT, 'policies/kata/rules/azl3.rego');
const root = vectorsDir('kata-requests');

describe.runIf(root !== undefined)('podseal simulate, recorded requests', () => {
  it('decides as the rules of azl3 did', async () => {
    const vectors = new RequestVectors(root ?? '', 'azl3');
    const rules = readFileSync(RULES, 'utf8');
    const text = policyText(rules, vectors.policyData('azl3/createContainer'));
    for (const folder of vectors.folders('microsoft-azl5')) {
      const cases = vectors.cases(folder);
      const log = cases
        .map(({ kind, request }) => `${JSON.stringify({ kind, request })}\n`)
        .join('');
      const cwd = temporaryFolder();
      writeFileSync(join(cwd, 'policy.rego'), text);
      writeFileSync(join(cwd, 'requests.jsonl'), log);
      const { status, stdout } = await podseal(
        ['simulate', 'policy.rego', 'requests.jsonl', '--json', '--guest', 'azl3'],
        { cwd },
      );
      const lines = stdout.split('\n').filter((line) => line !== '');
      const decisions = lines.map((line) => parseJson(line, folder));
      expect(decisions).toMatchObject(
        cases.map(({ kind, allowed }) => ({ kind, decision: allowed ? 'allow' : 'deny' })),
      );
      expect(status).toBe(cases.every(({ allowed }) => allowed) ? 0 : 10);
    }
  });
});
