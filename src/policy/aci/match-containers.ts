/** Which containers of two CCE policies correspond: by name, else by all but the name, id, layers, or command. */
import type { JsonValue } from '../../core/json.js';
import { canonicalJson } from '../../core/json-equal.js';
import type { CceContainer } from './cce-document.js';

/** A container with its place in the policy. */
export interface PlacedContainer {
  readonly index: number;
  readonly data: CceContainer;
}

export interface CceContainerMatches {
  readonly matched: readonly {
    readonly before: PlacedContainer;
    readonly after: PlacedContainer;
  }[];
  readonly removed: readonly PlacedContainer[];
  readonly added: readonly PlacedContainer[];
}

type Key = (container: CceContainer) => string | undefined;

/** From the strongest reason for taking two containers for the same to the weakest. */
const KEYS: readonly Key[] = [
  ({ name }) => name || undefined,
  ({ name: _, ...rest }) => canonicalJson(rest as unknown as JsonValue),
  ({ id, command }) => (id === undefined ? undefined : `${id} ${canonicalJson(command)}`),
  ({ id }) => id,
  ({ layers }) => (layers.length === 0 ? undefined : layers.join()),
  ({ command }) => canonicalJson(command),
];

/** Pairs the containers of two policies, each at most once; matches in the order of the second. */
export function matchCceContainers(
  before: readonly CceContainer[],
  after: readonly CceContainer[],
): CceContainerMatches {
  const matched: CceContainerMatches['matched'][number][] = [];
  let removed = before.map((data, index) => ({ index, data }));
  let added = after.map((data, index) => ({ index, data }));
  for (const key of KEYS) {
    const waiting = new Map<string, PlacedContainer[]>();
    for (const container of added) {
      const text = key(container.data);
      if (text !== undefined) waiting.set(text, [...(waiting.get(text) ?? []), container]);
    }
    const taken = new Set<PlacedContainer>();
    removed = removed.filter((container) => {
      const text = key(container.data);
      const other = text === undefined ? undefined : waiting.get(text)?.shift();
      if (other === undefined) return true;
      matched.push({ before: container, after: other });
      taken.add(other);
      return false;
    });
    added = added.filter((container) => !taken.has(container));
  }
  return { matched: matched.toSorted((a, b) => a.after.index - b.after.index), removed, added };
}
