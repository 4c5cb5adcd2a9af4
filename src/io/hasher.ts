/** The block hasher of a run: the native kernel where the addon is built, worker threads otherwise. Equal results. */
import { type HashPool, openHashPool } from './hash-pool.js';
import { loadNative } from './native.js';
import { createNativeHasher } from './native-hash.js';

/** Opens the fastest hasher at hand; `close` ends its threads. */
export function openHasher(state = loadNative()): HashPool {
  if (state.kind === 'absent') return openHashPool();
  return { ...createNativeHasher(state.addon), close: () => Promise.resolve() };
}
