/**
 * YAML text -> documents as trees with source positions, made from the events of js-yaml. Reads what kubectl reads:
 * several documents, a byte order mark, CRLF, `...`, JSON, anchors and aliases. Scalars keep their text; what it means
 * is decided in scalar.ts. Refused, since readers disagree on them: line separators beyond LF and CR, %TAG, escapes
 * that are no character.
 */
import { EVENT_ID, type Event, parseEvents, YAMLException } from 'js-yaml';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { locate, type NamedText } from '../../core/locate.js';
import { buildTree } from './build.js';
import type { YamlDocument } from './node.js';

/** The parser counts scalars, and keys that it tries, as levels of their own; build.ts counts collections. */
const PARSER_LEVELS = 3;
/** Line separators of YAML 1.1, which kubectl and the reference honour and YAML 1.2 does not. */
const FOREIGN_BREAK = /[\u0085\u2028\u2029]/;
/** Each node needs a separator before it, and one more for its value or for an empty neighbour. */
const NODES_PER_SEPARATOR = 4;
const SEPARATORS = /[\n\r,:?[{-]/g;

/** For what kubectl lets pass and YAML 1.2 does not, by the parser's reason. */
const SYNTAX_HINTS: Readonly<Record<string, string>> = {
  'deficient indentation':
    'indent the lines inside quotes, brackets and braces further than the key, the closing one too',
};

type Tree = readonly YamlDocument[];

/** What was parsed last: a manifest is read several times on its way, once for each question about it. */
let latest: { readonly text: string; readonly file: string; readonly tree: Tree } | undefined;
/** Trees of longer texts take more memory than their second parsing takes time. */
const KEPT_CHARACTERS = 4 * 1024 * 1024;

/**
 * All documents of a text, those without content included. `file` names the text in messages.
 * Throws MANIFEST_SYNTAX with file:line:column, and LIMIT_EXCEEDED beyond yamlDepth, yamlAliases or yamlNodes.
 */
export function parseYaml(text: string, file: string): Tree {
  if (latest?.text === text && latest.file === file) return latest.tree;
  const source: NamedText = { text, file };
  const foreign = FOREIGN_BREAK.exec(text);
  if (foreign !== null) throw foreignBreak(source, foreign.index);
  assertParsable(source);
  const events = parse(source);
  refuseTagDirectives(source, events);
  const tree = buildTree(events, source);
  latest = text.length > KEPT_CHARACTERS ? undefined : { text, file, tree };
  return tree;
}

function parse(source: NamedText): readonly Event[] {
  try {
    return parseEvents(source.text, { maxDepth: LIMITS.yamlDepth + PARSER_LEVELS });
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const where = locate(source, Math.min(cause.mark?.position ?? 0, source.text.length));
    if (cause.reason.startsWith('nesting exceeded')) {
      throw new ToolError('LIMIT_EXCEEDED', `${source.file} is nested too deeply`, {
        where,
        want: `at most ${LIMITS.yamlDepth} levels`,
        cause,
      });
    }
    throw new ToolError('MANIFEST_SYNTAX', `${source.file} is not valid YAML: ${cause.reason}`, {
      where,
      hints: Object.hasOwn(SYNTAX_HINTS, cause.reason) ? [SYNTAX_HINTS[cause.reason]!] : [],
      cause,
    });
  }
}

/** The parser makes all events at once: a text that must exceed the limit is refused before they fill the memory. */
function assertParsable(source: NamedText): void {
  const most = NODES_PER_SEPARATOR * LIMITS.yamlNodes;
  if (source.text.length <= most) return;
  let separators = 0;
  for (const _ of source.text.matchAll(SEPARATORS)) separators += 1;
  if (separators <= most) return;
  throw new ToolError('LIMIT_EXCEEDED', `${source.file} has too many nodes`, {
    want: `at most ${LIMITS.yamlNodes}`,
    hints: ['split the file'],
  });
}

function refuseTagDirectives(source: NamedText, events: readonly Event[]): void {
  if (!source.text.includes('%TAG')) return;
  for (const event of events) {
    if (event.type !== EVENT_ID.DOCUMENT) continue;
    if (event.directives.some((directive) => directive.kind === 'tag')) {
      throw new ToolError('MANIFEST_SYNTAX', `${source.file} has a %TAG directive`, {
        where: locate(source, Math.max(0, source.text.indexOf('%TAG'))),
        hints: ['remove it: Kubernetes objects need no tags of their own'],
      });
    }
  }
}

function foreignBreak(source: NamedText, offset: number): ToolError {
  const code = source.text.charCodeAt(offset).toString(16).padStart(4, '0').toUpperCase();
  return new ToolError(
    'MANIFEST_SYNTAX',
    `${source.file} holds U+${code}, at which kubectl starts a new line and other readers do not`,
    {
      where: locate(source, offset),
      hints: [`write it as \\u${code.toLowerCase()} inside double quotes, or remove it`],
    },
  );
}
