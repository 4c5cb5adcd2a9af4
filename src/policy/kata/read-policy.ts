/**
 * Policy text -> rules and policy document (spec kata-policy-data section 5.1): the data stands behind the one
 * `policy_data := ` that starts a line of code, up to the end. A text that two readers could take apart differently is
 * refused.
 */
import { ToolError } from '../../core/error.js';
import { type JsonValue, parseJson } from '../../core/json.js';
import { LIMITS } from '../../core/limits.js';
import { positionIn, type RegoToken, scanRego } from '../../core/rego-tokens.js';
import { type KataDataReading, readKataData } from './read-data.js';
import { type KataRules, readRules } from './read-rules.js';

export interface KataPolicy {
  readonly rules: KataRules;
  /** Absent where the text has no `policy_data`: rules written by hand, `allow-all` and the like. */
  readonly document?: KataDataReading;
}

const PACKAGE = 'agent_policy';
const NAME = 'policy_data';
const HEAD = `${NAME} := `;
/** What makes the name a definition of its own when it stands before or behind it. */
const DEFINES_BEFORE: readonly string[] = ['default', 'as', 'some', 'every', ';'];
const DEFINES_BEHIND: readonly string[] = [':=', '=', 'as', 'contains'];

const COMPARISONS: readonly string[] = ['==', '!=', '<', '>', '<=', '>=', 'in'];

/**
 * The policy in a text; `what` names it. Throws POLICY_UNREADABLE with line and column, and LIMIT_EXCEEDED for a text
 * that the agent would not load.
 */
export function readKataPolicy(text: string, what: string): KataPolicy {
  checkSize(text, what);
  const tokens = scanRego(text, what, (token) => isDataHead(token, text));
  const last = tokens.at(-1);
  const head = last !== undefined && isDataHead(last, text) ? last : undefined;
  const code = head === undefined ? tokens : tokens.slice(0, -1);
  checkPackage(code, text, what);
  checkOtherDefinitions(code, text, what);
  if (head === undefined) return { rules: readRules(text, code) };
  const start = head.offset + HEAD.length;
  return {
    rules: readRules(text.slice(0, head.offset - 1), code),
    document: readKataData(parseData(text, start, what), what),
  };
}

function checkSize(text: string, what: string): void {
  if (text.startsWith('\ufeff')) {
    throw refusal('it starts with a byte order mark', text, 0, what, [
      'save it as UTF-8 without byte order mark; the measurement changes',
    ]);
  }
  if (Buffer.byteLength(text) <= LIMITS.policyTextBytes) return;
  throw new ToolError('LIMIT_EXCEEDED', `${what} is too large for a policy`, {
    want: `at most ${LIMITS.policyTextBytes} bytes, as the agent loads them`,
  });
}

/** The form in which generators print the data; nothing else counts as it. */
function isDataHead(token: RegoToken, text: string): boolean {
  return (
    token.text === NAME &&
    token.depth === 0 &&
    (token.offset === 0 || text[token.offset - 1] === '\n') &&
    text.startsWith(HEAD, token.offset)
  );
}

function checkPackage(tokens: readonly RegoToken[], text: string, what: string): void {
  const [keyword, name, next] = tokens;
  const isWhole = next === undefined || next.startsLine;
  if (keyword?.text === 'package' && name?.text === PACKAGE && isWhole) return;
  const line = text.slice(name?.offset ?? 0).split('\n', 1)[0] ?? '';
  throw new ToolError('POLICY_UNREADABLE', 'this is not a policy of the kata agent', {
    where: positionIn(text, keyword?.offset ?? 0, what),
    want: `package ${PACKAGE}`,
    ...(keyword?.text === 'package' ? { got: `package ${line.slice(0, 80)}` } : {}),
  });
}

/** Any further place that gives the name a value, at whatever depth, makes the text ambiguous. */
function checkOtherDefinitions(tokens: readonly RegoToken[], text: string, what: string): void {
  const other = tokens.find((token, i) => {
    if (token.kind !== 'name' || token.text !== NAME) return false;
    const before = tokens[i - 1]?.text ?? '';
    const behind = tokens[i + 1]?.text ?? '';
    const isHead = token.startsLine && token.depth === 0 && !isCompared(tokens, i);
    return isHead || DEFINES_BEFORE.includes(before) || DEFINES_BEHIND.includes(behind);
  });
  if (other === undefined) return;
  throw refusal(`${NAME} is defined in more than one way`, text, other.offset, what, [
    `only one line may define it: "${HEAD}", then JSON up to the end of the text`,
  ]);
}

/** True for `policy_data.a["b"] == ...` and the like: part of a body, not a head. */
function isCompared(tokens: readonly RegoToken[], index: number): boolean {
  const { depth } = tokens[index]!;
  for (let i = index + 1; i < tokens.length; i += 1) {
    const { text, depth: inner, kind } = tokens[i]!;
    if (inner > depth || '.[]'.includes(text)) continue;
    if (kind !== 'name' || tokens[i - 1]?.text !== '.') return COMPARISONS.includes(text);
  }
  return false;
}

/** The JSON from `start` on; positions of errors are those of the whole text. */
function parseData(text: string, start: number, what: string): JsonValue {
  const blank = text.slice(0, start).replace(/[^\n]/g, ' ');
  try {
    return parseJson(blank + text.slice(start), what);
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'JSON_SYNTAX') throw error;
    throw new ToolError(
      'POLICY_UNREADABLE',
      `the data of the policy cannot be read: ${error.message}`,
      {
        ...(error.where === undefined ? {} : { where: error.where }),
        want: `JSON up to the end of the text behind "${HEAD}"`,
        cause: error,
      },
    );
  }
}

function refusal(
  problem: string,
  text: string,
  offset: number,
  what: string,
  hints: readonly string[] = [],
): ToolError {
  return new ToolError('POLICY_UNREADABLE', `the policy text cannot be read: ${problem}`, {
    where: positionIn(text, offset, what),
    hints,
  });
}
