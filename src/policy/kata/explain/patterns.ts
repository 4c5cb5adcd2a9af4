/** Regular expressions of a policy, with the semantics that the guest's engine gives them (RE2). */
import { RE2JS } from 're2js';

/** True if the pattern is found in the text; an invalid pattern is found nowhere. */
export function isFound(pattern: string, text: string): boolean {
  try {
    return RE2JS.compile(pattern).test(text);
  } catch {
    return false;
  }
}

/** A path or name of the policy: a pattern if it starts with `^`, else the text itself. */
export function isAccepted(wanted: string, given: string): boolean {
  return wanted.startsWith('^') ? isFound(wanted, given) : wanted === given;
}
