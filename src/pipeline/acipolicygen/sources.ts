/** Input of `az confcom acipolicygen` -> container groups, read as that program reads it. */
import type { NoticeSink } from '../../core/notice.js';
import { parseArmFileAsReference } from '../../manifest/arm/parse.js';
import { listStandingPolicies, readArmGroupsAsReference } from '../../manifest/arm/reference.js';
import { readDefinitions, readImageGroup } from '../../manifest/config/definitions.js';
import { readConfig } from '../../manifest/config/read.js';
import { listVirtualNodePolicies, readVirtualNodes } from '../../manifest/virtual-node/read.js';
import type { ContainerGroup, WildcardApproval } from '../../workload/container-group.js';
import type { AciInput } from '../aci/sources.js';
import type { ExistingPolicy } from './print.js';

/** Exactly one source, with the texts of its files. */
export type AcipolicygenSource =
  | { readonly kind: 'template'; readonly input: AciInput; readonly parameters?: AciInput }
  | { readonly kind: 'yaml'; readonly input: AciInput }
  | { readonly kind: 'config'; readonly input: AciInput }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'definitions'; readonly texts: readonly string[] };

interface Reading {
  readonly approve: WildcardApproval;
  readonly notices: NoticeSink;
}

/** The groups of the source, in order. Throws what its reader throws. */
export function readSource(
  source: AcipolicygenSource,
  reading: Reading,
): readonly ContainerGroup[] {
  switch (source.kind) {
    case 'template':
      return readArmGroupsAsReference({ ...parseTemplate(source), ...reading });
    case 'yaml':
      return readVirtualNodes([source.input], reading);
    case 'config':
      return [readConfig(source.input.text, source.input.file, reading)];
    case 'image':
      return [readImageGroup(source.reference)];
    case 'definitions':
      return [readDefinitions(source.texts, '--with-containers')];
  }
}

function parseTemplate({
  input,
  parameters,
}: Extract<AcipolicygenSource, { readonly kind: 'template' }>) {
  const template = parseArmFileAsReference(input.text, input.file);
  if (parameters === undefined) return { template };
  return { template, parameters: parseArmFileAsReference(parameters.text, parameters.file) };
}

/** The policies that stand in a template or YAML; undefined for other sources, which hold none. */
export function readExisting(
  source: AcipolicygenSource,
  notices: NoticeSink,
): readonly ExistingPolicy[] | undefined {
  if (source.kind === 'template') {
    const policies = listStandingPolicies({ ...parseTemplate(source), notices });
    return policies.map(({ name, policy, at }) => ({
      title: 'CCE Policy for Container Group',
      name,
      policy: policy === '' ? undefined : policy,
      at,
    }));
  }
  if (source.kind !== 'yaml') return undefined;
  return listVirtualNodePolicies([source.input]).map(({ podName, policy, at }) => ({
    title: 'Policy for Pod',
    name: podName ?? 'None',
    policy,
    at,
  }));
}
