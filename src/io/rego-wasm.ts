/**
 * The Rego engine for our own rules: OPA's WebAssembly, compiled ahead of time (policies/build.mjs), with the policy as
 * data. It is always there, but takes only policies that are one of our rules files, one line `policy_data := ` and JSON.
 */
import { sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { type JsonValue, parseJson } from '../core/json.js';
import { LIMITS } from '../core/limits.js';
import type { RegoEngine, RegoModule, RegoPolicy } from '../rego/ports.js';
import { type BuiltRules, readBuiltRules, readRulesWasm } from './rego-rules.js';
import { openWasmModule } from './wasm-module.js';

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
/** Most UTF-8 bytes of a UTF-16 unit. */
const BYTES_PER_UNIT = 3;
const MAX_NESTING = 16;
const INDENT = 2;
/** In printed JSON: a line within more than so many brackets. */
const IS_DEEP = new RegExp(`^ {${INDENT * (MAX_NESTING + 1)}}`, 'm');
/** Where the module has the policy: data.podseal.policy_data. */
const DATA_ROOT = 'podseal';

/** The engine; files are read when a policy is loaded. Its `compile` throws ENGINE_ABSENT for policies of others. */
export function openWasmEngine(options: WasmOptions = {}): WasmEngine {
  const files = readOnce(options.folder);
  const load = (modules: readonly RegoModule[]) => loadPolicy(modules, options, files);
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
  { memoryBytes = LIMITS.regoMemoryBytes }: WasmOptions,
  files: RulesFiles,
): Promise<WasmLoading> {
  const [module, ...others] = modules;
  if (module === undefined || others.length > 0) return foreign('it has more than one file');
  const parts = takeApart(module.text);
  if (typeof parts === 'string') return foreign(parts);
  const built = await files.built();
  const rules = built.find((row) => row.rulesSha256 === parts.rulesSha256);
  if (rules === undefined) return foreign('its rules are not those of podseal');
  const policy = await openWasmModule(await files.wasm(rules), {
    name: module.name,
    memoryBytes,
    patterns: 'rust',
    fixed: { name: DATA_ROOT, json: `{"policy_data":${parts.data}}` },
  });
  return { kind: 'loaded', policy };
}

/** The files of our rules; each is read when it is first asked for. */
interface RulesFiles {
  built(): Promise<readonly BuiltRules[]>;
  wasm(rules: BuiltRules): Promise<Uint8Array>;
}

function readOnce(folder: string | undefined): RulesFiles {
  let built: Promise<readonly BuiltRules[]> | undefined;
  const modules = new Map<string, Promise<Uint8Array>>();
  return {
    built() {
      built ??= readBuiltRules(folder);
      return built;
    },
    wasm(rules) {
      const read = modules.get(rules.wasmFile) ?? readRulesWasm(rules, folder);
      modules.set(rules.wasmFile, read);
      return read;
    },
  };
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
    const isPlain = isPrinted(data) && !IS_DEEP.test(data);
    const value = isPlain ? {} : parseJson(data, 'policy data');
    if (!data.startsWith('{')) return 'its data is not an object';
    if (isDeeper(value, MAX_NESTING)) return `its data is nested deeper than ${MAX_NESTING}`;
  } catch (error) {
    if (error instanceof ToolError) return `its data is more than JSON: ${error.message}`;
    throw error;
  }
  return findExcess(text) ?? { rulesSha256: sha256Hex(text.slice(0, at)), data };
}

/** True for JSON as generators print it: no key is there twice, and no digit of a number is lost. */
function isPrinted(data: string): boolean {
  try {
    return JSON.stringify(JSON.parse(data), null, INDENT) === data;
  } catch {
    return false;
  }
}

/** What in a text no agent would load. */
function findExcess(text: string): string | undefined {
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) return `it has more than ${MAX_LINES} lines`;
  const isLong = (line: string) =>
    line.length * BYTES_PER_UNIT > MAX_LINE_BYTES && Buffer.byteLength(line) > MAX_LINE_BYTES;
  if (lines.some(isLong)) {
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
