/**
 * Would Key Vault release the key? A release policy held against the claims of a verified token, claim by claim. Where
 * public text does not say how the service decides, the answer is `unsure`, which nobody may take for a release.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import {
  type AuthorityNode,
  type ClaimNode,
  type ConditionNode,
  isGroup,
  type ReleasePolicyDocument,
} from './grammar.js';

/** `release`: an entry holds; `deny`: none does; `unsure`: it hangs on what is not documented. */
export type ReleaseDecision = 'release' | 'deny' | 'unsure';

/** One condition and whether it holds. */
export interface ClaimResult {
  readonly path: string;
  readonly claim: string;
  readonly holds: boolean | 'unsure';
  /** What the policy wants and what the token has, or why it is unsure; lower case, no full stop. */
  readonly reason: string;
}

export interface EntryResult {
  readonly path: string;
  readonly authority: string;
  readonly holds: boolean | 'unsure';
  /** The authority first, then the conditions in the order of the policy. */
  readonly claims: readonly ClaimResult[];
}

export interface ReleaseEvaluation {
  readonly decision: ReleaseDecision;
  readonly entries: readonly EntryResult[];
}

type Truth = boolean | 'unsure';

/** Evaluates `policy` over the claims of a token that somebody has verified. Pure; never throws. */
export function evaluateReleasePolicy(
  policy: ReleasePolicyDocument,
  claims: JsonObject,
): ReleaseEvaluation {
  const entries = policy.anyOf.map((entry) => evaluateEntry(entry, claims));
  const truth = anyOf(entries.map(({ holds }) => holds));
  return { decision: truth === 'unsure' ? 'unsure' : truth ? 'release' : 'deny', entries };
}

function evaluateEntry(entry: AuthorityNode, claims: JsonObject): EntryResult {
  const issuer = compareAuthority(entry, claims.iss);
  const results: ClaimResult[] = [issuer];
  const holds = allOf([issuer.holds, evaluateNode(entry, claims, results)]);
  return { path: entry.path, authority: entry.authority, holds, claims: results };
}

/** The token's issuer is the authority, scheme included; other spellings are not documented. */
function compareAuthority(entry: AuthorityNode, issuer: JsonValue | undefined): ClaimResult {
  const place = { path: `${entry.path}.authority`, claim: 'iss' };
  if (issuer === entry.authority) return { ...place, holds: true, reason: `is ${entry.authority}` };
  const plain = (url: string) =>
    url
      .toLowerCase()
      .replace(/^https:\/\//, '')
      .replace(/\/+$/, '');
  if (typeof issuer === 'string' && plain(issuer) === plain(entry.authority)) {
    return {
      ...place,
      holds: 'unsure',
      reason: `want ${show(entry.authority)}, got ${show(issuer)}: the same host, written otherwise`,
    };
  }
  return { ...place, holds: false, reason: `want ${show(entry.authority)}, got ${show(issuer)}` };
}

function evaluateNode(node: ConditionNode, claims: JsonObject, results: ClaimResult[]): Truth {
  if (isGroup(node)) {
    const truths = node.conditions.map((condition) => evaluateNode(condition, claims, results));
    return node.kind === 'allOf' ? allOf(truths) : anyOf(truths);
  }
  const result = evaluateClaim(node, claims);
  results.push(result);
  return result.holds;
}

function evaluateClaim(node: ClaimNode, claims: JsonObject): ClaimResult {
  const value = findClaim(node.claim, claims);
  const { holds, why } = decide(node, value);
  const reason = `want ${node.operator} ${show(node.value)}, got ${show(value)}${why === undefined ? '' : `: ${why}`}`;
  return { path: node.path, claim: node.claim, holds, reason };
}

/** The member of that name, else the nested one that dots lead to. Arrays cannot be indexed. */
export function findClaim(name: string, claims: JsonObject): JsonValue | undefined {
  if (Object.hasOwn(claims, name)) return claims[name];
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const head = name.slice(0, dot);
    const inner = Object.hasOwn(claims, head) ? claims[head] : undefined;
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      return findClaim(name.slice(dot + 1), inner as JsonObject);
    }
  }
  return undefined;
}

interface Decision {
  readonly holds: Truth;
  readonly why?: string;
}

const unsure = (why: string): Decision => ({ holds: 'unsure', why });

function decide(node: ClaimNode, value: JsonValue | undefined): Decision {
  if (typeof node.value === 'boolean') return unsure('a boolean is outside the documented grammar');
  if (node.operator === 'exists') return decideExists(node.value, value);
  if (value === undefined) return { holds: false, why: 'the token has no such claim' };
  if (value === null || typeof value === 'object') return unsure('the claim is not a single value');
  if (node.operator === 'equals') return decideEquals(node.value, value);
  if (node.operator === 'notEquals') return decideNotEquals(node.value, value);
  return decideOrder(node.operator, node.value, value);
}

function decideExists(wanted: string | number, value: JsonValue | undefined): Decision {
  if (wanted !== 'true') return unsure('only exists "true" is documented');
  if (value === undefined) return { holds: false, why: 'the token has no such claim' };
  if (value === null || typeof value === 'object') return unsure('the claim is not a single value');
  return { holds: true };
}

/** Texts by code units; booleans and numbers by their JSON text, as all samples write them. */
function decideEquals(wanted: string | number, value: string | number | boolean): Decision {
  if (mayDiffer(wanted, value)) return unsure(INEXACT);
  if (typeof wanted === 'number') {
    if (typeof value === 'number') return { holds: wanted === value };
    return typeof value === 'string' && isNumberText(value, wanted)
      ? unsure('a number is compared with a text')
      : { holds: false };
  }
  if (String(value) === wanted) return { holds: true };
  if (typeof value === 'string') return { holds: false };
  const alike =
    typeof value === 'boolean'
      ? String(value) === wanted.toLowerCase()
      : isNumberText(wanted, value);
  return alike ? unsure('the value is written otherwise') : { holds: false };
}

/** Texts that differ in case alone are no sure difference: whether the service looks at case is told by samples only. */
function decideNotEquals(wanted: string | number, value: string | number | boolean): Decision {
  const { holds, why } = decideEquals(wanted, value);
  if (holds === 'unsure') return why === undefined ? { holds } : unsure(why);
  const texts = typeof wanted === 'string' && typeof value === 'string';
  if (!holds && texts && wanted.toLowerCase() === value.toLowerCase()) {
    return unsure('the texts differ in case alone');
  }
  return { holds: !holds };
}

const isNumberText = (text: string, number: number) =>
  text.trim() !== '' && Number(text) === number;

const INEXACT = 'not every reader tells numbers beyond 2^53 apart';

/** True for numbers that are equal here, but beyond 2^53 stand for several integers each. */
function mayDiffer(wanted: string | number, value: string | number | boolean): boolean {
  return (
    typeof value === 'number' &&
    Math.abs(value) > Number.MAX_SAFE_INTEGER &&
    (typeof wanted === 'number' ? wanted === value : isNumberText(wanted, value))
  );
}

type Order = 'less' | 'lessOrEquals' | 'greater' | 'greaterOrEquals';

const ORDERS: Readonly<Record<Order, (a: number, b: number) => boolean>> = {
  less: (a, b) => a < b,
  lessOrEquals: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterOrEquals: (a, b) => a >= b,
};

function decideOrder(
  operator: Order,
  wanted: string | number,
  value: string | number | boolean,
): Decision {
  if (mayDiffer(wanted, value)) return unsure(INEXACT);
  if (typeof wanted === 'number' && typeof value === 'number') {
    return { holds: ORDERS[operator](value, wanted) };
  }
  return unsure('how texts are ordered is not documented');
}

/** Kleene's three-valued and: false wins. */
function allOf(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes('unsure') ? 'unsure' : truths.length > 0;
}

/** Kleene's three-valued or: true wins. */
function anyOf(truths: readonly Truth[]): Truth {
  if (truths.includes(true)) return true;
  return truths.includes('unsure') ? 'unsure' : false;
}

function show(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
