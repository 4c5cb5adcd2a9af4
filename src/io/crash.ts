/** What this process leaves behind when it crashes: it holds tokens and keys, so nothing of its memory. */
import { writeFileSync } from 'node:fs';

/** Kinds of memory that the kernel writes into a core file (core(5)), as a bit mask: none. */
const COREDUMP_FILTER = '/proc/self/coredump_filter';
const NO_MEMORY = '0';

/**
 * Leaves memory out of core files, of those of child processes too, and turns diagnostic reports of Node off (they hold the
 * environment), also where NODE_OPTIONS turned them on. False if cores cannot be controlled so: the system is not Linux, or
 * does not let the file be written.
 */
export function keepMemoryOutOfDumps(): boolean {
  const { report } = process;
  report.reportOnFatalError = false;
  report.reportOnSignal = false;
  report.reportOnUncaughtException = false;
  try {
    writeFileSync(COREDUMP_FILTER, NO_MEMORY);
    return true;
  } catch {
    return false;
  }
}
