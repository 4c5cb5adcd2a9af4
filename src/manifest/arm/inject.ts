/**
 * Writes policies into the text of a template (aci policy 12.3): nothing but the policy changes, so comments, order,
 * numbers, indentation and line ends stay as they are.
 */
import {
  type DataMap,
  type DataValue,
  isMap,
  isTruthy,
  lookUp,
  lookUpKey,
} from '../../core/data.js';
import { printCompactInOrder, printPrettyInOrder } from '../../core/data-json.js';
import { ToolError } from '../../core/error.js';
import { type JsonDocument, parseJsonTree } from '../../core/json-tree.js';
import { locate } from '../../core/locate.js';
import { valueOfNode } from './functions/json-text.js';
import { memberAnyCase, type NodePath, nodeAtPath, printPath } from './nodes.js';
import { insertMember, printMember, styleOf } from './style.js';
import { buildBudget } from './value.js';

/** The policy of one container group: base64 text, and the path of its resource from the root of the template. */
export interface PolicyEdit {
  readonly path: NodePath;
  readonly value: string;
}

/** Replaces the text from `start` to `end`. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const CONFIDENTIAL = 'confidentialComputeProperties';
const POLICY = 'ccePolicy';

/**
 * The text of a template with its policies. Throws MANIFEST_NOT_EDITABLE where an expression stands in the place of what
 * would have to be edited, and for instances of a loop whose policies differ.
 */
export function setTemplatePolicies(document: JsonDocument, edits: readonly PolicyEdit[]): string {
  const distinct = distinctEdits(document, edits);
  const changes = distinct.flatMap((edit) => changesOf(document, edit));
  const text = applyChanges(document.text, changes);
  assertOnlyPolicies(document, distinct, text);
  return text;
}

/** Of two insertions at one place the later one comes first. */
function applyChanges(text: string, changes: readonly TextEdit[]): string {
  const parts: string[] = [];
  let from = 0;
  const ordered = changes.toSorted((a, b) => b.start - a.start || b.end - a.end).toReversed();
  for (const change of ordered) {
    parts.push(text.slice(from, change.start), change.text);
    from = change.end;
  }
  return [...parts, text.slice(from)].join('');
}

/**
 * The template as the reference writes it out: two blanks per level, ASCII only. A policy stands under exactly the key
 * ccePolicy. Throws MANIFEST_NOT_EDITABLE where an expression stands in the place of its properties.
 */
export function rewriteTemplateAsReference(
  document: JsonDocument,
  edits: readonly PolicyEdit[],
): string {
  if (edits.length === 0) return document.text;
  const root = valueOfNode(document.root, buildBudget()) as DataValue;
  const rewritten = edits.reduce((tree, { path, value }) => {
    const place = [...path, ...policyPath(document, path), POLICY];
    return setAt(tree, place, value);
  }, root);
  return printPrettyInOrder(rewritten);
}

/** From a resource to the properties that hold its policy, by the keys that the reference finds; empty ones count not. */
function policyPath(document: JsonDocument, path: NodePath): NodePath {
  const node = nodeAtPath(document.root, path);
  const resource = node === undefined ? null : (valueOfNode(node, buildBudget()) as DataValue);
  const properties = lookUp(resource, 'properties');
  const confidential = lookUp(properties, CONFIDENTIAL);
  const found = isTruthy(confidential) ? lookUpKey(properties, CONFIDENTIAL) : undefined;
  if (isTruthy(confidential) && !isMap(confidential)) {
    throw notEditable(document, path, `${CONFIDENTIAL} is not an object`);
  }
  return [lookUpKey(resource, 'properties') ?? 'properties', found ?? CONFIDENTIAL];
}

/** One edit per resource: instances of a loop share it. */
function distinctEdits(
  document: JsonDocument,
  edits: readonly PolicyEdit[],
): readonly PolicyEdit[] {
  const byPlace = new Map<string, PolicyEdit>();
  for (const edit of edits) {
    const place = JSON.stringify(edit.path);
    const other = byPlace.get(place);
    if (other !== undefined && other.value !== edit.value) {
      throw notEditable(
        document,
        edit.path,
        'the instances of a copy loop need different policies',
        [
          'write the container groups out one by one, or let a variable hold one policy per instance',
          'print the policies with --print',
        ],
      );
    }
    byPlace.set(place, edit);
  }
  return [...byPlace.values()];
}

function changesOf(document: JsonDocument, { path, value }: PolicyEdit): readonly TextEdit[] {
  const resource = nodeAtPath(document.root, path);
  const properties = memberAnyCase(resource, 'properties')?.value;
  if (properties?.kind !== 'object') {
    throw notEditable(document, path, 'the properties of the container group are not an object');
  }
  const confidential = memberAnyCase(properties, CONFIDENTIAL);
  if (confidential === undefined) {
    return insertMember(document.text, properties, CONFIDENTIAL, (style) =>
      printMember(style, POLICY, value),
    );
  }
  if (confidential.value.kind === 'null') {
    const { start, end } = confidential.value;
    return [{ start, end, text: printMember(styleOf(document.text, properties), POLICY, value) }];
  }
  if (confidential.value.kind !== 'object') {
    throw notEditable(
      document,
      [...path, 'properties', confidential.key],
      `${CONFIDENTIAL} is not an object`,
    );
  }
  const policy = memberAnyCase(confidential.value, POLICY);
  if (policy !== undefined) {
    const { start, end } = policy.value;
    return [{ start, end, text: JSON.stringify(value) }];
  }
  return insertMember(document.text, confidential.value, POLICY, () => JSON.stringify(value));
}

/** Reads the new text: it must differ from the old one by the policies, and by nothing else. */
function assertOnlyPolicies(
  document: JsonDocument,
  edits: readonly PolicyEdit[],
  text: string,
): void {
  const { root } = parseJsonTree(text, document.file, { duplicates: 'last' });
  const got = printCompactInOrder(valueOfNode(root, buildBudget()) as DataValue);
  const want = printCompactInOrder(withPolicies(document, edits));
  if (got !== want) {
    throw new ToolError('INTERNAL', `the edit of ${document.file} would change more than policies`);
  }
}

/** The template as a value, policies set at the keys that are there in any case. */
function withPolicies(document: JsonDocument, edits: readonly PolicyEdit[]): DataValue {
  const root = valueOfNode(document.root, buildBudget()) as DataValue;
  return edits.reduce((tree, { path, value }) => {
    const resource = nodeAtPath(document.root, path);
    const properties = memberAnyCase(resource, 'properties');
    const confidential = memberAnyCase(properties?.value, CONFIDENTIAL);
    const policy = memberAnyCase(confidential?.value, POLICY);
    const full = [
      ...path,
      properties?.key ?? 'properties',
      confidential?.key ?? CONFIDENTIAL,
      policy?.key ?? POLICY,
    ];
    return setAt(tree, full, value);
  }, root);
}

function setAt(tree: DataValue, path: NodePath, value: string): DataValue {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const list = tree as readonly DataValue[];
    return list.with(step, setAt(list[step] ?? null, rest, value));
  }
  const map: DataMap = isMap(tree) ? tree : new Map();
  return new Map(map).set(step, setAt(map.get(step) ?? null, rest, value));
}

function notEditable(
  document: JsonDocument,
  path: NodePath,
  message: string,
  hints: readonly string[] = ['print the policy with --print'],
): ToolError {
  const { start } = nodeAtPath(document.root, path) ?? document.root;
  return new ToolError('MANIFEST_NOT_EDITABLE', message, {
    where: `${locate(document, start)} ${printPath(path)}`,
    hints,
  });
}
