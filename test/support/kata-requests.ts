/** The request vectors: testcases of other projects and probes with the decision of their rules. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JsonObject, type JsonValue, parseJson } from '../../src/core/json.js';
import { applyJsonPatch } from '../../src/core/json-patch.js';
import { findAgentVariant } from '../../src/rego/guests.js';
import { buildPolicyInput } from '../../src/rego/policy-input.js';
import type { RegoEngine } from '../../src/rego/ports.js';
import { createPolicySession, type PolicySession } from '../../src/rego/session.js';

export interface Step {
  readonly kind: string;
  readonly request?: JsonValue;
  readonly base?: string;
  readonly patch?: JsonValue;
  readonly expect: 'allow' | 'deny' | 'error';
  readonly note?: string;
}

export interface Probe {
  readonly id: string;
  readonly policy: string;
  readonly policy_patch?: JsonValue;
  readonly steps: readonly Step[];
}

interface TestCase {
  readonly description: string;
  readonly allowed: boolean;
  readonly kind?: string;
  readonly request: JsonObject;
}

/** Request names of the folders whose cases do not name theirs. */
const FOLDER_KINDS: Readonly<Record<string, string>> = {
  copyfile: 'CopyFileRequest',
  createsandbox: 'CreateSandboxRequest',
  createContainer: 'CreateContainerRequest',
};

const read = new Map<string, JsonValue>();

/** Reads a file once: probes refer to the same testcases again and again. */
function readJson(path: string): JsonValue {
  const value = read.get(path) ?? parseJson(readFileSync(path, 'utf8'), path);
  read.set(path, value);
  return value;
}

/** Rules text + data, joined as every generator does. */
export function policyText(rules: string, data: JsonValue): string {
  return `${rules}\npolicy_data := ${JSON.stringify(data, undefined, 2)}`;
}

/** The vectors below one folder, read for the agent of one guest. */
export class RequestVectors {
  readonly #root: string;
  readonly #guest: string;

  constructor(root: string, guest: string) {
    this.#root = root;
    this.#guest = guest;
  }

  probes(file: string): readonly Probe[] {
    return readJson(join(this.#root, 'probes', file)) as unknown as readonly Probe[];
  }

  policyData(path: string): JsonValue {
    return readJson(join(this.#root, 'policy-data', `${path}.json`));
  }

  /** Folders of a set that hold testcases, as `upstream/state/execprocess`. */
  folders(set: string): readonly string[] {
    const inside = readdirSync(join(this.#root, set), { withFileTypes: true });
    const here = inside.some((entry) => entry.name === 'testcases.json') ? [set] : [];
    const below = inside.filter((entry) => entry.isDirectory());
    return [...here, ...below.flatMap((entry) => this.folders(`${set}/${entry.name}`))];
  }

  cases(folder: string): readonly (TestCase & { readonly kind: string })[] {
    const cases = readJson(join(this.#root, folder, 'testcases.json'));
    return (cases as unknown as readonly TestCase[]).map((testCase) => {
      const { type } = testCase.request;
      const named = typeof type === 'string' ? `${type}Request` : undefined;
      const kind = testCase.kind ?? named ?? FOLDER_KINDS[folder.split('/')[1] ?? ''];
      if (kind === undefined) throw new Error(`${folder} does not say which request it holds`);
      return { ...testCase, kind };
    });
  }

  hasPolicyData(path: string): boolean {
    return existsSync(join(this.#root, 'policy-data', `${path}.json`));
  }

  /** Policy data of a probe: its base with its patch. */
  probeData(probe: Probe, base: string): JsonValue {
    const place = { code: 'INTERNAL', what: probe.id, path: '' } as const;
    return applyJsonPatch(this.policyData(base), probe.policy_patch ?? [], place);
  }

  /** What the policy is asked in a step. */
  stepInput(step: Step): JsonValue {
    if (step.request !== undefined) return step.request;
    const [folder = '', index = ''] = (step.base ?? '').split('#');
    const testCase = this.cases(folder)[Number(index)];
    const made = buildPolicyInput(
      findAgentVariant(this.#guest),
      step.kind,
      testCase?.request ?? null,
    );
    if (made.kind === 'refused') throw new Error(made.reason);
    return applyJsonPatch(made.input, step.patch ?? [], {
      code: 'INTERNAL',
      what: step.note ?? step.kind,
      path: '',
    });
  }

  session(engine: RegoEngine, rules: string, data: JsonValue): Promise<PolicySession> {
    return createPolicySession(engine, policyText(rules, data), this.#guest);
  }
}
