/** The error that a call throws at once (failureOf of images.ts is for calls that give a promise). */
import { ToolError } from '../../src/core/error.js';
import { printError } from '../../src/io/terminal.js';
import { recordOutput } from './secrets/record.js';

/** Keeps what the program would print of an error. Gives it back. */
export function recordError(error: ToolError): ToolError {
  recordOutput('an error', printError(error, false));
  return error;
}

/** The error of a call that must fail. */
export function thrownBy(call: () => unknown): ToolError {
  try {
    call();
  } catch (error) {
    if (error instanceof ToolError) return recordError(error);
    throw error;
  }
  throw new Error('the call did not fail');
}
