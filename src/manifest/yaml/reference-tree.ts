/**
 * A document as the reference generator holds it before it writes it out again (kata policy data 3.1 and 4.2): aliases
 * expanded, tags and styles gone, of a duplicate key the place of its first and the value of its last occurrence.
 * Scalars and keys are kept as the text that the reference's emitter writes for them, `~` for null.
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { locate, type NamedText } from '../../core/locate.js';
import type { NoticeSink } from '../../core/notice.js';
import type { YamlPath } from './edit.js';
import { contentOf, isMergeKey, type YamlNode, type YamlScalar } from './node.js';
import {
  exceeds64Bits,
  hasForeignTag,
  printScalarAsReference,
  readAsKubectl,
  readAsReference,
  sameValue,
} from './scalar.js';

/** A scalar as text to be written, a list, or a mapping by the texts of its keys. */
export type ReferenceNode = string | readonly ReferenceNode[] | ReferenceMapping;
export type ReferenceMapping = ReadonlyMap<string, ReferenceNode>;

/** The text of null; the word itself gets quotes. */
const NULL = '~';

interface Reader {
  readonly source: NamedText;
  readonly notices: NoticeSink;
}

/**
 * The tree of a node. Notes each scalar that Kubernetes would read differently once it is written out. Throws
 * MANIFEST_INVALID for what the reference refuses (a tag, an integer above 64 bits, a key that is a list or a mapping)
 * and LIMIT_EXCEEDED where expanded aliases nest deeper than yamlDepth.
 */
export function readReferenceTree(
  node: YamlNode,
  source: NamedText,
  notices: NoticeSink,
): ReferenceNode {
  return readNode(node, { source, notices }, 0);
}

function readNode(node: YamlNode, reader: Reader, depth: number): ReferenceNode {
  const content = contentOf(node);
  if (content.kind === 'scalar') return readScalar(content, reader);
  if (content.tag !== undefined) throw refusal(content, reader, `has the tag ${content.tag}`);
  if (depth >= LIMITS.yamlDepth) {
    throw new ToolError('LIMIT_EXCEEDED', `${reader.source.file} is nested too deeply`, {
      where: locate(reader.source, node.start),
      want: `at most ${LIMITS.yamlDepth} levels with aliases expanded`,
    });
  }
  if (content.kind === 'sequence') {
    return content.items.map((item) => readNode(item, reader, depth + 1));
  }
  const mapping = new Map<string, ReferenceNode>();
  for (const entry of content.entries) {
    const key = contentOf(entry.key);
    if (key.kind !== 'scalar') throw refusal(key, reader, `has a ${key.kind} as key`);
    // It gets quotes, and is no merge key any more.
    if (isMergeKey(entry)) noteChange(key, reader);
    mapping.set(readScalar(key, reader), readNode(entry.value, reader, depth + 1));
  }
  return mapping;
}

function readScalar(scalar: YamlScalar, reader: Reader): string {
  if (hasForeignTag(scalar)) throw refusal(scalar, reader, `has the tag ${scalar.tag}`);
  const value = readAsReference(scalar);
  if (exceeds64Bits(value)) throw refusal(scalar, reader, 'has an integer of more than 64 bits');
  const text = printScalarAsReference(value);
  const plain: YamlScalar = { ...scalar, style: 'plain', text };
  const written = text.startsWith('"') ? scalar.text : readAsKubectl(plain);
  if (!sameValue(readAsKubectl(scalar), written)) noteChange(scalar, reader);
  return text;
}

/** The value is not told: it may be that of a Secret. */
function noteChange(node: YamlNode, { source, notices }: Reader): void {
  notices({
    code: 'scalar-rewritten',
    message: 'this is rewritten as the reference does it, and Kubernetes reads it differently then',
    where: locate(source, node.start),
  });
}

function refusal(node: YamlNode, { source }: Reader, what: string): ToolError {
  return new ToolError('MANIFEST_INVALID', `${source.file} ${what}`, {
    where: locate(source, node.start),
    hints: ['write plain values and text in quotes'],
  });
}

/** The tree with a text in the mapping at `path`; mappings on the way are made where they are missing or null. */
export function withReferenceText(
  node: ReferenceNode,
  path: YamlPath,
  key: string,
  value: string,
): ReferenceNode {
  const [step, ...rest] = path;
  if (step === undefined) {
    return new Map(mappingOf(node)).set(printScalarAsReference(key), printScalarAsReference(value));
  }
  if (typeof step === 'string') {
    const mapping = mappingOf(node);
    const name = printScalarAsReference(step);
    const child = mapping.get(name) ?? NULL;
    return new Map(mapping).set(name, withReferenceText(child, rest, key, value));
  }
  if (!Array.isArray(node)) throw new ToolError('INTERNAL', `no list at step ${step}`);
  return node.map((item, index) =>
    index === step ? withReferenceText(item, rest, key, value) : item,
  );
}

function mappingOf(node: ReferenceNode): ReferenceMapping {
  if (node === NULL) return new Map();
  if (node instanceof Map) return node;
  throw new ToolError('INTERNAL', 'an annotation cannot be put into a list or a scalar');
}

/** The keys of a List, in the order in which the reference writes them; it drops others (section 3.5). */
const LIST_KEYS = ['apiVersion', 'kind', 'items'];

/** The tree with Lists, also those inside of Lists, in the form in which the reference writes them. */
export function withListForm(node: ReferenceNode): ReferenceNode {
  if (!(node instanceof Map) || node.get('kind') !== 'List') return node;
  const entries = LIST_KEYS.flatMap((key) => {
    const value = node.get(key);
    if (value === undefined) return [];
    const formed = key === 'items' && Array.isArray(value) ? value.map(withListForm) : value;
    return [[key, formed] as const];
  });
  return new Map(entries);
}
