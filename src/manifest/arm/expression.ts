/**
 * Template expression -> syntax tree. An expression is a whole string in brackets: calls, texts in single quotes,
 * integers, and access to properties and elements (Azure Resource Manager, "Template syntax and expressions").
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { match, type Scan } from '../../core/scan.js';

export type Expression =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'integer'; readonly value: bigint }
  | CallExpression
  | AccessExpression;

export interface CallExpression {
  readonly kind: 'call';
  /** Of a user function; names are as written, their case does not count. */
  readonly namespace?: string;
  readonly name: string;
  readonly args: readonly Expression[];
}

/** `of.key` or `of[key]`; `isSafe` for `.?key` and `[?key]`, which give null where there is nothing. */
export interface AccessExpression {
  readonly kind: 'access';
  readonly of: Expression;
  readonly key: Expression;
  readonly isSafe: boolean;
}

/** What a string of a template is. */
export type TemplateText =
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'expression'; readonly source: string };

/**
 * Tells expressions from literals: an expression starts with `[` and ends with `]`; a first `[[` of such a string
 * stands for `[`.
 */
export function classifyText(text: string): TemplateText {
  if (!text.startsWith('[') || !text.endsWith(']')) return { kind: 'literal', value: text };
  if (text.startsWith('[[')) return { kind: 'literal', value: text.slice(1) };
  return { kind: 'expression', source: text };
}

const BLANK = /[ \t\n\r]*/y;
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const INTEGER = /-?[0-9]+(?![0-9A-Za-z_.])/y;
const TEXT = /'((?:[^']|'')*)'/y;
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 63n - 1n;

/**
 * The syntax tree of `[...]`. Throws ARM_EXPRESSION with the place inside of the expression, and LIMIT_EXCEEDED beyond
 * LIMITS.armExpressionChars and armExpressionDepth. Messages hold no text of the expression.
 */
export function parseExpression(source: string): Expression {
  if (source.length > LIMITS.armExpressionChars) {
    throw new ToolError('LIMIT_EXCEEDED', 'the expression is too long', {
      want: `at most ${LIMITS.armExpressionChars} characters`,
      got: `${source.length}`,
    });
  }
  const scanner: Scan = { text: source, offset: 1 };
  const expression = parseOperand(scanner, 0);
  expect(scanner, ']', 'the expression goes on after its end');
  if (scanner.offset !== source.length) throw failure(scanner, 'text follows the expression');
  return expression;
}

function parseOperand(scanner: Scan, depth: number): Expression {
  if (depth > LIMITS.armExpressionDepth) {
    throw new ToolError('LIMIT_EXCEEDED', 'the expression is nested too deeply', {
      want: `at most ${LIMITS.armExpressionDepth} levels`,
    });
  }
  let operand = parsePrimary(scanner, depth);
  for (let links = 0; ; links += 1) {
    const access = parseAccess(scanner, operand, depth);
    if (access === undefined) return operand;
    if (links >= LIMITS.armExpressionDepth) {
      throw new ToolError('LIMIT_EXCEEDED', 'the expression has too many accesses in a row', {
        want: `at most ${LIMITS.armExpressionDepth}`,
      });
    }
    operand = access;
  }
}

function parsePrimary(scanner: Scan, depth: number): Expression {
  skipBlanks(scanner);
  const text = match(scanner, TEXT);
  if (text !== undefined) return { kind: 'text', value: text.slice(1, -1).replaceAll("''", "'") };
  if (scanner.text[scanner.offset] === "'") throw failure(scanner, 'a text does not end');
  const digits = match(scanner, INTEGER);
  if (digits !== undefined) {
    const value = BigInt(digits.slice(0, 40));
    if (digits.length > 20 || value < INTEGER_MIN || value > INTEGER_MAX) {
      throw failure(scanner, 'an integer does not fit into 64 bits');
    }
    return { kind: 'integer', value };
  }
  return parseCall(scanner, depth);
}

function parseCall(scanner: Scan, depth: number): Expression {
  const first = match(scanner, IDENTIFIER);
  if (first === undefined) throw failure(scanner, 'a value is missing');
  skipBlanks(scanner);
  if (!takeIf(scanner, '.'))
    return { kind: 'call', name: first, args: parseArguments(scanner, depth) };
  skipBlanks(scanner);
  const name = match(scanner, IDENTIFIER);
  if (name === undefined) throw failure(scanner, 'the name of a function is missing');
  return { kind: 'call', namespace: first, name, args: parseArguments(scanner, depth) };
}

function parseArguments(scanner: Scan, depth: number): readonly Expression[] {
  expect(scanner, '(', 'a bracket is missing behind the name of a function');
  const args: Expression[] = [];
  if (takeIf(scanner, ')')) return args;
  do args.push(parseOperand(scanner, depth + 1));
  while (takeIf(scanner, ','));
  expect(scanner, ')', 'the arguments of a function do not end');
  return args;
}

/** What stands behind an operand: `.name`, `.?name`, `[index]` or `[?index]`; undefined if nothing does. */
function parseAccess(scanner: Scan, of: Expression, depth: number): AccessExpression | undefined {
  if (takeIf(scanner, '.')) {
    const isSafe = takeIf(scanner, '?');
    skipBlanks(scanner);
    const name = match(scanner, IDENTIFIER);
    if (name === undefined) throw failure(scanner, 'the name of a property is missing');
    return { kind: 'access', of, key: { kind: 'text', value: name }, isSafe };
  }
  if (!takeIf(scanner, '[')) return undefined;
  const isSafe = takeIf(scanner, '?');
  const key = parseOperand(scanner, depth + 1);
  expect(scanner, ']', 'an index does not end');
  return { kind: 'access', of, key, isSafe };
}

function expect(scanner: Scan, character: string, problem: string): void {
  if (!takeIf(scanner, character)) throw failure(scanner, problem);
}

function takeIf(scanner: Scan, character: string): boolean {
  skipBlanks(scanner);
  if (scanner.text[scanner.offset] !== character) return false;
  scanner.offset += 1;
  return true;
}

function skipBlanks(scanner: Scan): void {
  match(scanner, BLANK);
}

function failure(scanner: Scan, problem: string): ToolError {
  return new ToolError('ARM_EXPRESSION', `the expression is not valid: ${problem}`, {
    got: `character ${scanner.offset + 1} of the expression`,
    hints: ['a string that is no expression starts with [[ instead of ['],
  });
}
