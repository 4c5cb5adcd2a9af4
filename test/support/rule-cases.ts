/**
 * Our own request cases for one rules file, below fixtures/kata-rules: policy data, base requests, and cases that patch
 * both. A case whose `reference` differs from what we expect has a row in fixtures/divergences.json.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JsonObject, type JsonValue, parseJson } from '../../src/core/json.js';
import { applyJsonPatch } from '../../src/core/json-patch.js';

export type Verdict = 'allow' | 'deny' | 'error';

export interface Question {
  readonly kind: string;
  readonly input: JsonValue;
}

export interface RuleCase extends Question {
  readonly id: string;
  readonly data: JsonValue;
  /** Requests that are allowed before, which leave state behind. */
  readonly before: readonly Question[];
  readonly expect: Verdict;
  /** What the reference rules decide. */
  readonly reference: Verdict;
}

interface CaseRow {
  readonly id: string;
  readonly base: string;
  /** Names of base requests; `name:id` is that request under another container id. */
  readonly before?: readonly string[];
  readonly patch: JsonValue;
  readonly policyPatch?: JsonValue;
  readonly expect: Verdict;
  readonly reference?: Verdict;
}

const KINDS: Readonly<Record<string, string>> = {
  exec: 'ExecProcessRequest',
  remove: 'RemoveContainerRequest',
  interface: 'UpdateInterfaceRequest',
  routes: 'UpdateRoutesRequest',
  neighbours: 'AddARPNeighborsRequest',
  sandbox: 'CreateSandboxRequest',
  copy: 'CopyFileRequest',
};

const ROOT = join(import.meta.dirname, '../../fixtures/kata-rules');
const RULES = join(import.meta.dirname, '../../policies/kata/rules');

/** Text of our rules for a guest. */
export const rulesText = (guest: string) => readFileSync(join(RULES, `${guest}.rego`), 'utf8');

/** All cases for a guest, with policy data and input as they are asked. */
export function readRuleCases(guest: string): readonly RuleCase[] {
  const read = (name: string) => {
    const file = join(ROOT, guest, `${name}.json`);
    return parseJson(readFileSync(file, 'utf8'), file);
  };
  const data = read('policy-data');
  const requests = read('requests') as JsonObject;
  return (read('cases') as unknown as readonly CaseRow[]).map((row) => {
    const place = { code: 'INTERNAL', what: `case ${row.id}`, path: '' } as const;
    const question = (base: string, patch: JsonValue): Question => ({
      kind: KINDS[base] ?? 'CreateContainerRequest',
      input: applyJsonPatch(requests[base] ?? null, patch, place),
    });
    return {
      id: row.id,
      data: applyJsonPatch(data, row.policyPatch ?? [], place),
      before: (row.before ?? []).map((name) => {
        const [base = '', id] = name.split(':');
        const rename = { op: 'replace', path: '/container_id', value: id ?? '' };
        return question(base, id === undefined ? [] : [rename]);
      }),
      ...question(row.base, row.patch),
      expect: row.expect,
      reference: row.reference ?? row.expect,
    };
  });
}
