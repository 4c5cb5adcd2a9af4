/** Writes policies into a template or YAML as `az confcom acipolicygen` asks and does it (aci policy 12.3, 12.4). */
import { ToolError } from '../../core/error.js';
import { rewriteTemplateAsReference } from '../../manifest/arm/inject.js';
import { parseArmFileAsReference } from '../../manifest/arm/parse.js';
import type { GeneratedAciPolicy } from '../aci/generate.js';
import { writeAciPolicies } from '../aci/write.js';
import type { AcipolicygenSource } from './sources.js';

/** The question before the policy of group `index` is replaced; undefined where there is none. */
export function overwriteQuestion(
  { group }: GeneratedAciPolicy,
  index: number,
): string | undefined {
  if (group.existingPolicy === undefined) return undefined;
  if (group.source === 'arm') {
    return `Do you want to overwrite the CCE Policy currently in container group "${group.name ?? ''}" in the ARM Template? (y/n) `;
  }
  const name = group.podName ?? `Workload ${index}`;
  return `Do you want to overwrite the Base64 Policy currently in workload '${name}'? (y/n) `;
}

/**
 * The text of the source with these policies: a template is written out anew, in YAML nothing else changes. Throws
 * MANIFEST_NOT_EDITABLE.
 */
export function injectPolicies(
  source: AcipolicygenSource,
  policies: readonly GeneratedAciPolicy[],
): string {
  if (source.kind === 'yaml') return writeAciPolicies(source.input, policies);
  if (source.kind !== 'template') {
    throw new ToolError('INTERNAL', `a source of kind ${source.kind} takes no policy`);
  }
  const edits = policies.flatMap(({ group: { placement }, value }) =>
    placement?.kind === 'template' ? [{ path: placement.path, value }] : [],
  );
  const { text, file } = source.input;
  return rewriteTemplateAsReference(parseArmFileAsReference(text, file), edits);
}
