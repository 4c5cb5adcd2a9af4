/**
 * Which containers of two policies correspond: those of the same name, else those that are the same but for the name,
 * else by image and command, image, or command. The index says nothing.
 */
import type { JsonValue } from '../../core/json.js';
import { canonicalJson, isJsonObject } from '../../core/json-equal.js';
import { recordOf } from '../../core/record.js';
import { CONTAINER_NAME, IMAGE_NAME } from './annotations.js';
import type { ContainerData } from './data.js';

/** One container with what the JSON says of it. */
export interface IndexedContainer {
  readonly index: number;
  readonly data: ContainerData;
  readonly json: JsonValue;
}

export interface ContainerMatch {
  readonly before: IndexedContainer;
  readonly after: IndexedContainer;
}

export interface ContainerMatches {
  readonly matched: readonly ContainerMatch[];
  readonly removed: readonly IndexedContainer[];
  readonly added: readonly IndexedContainer[];
}

/** Annotation that says which container holds the sandbox. */
const CONTAINER_TYPE = 'io.kubernetes.cri.container-type';

/** Name of a container for people: `container web`, `the sandbox container`. */
export function nameOfContainer({ index, data }: IndexedContainer): string {
  const name = annotationOf(data, CONTAINER_NAME);
  if (isSandbox(data)) return `the sandbox container${name === undefined ? '' : ` (${name})`}`;
  return name === undefined ? `container number ${index}` : `container ${name}`;
}

/** True for the container that holds the sandbox (the pause container). */
export function isSandbox(data: ContainerData): boolean {
  return annotationOf(data, CONTAINER_TYPE) === 'sandbox';
}

/** The value of an annotation of a container. */
export function annotationOf(data: ContainerData, key: string): string | undefined {
  return data.OCI.Annotations?.get(key);
}

type Key = (container: IndexedContainer) => string | undefined;

const identityOf: Key = ({ data }) => {
  if (isSandbox(data)) return 'sandbox';
  const name = annotationOf(data, CONTAINER_NAME);
  return name === undefined ? undefined : `name ${name}`;
};
const imageOf: Key = ({ data }) => annotationOf(data, IMAGE_NAME);
const commandOf: Key = ({ data }) => canonicalJson(data.OCI.Process.Args ?? []);

/** From the strongest reason for taking two containers for the same to the weakest. */
const KEYS: readonly Key[] = [
  identityOf,
  ({ json }) => canonicalJson(withoutName(json)),
  (container) => {
    const image = imageOf(container);
    return image === undefined ? undefined : `${image} ${commandOf(container)}`;
  },
  imageOf,
  commandOf,
];

/** Pairs the containers of two policies, each at most once. */
export function matchContainers(
  before: readonly IndexedContainer[],
  after: readonly IndexedContainer[],
): ContainerMatches {
  const matched: ContainerMatch[] = [];
  let removed = before;
  let added = after;
  for (const key of KEYS) {
    const waiting = new Map<string, IndexedContainer[]>();
    for (const container of added) {
      const text = key(container);
      if (text !== undefined) waiting.set(text, [...(waiting.get(text) ?? []), container]);
    }
    const taken = new Set<IndexedContainer>();
    removed = removed.filter((container) => {
      const other = waiting.get(key(container) ?? '')?.shift();
      if (other === undefined) return true;
      matched.push({ before: container, after: other });
      taken.add(other);
      return false;
    });
    added = added.filter((container) => !taken.has(container));
  }
  return { matched: matched.toSorted((a, b) => a.after.index - b.after.index), removed, added };
}

/** The container without its name annotation. */
function withoutName(json: JsonValue): JsonValue {
  if (!isJsonObject(json) || !isJsonObject(json.OCI) || !isJsonObject(json.OCI.Annotations))
    return json;
  const annotations = Object.entries(json.OCI.Annotations).filter(
    ([key]) => key !== CONTAINER_NAME,
  );
  return { ...json, OCI: { ...json.OCI, Annotations: recordOf(annotations) } };
}
