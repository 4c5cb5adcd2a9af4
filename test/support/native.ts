/** The native addon, where it is built; PODSEAL_REQUIRE_NATIVE makes its absence a failure. */
import { loadNative, type NativeAddon } from '../../src/io/native.js';
import type { RegoEngine, RegoPolicy } from '../../src/rego/ports.js';

let told = false;

/** The addon; undefined where it is not built, which is said once. */
export function nativeAddon(): NativeAddon | undefined {
  const state = loadNative();
  if (state.kind === 'loaded') return state.addon;
  if (process.env.PODSEAL_REQUIRE_NATIVE !== undefined) throw new Error(state.reason);
  if (!told) process.stderr.write(`left out: tests of the native part (${state.reason})\n`);
  told = true;
  return undefined;
}

/**
 * An engine that loads each text once. A session starts by setting its data, so sessions that follow one another can
 * share what is loaded; those that take turns cannot.
 */
export function loadingOnce(engine: RegoEngine): RegoEngine {
  const loaded = new Map<string, Promise<RegoPolicy>>();
  return {
    compile(modules, dialect) {
      const key = JSON.stringify([modules, dialect]);
      const policy = loaded.get(key) ?? engine.compile(modules, dialect);
      loaded.set(key, policy);
      return policy;
    },
  };
}
