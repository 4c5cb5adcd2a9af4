/**
 * The framework of guests that enforce CCE policies: compiled ahead of time to WebAssembly, or as rules beside any policy
 * in the native part.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import type { FrameworkEngine, RegoModule } from '../rego/ports.js';
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
export function openFrameworkEngine({
  native = loadNative(),
}: FrameworkOptions = {}): FrameworkEngine {
  let rules: Promise<readonly RegoModule[]> | undefined;
  return {
    async openCompiled() {
      const folder = assetPath('aci');
      const [built] = await readBuiltRules(folder);
      if (built === undefined) {
        throw new ToolError('FILE_NOT_FOUND', `${folder} has no framework`, {
          hints: ['install podseal again; in a clone, run npm run build-policies'],
        });
      }
      return openWasmModule(await readRulesWasm(built, folder), {
        name: 'framework',
        memoryBytes: LIMITS.regoMemoryBytes,
      });
    },
    async openModules(modules, dialect) {
      if (native.kind !== 'loaded') {
        throw new ToolError(
          'ENGINE_ABSENT',
          `policy can only run in the native part, which is missing: ${native.reason}`,
          {
            got: 'a policy with rules of its own',
            hints: ['run npm run build where cargo is installed'],
          },
        );
      }
      rules ??= readRules();
      return openNativeEngine(native).compile([...modules, ...(await rules)], dialect);
    },
  };
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
