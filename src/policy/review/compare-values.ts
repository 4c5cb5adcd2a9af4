/** Comparators of lists, maps and switches: which way of differing lets more through. */
import type { DifferenceKind } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { canonicalJson, sameJson } from '../../core/json-equal.js';
import {
  type Comparator,
  differs,
  fieldOf,
  keysOf,
  listDifference,
  type Pair,
  type Report,
  shown,
} from './compare-walk.js';

/** A boolean that lets more through when it is `wider`. */
export function switched(
  field: string,
  words: { on: string; off: string; wider: boolean },
): Comparator {
  return (pair, report) => {
    const { before, after } = pair;
    if (sameJson(before, after)) return;
    if (typeof before === 'boolean' && typeof after === 'boolean') {
      const kind = after === words.wider ? 'widened' : 'narrowed';
      report({ kind, field, message: after ? words.on : words.off, ...shown(before, after) });
    } else differs(field, `switch ${pair.path}`)(pair, report);
  };
}

/** A list that lets through what it names, in any order. */
export function allows(field: string, noun: string): Comparator {
  return setComparator(field, {
    more: ['added', `${noun} is allowed now`],
    less: ['removed', `${noun} is no longer allowed`],
  });
}

/** A list that shuts out what it names, in any order. */
export function forbids(field: string, noun: string): Comparator {
  return setComparator(field, {
    more: ['narrowed', `${noun} is covered now`],
    less: ['widened', `${noun} is no longer covered`],
  });
}

/** A list of privileges: those of the process are exactly these. The order counts for some guests. */
export function grants(field: string, noun: string): Comparator {
  return (pair, report) => {
    const { before, after } = pair;
    if (sameJson(before, after)) return;
    const { more, less } = listDifference(before, after);
    const order = more.length === 0 && less.length === 0;
    if (before === undefined || after === undefined || order)
      return differs(field, noun)(pair, report);
    const kind = less.length === 0 ? 'widened' : more.length === 0 ? 'narrowed' : 'changed';
    const parts = [
      ...(more.length > 0 ? [`more: ${more.map(wordOf).join(', ')}`] : []),
      ...(less.length > 0 ? [`less: ${less.map(wordOf).join(', ')}`] : []),
    ];
    report({
      kind,
      field,
      message: `${noun} differ (${parts.join('; ')})`,
      ...shown(before, after),
    });
  };
}

/** A map that lets through the keys that it names. */
export function allowsKeys(field: string, noun: string): Comparator {
  return (pair, report) => {
    if (reportAbsence(pair, field, report)) return;
    for (const key of keysOf(pair.before, pair.after)) {
      const before = fieldOf(pair.before, key);
      const after = fieldOf(pair.after, key);
      if (sameJson(before, after)) continue;
      const [kind, message]: [DifferenceKind, string] =
        before === undefined
          ? ['added', `${noun} ${key} is allowed now`]
          : after === undefined
            ? ['removed', `${noun} ${key} is no longer allowed`]
            : ['changed', `${noun} ${key} differs`];
      report({ kind, field, message, ...shown(before, after, key) });
    }
  };
}

/** A mask of bits: more bits let more through. */
export function masks(field: string, noun: string): Comparator {
  return (pair, report) => {
    const { before, after } = pair;
    if (typeof before !== 'number' || typeof after !== 'number') {
      differs(field, noun)(pair, report);
    } else if (before !== after) {
      const more = BigInt(after) & ~BigInt(before);
      const less = BigInt(before) & ~BigInt(after);
      const kind = less === 0n ? 'widened' : more === 0n ? 'narrowed' : 'changed';
      report({ kind, field, message: `${noun} differs`, ...shown(before, after) });
    }
  };
}

interface SetWords {
  readonly more: readonly [DifferenceKind, string];
  readonly less: readonly [DifferenceKind, string];
}

function setComparator(field: string, words: SetWords): Comparator {
  return (pair, report) => {
    if (reportAbsence(pair, field, report)) return;
    const { more, less } = listDifference(pair.before, pair.after);
    const [lessKind, lessMessage] = words.less;
    const [moreKind, moreMessage] = words.more;
    for (const element of less) {
      report({ kind: lessKind, field, message: lessMessage, ...shown(element, undefined) });
    }
    for (const element of more) {
      report({ kind: moreKind, field, message: moreMessage, ...shown(undefined, element) });
    }
  };
}

/** An empty collection and none at all are not the same to the rules. */
function reportAbsence(pair: Pair, field: string, report: Report): boolean {
  const { before, after } = pair;
  if ((before === undefined) === (after === undefined)) return false;
  if (canonicalJson(before ?? after ?? null).length > 2) return false;
  differs(field, `the empty field ${pair.path}`)(pair, report);
  return true;
}

function wordOf(value: JsonValue): string {
  return typeof value === 'string' ? value : canonicalJson(value);
}
