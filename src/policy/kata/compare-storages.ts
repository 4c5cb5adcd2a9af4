/** Comparators of mounts, storages and image layers: matched by where they are mounted, not by their index. */
import type { DifferenceKind } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { sameJson } from '../../core/json-equal.js';
import {
  type Comparator,
  type CompareTable,
  comparePart,
  differs,
  elementsOf,
  fieldOf,
  keysOf,
  listDifference,
  type Pair,
  type Report,
  showValue,
} from '../review/compare-walk.js';
import { type LayerBinding, readLayers } from './layers.js';

/** `Mounts`. */
export const compareMounts: Comparator = (pair, report) => {
  compareByKey(pair, report, {
    field: 'mount',
    noun: 'mount',
    keyOf: (mount) => showValue(fieldOf(mount, 'destination') ?? null),
  });
};

/** `storages` of a container: image layers as one, everything else by mount point. */
export const compareStorages: Comparator = (pair, report) => {
  const before = readLayers(elementsOf(pair.before));
  const after = readLayers(elementsOf(pair.after));
  if (before === undefined && after === undefined) return compareVolumes(pair, report);
  const layers = { before: before?.hashes ?? [], after: after?.hashes ?? [] };
  if (before?.text !== after?.text) {
    report({
      kind: before === undefined ? 'narrowed' : after === undefined ? 'widened' : 'changed',
      field: 'image-layers',
      message: layerWords(layers.before, layers.after),
      ...(before === undefined ? {} : { before: showLayers(before, after) }),
      ...(after === undefined ? {} : { after: showLayers(after, before) }),
    });
  }
  compareVolumes(
    {
      ...pair,
      before: before?.others ?? elementsOf(pair.before),
      after: after?.others ?? elementsOf(pair.after),
    },
    report,
  );
};

/** Storages that are no image layers. */
export const compareVolumes: Comparator = (pair, report) => {
  compareByKey(pair, report, {
    field: 'storage',
    noun: 'storage at',
    keyOf: (storage) => showValue(fieldOf(storage, 'mount_point') ?? null),
  });
};

function layerWords(before: readonly string[], after: readonly string[]): string {
  if (after.length === 0) return 'the image is no longer bound to root hashes of its layers';
  if (before.length === 0) return 'the image is now bound to root hashes of its layers';
  const same = after.filter((hash) => before.includes(hash)).length;
  return `the image has other content: ${before.length} and ${after.length} layers, ${same} of them the same`;
}

/** The root hashes, top layer first; all that there is where they are not what differs. */
function showLayers(layers: LayerBinding, others: LayerBinding | undefined): string {
  const isHash = layers.hashes.join() !== others?.hashes.join();
  return isHash ? layers.hashes.join(', ') : layers.text;
}

interface Keyed {
  readonly field: string;
  readonly noun: string;
  readonly keyOf: (element: JsonValue) => string;
}

/** Equal elements are set aside; of the rest those with one key are compared field by field, in order. */
function compareByKey(pair: Pair, report: Report, { field, noun, keyOf }: Keyed): void {
  if ((pair.before === undefined) !== (pair.after === undefined) && isBare(pair)) {
    differs(field, `the empty field ${pair.path}`)(pair, report);
  }
  const { less, more } = listDifference(pair.before, pair.after);
  const byKey = groupBy(more, keyOf);
  for (const element of less) {
    const name = `${noun} ${keyOf(element)}`;
    const other = byKey.get(keyOf(element))?.shift();
    if (other === undefined) {
      report({ kind: 'removed', field, message: `${name} is gone`, before: showValue(element) });
    } else {
      compareFields({ before: element, after: other, path: pair.path }, (difference) =>
        report({ ...difference, field, message: `${name}: ${difference.message}` }),
      );
    }
  }
  for (const [key, elements] of byKey) {
    for (const element of elements) {
      report({ kind: 'added', field, message: `${noun} ${key} is new`, after: showValue(element) });
    }
  }
}

function compareFields(pair: Pair, report: Report): void {
  for (const key of keysOf(pair.before, pair.after)) {
    const inner = {
      before: fieldOf(pair.before, key),
      after: fieldOf(pair.after, key),
      path: pair.path,
    };
    comparePart(inner, FIELDS, report, key);
  }
}

function groupBy(
  elements: readonly JsonValue[],
  keyOf: (element: JsonValue) => string,
): Map<string, JsonValue[]> {
  const groups = new Map<string, JsonValue[]>();
  for (const element of elements) {
    const group = groups.get(keyOf(element));
    if (group === undefined) groups.set(keyOf(element), [element]);
    else group.push(element);
  }
  return groups;
}

function isBare({ before, after }: Pair): boolean {
  return elementsOf(before).length + elementsOf(after).length === 0;
}

const compareOptions: Comparator = ({ before, after }, report) => {
  if (sameJson(before, after)) return;
  const kind = optionKind(elementsOf(before), elementsOf(after));
  report({
    kind,
    field: 'options',
    message: 'the options differ',
    before: showValue(before ?? null),
    after: showValue(after ?? null),
  });
};

/** A mount that is no longer read-only lets more through. */
function optionKind(before: readonly JsonValue[], after: readonly JsonValue[]): DifferenceKind {
  if (before.includes('ro') && !after.includes('ro')) return 'widened';
  return after.includes('ro') && !before.includes('ro') ? 'narrowed' : 'changed';
}

/** Sources are patterns; an empty one stands for any that the rules take. */
const compareSource: Comparator = (pair, report) => {
  const { before, after } = pair;
  if (sameJson(before, after)) return;
  const kind = after === '' ? 'widened' : before === '' ? 'narrowed' : 'changed';
  report({
    kind,
    field: 'source',
    message: 'the source differs',
    before: showValue(before ?? null),
    after: showValue(after ?? null),
  });
};

const FIELDS: CompareTable = {
  options: compareOptions,
  source: compareSource,
  type_: differs('type', 'the type'),
  driver: differs('driver', 'the driver'),
  driver_options: compareOptions,
  fstype: differs('fstype', 'the file system'),
  fs_group: differs('fs-group', 'the group'),
  shared: differs('shared', 'the sharing'),
};
