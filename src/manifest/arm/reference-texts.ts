/**
 * The partial evaluation of the reference generator (aci policy 8.4): only `[parameters('x')]` and `[variables('x')]`
 * are known, found by two regular expressions and replaced as text.
 */
import { type DataValue, isList, isMap, lookUp, textOfData } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import type { JsonPlace } from '../../core/json-read.js';
import { LIMITS } from '../../core/limits.js';
import type { NoticeSink } from '../../core/notice.js';
import { wrongValue } from './environment.js';
import { classifyText } from './expression.js';
import type { GroupTexts } from './group.js';

/** White space as Python's regular expressions see it. */
const S = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const CALL = (name: string) => `\\(${S}*'(${name})'${S}*\\)\\]`;
/** Names are far shorter; the bound keeps the search linear. */
const NAME = '[^./]{1,1000}?';
/** What a value is looked up by. */
const LOOKED_UP = new RegExp(`\\[(?:parameters|variables)${CALL(NAME)}`);
/** What is replaced, without the white space in front, which goes too. */
const REPLACED = new RegExp(`\\[${S}*(?:parameters|variables)${CALL(NAME)}`);
const BLANK = new RegExp(`^${S}$`);
/** Texts that are one whole expression of the known kind. */
const WHOLE = new RegExp(`^\\[(?:parameters|variables)${CALL("[^./'\\]]{1,1000}")}$`);

/** The tables that expressions look into. */
export interface ReferenceTables {
  readonly parameters: DataValue;
  readonly variables: DataValue;
}

/** Replaces texts as the reference does. Notes expressions that it does not understand. */
export function buildReferenceTexts(tables: ReferenceTables, notices: NoticeSink): GroupTexts {
  const replace = (value: DataValue, place: JsonPlace): DataValue => {
    if (typeof value === 'string') {
      noteOddExpression(value, place, notices);
      return replaceText(value, tables, place);
    }
    if (isList(value)) return value.map((item) => replace(item, place));
    if (isMap(value)) return new Map([...value].map(([key, item]) => [key, replace(item, place)]));
    return value;
  };
  return {
    replace,
    image: (text, place) => {
      const image = replace(text, place) as string;
      if (lookUpText(text, tables, place) === null) throw withoutValue(place);
      return { image, id: replaceText(image, tables, place) };
    },
    variable: (name, value, place) => {
      if (typeof value !== 'string') throw wrongValue(name, value, place);
      noteOddExpression(value, place, notices);
      const found = lookUpText(value, tables, place);
      if (found === null || found === value) {
        const parameter = LOOKED_UP.exec(value)?.[1];
        return { open: { reasons: [], parameters: parameter === undefined ? [] : [parameter] } };
      }
      return { pattern: replaceText(`${name}=${value}`, tables, place) };
    },
  };
}

/**
 * What the first expression of a text stands for: undefined if there is none, null if it has no value. Which table
 * counts is decided by the whole text.
 */
function lookUpText(
  text: string,
  { parameters, variables }: ReferenceTables,
  place: JsonPlace,
): DataValue | undefined {
  if (!hasExpression(text, place)) return undefined;
  const name = LOOKED_UP.exec(text)?.[1];
  if (name === undefined) return undefined;
  if (!text.includes('parameters')) return lookUp(variables, name);
  const entry = lookUp(parameters, name);
  if (entry === null) {
    throw new ToolError(place.code, `there is no parameter or variable ${name}`, {
      where: `${place.what} ${place.path}`,
    });
  }
  return (isMap(entry) ? entry.get('value') : undefined) ?? valueOrDefault(entry);
}

/** A `value` of null hides the default. */
function valueOrDefault(entry: DataValue): DataValue {
  if (isMap(entry) && entry.has('value')) return entry.get('value') ?? null;
  return lookUp(entry, 'defaultValue');
}

/** The text with its first expression, wherever that stands, replaced by its value. */
function replaceText(text: string, tables: ReferenceTables, place: JsonPlace): string {
  if (!hasExpression(text, place)) return text;
  const found = REPLACED.exec(text);
  if (found === null) return text;
  let start = found.index;
  while (start > 0 && BLANK.test(text.charAt(start - 1))) start -= 1;
  const expression = text.slice(start, found.index + found[0].length);
  const value = lookUpText(text, tables, place);
  // Without a value the whole text takes the place of the expression within it.
  return text.replaceAll(expression, () => textOfData(value ?? text));
}

const START = new RegExp(`\\[${S}*(?:parameters|variables)\\(`);

/** False for texts in which nothing can be found. */
function hasExpression(text: string, place: JsonPlace): boolean {
  if (!START.test(text)) return false;
  if (text.length <= LIMITS.armReplacedChars) return true;
  throw new ToolError('LIMIT_EXCEEDED', 'a text with expressions is too long', {
    where: `${place.what} ${place.path}`,
    want: `at most ${LIMITS.armReplacedChars} characters`,
  });
}

function withoutValue(place: JsonPlace): ToolError {
  return new ToolError(place.code, `${place.path} has no value`, {
    where: `${place.what} ${place.path}`,
    hints: ['give the parameter a value with --parameters FILE, or a default in the template'],
  });
}

/** The reference takes other expressions for plain text, and replaces expressions within texts, which Azure does not. */
function noteOddExpression(text: string, place: JsonPlace, notices: NoticeSink): void {
  const isOdd = classifyText(text).kind === 'expression' || hasInnerExpression(text);
  if (!isOdd || WHOLE.test(text)) return;
  notices({
    code: 'expression-as-text',
    message: `${place.path} goes into the policy in another way than Azure evaluates it; podseal policy evaluates it as Azure does`,
    where: place.what,
  });
}

/** True for a text with an expression of the kind that the reference knows somewhere in it. */
export function hasInnerExpression(text: string): boolean {
  return START.test(text);
}
