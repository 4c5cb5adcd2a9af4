/** A module that OPA compiled to WebAssembly (policies/build.mjs), ready to be asked. */
import type { LoadedPolicy } from '@open-policy-agent/opa-wasm';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import type { RegoEvaluation, RegoOutcome, RegoPolicy } from '../rego/ports.js';
import { openRegoBuiltins } from './rego-builtins.js';

export interface WasmModuleOptions {
  /** Name in front of printed lines. */
  readonly name: string;
  /** Most memory: its data, a request, and what an evaluation makes of them. */
  readonly memoryBytes: number;
  /** JSON text of the data document; default: the document alone. */
  readonly dataText?: (document: JsonObject) => string;
}

type OpaWasm = typeof import('@open-policy-agent/opa-wasm');

const PAGE_BYTES = 64 * 1024;

/** A module in memory of its own, which is started when it is first asked. */
export async function openWasmModule(
  wasm: Uint8Array,
  { name, memoryBytes, dataText = JSON.stringify }: WasmModuleOptions,
): Promise<RegoPolicy> {
  const { loadPolicySync } = await importLibrary();
  const prints: string[] = [];
  const builtins = await openRegoBuiltins((line) => prints.push(`${name}:${line}`));
  // All memory is there from the start, which costs nothing until it is used. Growing by one page after the other, as the
  // module would, takes a hundred times as long as the evaluation of a large request.
  const pages = Math.floor(memoryBytes / PAGE_BYTES);
  const start = () => loadPolicySync(wasm, { initial: pages, maximum: pages }, { ...builtins });
  return new WasmPolicy(start, dataText, prints);
}

/** The declarations of the library leave out that its ES module has most functions in the default export only. */
async function importLibrary(): Promise<Pick<OpaWasm, 'loadPolicySync'>> {
  const library: unknown = await import('@open-policy-agent/opa-wasm');
  return (library as { readonly default: OpaWasm }).default;
}

/** One module with its own memory. After a failure it is started anew: its stack and heap are as the failure left them. */
class WasmPolicy implements RegoPolicy {
  readonly #start: () => LoadedPolicy;
  readonly #dataText: (document: JsonObject) => string;
  readonly #prints: string[];
  #document: JsonObject = {};
  #module: LoadedPolicy | undefined;
  /** The module does not have the document yet. */
  #isStale = true;

  constructor(
    start: () => LoadedPolicy,
    dataText: (document: JsonObject) => string,
    prints: string[],
  ) {
    this.#start = start;
    this.#dataText = dataText;
    this.#prints = prints;
  }

  setData(document: JsonObject): void {
    this.#document = document;
    this.#isStale = true;
  }

  /** Rules that are no entry point are undefined. */
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
    if (this.#isStale) this.#module.setData(encode(this.#dataText(this.#document)));
    this.#isStale = false;
    return this.#module;
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
