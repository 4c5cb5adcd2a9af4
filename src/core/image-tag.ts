/** Image names that may stand for another image tomorrow. */

import { ToolError } from './error.js';
import type { AuditRule } from './finding.js';
import { parseReference } from './reference.js';

/** Rules of audits about tags, by id. */
export const TAG_RULES = {
  'image-mutable-tag': {
    severity: 'low',
    title: 'an image is named by a tag, which may move',
    remedy: 'name the image by digest: REPOSITORY:TAG@sha256:DIGEST',
  },
  'image-latest-tag': {
    severity: 'medium',
    title: 'an image is named by the tag latest, which moves with every release',
    remedy: 'name the image by digest, or at least by a version',
  },
} as const satisfies Record<string, Omit<AuditRule, 'id'>>;

export type TagRuleId = keyof typeof TAG_RULES;

/** The tag by which an image is named; undefined where there is a digest, or no valid reference. */
export function mutableTagOf(image: string): string | undefined {
  try {
    const { digest, tag } = parseReference(image);
    return digest === undefined ? tag : undefined;
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}

/** The rule that a tag breaks. */
export function ruleOfTag(tag: string): TagRuleId {
  return tag === 'latest' ? 'image-latest-tag' : 'image-mutable-tag';
}
