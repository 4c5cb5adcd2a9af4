/** The Rego engine of the native addon: regorus, as kata agents carry it. It takes any policy text. */
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import { type DeepRules, findDeepRules } from '../core/rego-depth.js';
import type {
  RegoDialect,
  RegoEngine,
  RegoEvaluation,
  RegoModule,
  RegoPolicy,
} from '../rego/ports.js';
import { loadNative, type NativeRegoPolicy, type NativeState } from './native.js';
import { IsolatedRegoPolicy } from './rego-isolated.js';

/** Longest evaluation. The largest policies that fit in an annotation take well below a second. */
const TIME_LIMIT_MS = 30_000;

/** The engine of the addon. Throws ENGINE_ABSENT with the reason if there is no addon. */
export function openNativeEngine(state: NativeState = loadNative()): RegoEngine {
  if (state.kind === 'loaded') return new NativeEngine(state);
  throw new ToolError('ENGINE_ABSENT', `native part is missing: ${state.reason}`, {
    hints: ['run npm run build where cargo is installed'],
  });
}

type LoadedNative = Extract<NativeState, { kind: 'loaded' }>;

class NativeEngine implements RegoEngine {
  readonly #native: LoadedNative;

  constructor(native: LoadedNative) {
    this.#native = native;
  }

  async compile(modules: readonly RegoModule[], dialect: RegoDialect): Promise<RegoPolicy> {
    const options = { v0: dialect === 'v0', timeLimitMs: TIME_LIMIT_MS };
    const { addon, file } = this.#native;
    try {
      const policy = new addon.RegoPolicy(modules, options);
      const isolated = new IsolatedRegoPolicy(file, modules, options);
      return new LoadedPolicy(policy, isolated, findDeepRules(modules.map(({ text }) => text)));
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new ToolError('POLICY_UNREADABLE', inOneLine(problem), { cause });
    }
  }
}

/** What may run deep is asked in a process of its own. */
class LoadedPolicy implements RegoPolicy {
  readonly #policy: NativeRegoPolicy;
  readonly #isolated: NativeRegoPolicy;
  readonly #isDeep: DeepRules;

  constructor(policy: NativeRegoPolicy, isolated: NativeRegoPolicy, isDeep: DeepRules) {
    this.#policy = policy;
    this.#isolated = isolated;
    this.#isDeep = isDeep;
  }

  setData(document: JsonObject): void {
    const json = JSON.stringify(document);
    this.#policy.setData(json);
    this.#isolated.setData(json);
  }

  evaluate(rule: string, input: JsonValue): RegoEvaluation {
    const asked = this.#isDeep(rule.slice(rule.lastIndexOf('.') + 1))
      ? this.#isolated
      : this.#policy;
    const { value, error, prints } = asked.evaluate(rule, JSON.stringify(input));
    if (error !== undefined) {
      return { outcome: { kind: 'failed', message: inOneLine(error) }, prints };
    }
    if (value === undefined) return { outcome: { kind: 'undefined' }, prints };
    return { outcome: { kind: 'value', value: parseJson(value, rule) }, prints };
  }
}

/** How the engine words a problem: the place, the line of the policy, which may be long and secret, and what is wrong. */
const PROBLEM = /^(.*?)\n?--> (\S+:\d+:\d+)\n.*?\nerror: ([^\n]*)/s;

/** `... agent_policy:7:12: what is wrong`, without the line itself. */
function inOneLine(problem: string): string {
  const [, head, place, what] = PROBLEM.exec(problem) ?? [];
  return place === undefined ? problem : `${head}${place}: ${what}`;
}
