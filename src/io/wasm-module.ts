/** A module that OPA compiled to WebAssembly (policies/build.mjs), ready to be asked. */
import { type JsonObject, type JsonValue, withoutPrototypes } from '../core/json.js';
import type { RegoEvaluation, RegoOutcome, RegoPolicy } from '../rego/ports.js';
import { type GuestPatterns, openRegoBuiltins } from './rego-builtins.js';
import { OpaInstance, type PolicyClass } from './rego-instance.js';

export interface WasmModuleOptions {
  /** Name in front of printed lines. */
  readonly name: string;
  /** Most memory: its data, a request, and what an evaluation makes of them. */
  readonly memoryBytes: number;
  /** A member of the data document that stays as it is: its name, and its value as JSON text. */
  readonly fixed?: { readonly name: string; readonly json: string };
  /** Whose regular expressions the guest has; absent: those of Go. */
  readonly patterns?: GuestPatterns;
}

/**
 * Memory at the start: for evaluations, and for each byte of the data. Growing by one page after the other, as the
 * module does, takes a hundred times as long as the evaluation of a large request; memory that is not needed keeps the
 * garbage collector busy.
 */
const SPARE_BYTES = 16 * 1024 * 1024;
const DATA_GROWTH = 12;
/** Memory that evaluations take for each byte of a request. */
const INPUT_GROWTH = 256;

/** A module in memory of its own, which is started when it is first asked. */
export async function openWasmModule(
  wasm: Uint8Array,
  { name, memoryBytes, fixed, patterns = 'go' }: WasmModuleOptions,
): Promise<RegoPolicy> {
  const Policy = await importLibrary();
  const prints: string[] = [];
  const builtins = openRegoBuiltins((line) => prints.push(`${name}:${line}`), patterns);
  const module = moduleOf(wasm);
  const dataBytes = (fixed?.json.length ?? 0) * DATA_GROWTH;
  const start = (spareBytes: number) =>
    new OpaInstance(Policy, {
      module,
      builtins,
      ...(fixed === undefined ? {} : { fixed }),
      startBytes: Math.min(memoryBytes, spareBytes + dataBytes),
      mostBytes: memoryBytes,
    });
  return new WasmPolicy(start, prints);
}

/** Compiled once for as long as the bytes are kept. */
const modules = new WeakMap<Uint8Array, WebAssembly.Module>();

function moduleOf(wasm: Uint8Array): WebAssembly.Module {
  const module = modules.get(wasm) ?? new WebAssembly.Module(wasm);
  modules.set(wasm, module);
  return module;
}

/** The declarations of the library leave out that its ES module has most things in the default export only. */
async function importLibrary(): Promise<PolicyClass> {
  const library: unknown = await import('@open-policy-agent/opa-wasm');
  return (library as { readonly default: { readonly LoadedPolicy: PolicyClass } }).default
    .LoadedPolicy;
}

const encoder = new TextEncoder();

/** One module with its own memory. After a failure it is started anew: its stack and heap are as the failure left them. */
class WasmPolicy implements RegoPolicy {
  readonly #start: (spareBytes: number) => OpaInstance;
  readonly #prints: string[];
  /** By rule. */
  readonly #entrypoints = new Map<string, string>();
  #document: JsonObject = {};
  #module: OpaInstance | undefined;
  /** Memory that the module began with, beside that of its data. */
  #spareBytes = SPARE_BYTES;
  /** The module does not have the document yet. */
  #isStale = true;

  constructor(start: (spareBytes: number) => OpaInstance, prints: string[]) {
    this.#start = start;
    this.#prints = prints;
  }

  setData(document: JsonObject): void {
    this.#document = document;
    this.#isStale = true;
  }

  /** Rules that are no entry point are undefined. */
  evaluate(rule: string, input: JsonValue): RegoEvaluation {
    let entrypoint = this.#entrypoints.get(rule);
    if (entrypoint === undefined) {
      entrypoint = rule.replace(/^data\./, '').replaceAll('.', '/');
      this.#entrypoints.set(rule, entrypoint);
    }
    const outcome = this.#evaluate(entrypoint, input);
    return { outcome, prints: this.#prints.splice(0) };
  }

  #evaluate(entrypoint: string, input: JsonValue): RegoOutcome {
    const bytes = encoder.encode(JSON.stringify(input));
    try {
      const module = this.#ready(bytes.length);
      if (!module.hasEntrypoint(entrypoint)) return { kind: 'undefined' };
      const found = module.evaluate(entrypoint, bytes);
      if (found === undefined) return { kind: 'undefined' };
      return { kind: 'value', value: withoutPrototypes(found, entrypoint) };
    } catch (cause) {
      this.#drop();
      return { kind: 'failed', message: messageOf(cause) };
    }
  }

  #ready(inputBytes: number): OpaInstance {
    if (inputBytes * INPUT_GROWTH > this.#spareBytes) {
      this.#spareBytes = inputBytes * INPUT_GROWTH;
      this.#drop();
    }
    this.#module ??= this.#start(this.#spareBytes);
    if (this.#isStale) this.#module.setData(this.#document);
    this.#isStale = false;
    return this.#module;
  }

  #drop(): void {
    this.#module = undefined;
    this.#isStale = true;
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
