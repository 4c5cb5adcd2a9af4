/**
 * The framework of guests that enforce CCE policies: compiled ahead of time to WebAssembly, or as rules beside any policy
 * in the native part.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../core/error.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { LIMITS } from '../core/limits.js';
import type { FrameworkEngine, RegoEvaluation, RegoModule, RegoPolicy } from '../rego/ports.js';
import { assetPath } from './assets.js';
import { readTextFile } from './files.js';
import { loadNative, type NativeState } from './native.js';
import { openNativeEngine } from './rego-native.js';
import { readBuiltRules, readRulesWasm } from './rego-rules.js';
import { openWasmModule } from './wasm-module.js';

export interface FrameworkOptions {
  readonly native?: NativeState;
}

/** The framework in both forms; files are read when they are first needed. */
export function openFrameworkEngine({ native }: FrameworkOptions = {}): FrameworkEngine {
  let rules: Promise<readonly RegoModule[]> | undefined;
  let compiled: Promise<SharedPolicy> | undefined;
  return {
    async openCompiled() {
      compiled ??= openShared();
      return new PolicyView(await compiled);
    },
    async openModules(modules, dialect) {
      const state = native ?? loadNative();
      if (state.kind !== 'loaded') {
        throw new ToolError(
          'ENGINE_ABSENT',
          `policy can only run in the native part, which is missing: ${state.reason}`,
          {
            got: 'a policy with rules of its own',
            hints: ['run npm run build where cargo is installed'],
          },
        );
      }
      rules ??= readRules();
      return openNativeEngine(state).compile([...modules, ...(await rules)], dialect);
    },
  };
}

/** One module for all policies: its memory is large, and they are asked one after the other. */
interface SharedPolicy {
  readonly policy: RegoPolicy;
  /** Whose document the module has. */
  owner?: PolicyView;
}

async function openShared(): Promise<SharedPolicy> {
  const wasm = await readWasm();
  const memoryBytes = LIMITS.regoMemoryBytes;
  return { policy: await openWasmModule(wasm, { name: 'framework', memoryBytes }) };
}

/** The shared module with a document of its own. */
class PolicyView implements RegoPolicy {
  readonly #shared: SharedPolicy;
  #document: JsonObject = {};

  constructor(shared: SharedPolicy) {
    this.#shared = shared;
  }

  setData(document: JsonObject): void {
    this.#document = document;
    if (this.#shared.owner === this) delete this.#shared.owner;
  }

  evaluate(rule: string, input: JsonValue): RegoEvaluation {
    const shared = this.#shared;
    if (shared.owner !== this) shared.policy.setData(this.#document);
    shared.owner = this;
    return shared.policy.evaluate(rule, input);
  }
}

async function readWasm(): Promise<Uint8Array> {
  const folder = assetPath('aci');
  const [built] = await readBuiltRules(folder);
  if (built !== undefined) return readRulesWasm(built, folder);
  throw new ToolError('FILE_NOT_FOUND', `${folder} has no framework`, {
    hints: ['install podseal again; in a clone, run npm run build-policies'],
  });
}

async function readRules(): Promise<readonly RegoModule[]> {
  const folder = assetPath('aci/rules');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.rego')).sort();
  return Promise.all(
    names.map(async (name) => ({
      name: `framework/${name}`,
      text: await readTextFile(join(folder, name)),
    })),
  );
}
