/**
 * The Rego engine for our own rules: OPA's WebAssembly, compiled ahead of time (policies/build.mjs), with the policy as
 * data. It is always there, but takes only policies that are one of our rules files, one line `policy_data := ` and JSON.
 */
import type { LoadedPolicy } from '@open-policy-agent/opa-wasm';
import { sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import { LIMITS } from '../core/limits.js';
import type {
  RegoEngine,
  RegoEvaluation,
  RegoModule,
  RegoOutcome,
  RegoPolicy,
} from '../rego/ports.js';
import { openRegoBuiltins } from './rego-builtins.js';
import { readBuiltRules, readRulesWasm } from './rego-rules.js';

/** A loaded policy, or why this engine cannot run it. */
export type WasmLoading =
  | { readonly kind: 'loaded'; readonly policy: RegoPolicy }
  | { readonly kind: 'foreign'; readonly reason: string };

export interface WasmEngine extends RegoEngine {
  /** Throws only for a broken installation: FILE_NOT_FOUND, SETTINGS_INVALID, DIGEST_MISMATCH. */
  load(modules: readonly RegoModule[]): Promise<WasmLoading>;
}

export interface WasmOptions {
  /** Folder of the built rules. */
  readonly folder?: string;
  /** Most memory of one policy: its data, a request, and what an evaluation makes of them. */
  readonly memoryBytes?: number;
}

type OpaWasm = typeof import('@open-policy-agent/opa-wasm');

/** A policy text taken apart. */
interface PolicyParts {
  readonly rulesSha256: string;
  /** JSON text, as it stands there: big integers keep their digits. */
  readonly data: string;
}

const DATA_HEAD = '\npolicy_data := ';
/** What the other engine reads (native/rego), and so the agents: beyond it they would not load the policy. */
const MAX_LINES = 200_000;
const MAX_LINE_BYTES = 65_535;
const MAX_NESTING = 16;
/** Where the module has the policy: data.podseal.policy_data. */
const DATA_ROOT = 'podseal';
const PAGE_BYTES = 64 * 1024;

/** The engine; files are read when a policy is loaded. Its `compile` throws ENGINE_ABSENT for policies of others. */
export function openWasmEngine(options: WasmOptions = {}): WasmEngine {
  const load = (modules: readonly RegoModule[]) => loadPolicy(modules, options);
  return {
    load,
    async compile(modules) {
      const loading = await load(modules);
      if (loading.kind === 'loaded') return loading.policy;
      throw new ToolError('ENGINE_ABSENT', `policy needs the native part: ${loading.reason}`);
    },
  };
}

async function loadPolicy(
  modules: readonly RegoModule[],
  { folder, memoryBytes = LIMITS.regoMemoryBytes }: WasmOptions,
): Promise<WasmLoading> {
  const [module, ...others] = modules;
  if (module === undefined || others.length > 0) return foreign('it has more than one file');
  const parts = takeApart(module.text);
  if (typeof parts === 'string') return foreign(parts);
  const built = await readBuiltRules(folder);
  const rules = built.find((row) => row.rulesSha256 === parts.rulesSha256);
  if (rules === undefined) return foreign('its rules are not those of podseal');
  const [wasm, { loadPolicySync }] = await Promise.all([
    readRulesWasm(rules, folder),
    importLibrary(),
  ]);
  const prints: string[] = [];
  const builtins = await openRegoBuiltins((line) => prints.push(`${module.name}:${line}`));
  // All memory is there from the start, which costs nothing until it is used. Growing by one page after the other, as the
  // module would, takes a hundred times as long as the evaluation of a large request.
  const pages = Math.floor(memoryBytes / PAGE_BYTES);
  const start = () => loadPolicySync(wasm, { initial: pages, maximum: pages }, { ...builtins });
  return { kind: 'loaded', policy: new WasmPolicy(start, parts.data, prints) };
}

/** The declarations of the library leave out that its ES module has most functions in the default export only. */
async function importLibrary(): Promise<Pick<OpaWasm, 'loadPolicySync'>> {
  const library: unknown = await import('@open-policy-agent/opa-wasm');
  return (library as { readonly default: OpaWasm }).default;
}

function foreign(reason: string): WasmLoading {
  return { kind: 'foreign', reason };
}

/** Rules and data of a policy text, or why it is none that can be taken apart. */
function takeApart(text: string): PolicyParts | string {
  const at = text.indexOf(DATA_HEAD);
  if (at < 0) return 'it has no line policy_data';
  const data = text.slice(at + DATA_HEAD.length);
  try {
    const value = parseJson(data, 'policy data');
    if (!data.startsWith('{')) return 'its data is not an object';
    if (isDeeper(value, MAX_NESTING)) return `its data is nested deeper than ${MAX_NESTING}`;
  } catch (error) {
    if (error instanceof ToolError) return `its data is more than JSON: ${error.message}`;
    throw error;
  }
  return findExcess(text) ?? { rulesSha256: sha256Hex(text.slice(0, at)), data };
}

/** What in a text no agent would load. */
function findExcess(text: string): string | undefined {
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) return `it has more than ${MAX_LINES} lines`;
  if (lines.some((line) => Buffer.byteLength(line) > MAX_LINE_BYTES)) {
    return `it has a line of more than ${MAX_LINE_BYTES} bytes`;
  }
  if (Buffer.byteLength(text) > LIMITS.policyTextBytes) {
    return `it has more than ${LIMITS.policyTextBytes} bytes`;
  }
  return undefined;
}

function isDeeper(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** One module with its own memory. After a failure it is started anew: its stack and heap are as the failure left them. */
class WasmPolicy implements RegoPolicy {
  readonly #start: () => LoadedPolicy;
  readonly #policyData: string;
  readonly #prints: string[];
  #document: JsonObject = {};
  #module: LoadedPolicy | undefined;
  /** The module does not have the document yet. */
  #isStale = true;

  constructor(start: () => LoadedPolicy, policyData: string, prints: string[]) {
    this.#start = start;
    this.#policyData = policyData;
    this.#prints = prints;
  }

  setData(document: JsonObject): void {
    this.#document = document;
    this.#isStale = true;
  }

  /** Rules that are no query of the agent are undefined. */
  evaluate(rule: string, input: JsonValue): RegoEvaluation {
    const outcome = this.#evaluate(rule.replace(/^data\./, '').replaceAll('.', '/'), input);
    return { outcome, prints: this.#prints.splice(0) };
  }

  #evaluate(entrypoint: string, input: JsonValue): RegoOutcome {
    try {
      const module = this.#ready();
      if (!Object.hasOwn(module.entrypoints, entrypoint)) return { kind: 'undefined' };
      // As bytes, since the library takes false, 0 and null for no input.
      const [found] = module.evaluate(encode(JSON.stringify(input)), entrypoint);
      if (found === undefined) return { kind: 'undefined' };
      return { kind: 'value', value: parseJson(JSON.stringify(found.result), entrypoint) };
    } catch (cause) {
      this.#module = undefined;
      this.#isStale = true;
      return { kind: 'failed', message: messageOf(cause) };
    }
  }

  #ready(): LoadedPolicy {
    this.#module ??= this.#start();
    if (this.#isStale) this.#module.setData(encode(this.#dataText()));
    this.#isStale = false;
    return this.#module;
  }

  #dataText(): string {
    const state = Object.entries(this.#document).filter(([name]) => name !== DATA_ROOT);
    const members = state.map(
      ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
    );
    return `{${[...members, `"${DATA_ROOT}":{"policy_data":${this.#policyData}}`].join(',')}}`;
  }
}

/**
 * Why the module failed: it and the library throw texts and plain objects, WebAssembly throws a RuntimeError, and a
 * RangeError where its memory or stack ends. Anything else is a bug and thrown on.
 */
function messageOf(cause: unknown): string {
  if (typeof cause === 'string') return cause;
  if (typeof cause !== 'object' || cause === null || !('message' in cause)) throw cause;
  const isBug = cause instanceof Error && !['RuntimeError', 'RangeError'].includes(cause.name);
  if (isBug) throw cause;
  return String(cause.message);
}

function encode(text: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = new TextEncoder().encode(text);
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
