/**
 * Writes annotations into manifest texts as the reference generator does: every document is written out again, in the
 * reference's own form, and comments are lost (kata policy data 3.2, 3.3 and 4). For commands that stand in for it;
 * annotate.ts changes nothing but the annotation.
 */
import { ToolError } from '../core/error.js';
import type { NoticeSink } from '../core/notice.js';
import type { AnnotationEdit } from './annotate.js';
import { textAt } from './kubernetes/objects.js';
import { emitAsReference } from './yaml/emit.js';
import { childOf, isNull } from './yaml/node.js';
import { parseYaml } from './yaml/parse.js';
import { readReferenceTree, withListForm, withReferenceText } from './yaml/reference-tree.js';

/**
 * The text that the reference writes for a manifest with these annotations; null documents are dropped, a text without
 * others becomes empty. Notes scalars, and whole texts, that Kubernetes would read differently. Throws what parseYaml
 * and readReferenceTree throw. `file` names the text in messages.
 */
export function rewriteAsReference(
  text: string,
  edits: readonly AnnotationEdit[],
  file: string,
  notices: NoticeSink,
): string {
  const trees = parseYaml(text, file)
    .filter(({ root }) => !isNull(root))
    .map(({ root, source, index }) => {
      const tree = readReferenceTree(root, source, notices);
      const edited = edits
        .filter(({ document }) => document === index)
        .reduce((node, { path, key, value }) => withReferenceText(node, path, key, value), tree);
      return withListForm(edited);
    });
  const result = emitAsReference(trees);
  noteUnreadable(result, file, notices);
  return result;
}

/** The reference's emitter leaves some control characters as they are. */
function noteUnreadable(text: string, file: string, notices: NoticeSink): void {
  try {
    parseYaml(text, `${file} (rewritten)`);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    notices({
      code: 'rewritten-unreadable',
      message: `${file} is rewritten as the reference generator does it, and is no longer readable: ${error.message}`,
      ...(error.where === undefined ? {} : { where: error.where }),
    });
  }
}

/** A document that is written out, and how many items it has if it is a List. */
export interface DocumentSlots {
  /** Among all documents of the text, from 0. */
  readonly document: number;
  readonly items?: number;
}

/** The documents that rewriteAsReference writes, in order. Throws what parseYaml throws. */
export function listSlots(text: string, file: string): readonly DocumentSlots[] {
  return parseYaml(text, file)
    .filter(({ root }) => !isNull(root))
    .map(({ root, index }) => {
      const items = textAt(root, 'kind') === 'List' ? childOf(root, 'items') : undefined;
      return items?.kind === 'sequence'
        ? { document: index, items: items.items.length }
        : { document: index };
    });
}
