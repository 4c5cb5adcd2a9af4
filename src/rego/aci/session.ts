/**
 * A CCE policy under requests, as the guest runs it (spec aci-framework 3.2, 3.4 and 10.2): one decision per request, with
 * the state that earlier ones left behind, and fragments loaded between them.
 */
import { ToolError } from '../../core/error.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import type { RegoModuleText } from '../../core/rego-module.js';
import type { FrameworkEngine, RegoOutcome } from '../ports.js';
import { DENIAL_BYTES, type Denial, denialOf, errorsOf, faultOf } from './denial.js';
import { type ActiveFragment, type CceEvaluator, CceEvaluators } from './evaluators.js';
import { type GuestMount, type GuestOs, simulatorData, startData } from './guest-data.js';
import { type FrameworkGuest, findFrameworkGuest, lookUpPoint, type PointInfo } from './guests.js';
import { type Kept, keepOf } from './kept.js';
import { applyOperations, initialMetadata, type Metadata, metadataDocument } from './metadata.js';
import type { TrustStore } from './trust-store.js';

/** The guest's answer. `error` refuses too: the policy could not decide, or the guest refuses its answer. */
export interface CceDecision {
  readonly verdict: 'allow' | 'deny' | 'error';
  /** What the rule answered, without state operations; absent unless allowed. */
  readonly result?: JsonObject;
  /** Operations that the policy's own rule answered with; also of a refused request. */
  readonly operations?: JsonValue;
  /** What is left of variables, capabilities and log providers of an allowed request. */
  readonly kept?: Kept;
  /** `reason.errors`, where the policy gives such a list. */
  readonly errors?: readonly string[];
  /** The whole reason of the policy. */
  readonly reason?: JsonValue;
  /** Text of a fault: of the evaluation, of the policy, or of the guest. */
  readonly fault?: string;
  /** What the guest sends; absent for faults outside of a decision. */
  readonly denial?: Denial;
}

export interface CceSessionOptions {
  /** A row of FRAMEWORK_GUESTS. */
  readonly guest: string;
  readonly os?: GuestOs;
  /** Longest denial in bytes, 0 for any; default: that of the guest. */
  readonly denialBytes?: number;
  /** false: run even a plain policy as a module. */
  readonly plain?: boolean;
  /** The policy text as parsed, where the caller has that already. */
  readonly module?: RegoModuleText;
  /**
   * Decide as the reference's policy simulator: the policy's own rule alone counts, without the api table, and nothing is
   * mounted by default.
   */
  readonly simulator?: boolean;
}

/** What a transaction goes back to. */
interface Snapshot {
  readonly metadata: Metadata;
  readonly mounts: readonly GuestMount[];
  readonly keys: TrustStore;
}

/** A policy as loaded by one guest. */
export class CceSession {
  readonly guest: FrameworkGuest;
  readonly #engine: FrameworkEngine;
  readonly #text: string;
  readonly #options: CceSessionOptions;
  readonly #evaluators: CceEvaluators;
  readonly #os: GuestOs;
  /** What the guest puts into the data document before anything happens. */
  readonly #start: JsonObject;
  readonly #denialBytes: number;
  /** What points meant for the policy's api when they were last asked. */
  readonly #points = new Map<
    string,
    { readonly api: string | undefined; readonly info: PointInfo | string }
  >();
  #metadata: Metadata;
  #mounts: readonly GuestMount[] = [];
  #keys: TrustStore = new Map();
  #fragments: readonly ActiveFragment[] = [];
  #loading: string | undefined;
  #evaluator: CceEvaluator | undefined;
  #snapshot: Snapshot | undefined;

  /** Throws USAGE_CONFLICT for an unknown guest. */
  constructor(engine: FrameworkEngine, policyText: string, options: CceSessionOptions) {
    this.guest = findFrameworkGuest(options.guest);
    this.#engine = engine;
    this.#text = policyText;
    this.#options = options;
    const { plain = true, module } = options;
    this.#evaluators = new CceEvaluators(engine, this.guest, policyText, {
      plain,
      ...(module === undefined ? {} : { module }),
    });
    this.#os = options.os ?? 'linux';
    this.#start = options.simulator === true ? simulatorData() : startData(this.#os);
    this.#denialBytes = options.denialBytes ?? DENIAL_BYTES;
    this.#metadata = initialMetadata(this.#os);
  }

  get os(): GuestOs {
    return this.#os;
  }

  /** The state as rules see it. */
  get metadata(): JsonObject {
    return metadataDocument(this.#metadata);
  }

  /** Keys of ledgers that trust lists brought. */
  get keys(): TrustStore {
    return this.#keys;
  }

  set keys(keys: TrustStore) {
    this.#keys = keys;
  }

  /** Fragments whose modules are there. */
  get activeFragments(): readonly ActiveFragment[] {
    return this.#fragments;
  }

  /** Mounts that the guest adds to those that every container may have, such as /etc/hosts. */
  extendDefaultMounts(mounts: readonly GuestMount[]): void {
    this.#mounts = [...this.#mounts, ...mounts];
    this.#evaluator = undefined;
  }

  /** Begins a transaction. Throws REQUEST_INVALID inside of another. */
  begin(): void {
    if (this.#snapshot !== undefined) throw nested('inside of another');
    this.#snapshot = { metadata: this.#metadata, mounts: this.#mounts, keys: this.#keys };
  }

  /** Ends it and keeps the state. */
  commit(): void {
    if (this.#snapshot === undefined) throw nested('that has not begun');
    this.#snapshot = undefined;
  }

  /** Ends it and goes back to the state of its begin. */
  rollback(): void {
    if (this.#snapshot === undefined) throw nested('that has not begun');
    this.#metadata = this.#snapshot.metadata;
    this.#mounts = this.#snapshot.mounts;
    this.#keys = this.#snapshot.keys;
    this.#snapshot = undefined;
    this.#evaluator = undefined;
  }

  /** A copy that goes on by itself from the same state. */
  fork(): CceSession {
    const copy = new CceSession(this.#engine, this.#text, this.#options);
    copy.#metadata = this.#metadata;
    copy.#mounts = this.#mounts;
    copy.#keys = this.#keys;
    copy.#fragments = this.#fragments;
    return copy;
  }

  /**
   * Decides as the guest asks: mounts and unmounts in a transaction, so that a refused one leaves no state behind. Throws
   * as `enforce`.
   */
  async request(point: string, input: JsonObject): Promise<CceDecision> {
    if (!isTransacted(point) || this.#snapshot !== undefined) return this.enforce(point, input);
    this.begin();
    let isDone = false;
    try {
      const decision = await this.enforce(point, input);
      isDone = decision.verdict === 'allow';
      return decision;
    } finally {
      if (isDone) this.commit();
      else this.rollback();
    }
  }

  /** The value of a path such as `data.framework.candidate_containers`. */
  async query(path: string, input: JsonObject): Promise<RegoOutcome> {
    return (await this.#open()).evaluate(path, input);
  }

  /** Adds a fragment's module, which is asked about next; `load` puts it in front of its removal. */
  activate(fragment: ActiveFragment): void {
    this.#fragments = [...this.#fragments.filter(({ id }) => id !== fragment.id), fragment];
    this.#loading = fragment.namespace;
    this.#evaluator = undefined;
  }

  /** The load is over: the module stays or goes. */
  settle(id: string, stays: boolean): void {
    if (!stays) this.#fragments = this.#fragments.filter((one) => one.id !== id);
    this.#loading = undefined;
    this.#evaluator = undefined;
  }

  /**
   * Decides on a request. Throws POLICY_UNREADABLE and ENGINE_ABSENT when the policy is first asked.
   */
  async enforce(point: string, input: JsonObject): Promise<CceDecision> {
    const opened = this.#openOrFault();
    const evaluator = opened instanceof Promise ? await opened : opened;
    if (typeof evaluator === 'string') return this.#fault(input, evaluator);
    const own = this.#take(evaluator.evaluate(`data.policy.${point}`, input));
    if (own.fault !== undefined) return this.#fault(input, own.fault, own.operations);
    const told = own.operations === undefined ? {} : { operations: own.operations };
    if (this.#options.simulator === true) return this.#answerOf(point, input, own.result, told);
    const info = this.#lookUp(evaluator, point);
    if (typeof info === 'string') return this.#fault(input, info, own.operations);
    const isMissing = Object.keys(own.result).length === 0;
    if (isMissing && info.available) {
      return this.#fault(input, `rule for ${point} is missing from policy`, own.operations);
    }
    let result: JsonObject = { ...info.defaults, ...own.result };
    if (isMissing && info.useFramework) {
      const theirs = this.#take(evaluator.evaluate(`data.framework.${point}`, input));
      if (theirs.fault !== undefined) return this.#fault(input, theirs.fault);
      result = theirs.result;
    }
    return this.#answerOf(point, input, result, told);
  }

  /** The guest reads the answer: whether it allows, and what it keeps of the request. */
  #answerOf(
    point: string,
    input: JsonObject,
    result: JsonObject,
    told: Pick<CceDecision, 'operations'>,
  ): CceDecision | Promise<CceDecision> {
    const { allowed = this.#options.simulator === true ? false : undefined } = result;
    if (allowed === undefined) return this.#fault(input, "unable to find value for key 'allowed'");
    if (typeof allowed !== 'boolean') {
      return this.#fault(input, "value for 'allowed' is not a boolean", told.operations);
    }
    if (!allowed) return this.#deny(point, input).then((denied) => ({ ...denied, ...told }));
    const kept = keepOf(point, input, result);
    if (typeof kept === 'string') return { verdict: 'error', result, fault: kept, ...told };
    return { verdict: 'allow', result, ...told, ...(kept === undefined ? {} : { kept }) };
  }

  #open(): CceEvaluator | Promise<CceEvaluator> {
    const { features, frameworkVersion } = this.guest;
    if (this.#evaluator !== undefined) return this.#evaluator;
    const keep = (evaluator: CceEvaluator) => {
      this.#evaluator = evaluator;
      return evaluator;
    };
    const mounts = this.#start.defaultMounts as readonly JsonValue[];
    const opened = this.#evaluators.open({
      data: {
        ...this.#start,
        defaultMounts: this.#mounts.length === 0 ? mounts : [...mounts, ...this.#mounts],
        metadata: this.metadata,
        podseal_guest: { framework_version: frameworkVersion, features },
      },
      fragments: this.#fragments,
      loading: this.#loading,
    });
    return opened instanceof Promise ? opened.then(keep) : keep(opened);
  }

  /** A fragment that does not compile is the guest's finding; a policy that does not is no policy. */
  #openOrFault(): CceEvaluator | string | Promise<CceEvaluator | string> {
    const opened = this.#open();
    if (!(opened instanceof Promise)) return opened;
    return opened.catch((error: unknown) => {
      const isFragment = this.#loading !== undefined && error instanceof ToolError;
      if (!isFragment || error.code !== 'POLICY_UNREADABLE') throw error;
      return `error when compiling modules: ${error.message}`;
    });
  }

  /** Applies the operations of an answer, whether it allows or not, and takes them out of it. */
  #take(outcome: RegoOutcome): Taken {
    if (outcome.kind === 'failed') return { result: {}, fault: outcome.message };
    if (outcome.kind === 'undefined') return { result: {} };
    if (!isJsonObject(outcome.value)) {
      return { result: {}, fault: 'unable to load results object from Rego query' };
    }
    const { metadata: operations, ...result } = outcome.value;
    if (operations === undefined) return { result };
    const { metadata, fault } = applyOperations(this.#metadata, operations);
    this.#metadata = metadata;
    this.#evaluator = undefined;
    return fault === undefined ? { result, operations } : { result, operations, fault };
  }

  /** The version of the policy's api decides what an absent rule means. */
  #lookUp(evaluator: CceEvaluator, point: string) {
    const versions = ['api_version', 'api_svn'].flatMap((name) => {
      const outcome = evaluator.evaluate(`data.policy.${name}`, {});
      return outcome.kind === 'value' ? [outcome.value] : [];
    });
    const [version, other = version] = versions;
    if (version !== other) return 'complete rules must not produce multiple outputs: api_version';
    const api = version === undefined || typeof version === 'string' ? version : '';
    const known = this.#points.get(point);
    if (known !== undefined && known.api === api) return known.info;
    const info = lookUpPoint(this.guest, point, api);
    this.#points.set(point, { api, info });
    return info;
  }

  async #deny(point: string, input: JsonObject): Promise<CceDecision> {
    const evaluator = await this.#open();
    const outcome = evaluator.evaluate('data.policy.reason', { ...input, rule: point });
    const reason = outcome.kind === 'value' ? outcome.value : undefined;
    const errors = errorsOf(reason);
    const denial = denialOf(point, input, reason, this.#denialBytes);
    return {
      verdict: 'deny',
      denial,
      ...(reason === undefined ? {} : { reason }),
      ...(errors === undefined ? {} : { errors }),
    };
  }

  #fault(input: JsonObject, fault: string, operations?: JsonValue): CceDecision {
    const denial = faultOf(input, fault, this.#denialBytes);
    return { verdict: 'error', fault, denial, ...(operations === undefined ? {} : { operations }) };
  }
}

/** True for the requests that the guest runs as transactions (3.4). */
export function isTransacted(point: string): boolean {
  return /(?:^|_)(?:un)?mount(?:_|$)/.test(point);
}

interface Taken {
  readonly result: JsonObject;
  readonly operations?: JsonValue;
  readonly fault?: string;
}

function nested(problem: string): ToolError {
  return new ToolError('REQUEST_INVALID', `there is a transaction ${problem}`);
}
