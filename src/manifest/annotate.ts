/**
 * Writes annotations into manifest texts and reads them. Only what carries the annotation changes; the result is
 * parsed again and compared with what was intended, so an edit that would change anything else is never returned.
 */
import { ToolError, throwAll } from '../core/error.js';
import { locate } from '../core/locate.js';
import type { Placement } from '../workload/pod.js';
import { listWorkloads, type WorkloadPlace } from './kubernetes/objects.js';
import { planTexts, type YamlPath } from './yaml/edit.js';
import { planRemoval } from './yaml/edit-removal.js';
import { childOf, contentOf, type YamlContent, type YamlDocument } from './yaml/node.js';
import { parseYaml } from './yaml/parse.js';
import { type PlainNode, samePlain, withoutText, withText } from './yaml/plain.js';
import { readAsReference, textAsReference } from './yaml/scalar.js';
import { applySplices, NotEditable, type Splice } from './yaml/splice.js';

/** Address of an annotation: document of the text (from 0), path of its annotations mapping, key. */
export interface AnnotationPlace {
  readonly document: number;
  readonly path: YamlPath;
  readonly key: string;
}

/** An annotation that is to have this value. */
export interface AnnotationEdit extends AnnotationPlace {
  readonly value: string;
}

/** A workload with an annotation of one of the wanted keys. */
export interface FoundAnnotation extends WorkloadPlace {
  readonly key: string;
  readonly value: string;
}

/**
 * The text with the annotations set: replaced in place, or added at the end of their mapping, which is made where it
 * is missing or null. Values are written in JSON double quotes. Throws MANIFEST_NOT_EDITABLE with the reason, for
 * all places at once, and what parseYaml throws. `file` names the text in messages.
 */
export function setAnnotations(
  text: string,
  edits: readonly AnnotationEdit[],
  file: string,
): string {
  return change(text, file, edits, {
    plan: (document, group) =>
      planTexts(
        document,
        group[0]!.path,
        group.map(({ key, value }) => [key, value]),
      ),
    apply: (tree, { path, key, value }) => withText(tree, path, key, value),
  });
}

/** The text without the annotations; those that are not there change nothing. Throws as setAnnotations. */
export function removeAnnotations(
  text: string,
  places: readonly AnnotationPlace[],
  file: string,
): string {
  return change(text, file, places, {
    plan: (document, group) =>
      planRemoval(
        document,
        group[0]!.path,
        group.map(({ key }) => key),
      ),
    apply: (tree, { path, key }) => withoutText(tree, path, key),
  });
}

/** The value of an annotation; undefined if it is missing. Throws what parseYaml throws. */
export function readAnnotation(
  text: string,
  place: AnnotationPlace,
  file: string,
): string | undefined {
  const document = parseYaml(text, file)[place.document];
  return document === undefined ? undefined : valueAt(document, place);
}

/**
 * All annotations with one of the keys on pods that the text describes, in order. Fields of the pods are not checked.
 * Throws what parseYaml throws.
 */
export function findAnnotations(
  text: string,
  keys: readonly string[],
  file: string,
): readonly FoundAnnotation[] {
  return parseYaml(text, file).flatMap((document) =>
    listWorkloads(document).flatMap((workload) =>
      keys.flatMap((key) => {
        const value = valueAt(document, { ...workload.placement, key });
        return value === undefined ? [] : [{ ...workload, key, value }];
      }),
    ),
  );
}

function valueAt(
  document: YamlDocument,
  { path, key }: Pick<Placement, 'path'> & { readonly key: string },
): string | undefined {
  const mapping = path.reduce<YamlContent | undefined>((node, step) => {
    if (typeof step === 'string') return childOf(node, step);
    const item = node?.kind === 'sequence' ? node.items[step] : undefined;
    return item === undefined ? undefined : contentOf(item);
  }, contentOf(document.root));
  const value = childOf(mapping, key);
  return value?.kind === 'scalar' ? textAsReference(readAsReference(value)) : undefined;
}

interface Change<T extends AnnotationPlace> {
  /** Splices for places in one mapping. */
  readonly plan: (document: YamlDocument, group: readonly T[]) => readonly Splice[];
  /** The tree of a document after the change of one place. */
  readonly apply: (tree: PlainNode, place: T) => PlainNode;
}

function change<T extends AnnotationPlace>(
  text: string,
  file: string,
  places: readonly T[],
  { plan, apply }: Change<T>,
): string {
  const documents = parseYaml(text, file);
  const errors: ToolError[] = [];
  const splices = groupPlaces(places).flatMap((group) => {
    const { document: index, path } = group[0]!;
    const document = documents[index];
    if (document === undefined) {
      throw new ToolError('INTERNAL', `${file} has no document ${index}`);
    }
    try {
      return plan(document, group);
    } catch (error) {
      if (!(error instanceof NotEditable)) throw error;
      errors.push(notEditable(document, path, error));
      return [];
    }
  });
  throwAll(errors);
  const result = applySplices(text, splices);
  const wanted = documents.map((document) =>
    places
      .filter((place) => place.document === document.index)
      .reduce<PlainNode>(apply, document.root),
  );
  assertIntended(result, wanted, file);
  return result;
}

/** Places in the same mapping are planned together: the first of them may have to make it. Of equal ones the last. */
function groupPlaces<T extends AnnotationPlace>(places: readonly T[]): readonly (readonly T[])[] {
  const groups = new Map<string, Map<string, T>>();
  for (const place of places) {
    const id = JSON.stringify([place.document, place.path]);
    const group = groups.get(id) ?? new Map<string, T>();
    groups.set(id, group.set(place.key, place));
  }
  return [...groups.values()].map((group) => [...group.values()]);
}

function assertIntended(text: string, wanted: readonly PlainNode[], file: string): void {
  const found = parseYaml(text, file);
  const same =
    found.length === wanted.length &&
    found.every(({ root }, index) => samePlain(root, wanted[index]!));
  if (!same) {
    throw new ToolError('INTERNAL', `${file} would not read back as intended after the edit`);
  }
}

function notEditable(document: YamlDocument, path: YamlPath, error: NotEditable): ToolError {
  const name = path.join('.');
  return new ToolError(
    'MANIFEST_NOT_EDITABLE',
    `${name} cannot be changed in place: ${error.message}`,
    {
      where: `${locate(document.source, error.offset)} ${name}`,
      hints: [
        'write this part of the manifest out without aliases, merge keys and doubled keys',
        'or print the policy and put it there by hand',
      ],
    },
  );
}
