/** The native addon, where it is built; PODSEAL_REQUIRE_NATIVE makes its absence a failure. */
import { loadNative, type NativeAddon } from '../../src/io/native.js';

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
