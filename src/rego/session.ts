/**
 * A kata agent policy under requests, as an agent runs it (spec kata-policy-rules sections 2 and 4): one decision per
 * request, with the state that earlier ones left behind.
 */
import { ToolError } from '../core/error.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { applyJsonPatch } from '../core/json-patch.js';
import type { JsonPlace } from '../core/json-read.js';
import { type AgentVariant, findAgentVariant } from './guests.js';
import { buildPolicyInput } from './policy-input.js';
import type { RegoEngine, RegoOutcome, RegoPolicy } from './ports.js';

/** The agent's answer. Both `deny` and `error` refuse; an error tells that the policy could not decide. */
export interface Decision {
  readonly verdict: 'allow' | 'deny' | 'error';
  /** Lines that the rules printed. */
  readonly prints: readonly string[];
  /** JSON Patch that the request made on the state; empty unless allowed. */
  readonly ops: readonly JsonValue[];
  /** AllowRequestsFailingPolicy turned a refusal into this allow. */
  readonly overridden: boolean;
  /** Why it is an error, or what was overridden. */
  readonly reason?: string;
}

/** One policy as loaded by one agent. */
export interface PolicySession {
  /** Rewrites a message as the agent does and decides. Throws REQUEST_INVALID for what is no such message. */
  receive(kind: string, message: JsonValue): Decision;
  /** Decides for an input that the agent made already. Throws REQUEST_INVALID if `kind` cannot name a query. */
  decide(kind: string, input: JsonValue): Decision;
  /** The data document as it now is: `{"pstate": ...}`. */
  readonly state: JsonObject;
}

/** What a query gave, before the switch that lets failing requests pass. */
interface Answer {
  readonly verdict: Decision['verdict'];
  readonly ops: readonly JsonValue[];
  readonly reason?: string;
  /** State after it, where it changed. */
  readonly state?: JsonObject;
  /** No rule and no default answered. */
  readonly unanswered?: true;
}

const EMPTY_STATE: JsonObject = { pstate: {} };
const QUERY_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * Loads a policy text as the agent of `guest` would. Throws POLICY_UNREADABLE if it does not parse, and USAGE_CONFLICT
 * for an unknown guest.
 */
export async function createPolicySession(
  engine: RegoEngine,
  policyText: string,
  guest: string,
): Promise<PolicySession> {
  const variant = findAgentVariant(guest);
  const modules = [{ name: 'agent_policy', text: policyText }];
  const policy = await engine.compile(modules, variant.dialect);
  return new AgentSession(variant, policy);
}

class AgentSession implements PolicySession {
  readonly #variant: AgentVariant;
  readonly #policy: RegoPolicy;
  readonly #allowsFailing: boolean;
  #state = EMPTY_STATE;

  constructor(variant: AgentVariant, policy: RegoPolicy) {
    this.#variant = variant;
    this.#policy = policy;
    policy.setData(this.#state);
    const { outcome } = policy.evaluate(queryOf('AllowRequestsFailingPolicy'), {});
    this.#allowsFailing = this.#answer(outcome).verdict === 'allow';
  }

  get state(): JsonObject {
    return this.#state;
  }

  receive(kind: string, message: JsonValue): Decision {
    const made = buildPolicyInput(this.#variant, kind, message);
    if (made.kind === 'input') return this.decide(kind, made.input);
    return { verdict: 'error', prints: [], ops: [], overridden: false, reason: made.reason };
  }

  decide(kind: string, input: JsonValue): Decision {
    const { outcome, prints } = this.#policy.evaluate(queryOf(kind), input);
    const { verdict, ops, reason, state, unanswered } = this.#answer(outcome);
    if (state !== undefined) {
      this.#state = state;
      this.#policy.setData(state);
    }
    const why = reason === undefined ? {} : { reason };
    if (verdict !== 'allow' && this.#allowsFailing) {
      const canOverride = verdict === 'deny' || unanswered || this.#variant.overridesFailures;
      if (canOverride) return { verdict: 'allow', prints, ops: [], overridden: true, ...why };
    }
    return { verdict, prints, ops, overridden: false, ...why };
  }

  #answer(outcome: RegoOutcome): Answer {
    if (outcome.kind === 'failed') return failed(outcome.message);
    if (outcome.kind === 'undefined') {
      return { ...failed('the policy has no rule for this request'), unanswered: true };
    }
    const { value } = outcome;
    if (typeof value === 'boolean') return { verdict: value ? 'allow' : 'deny', ops: [] };
    if (this.#variant.keepsState && isObject(value)) return this.#applyResponse(value);
    return failed('the policy answers with something that this agent does not read');
  }

  /** `{"allowed": boolean, "ops": JSON Patch or null}`. The patch counts only if the request is allowed. */
  #applyResponse(response: JsonObject): Answer {
    const { allowed, ops } = response;
    const list = ops ?? [];
    if (typeof allowed !== 'boolean' || !Array.isArray(list)) {
      return failed('the policy answers with an object that is not {allowed, ops}');
    }
    if (!allowed) return { verdict: 'deny', ops: [] };
    if (list.length === 0) return { verdict: 'allow', ops: [] };
    try {
      const state = applyJsonPatch(this.#state, list, STATE_PLACE);
      if (isObject(state)) return { verdict: 'allow', ops: list, state };
    } catch (error) {
      if (error instanceof ToolError) return failed(error.message);
      throw error;
    }
    return failed('the policy replaces its state by something that is not an object');
  }
}

const STATE_PLACE: JsonPlace = { code: 'REQUEST_INVALID', what: 'change of the state', path: '' };

function failed(reason: string): Answer {
  return { verdict: 'error', ops: [], reason };
}

function queryOf(kind: string): string {
  if (QUERY_NAME.test(kind)) return `data.agent_policy.${kind}`;
  throw new ToolError('REQUEST_INVALID', 'request kind is not a name', { got: kind.slice(0, 200) });
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
