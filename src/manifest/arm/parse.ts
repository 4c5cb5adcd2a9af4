/** Text of a template or parameters file -> its tree; the templates that it links to. */
import { ToolError } from '../../core/error.js';
import { type JsonDocument, type JsonNode, parseJsonTree } from '../../core/json-tree.js';
import { LIMITS } from '../../core/limits.js';
import { classifyText } from './expression.js';
import { memberAnyCase } from './nodes.js';

/**
 * A template or parameters file: comments are allowed, doubled keys are not. Throws JSON_SYNTAX, LIMIT_EXCEEDED,
 * MANIFEST_UNSUPPORTED for Bicep, and MANIFEST_INVALID for anything but an object.
 */
export function parseArmFile(text: string, file: string): JsonDocument {
  refuseBicep(text, file);
  return requireObject(parseJsonTree(text, file, { duplicates: 'refuse' }));
}

/**
 * As parseArmFile, with the JSON of the reference generator: nothing beyond RFC 8259, so no comments and no byte order
 * mark; of doubled keys the last value counts.
 */
export function parseArmFileAsReference(text: string, file: string): JsonDocument {
  refuseBicep(text, file);
  try {
    return requireObject(parseJsonTree(text, file, { duplicates: 'last', strict: true }));
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'JSON_SYNTAX') throw error;
    throw withHint(error, text, file);
  }
}

/** What Azure takes beyond plain JSON, podseal policy does too. */
function withHint(error: ToolError, text: string, file: string): ToolError {
  try {
    parseJsonTree(text, file, { duplicates: 'last' });
  } catch {
    return error;
  }
  const { message, where } = error;
  return new ToolError('JSON_SYNTAX', message, {
    ...(where === undefined ? {} : { where }),
    hints: ['podseal policy reads templates with comments, and keeps them'],
    cause: error,
  });
}

/** How Bicep files start, before anything that could be JSON or YAML. */
const BICEP =
  /^(?:\s|\/\/[^\n]*\n|\/\*[\s\S]{0,4096}?\*\/)*(?:@[\w.]+\(|targetScope\s*=|(?:param|var|resource|module|metadata|type|func|output)\s+[A-Za-z_]|(?:using|import|extension)\s+['{*A-Za-z])/;
/** Characters in which a file has to show that it is Bicep. */
const BICEP_CHARS = 65_536;

/** Throws MANIFEST_UNSUPPORTED with the remedy for Bicep: by the name of the file, or by how it starts. */
export function refuseBicep(text: string, file: string): void {
  const isParameters = /\.bicepparam$/i.test(file);
  if (!isParameters && !/\.bicep$/i.test(file) && !BICEP.test(text.slice(0, BICEP_CHARS))) return;
  const command = isParameters
    ? `az bicep build-params --file ${file}`
    : `az bicep build --file ${file}`;
  throw new ToolError('MANIFEST_UNSUPPORTED', `${file} is Bicep, which podseal does not read`, {
    where: file,
    want: 'an ARM template (JSON)',
    hints: [`${command} makes JSON of it: give that file`],
  });
}

function requireObject(document: JsonDocument): JsonDocument {
  if (document.root.kind === 'object') return document;
  throw new ToolError('MANIFEST_INVALID', `${document.file} is not an ARM template`, {
    where: document.file,
    want: 'a JSON object',
    got: document.root.kind,
  });
}

/**
 * Paths of the templates that a template links to by relative path: relative to its own folder, resolved. Expressions in
 * their place name none. Throws LIMIT_EXCEEDED beyond LIMITS.armLinkedTemplates.
 */
export function listLinkedTemplates(document: JsonDocument): readonly string[] {
  const found = new Set<string>();
  const visit = (node: JsonNode): void => {
    if (node.kind === 'array') node.items.forEach(visit);
    if (node.kind !== 'object') return;
    const link = memberAnyCase(node, 'templateLink')?.value;
    const relative = memberAnyCase(link, 'relativePath')?.value;
    if (relative?.kind === 'string') {
      const text = classifyText(relative.value);
      if (text.kind === 'literal') found.add(linkedPath(document.file, text.value));
    }
    for (const { value } of node.members) visit(value);
  };
  visit(document.root);
  if (found.size > LIMITS.armLinkedTemplates) {
    throw new ToolError('LIMIT_EXCEEDED', `${document.file} links to too many templates`, {
      where: document.file,
      want: `at most ${LIMITS.armLinkedTemplates}`,
    });
  }
  return [...found];
}

/** The path of a linked template: relative to the folder of the file that names it; `/` between its parts. */
export function linkedPath(file: string, relative: string): string {
  const parts = file.replaceAll('\\', '/').split('/').slice(0, -1);
  for (const part of relative.replaceAll('\\', '/').split('/')) {
    if (part === '.' || part === '') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..' && parts.at(-1) !== '')
      parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}
