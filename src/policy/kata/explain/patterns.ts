/** Regular expressions of a policy, with the semantics that the guest's engine gives them (RE2). */
import { RE2JS } from 're2js';
import { LIMITS } from '../../../core/limits.js';

/** Compiled patterns; undefined for invalid ones. One policy has few, and each is asked for often. */
const compiled = new Map<string, RE2JS | undefined>();

/** True if the pattern is found in the text; an invalid pattern is found nowhere. */
export function isFound(pattern: string, text: string): boolean {
  if (!compiled.has(pattern)) {
    if (compiled.size >= LIMITS.regoPatterns) compiled.clear();
    compiled.set(pattern, compile(pattern));
  }
  return compiled.get(pattern)?.test(text) ?? false;
}

function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}

/** A path or name of the policy: a pattern if it starts with `^`, else the text itself. */
export function isAccepted(wanted: string, given: string): boolean {
  return wanted.startsWith('^') ? isFound(wanted, given) : wanted === given;
}
