/**
 * One instance of a module that OPA compiled: its memory, the functions that it calls outside, and its data. The library
 * evaluates; what the module calls outside is answered here, since texts can be read straight from memory, and a change
 * of the state leaves the policy document where it is (OPA's WebAssembly ABI 1.2 or later; values stand in memory as in
 * the OPA version that policies/build.mjs pins).
 */
import type { LoadedPolicy } from '@open-policy-agent/opa-wasm';
import type { JsonObject, JsonValue } from '../core/json.js';
import type { RegoBuiltins } from './rego-builtins.js';
import { DataDocument, type FixedMember, type ValueMemory } from './rego-data.js';

export interface ModuleOptions {
  readonly module: WebAssembly.Module;
  readonly builtins: RegoBuiltins;
  /** What rules read below `data` and no request changes, if anything: name of one member, and its value as JSON text. */
  readonly fixed?: FixedMember;
  /** Memory at the start and at most. */
  readonly startBytes: number;
  readonly mostBytes: number;
}

/** The class of the library; its declarations leave out that it can be constructed. */
export type PolicyClass = new (
  instance: WebAssembly.Instance,
  memory: WebAssembly.Memory,
  abiMinorVersion: number,
) => LoadedPolicy & { dataAddr: number; dataHeapPtr: number };

/** What the module offers; it takes and gives addresses. */
interface OpaExports {
  builtins(): number;
  opa_heap_ptr_get(): number;
  opa_heap_ptr_set(address: number): void;
  opa_json_dump(value: number): number;
  opa_json_parse(text: number, bytes: number): number;
  opa_malloc(bytes: number): number;
  opa_value_add_path(data: number, path: number, value: number): number;
  opa_value_remove_path(data: number, path: number): number;
  readonly opa_wasm_abi_version: WebAssembly.Global;
  readonly opa_wasm_abi_minor_version: WebAssembly.Global;
}

const PAGE_BYTES = 64 * 1024;
/** Type numbers of texts: those made at run time, and those of the rules. */
const TEXT_TYPES: readonly (number | undefined)[] = [4, 8];
/** Where a text has its length and the address of its UTF-8. */
const TEXT_LENGTH = 4;
const TEXT_START = 8;

/** A started module. What its code throws comes through: texts, RuntimeError, RangeError. */
export class OpaInstance {
  readonly #memory: WebAssembly.Memory;
  #view: Buffer = Buffer.alloc(0);
  readonly #exports: OpaExports;
  readonly #policy: InstanceType<PolicyClass>;
  readonly #constants: ReadonlyMap<JsonValue, number>;
  readonly #data: DataDocument;

  constructor(Policy: PolicyClass, options: ModuleOptions) {
    this.#memory = new WebAssembly.Memory({
      initial: Math.ceil(options.startBytes / PAGE_BYTES),
      maximum: Math.floor(options.mostBytes / PAGE_BYTES),
    });
    const calls: ((...operands: JsonValue[]) => JsonValue | undefined)[] = [];
    const env = importsOf(this.#memory, (id, operands) => this.#call(calls[id], operands));
    const instance = new WebAssembly.Instance(options.module, { env });
    this.#exports = instance.exports as unknown as OpaExports;
    const { builtins, opa_wasm_abi_minor_version: minor } = this.#exports;
    for (const [name, id] of Object.entries(this.#read(builtins()) as Record<string, number>)) {
      calls[id] = options.builtins[name] ?? missing(name);
    }
    this.#constants = new Map([true, false].map((value) => [value, this.#write(`${value}`)]));
    this.#policy = new Policy(instance, this.#memory, minor.value as number);
    this.#data = new DataDocument(this.#values(), options.fixed);
  }

  /**
   * Replaces everything below `data` but the fixed member; a member of that name is left out. An object that was given
   * the last time must be what it was then.
   */
  setData(document: JsonObject): void {
    this.#policy.dataAddr = this.#data.place(document);
    this.#policy.dataHeapPtr = this.#data.end;
  }

  #values(): ValueMemory {
    const { opa_heap_ptr_get, opa_heap_ptr_set, ...exports } = this.#exports;
    const check = (status: number) => {
      if (status !== 0) throw new Error(`the module does not take its data: ${status}`);
    };
    return {
      write: (json) => this.#write(json),
      put: (object, path, value) => check(exports.opa_value_add_path(object, path, value)),
      remove: (object, path) => check(exports.opa_value_remove_path(object, path)),
      get heap() {
        return opa_heap_ptr_get();
      },
      set heap(address) {
        opa_heap_ptr_set(address);
      },
    };
  }

  hasEntrypoint(name: string): boolean {
    return Object.hasOwn(this.#policy.entrypoints, name);
  }

  /** The value of an entrypoint; undefined if it has none. */
  evaluate(entrypoint: string, input: Uint8Array): unknown {
    // As bytes, since the library takes false, 0 and null for no input.
    const [found] = this.#policy.evaluate(exactBuffer(input), entrypoint);
    return found?.result;
  }

  #call(
    builtin: ((...operands: JsonValue[]) => JsonValue | undefined) | undefined,
    operands: readonly number[],
  ): number {
    const result = builtin?.(...operands.map((address) => this.#read(address)));
    if (result === undefined) return 0;
    return this.#constants.get(result) ?? this.#write(JSON.stringify(result));
  }

  #read(address: number): JsonValue {
    const bytes = this.#bytes();
    if (!TEXT_TYPES.includes(bytes[address])) {
      return this.#readJson(this.#exports.opa_json_dump(address));
    }
    const start = bytes.readUInt32LE(address + TEXT_START);
    return bytes.toString('utf8', start, start + bytes.readUInt32LE(address + TEXT_LENGTH));
  }

  /** The value whose JSON text stands at an address, up to a zero byte. */
  #readJson(start: number): JsonValue {
    const bytes = this.#bytes();
    return JSON.parse(bytes.toString('utf8', start, bytes.indexOf(0, start))) as JsonValue;
  }

  /** The memory as it is now: when it grows, it becomes another buffer. */
  #bytes(): Buffer {
    const { buffer } = this.#memory;
    if (this.#view.buffer !== buffer) this.#view = Buffer.from(buffer);
    return this.#view;
  }

  /** Address of a value made of JSON text. */
  #write(json: string): number {
    const bytes = Buffer.byteLength(json);
    const start = this.#exports.opa_malloc(bytes);
    this.#bytes().write(json, start);
    const address = this.#exports.opa_json_parse(start, bytes);
    if (address !== 0) return address;
    throw new Error('the module cannot read a JSON text');
  }
}

/** What the module imports; functions have a number, then a context that is not used, then addresses of operands. */
function importsOf(
  memory: WebAssembly.Memory,
  call: (id: number, operands: readonly number[]) => number,
): WebAssembly.ModuleImports {
  const textAt = (start: number) => {
    const bytes = Buffer.from(memory.buffer);
    return bytes.toString('utf8', start, bytes.indexOf(0, start));
  };
  const outside = (id: number, _: number, ...operands: number[]) => call(id, operands);
  return {
    memory,
    opa_abort: (start: number) => {
      throw textAt(start);
    },
    opa_println: () => {},
    ...Object.fromEntries([0, 1, 2, 3, 4].map((count) => [`opa_builtin${count}`, outside])),
  };
}

function missing(name: string): () => never {
  return () => {
    throw new Error(`the module calls ${name}, which is not there`);
  };
}

function exactBuffer({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  if (byteLength === buffer.byteLength) return buffer as ArrayBuffer;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
