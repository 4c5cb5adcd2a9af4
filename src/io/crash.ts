/** What others can get of the memory of this process, which holds tokens and keys: nothing, in a crash or by a signal. */
import { writeFileSync } from 'node:fs';
import { loadNative, type NativeState } from './native.js';

/** Kinds of memory that the kernel writes into a core file (core(5)), as a bit mask: none. */
const COREDUMP_FILTER = '/proc/self/coredump_filter';
const NO_MEMORY = '0';

const ignore = () => undefined;

/**
 * Leaves memory out of core files, of those of child processes too; turns diagnostic reports of Node off (they hold the
 * environment), also where NODE_OPTIONS turned them on; and keeps SIGUSR1 from opening the debugger's port, which all
 * containers of a pod can reach. May be called again. False if cores cannot be controlled so: the system is not Linux, or
 * does not let the file be written. The registers of all threads still go into a core, and so what was copied last.
 */
export function keepMemoryOutOfDumps(): boolean {
  const { report } = process;
  report.reportOnFatalError = false;
  report.reportOnSignal = false;
  report.reportOnUncaughtException = false;
  if (!process.listeners('SIGUSR1').includes(ignore)) process.on('SIGUSR1', ignore);
  try {
    writeFileSync(COREDUMP_FILTER, NO_MEMORY);
    return true;
  } catch {
    return false;
  }
}

/** How much of this process a core file would hold. */
export type InCore = 'nothing' | 'registers' | 'memory';

/** As keepMemoryOutOfDumps; and where the native addon is there, no core is written at all. */
export function keepOutOfCore(state: NativeState = loadNative()): InCore {
  const filtered = keepMemoryOutOfDumps();
  try {
    if (state.kind === 'loaded') {
      state.addon.hideMemory();
      return 'nothing';
    }
  } catch {
    // The system has no such thing; what the filter does is what there is.
  }
  return filtered ? 'registers' : 'memory';
}
