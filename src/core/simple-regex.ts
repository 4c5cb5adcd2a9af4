/**
 * Regular expressions of the plain kind (simple-regex-syntax.ts): whether a text has a match, with the meaning of RE2, in
 * time that is linear in the text, and ready at once. Whatever else a pattern has is left to a full engine.
 */
import { LIMITS } from './limits.js';
import {
  type CharacterSet,
  isAscii,
  type Node,
  type Place,
  parseSimpleRegex,
  type Repeat,
  setOf,
} from './simple-regex-syntax.js';

/** True if the text has a match; undefined for a text that is not ASCII. */
export type SimpleRegex = (text: string) => boolean | undefined;

/** What to do at a step of the program; `next` and `other` are steps. */
interface Step {
  kind: 'set' | 'place' | 'split' | 'match';
  set?: CharacterSet;
  place?: Place;
  next: number;
  other: number;
}

const WORD = setOf((code) => /\w/.test(String.fromCharCode(code)));

/** The pattern ready for use; undefined if it is none of the plain kind, valid or not, or is too long. */
export function compileSimpleRegex(pattern: string): SimpleRegex | undefined {
  const node = parseSimpleRegex(pattern);
  if (node === undefined) return undefined;
  const steps: Step[] = [];
  addNode(node, steps);
  if (steps.length >= LIMITS.simplePatternSteps) return undefined;
  addStep(steps, { kind: 'match', next: 0, other: 0 });
  return (text) => (isAscii(text) ? hasMatch(steps, text) : undefined);
}

/** Beyond the limit nothing is added. */
function addStep(steps: Step[], step: Step): Step {
  if (steps.length < LIMITS.simplePatternSteps) steps.push(step);
  return step;
}

/** Appends the steps of a node; what follows stands behind them. */
function addNode(node: Node, steps: Step[]): void {
  const next = steps.length + 1;
  if (node.kind === 'set') addStep(steps, { kind: 'set', set: node.set, next, other: next });
  else if (node.kind === 'place') {
    addStep(steps, { kind: 'place', place: node.place, next, other: next });
  } else if (node.kind === 'sequence') for (const item of node.items) addNode(item, steps);
  else if (node.kind === 'choice') addChoice(node.items, steps);
  else addRepeat(node, steps);
}

function addChoice(items: readonly Node[], steps: Step[]): void {
  const ends: Step[] = [];
  for (const item of items.slice(0, -1)) {
    const split = addStep(steps, { kind: 'split', next: steps.length + 1, other: 0 });
    addNode(item, steps);
    ends.push(addStep(steps, { kind: 'split', next: 0, other: 0 }));
    split.other = steps.length;
  }
  addNode(items.at(-1)!, steps);
  for (const end of ends) [end.next, end.other] = [steps.length, steps.length];
}

function addRepeat({ item, min, max }: Repeat, steps: Step[]): void {
  for (let i = 0; i < min; i += 1) addNode(item, steps);
  if (max === Number.POSITIVE_INFINITY) {
    const start = steps.length;
    const split = addStep(steps, { kind: 'split', next: start + 1, other: 0 });
    addNode(item, steps);
    addStep(steps, { kind: 'split', next: start, other: start });
    split.other = steps.length;
    return;
  }
  const splits: Step[] = [];
  for (let i = min; i < max; i += 1) {
    splits.push(addStep(steps, { kind: 'split', next: steps.length + 1, other: 0 }));
    addNode(item, steps);
  }
  for (const split of splits) split.other = steps.length;
}

/** Follows all ways through the program at once, one character after the other. */
function hasMatch(steps: readonly Step[], text: string): boolean {
  const isAnchored = steps[0]?.place === 'start';
  const seen = new Int32Array(steps.length).fill(-1);
  let now: number[] = [];
  for (let at = 0; at <= text.length; at += 1) {
    const ways: number[] = [];
    // What is to be followed at this place; each step once.
    const open = at === 0 || !isAnchored ? [0, ...now.reverse()] : now.reverse();
    while (open.length > 0) {
      const index = open.pop()!;
      if (seen[index] === at) continue;
      seen[index] = at;
      const step = steps[index]!;
      if (step.kind === 'match') return true;
      if (step.kind === 'set') ways.push(index);
      else if (step.kind === 'split') open.push(step.other, step.next);
      else if (isAt(step.place, text, at)) open.push(step.next);
    }
    const code = text.charCodeAt(at);
    now = ways.filter((index) => steps[index]!.set?.[code] === 1).map((index) => index + 1);
    if (isAnchored && now.length === 0) return false;
  }
  return false;
}

function isAt(place: Place | undefined, text: string, at: number): boolean {
  if (place === 'start') return at === 0;
  if (place === 'end') return at === text.length;
  return isWord(text.charCodeAt(at - 1)) !== isWord(text.charCodeAt(at));
}

function isWord(code: number): boolean {
  return WORD[code] === 1;
}
