/** Strings (template functions "string"), and conversions between strings and values. */
import { ToolError } from '../../../core/error.js';
import {
  type ArmValue,
  type Budget,
  isArmList,
  isArmObject,
  printArmFloat,
  printArmJson,
} from '../value.js';
import { formatText } from './format.js';
import { parseArmJson } from './json-text.js';
import {
  countArg,
  deep,
  type FunctionTable,
  listArg,
  MANY,
  misfit,
  sequenceArg,
  textArg,
  wrongArg,
} from './row.js';

/** What a value becomes inside of a string; bools are capitalised, as Resource Manager prints them. */
export function textOfArm(value: ArmValue, budget: Budget): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return printArmFloat(value);
  if (isArmList(value) || isArmObject(value)) return printArmJson(value, budget);
  return '';
}

/** Strings without regard to case, as startsWith and indexOf compare them. */
const fold = (text: string): string => text.toLowerCase();

function decodeBase64(text: string): string {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw misfit('argument 1 is not base64');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(text, 'base64'),
    );
  } catch {
    throw misfit('argument 1 is base64 of something that is not UTF-8 text');
  }
}

function encodeUriComponent(text: string): string {
  try {
    return encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  } catch {
    throw misfit('argument 1 holds half a surrogate pair');
  }
}

function decodeUriComponent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw misfit('argument 1 is not URI-encoded');
  }
}

function joinUri(base: string, relative: string): string {
  try {
    return new URL(relative, base).href;
  } catch {
    throw misfit('the arguments do not make an absolute URI');
  }
}

const DATA_URI = /^data:[^,;]*(?:;charset=[A-Za-z0-9-]+)?(;base64)?,([\s\S]*)$/i;

function dataUriToText(uri: string): string {
  const parts = DATA_URI.exec(uri);
  if (parts === null) throw misfit('argument 1 is not a data URI');
  const [, base64, content = ''] = parts;
  return base64 === undefined ? decodeUriComponent(content) : decodeBase64(content);
}

function substring(args: readonly ArmValue[]): string {
  const text = textArg(args, 0);
  const start = countArg(args, 1);
  const length = args.length === 3 ? countArg(args, 2) : text.length - start;
  if (start < 0 || length < 0 || start + length > text.length) {
    throw misfit('the part is not within the string');
  }
  return text.slice(start, start + length);
}

function splitText(args: readonly ArmValue[], budget: Budget): ArmValue {
  const text = textArg(args, 0);
  const delimiters = isArmList(args[1])
    ? args[1].map((_item, index, all) => textArg(all, index))
    : [textArg(args, 1)];
  const wanted = delimiters.filter((delimiter) => delimiter !== '');
  if (wanted.length === 0) return [text];
  const escaped = wanted.map((delimiter) => delimiter.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  const parts = text.split(new RegExp(escaped.join('|')));
  budget.produce(parts.length + text.length);
  return parts;
}

function padLeft(args: readonly ArmValue[], budget: Budget): string {
  const [value] = args;
  if (typeof value !== 'string' && typeof value !== 'bigint') {
    throw wrongArg(args, 0, 'a string or an int');
  }
  const length = countArg(args, 1);
  const padding = args.length === 3 ? textArg(args, 2) : ' ';
  if (padding.length !== 1) throw misfit('argument 3 is not one character');
  if (length < 0) throw misfit('argument 2 is negative');
  budget.produce(length);
  return String(value).padStart(length, padding);
}

function replaceAll(args: readonly ArmValue[], budget: Budget): string {
  const [text, from, to] = [textArg(args, 0), textArg(args, 1), textArg(args, 2)];
  if (from === '') throw misfit('argument 2 is empty');
  const parts = text.split(from);
  budget.produce(text.length + (parts.length - 1) * to.length);
  return parts.join(to);
}

function indexIn(isLast: boolean) {
  return deep([2, 2], (args) => {
    const sequence = sequenceArg(args, 0);
    if (typeof sequence !== 'string') return placeInList(sequence, args[1] ?? null, isLast);
    const [text, part] = [fold(sequence), fold(textArg(args, 1))];
    return BigInt(isLast ? text.lastIndexOf(part) : text.indexOf(part));
  });
}

function placeInList(list: readonly ArmValue[], wanted: ArmValue, isLast: boolean): bigint {
  return BigInt(isLast ? list.lastIndexOf(wanted) : list.indexOf(wanted));
}

function joinList(args: readonly ArmValue[], budget: Budget): string {
  const parts = listArg(args, 0).map((item) => textOfArm(item, budget));
  const delimiter = textArg(args, 1);
  const length = parts.reduce((sum, part) => sum + part.length + delimiter.length, 0);
  budget.produce(length);
  return parts.join(delimiter);
}

function stringOf(args: readonly ArmValue[], budget: Budget): string {
  const [value = null] = args;
  if (value === null) throw wrongArg(args, 0, 'a value other than null');
  const text = textOfArm(value, budget);
  budget.produce(text.length);
  return text;
}

/** `resource type/sub type` and one name per segment behind the provider. */
function resourcePath(args: readonly ArmValue[], from: number): string {
  const [provider, ...types] = textArg(args, from).split('/');
  const names = args.slice(from + 1).map((_name, index, all) => textArg(all, index));
  if (types.length === 0 || types.length !== names.length) {
    throw misfit('the resource type and the names do not have the same number of parts');
  }
  return `/providers/${provider}${types.map((type, i) => `/${type}/${names[i]}`).join('')}`;
}

export const TEXT_FUNCTIONS: FunctionTable = {
  base64: deep([1, 1], (args) => Buffer.from(textArg(args, 0)).toString('base64')),
  base64tostring: deep([1, 1], (args) => decodeBase64(textArg(args, 0))),
  base64tojson: deep([1, 1], (args, budget) =>
    parseArmJson(decodeBase64(textArg(args, 0)), budget),
  ),
  datauri: deep(
    [1, 1],
    (args) =>
      `data:text/plain;charset=utf8;base64,${Buffer.from(textArg(args, 0)).toString('base64')}`,
  ),
  datauritostring: deep([1, 1], (args) => dataUriToText(textArg(args, 0))),
  endswith: deep([2, 2], (args) => fold(textArg(args, 0)).endsWith(fold(textArg(args, 1)))),
  startswith: deep([2, 2], (args) => fold(textArg(args, 0)).startsWith(fold(textArg(args, 1)))),
  format: deep([1, MANY], formatText),
  indexof: indexIn(false),
  lastindexof: indexIn(true),
  join: deep([2, 2], joinList),
  json: deep([1, 1], (args, budget) => parseArmJson(textArg(args, 0), budget)),
  padleft: deep([2, 3], padLeft),
  replace: deep([3, 3], replaceAll),
  split: deep([2, 2], splitText),
  string: deep([1, 1], stringOf),
  substring: deep([2, 3], substring),
  tolower: deep([1, 1], (args) => textArg(args, 0).toLowerCase()),
  toupper: deep([1, 1], (args) => textArg(args, 0).toUpperCase()),
  trim: deep([1, 1], (args) => textArg(args, 0).trim()),
  uri: deep([2, 2], (args) => joinUri(textArg(args, 0), textArg(args, 1))),
  uricomponent: deep([1, 1], (args) => encodeUriComponent(textArg(args, 0))),
  uricomponenttostring: deep([1, 1], (args) => decodeUriComponent(textArg(args, 0))),
  extensionresourceid: deep([3, MANY], (args) => textArg(args, 0) + resourcePath(args, 1)),
  tenantresourceid: deep([2, MANY], (args) => resourcePath(args, 0)),
  fail: deep([1, 1], () => {
    throw new ToolError('ARM_EXPRESSION', 'the template refuses to be deployed', {
      hints: ['give other parameters: the condition in front of fail() does not hold'],
    });
  }),
};
