/** Signals that end the program. */

/** Milliseconds of a timer that does nothing. */
const IDLE_MS = 2 ** 30;

/**
 * Takes all further SIGINT and SIGTERM, which would end the program at once, and keeps it running while nothing is to be
 * done: for work that must be finished. Gives what ends the taking.
 */
export function holdSignals(): () => void {
  const hold = () => undefined;
  const idle = setInterval(hold, IDLE_MS);
  process.on('SIGINT', hold);
  process.on('SIGTERM', hold);
  return () => {
    clearInterval(idle);
    process.off('SIGINT', hold);
    process.off('SIGTERM', hold);
  };
}
