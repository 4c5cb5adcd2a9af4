/**
 * YAML nodes -> data values as PyYAML's safe loader reads them (YAML 1.1, aci policy 4.4), which is how the generator of
 * ACI policies sees a manifest: `yes` is a boolean, `012` is ten, `1:30` is ninety, `1e3` is a text.
 */
import { type DataMap, type DataValue, isMap, textOfData } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import { locate, type NamedText } from '../../core/locate.js';
import {
  contentOf,
  isMergeKey,
  type YamlContent,
  type YamlMapping,
  type YamlNode,
  type YamlScalar,
} from './node.js';

const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const NULL = /^(?:~|null|Null|NULL|)$/;
const INTEGER =
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const TIMESTAMP =
  /^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$/;
/** Longer integers are refused, as Python refuses them. */
const INTEGER_LENGTH = 4300;

/** Values of nodes; a node that aliases name is read once. */
export type YamlDataReader = (node: YamlNode) => DataValue;

/** A reader of the nodes of one text. It throws MANIFEST_INVALID for tags and keys that JSON has no form for. */
export function createDataReader(source: NamedText): YamlDataReader {
  const known = new Map<YamlContent, DataValue>();
  const read: YamlDataReader = (node) => {
    const content = contentOf(node);
    const before = known.get(content);
    if (before !== undefined) return before;
    const value = readContent(content, source, read);
    if (content.aliased) known.set(content, value);
    return value;
  };
  return read;
}

function readContent(node: YamlContent, source: NamedText, read: YamlDataReader): DataValue {
  if (node.kind === 'scalar') return readScalar(node, source);
  if (node.tag !== undefined) throw foreignTag(node, source);
  if (node.kind === 'sequence') return node.items.map(read);
  return readMapping(node, source, read);
}

/** Merged members come first, so that own ones replace them; of doubled keys the last counts. */
function readMapping(node: YamlMapping, source: NamedText, read: YamlDataReader): DataMap {
  const map = new Map<string, DataValue>();
  for (const entry of node.entries.filter(isMergeKey)) {
    for (const [key, value] of readMerged(entry.value, source, read)) map.set(key, value);
  }
  for (const entry of node.entries) {
    if (!isMergeKey(entry)) map.set(readKey(entry.key, source), read(entry.value));
  }
  return map;
}

/** `<<: *a` or `<<: [*a, *b]`, where the first map of a list counts most. */
function readMerged(
  node: YamlNode,
  source: NamedText,
  read: YamlDataReader,
): readonly (readonly [string, DataValue])[] {
  const content = contentOf(node);
  const maps = content.kind === 'sequence' ? content.items.toReversed() : [content];
  return maps.flatMap((one) => {
    const value = read(one);
    if (isMap(value)) return [...value];
    throw invalid(node, source, 'a merge key << needs a map or a list of maps');
  });
}

function readKey(node: YamlNode, source: NamedText): string {
  const content = contentOf(node);
  if (content.kind === 'scalar') return textOfData(readScalar(content, source));
  throw invalid(node, source, 'a key is a list or map');
}

function readScalar(node: YamlScalar, source: NamedText): DataValue {
  const { text, tag } = node;
  if (tag === undefined) return node.style === 'plain' ? resolvePlain(node, source) : text;
  if (tag === '!!str' || tag === '!') return text;
  if (tag === '!!int' && INTEGER.test(text)) return readInteger(node, source);
  if (tag === '!!float' && (FLOAT.test(text) || INTEGER.test(text))) return readFloat(text);
  if (tag === '!!bool' && (TRUE.test(text) || FALSE.test(text))) return TRUE.test(text);
  if (tag === '!!null' && NULL.test(text)) return null;
  if (tag === '!!binary' || tag === '!!timestamp') return { opaque: text };
  throw foreignTag(node, source);
}

function resolvePlain(node: YamlScalar, source: NamedText): DataValue {
  const { text } = node;
  if (NULL.test(text)) return null;
  if (TRUE.test(text)) return true;
  if (FALSE.test(text)) return false;
  if (INTEGER.test(text)) return readInteger(node, source);
  if (FLOAT.test(text)) return readFloat(text);
  return TIMESTAMP.test(text) ? { opaque: text } : text;
}

function readInteger(node: YamlScalar, source: NamedText): bigint {
  if (node.text.length > INTEGER_LENGTH) throw invalid(node, source, 'an integer is too long');
  const plain = node.text.replaceAll('_', '');
  const digits = plain.replace(/^[-+]/, '');
  const magnitude = digits.includes(':') ? sexagesimal(digits) : readDigits(digits);
  if (magnitude === undefined) throw invalid(node, source, 'an integer has no digits');
  return plain.startsWith('-') ? -magnitude : magnitude;
}

function readDigits(digits: string): bigint | undefined {
  if (/^0[bx]$/.test(digits)) return undefined;
  if (/^0[0-7]+$/.test(digits)) return BigInt(`0o${digits.slice(1)}`);
  return BigInt(digits);
}

function sexagesimal(digits: string): bigint {
  return digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
}

function readFloat(text: string): number {
  const plain = text.replaceAll('_', '').toLowerCase();
  const sign = plain.startsWith('-') ? -1 : 1;
  const digits = plain.replace(/^[-+]/, '');
  if (digits === '.inf') return sign * Number.POSITIVE_INFINITY;
  if (digits === '.nan') return Number.NaN;
  const parts = digits.split(':').toReversed();
  return sign * parts.reduce((sum, part, power) => sum + Number(part) * 60 ** power, 0);
}

function foreignTag(node: YamlContent, source: NamedText): ToolError {
  return invalid(
    node,
    source,
    `the tag ${node.tag ?? ''} is not one that a manifest may have here`,
  );
}

function invalid(node: YamlNode, source: NamedText, problem: string): ToolError {
  return new ToolError('MANIFEST_INVALID', `${source.file}: ${problem}`, {
    where: locate(source, node.start),
  });
}
