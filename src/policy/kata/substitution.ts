/**
 * `$(NAME)` references in variables and arguments, by the reference's rules (spec kata-policy-data section 8.4), which
 * are not those of Kubernetes: later variables count, `$$` does not escape. Where the reference would never end, this
 * ends with an error.
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';

/** Placeholders that the rules resolve: a value may hold them and still be inserted. */
const INTERNAL_NAMES: ReadonlySet<string> = new Set([
  'bundle-id',
  'host-ip',
  'node-name',
  'pod-ip',
  'pod-uid',
  'sandbox-id',
  'sandbox-name',
  'sandbox-namespace',
]);

/** Variables by name as references see them: for each name the indexes of its texts, in order. */
interface Scope {
  readonly variables: string[];
  readonly byName: ReadonlyMap<string, readonly number[]>;
  readonly budget: Budget;
  /** Where the container stands, for errors. */
  readonly at: string;
}

/** Characters that insertion may still produce. */
interface Budget {
  left: number;
}

/** What one insertion costs at least, so that short texts end as well. */
const STEP_COST = 64;

/**
 * Variables (`NAME=value`) and arguments with references resolved. Throws MANIFEST_UNSUPPORTED for `$()` and for
 * variables that refer to themselves without end, LIMIT_EXCEEDED beyond LIMITS.referenceChars.
 */
export function resolveReferences(
  env: readonly string[],
  args: readonly string[],
  at: string,
): { readonly env: readonly string[]; readonly args: readonly string[] } {
  const variables = [...env];
  const byName = new Map<string, number[]>();
  for (const [index, variable] of variables.entries()) {
    const name = nameOf(variable);
    const indexes = byName.get(name);
    if (indexes === undefined) byName.set(name, [index]);
    else indexes.push(index);
  }
  const scope: Scope = { variables, byName, budget: { left: LIMITS.referenceChars }, at };
  while (resolveOnce(scope));
  return { env: variables, args: args.map((arg) => resolveFully(arg, scope)) };
}

/** One pass over all variables; true if one changed. */
function resolveOnce(scope: Scope): boolean {
  let isResolved = false;
  for (const [index, variable] of scope.variables.entries()) {
    const value = onlyValueOf(variable);
    const resolved = value === undefined ? undefined : insertFirst(value, scope);
    if (resolved === undefined) continue;
    scope.variables[index] = `${nameOf(variable)}=${resolved}`;
    isResolved = true;
  }
  return isResolved;
}

function resolveFully(arg: string, scope: Scope): string {
  let text = arg;
  for (;;) {
    const resolved = insertFirst(text, scope);
    if (resolved === undefined) return text;
    text = resolved;
  }
}

/** `text` with every occurrence of its first reference replaced; undefined if that is not possible. */
function insertFirst(text: string, scope: Scope): string | undefined {
  const name = firstReference(text);
  if (name === undefined) return undefined;
  if (name === '') throw emptyReference(scope.at);
  const value = insertableValue(name, scope);
  if (value === undefined) return undefined;
  if (value === `$(${name})`) throw endlessReference(name, scope.at);
  const parts = text.split(`$(${name})`);
  const length = text.length + (parts.length - 1) * (value.length - name.length - 3);
  scope.budget.left -= length + STEP_COST;
  if (scope.budget.left < 0) throw tooLong(name, scope.at);
  return parts.join(value);
}

/** Name in the first `$(...)`; it may be empty. */
function firstReference(text: string): string | undefined {
  const start = text.indexOf('$(');
  const end = start < 0 ? -1 : text.indexOf(')', start + 2);
  return end < 0 ? undefined : text.slice(start + 2, end);
}

/** The value of the first variable of the name that can be inserted; one that still waits for another is passed by. */
function insertableValue(name: string, scope: Scope): string | undefined {
  for (const index of scope.byName.get(name) ?? []) {
    const value = onlyValueOf(scope.variables[index] ?? '');
    const inner = value === undefined ? undefined : firstReference(value);
    if (value !== undefined && (inner === undefined || INTERNAL_NAMES.has(inner))) return value;
  }
  return undefined;
}

function nameOf(variable: string): string {
  return variable.split('=', 1)[0] ?? '';
}

/** The value if the text holds exactly one `=`. */
function onlyValueOf(variable: string): string | undefined {
  const parts = variable.split('=');
  return parts.length === 2 ? parts[1] : undefined;
}

function emptyReference(at: string): ToolError {
  return new ToolError(
    'MANIFEST_UNSUPPORTED',
    'a variable or argument holds a reference without a name',
    {
      where: at,
      got: '$()',
      hints: ['put the text that needs $() into a script of the image or into a ConfigMap volume'],
    },
  );
}

function tooLong(name: string, at: string): ToolError {
  return new ToolError('LIMIT_EXCEEDED', 'the references of variables expand to too much text', {
    where: at,
    want: `at most ${LIMITS.referenceChars} characters over all steps`,
    got: `more, at $(${name})`,
    hints: ['see whether variables refer to each other in a circle'],
  });
}

function endlessReference(name: string, at: string): ToolError {
  return new ToolError('MANIFEST_UNSUPPORTED', `variable ${name} refers to itself without end`, {
    where: at,
    want: 'variables whose references end',
    hints: [
      `rename ${name}: a variable must not have the name of a placeholder that its own value holds`,
    ],
  });
}
