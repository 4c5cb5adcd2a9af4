/** The engine for any policy: WebAssembly for those with our own rules, else the native part. */
import { ToolError } from '../core/error.js';
import type { RegoEngine } from '../rego/ports.js';
import { loadNative, type NativeState } from './native.js';
import { openNativeEngine } from './rego-native.js';
import { openWasmEngine, type WasmEngine } from './rego-wasm.js';

export interface RegoEngines {
  readonly wasm?: WasmEngine;
  readonly native?: NativeState;
}

/** Both engines as one. Its `compile` throws ENGINE_ABSENT where neither can run the policy, with both reasons. */
export function openRegoEngines(engines: RegoEngines = {}): RegoEngine {
  const { wasm = openWasmEngine() } = engines;
  return {
    async compile(modules, dialect) {
      const loading = await wasm.load(modules);
      if (loading.kind === 'loaded') return loading.policy;
      const { native = loadNative() } = engines;
      if (native.kind === 'loaded') return openNativeEngine(native).compile(modules, dialect);
      throw new ToolError(
        'ENGINE_ABSENT',
        `policy can only run in the native part, which is missing: ${native.reason}`,
        {
          got: `not one of podseal's own policies: ${loading.reason}`,
          hints: ['run npm run build where cargo is installed'],
        },
      );
    },
  };
}
