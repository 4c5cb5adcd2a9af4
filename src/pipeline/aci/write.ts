/** Policies -> the text of the manifest that carries them; nothing else in it changes (aci policy 12.3, 12.4). */
import { ToolError } from '../../core/error.js';
import { setAnnotations } from '../../manifest/annotate.js';
import { setTemplatePolicies } from '../../manifest/arm/inject.js';
import { parseArmFile } from '../../manifest/arm/parse.js';
import { VIRTUAL_NODE_ANNOTATION } from '../../manifest/virtual-node/read.js';
import type { GeneratedAciPolicy } from './generate.js';
import type { AciInput } from './sources.js';

/**
 * The text of an input with the policies of its groups. Throws MANIFEST_NOT_EDITABLE, also for an input with groups
 * that has no place for policies.
 */
export function writeAciPolicies(input: AciInput, policies: readonly GeneratedAciPolicy[]): string {
  const { file, text } = input;
  const own = policies.filter(({ group }) => (group.placement?.file ?? group.at) === file);
  const annotations = own.flatMap(({ group: { placement }, value }) =>
    placement?.kind === 'annotation' ? [{ ...placement, key: VIRTUAL_NODE_ANNOTATION, value }] : [],
  );
  const resources = own.flatMap(({ group: { placement }, value }) =>
    placement?.kind === 'template' ? [{ path: placement.path, value }] : [],
  );
  if (annotations.length + resources.length < own.length) throw noPlace(file);
  if (annotations.length > 0) return setAnnotations(text, annotations, file);
  return resources.length === 0 ? text : setTemplatePolicies(parseArmFile(text, file), resources);
}

function noPlace(file: string): ToolError {
  return new ToolError('MANIFEST_NOT_EDITABLE', `${file} has no place for a policy`, {
    where: file,
    hints: ['a configuration only says what runs: print the policy with --print or --base64'],
  });
}
