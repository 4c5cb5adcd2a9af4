/** The error that a call throws at once (failureOf of images.ts is for calls that give a promise). */
import { ToolError } from '../../src/core/error.js';

export function thrownBy(call: () => unknown): ToolError {
  try {
    call();
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('the call did not fail');
}
