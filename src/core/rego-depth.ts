/**
 * How deep the rules of a Rego text may call each other. OPA refuses functions that call themselves; regorus, the engine of
 * kata agents, runs them, and some rules rely on that. Calls without end, or of very many rules in a row, then take the
 * whole process with them, so that a caller must know beforehand. Rules without arguments whose values go round in a
 * circle are of no interest: engines notice them.
 */
import { ToolError } from './error.js';
import { readConstant } from './rego-constant.js';
import { type RegoToken, scanRego } from './rego-tokens.js';

/** Names, each with others that it needs. */
type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Rules that may stand in a row: an evaluation of 200 takes less than a stack, whatever is nested in them. */
const MAX_ROW = 150;

/** Words that a line may begin with in the middle of a rule, or end with. */
const JOINING: ReadonlySet<string> = new Set(
  'as contains else every if in not some with'.split(' '),
);
const CLOSING: ReadonlySet<string> = new Set([')', ']', '}']);

/** Tells of a rule, by its name, whether asking for it may run deep. */
export type DeepRules = (name: string) => boolean;

/**
 * Which rules lead to a function of the modules that may call itself, directly or through others: none, or all where that
 * cannot be told or where more than MAX_ROW rules may call each other in a row. A name that no rule has leads anywhere.
 */
export function findDeepRules(texts: readonly string[]): DeepRules {
  try {
    return deepRulesOf(readRules(texts));
  } catch (error) {
    if (error instanceof ToolError) return () => true;
    throw error;
  }
}

function deepRulesOf({ rules, functions }: Rules): DeepRules {
  const whole = withoutSelf(graphOf(rules, new Set(rules.keys())));
  const { rows, left } = takeApart(whole);
  if (rows + left.length > MAX_ROW) return () => true;
  const endless = takeApart(graphOf(rules, functions)).left;
  if (endless.length === 0) return () => false;
  const users = usersOf(whole);
  const deep = new Set(endless);
  for (const name of deep) for (const user of users.get(name) ?? []) deep.add(user);
  return (name) => deep.has(name) || !rules.has(name);
}

interface Rules {
  /** Names of rules, each with all words in its bodies. */
  readonly rules: ReadonlyMap<string, ReadonlySet<string>>;
  /** Those with arguments. */
  readonly functions: ReadonlySet<string>;
}

function readRules(texts: readonly string[]): Rules {
  const rules = new Map<string, Set<string>>();
  const functions = new Set<string>();
  for (const text of texts) {
    for (const tokens of statementsOf(scanRego(text, 'policy', undefined, readConstant))) {
      const { name, isFunction } = readHead(tokens);
      if (isFunction) functions.add(name.text);
      const words = rules.get(name.text) ?? new Set();
      rules.set(name.text, words);
      for (const token of tokens)
        if (token.kind === 'name' && token !== name) words.add(token.text);
    }
  }
  return { rules, functions };
}

/** Tokens from one beginning of a statement to the next. */
function statementsOf(tokens: readonly RegoToken[]): readonly (readonly RegoToken[])[] {
  const starts = tokens.flatMap((token, i) =>
    beginsStatement(token) && !isOpenBefore(tokens, i) ? [i] : [],
  );
  return starts.map((start, i) => tokens.slice(start, starts[i + 1]));
}

function beginsStatement({ depth, kind, startsLine, text }: RegoToken): boolean {
  return depth === 0 && kind === 'name' && startsLine && !JOINING.has(text);
}

/** True if what stands in front of token `i` has to go on. A word behind a dot is a name: `import future.keywords.in`. */
function isOpenBefore(tokens: readonly RegoToken[], i: number): boolean {
  const before = tokens[i - 1];
  if (before === undefined) return false;
  if (before.kind === 'punctuation') return !CLOSING.has(before.text);
  return JOINING.has(before.text) && tokens[i - 2]?.text !== '.';
}

/** The name of a rule: `f` of `f(x)`, `a.f(x)` and `default f(x)`. */
function readHead(tokens: readonly RegoToken[]): {
  readonly name: RegoToken;
  readonly isFunction: boolean;
} {
  let i = tokens[0]?.text === 'default' && tokens.length > 1 ? 1 : 0;
  while (tokens[i + 1]?.text === '.' && tokens[i + 2]?.kind === 'name') i += 2;
  return { name: tokens[i] as RegoToken, isFunction: tokens[i + 1]?.text === '(' };
}

/** What of the rules `among` needs what of them. */
function graphOf(rules: Rules['rules'], among: ReadonlySet<string>): Graph {
  return new Map(
    [...among].map((name) => [
      name,
      new Set([...(rules.get(name) ?? [])].filter((word) => among.has(word))),
    ]),
  );
}

/** Rules that need themselves are noticed, or their own name means something else in them. */
function withoutSelf(graph: Graph): Graph {
  return new Map(
    [...graph].map(([name, needed]) => [
      name,
      new Set([...needed].filter((word) => word !== name)),
    ]),
  );
}

/** The names that need a name. */
function usersOf(graph: Graph): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>();
  for (const [name, needed] of graph) {
    for (const one of needed) {
      const known = users.get(one);
      if (known === undefined) users.set(one, [name]);
      else known.push(name);
    }
  }
  return users;
}

/** Takes away names that need no others, again and again: how often, and those left, which go round or lead to such. */
function takeApart(graph: Graph): { readonly rows: number; readonly left: readonly string[] } {
  const users = usersOf(graph);
  const open = new Map([...graph].map(([name, needed]) => [name, needed.size]));
  let free = [...open].flatMap(([name, count]) => (count === 0 ? [name] : []));
  let rows = 0;
  for (; free.length > 0; rows += 1) {
    const next: string[] = [];
    for (const name of free) open.delete(name);
    for (const user of free.flatMap((name) => users.get(name) ?? [])) {
      const count = (open.get(user) ?? 0) - 1;
      open.set(user, count);
      if (count === 0) next.push(user);
    }
    free = next;
  }
  return { rows, left: [...open.keys()] };
}
