/**
 * Two ways to ask a CCE policy. A policy and fragments that are constants and forward to the framework become data of the
 * compiled framework; all others run as modules beside it. Both give equal outcomes.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { canonicalJson, isJsonObject } from '../../core/json-equal.js';
import { recordOf } from '../../core/record.js';
import {
  evaluateTerm,
  leavesOf,
  parseRegoModule,
  plainStatements,
  type RegoModuleText,
  type RegoTerm,
} from '../../core/rego-module.js';
import type { FrameworkEngine, RegoModule, RegoOutcome, RegoPolicy } from '../ports.js';
import { plainFragment, withParameters } from './fragment-text.js';
import type { FrameworkGuest } from './guests.js';
import { withShortLines } from './short-lines.js';

/** A fragment whose module is there: while it is loaded, and behind that if the policy keeps it. */
export interface ActiveFragment {
  /** Issuer and feed: a later one of the same replaces it. */
  readonly id: string;
  readonly namespace: string;
  readonly text: string;
  readonly parameters: JsonObject;
}

/** What there is beside the policy. */
export interface Surroundings {
  /** The data document without the policy: constants, state, `podseal_guest`. */
  readonly data: JsonObject;
  readonly fragments: readonly ActiveFragment[];
  /** Namespace of the fragment that is being loaded. */
  readonly loading: string | undefined;
}

/** Answers for a policy in its surroundings; `path` is `data.policy.NAME` or `data.framework.NAME`. */
export interface CceEvaluator {
  evaluate(path: string, input: JsonObject): RegoOutcome;
}

/** Where the rules of the framework find the values of the fragment that is being loaded. */
const LOADING = 'podseal_fragment';
const READ_OF_FRAGMENTS = [
  ...['svn', 'framework_version', 'framework_svn', 'containers', 'fragments'],
  ...['external_processes', 'transparency_trust_lists', 'platform_rules'],
];

/** Makes evaluators for one policy. What can be kept between them is. */
export class CceEvaluators {
  readonly #engine: FrameworkEngine;
  readonly #guest: FrameworkGuest;
  readonly #text: string;
  readonly #plain: PlainPolicy | undefined;
  #compiled: RegoPolicy | undefined;

  /** `plain: false` has even a plain policy run as a module; `module` is the text as parsed, where that was done. */
  constructor(
    engine: FrameworkEngine,
    guest: FrameworkGuest,
    text: string,
    { plain, module }: { readonly plain: boolean; readonly module?: RegoModuleText },
  ) {
    this.#engine = engine;
    this.#guest = guest;
    this.#text = text;
    this.#plain = plain ? readPlain(text, module) : undefined;
  }

  /** Throws POLICY_UNREADABLE where a text is not valid, and ENGINE_ABSENT. A promise only where there is to wait. */
  open(surroundings: Surroundings): CceEvaluator | Promise<CceEvaluator> {
    const plain = this.#plain;
    const fragments = plain && plainFragments(surroundings);
    if (plain === undefined || fragments === undefined) return this.#openModules(surroundings);
    const data = { ...withFragments(surroundings, fragments), policy: plain.values };
    const open = (compiled: RegoPolicy) => {
      this.#compiled = compiled;
      compiled.setData(data);
      return new PlainEvaluator(plain, compiled);
    };
    return this.#compiled === undefined
      ? this.#engine.openCompiled().then(open)
      : open(this.#compiled);
  }

  async #openModules({ data, fragments, loading }: Surroundings): Promise<CceEvaluator> {
    const modules: RegoModule[] = [{ name: 'policy.rego', text: withShortLines(this.#text) }];
    let merged = data;
    let bridge = loading === undefined ? undefined : bridgeTo(loading);
    for (const fragment of fragments) {
      const { namespace, text, parameters } = fragment;
      const values = namespace in data ? plainFragment(text, parameters) : undefined;
      if (values !== undefined) {
        merged = mergeIntoData(merged, namespace, values);
        if (namespace === loading) bridge = bridgeOf(values);
      } else modules.push({ name: `${namespace}.rego`, text: this.#fragmentText(fragment) });
    }
    if (bridge !== undefined) modules.push({ name: `${LOADING}.rego`, text: bridge });
    const policy = await this.#engine.openModules(modules, this.#guest.dialect);
    policy.setData(merged);
    return { evaluate: (path, input) => policy.evaluate(path, input).outcome };
  }

  #fragmentText({ text, parameters }: ActiveFragment): string {
    const short = withShortLines(text);
    return this.#guest.features.parameters ? withParameters(short, parameters) : short;
  }
}

/** A policy that is data. */
interface PlainPolicy {
  readonly terms: ReadonlyMap<string, RegoTerm>;
  readonly values: JsonObject;
}

const POLICY_PACKAGE = 'policy';

function readPlain(text: string, parsed: RegoModuleText | undefined): PlainPolicy | undefined {
  let module: RegoModuleText;
  try {
    module = parsed ?? parseRegoModule(text, 'policy');
  } catch {
    return undefined;
  }
  const terms = plainStatements(module);
  if ('problem' in terms || module.packageName !== POLICY_PACKAGE) return undefined;
  const leaves = [...terms.values()].flatMap(leavesOf);
  if (!leaves.every((leaf) => leaf.kind === 'reference' && leaf.path[1] === 'framework')) {
    return undefined;
  }
  const values = [...terms].flatMap(([name, term]) => {
    const value = leavesOf(term).length === 0 ? evaluateTerm(term, () => undefined) : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  return { terms, values: recordOf(values) };
}

class Failed extends Error {}

class PlainEvaluator implements CceEvaluator {
  readonly #policy: PlainPolicy;
  readonly #compiled: RegoPolicy;

  constructor(policy: PlainPolicy, compiled: RegoPolicy) {
    this.#policy = policy;
    this.#compiled = compiled;
  }

  evaluate(path: string, input: JsonObject): RegoOutcome {
    if (path.startsWith('data.framework.')) return this.#compiled.evaluate(path, input).outcome;
    const term = this.#policy.terms.get(path.slice('data.policy.'.length));
    if (term === undefined) return { kind: 'undefined' };
    if (term.kind === 'reference') return this.#ask(term.path, input);
    try {
      const value = evaluateTerm(term, (leaf) => {
        const outcome = leaf.kind === 'reference' ? this.#ask(leaf.path, input) : undefined;
        if (outcome?.kind === 'failed') throw new Failed(outcome.message);
        return outcome?.kind === 'value' ? outcome.value : undefined;
      });
      return value === undefined ? { kind: 'undefined' } : { kind: 'value', value };
    } catch (error) {
      if (error instanceof Failed) return { kind: 'failed', message: error.message };
      throw error;
    }
  }

  #ask(path: readonly string[], input: JsonObject): RegoOutcome {
    return this.#compiled.evaluate(path.join('.'), input).outcome;
  }
}

/**
 * Values of all fragments by namespace; undefined if one is more than data, or if two of one namespace do not agree: then
 * an engine has to tell which questions fail.
 */
function plainFragments({
  fragments,
}: Surroundings): readonly (readonly [string, JsonObject])[] | undefined {
  const all: (readonly [string, JsonObject])[] = [];
  for (const { namespace, text, parameters } of fragments) {
    const values = plainFragment(text, parameters);
    const agrees = all.every(([other, known]) => other !== namespace || !conflict(known, values));
    if (values === undefined || !agrees) return undefined;
    all.push([namespace, values]);
  }
  return all;
}

/** True if a name has two values. */
function conflict(a: JsonObject, b: JsonObject = {}): boolean {
  return Object.entries(a).some(
    ([name, value]) => name in b && canonicalJson(b[name] ?? null) !== canonicalJson(value ?? null),
  );
}

function withFragments(
  { data, loading }: Surroundings,
  fragments: readonly (readonly [string, JsonObject])[],
): JsonObject {
  const merged = fragments.reduce(
    (document, [namespace, values]) => mergeIntoData(document, namespace, values),
    data,
  );
  const loaded = fragments.findLast(([namespace]) => namespace === loading)?.[1];
  return loaded === undefined ? merged : { ...merged, [LOADING]: loaded };
}

/** A module whose name is that of guest data adds its values to it: to iteration a list has no names. */
function mergeIntoData(data: JsonObject, namespace: string, values: JsonObject): JsonObject {
  const known = data[namespace];
  if (Array.isArray(known)) return { ...data, [namespace]: [...known, ...Object.values(values)] };
  if (known !== undefined && !isJsonObject(known)) return data;
  return { ...data, [namespace]: { ...values, ...known } as { [key: string]: JsonValue } };
}

/** A module with the values of another one. */
function bridgeTo(namespace: string): string {
  const rules = READ_OF_FRAGMENTS.map((name) => `${name} := data.${namespace}.${name}`);
  return [`package ${LOADING}`, ...rules].join('\n');
}

/** A module with these values. */
function bridgeOf(values: JsonObject): string {
  const rules = READ_OF_FRAGMENTS.filter((name) => name in values).map(
    (name) => `${name} := ${JSON.stringify(values[name])}`,
  );
  return [`package ${LOADING}`, ...rules].join('\n');
}
