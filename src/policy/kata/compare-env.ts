/** Comparators of environments and arguments: values may be fixed, patterns, or anything. */
import type { DifferenceKind } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { sameJson } from '../../core/json-equal.js';
import { hideInAssignment } from '../../core/secret.js';
import {
  type Comparator,
  differs,
  elementsOf,
  type Report,
  shown,
} from '../review/compare-walk.js';
import { type Freedom, meaningOfArgument, meaningOfValue, splitVariable } from './placeholders.js';

const FREEDOMS: readonly Freedom[] = ['fixed', 'pattern', 'any'];

/** Which way a value differs, by what it was and is free to be. */
export function kindOfFreedom(before: Freedom, after: Freedom): DifferenceKind {
  const step = FREEDOMS.indexOf(after) - FREEDOMS.indexOf(before);
  if (step > 0) return 'widened';
  // What was bound to a form may now be a text that never fitted it.
  return step < 0 && before === 'any' ? 'narrowed' : 'changed';
}

/** `Env`: a set of `NAME=value`; a name may have several values. */
export const compareEnv: Comparator = (pair, report) => {
  const before = variablesOf(pair.before);
  const after = variablesOf(pair.after);
  if (
    (pair.before === undefined) !== (pair.after === undefined) &&
    before.size + after.size === 0
  ) {
    differs('env', `the empty field ${pair.path}`)(pair, report);
  }
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(name) ?? [];
    const fresh = after.get(name) ?? [];
    const removed = old.filter((text) => !fresh.includes(text));
    const added = fresh.filter((text) => !old.includes(text));
    const paired = Math.min(removed.length, added.length);
    for (let i = 0; i < paired; i += 1) reportValue(name, removed[i]!, added[i]!, report);
    for (const text of removed.slice(paired)) reportOne('removed', name, text, report);
    for (const text of added.slice(paired)) reportOne('added', name, text, report);
  }
};

/** A list of words in order. */
export function compareWords(field: string, noun: string): Comparator {
  return (pair, report) => {
    const { before, after } = pair;
    if (sameJson(before, after)) return;
    if (before === undefined || after === undefined) return differs(field, noun)(pair, report);
    const kinds = wordKinds(elementsOf(before), elementsOf(after));
    const [kind] = kinds;
    const isOneWay = kinds.size === 1 && kind !== undefined;
    report({
      kind: isOneWay ? kind : 'changed',
      field,
      message: `${noun} differs`,
      ...shown(before, after),
    });
  };
}

/** The ways in which words at the same place differ; just `changed` if there are more or fewer of them. */
function wordKinds(
  before: readonly JsonValue[],
  after: readonly JsonValue[],
): ReadonlySet<DifferenceKind> {
  if (before.length !== after.length) return new Set(['changed']);
  const kinds = before.flatMap((word, i) => {
    const other = after[i];
    if (sameJson(word, other)) return [];
    if (typeof word !== 'string' || typeof other !== 'string') return ['changed' as const];
    return [kindOfFreedom(meaningOfArgument(word).freedom, meaningOfArgument(other).freedom)];
  });
  return new Set(kinds);
}

function variablesOf(value: JsonValue | undefined): ReadonlyMap<string, readonly string[]> {
  const variables = new Map<string, string[]>();
  for (const text of new Set(elementsOf(value))) {
    if (typeof text !== 'string') continue;
    const { name } = splitVariable(text);
    const known = variables.get(name);
    if (known === undefined) variables.set(name, [text]);
    else known.push(text);
  }
  return variables;
}

function reportValue(name: string, before: string, after: string, report: Report): void {
  const old = splitVariable(before).value ?? '';
  const fresh = splitVariable(after).value ?? '';
  const meaning = meaningOfValue(fresh);
  const kind = kindOfFreedom(meaningOfValue(old).freedom, meaning.freedom);
  const words = meaning.words === undefined ? 'has another value' : `may now be ${meaning.words}`;
  report({ kind, field: 'env', message: `variable ${name} ${words}`, ...shown(old, fresh, name) });
}

function reportOne(kind: 'added' | 'removed', name: string, text: string, report: Report): void {
  const message = `variable ${name} is ${kind === 'added' ? 'allowed now' : 'no longer allowed'}`;
  const shownText = hideInAssignment(text);
  report({
    kind,
    field: 'env',
    message,
    ...(kind === 'added' ? { after: shownText } : { before: shownText }),
  });
}
