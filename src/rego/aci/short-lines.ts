/**
 * Rego text with line ends added between the elements of lists: the engine of the native part takes lines up to a limit
 * that guests do not have, and generated policies hold all containers in one line.
 */
import { scanRego } from '../../core/rego-tokens.js';

/** Columns that stay below the limit of the engine, 65536. */
const LONGEST = 60_000;

/** The text, changed only if a line is too long. Throws POLICY_UNREADABLE for text without tokens. */
export function withShortLines(text: string): string {
  if (text.split('\n').every((line) => line.length <= LONGEST)) return text;
  const parts: string[] = [];
  let from = 0;
  for (const { text: found, depth, offset } of scanRego(text, 'policy')) {
    if (found !== ',' || depth === 0) continue;
    parts.push(text.slice(from, offset + 1));
    from = offset + 1;
  }
  return [...parts, text.slice(from)].join('\n');
}
