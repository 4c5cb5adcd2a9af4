/** What simulation needs of a Rego engine. There are two behind it; both give equal outcomes. */
import type { JsonObject, JsonValue } from '../core/json.js';

/** One file of a policy; its name is for messages. */
export interface RegoModule {
  readonly name: string;
  readonly text: string;
}

/** Version of the language. Version 0 takes rule bodies without `if`, as engines of older guests do. */
export type RegoDialect = 'v0' | 'v1';

/** What a rule gave. A failure is one of the evaluation itself: contradicting values, or too much time. */
export type RegoOutcome =
  | { readonly kind: 'value'; readonly value: JsonValue }
  | { readonly kind: 'undefined' }
  | { readonly kind: 'failed'; readonly message: string };

export interface RegoEvaluation {
  readonly outcome: RegoOutcome;
  /** Lines that the rules printed, in order. */
  readonly prints: readonly string[];
}

/** A loaded policy. Evaluations do not see each other; state is what `setData` gave last. */
export interface RegoPolicy {
  /** Replaces the data document (what rules read below `data`, beside their packages). */
  setData(document: JsonObject): void;
  /** Evaluates the rule of that path, e.g. `data.agent_policy.CreateContainerRequest`. */
  evaluate(rule: string, input: JsonValue): RegoEvaluation;
}

/** Port: loads policies. */
export interface RegoEngine {
  /** Throws POLICY_UNREADABLE if a module is not valid in the dialect. */
  compile(modules: readonly RegoModule[], dialect: RegoDialect): Promise<RegoPolicy>;
}

/** Port: the framework of guests that enforce CCE policies. */
export interface FrameworkEngine {
  /**
   * The framework alone, compiled ahead of time: policies and fragments are data to it. It answers to
   * `data.framework.NAME`.
   */
  openCompiled(): Promise<RegoPolicy>;
  /** Modules with the framework beside them. Throws POLICY_UNREADABLE, and ENGINE_ABSENT where nothing runs them. */
  openModules(modules: readonly RegoModule[], dialect: RegoDialect): Promise<RegoPolicy>;
}
