/** The flow of a fragment: one group -> images -> container objects -> fragment text (aci policy 15.1). */
import type { DataMap } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import { printFragment } from '../../fragment/text.js';
import { completeDefinition } from '../../policy/aci/definition.js';
import { buildAciDocument } from '../../policy/aci/document.js';
import { type AciPorts, type AciRequest, buildGroups } from './generate.js';

/** What a fragment is made from. `request` has one group. */
export interface FragmentRequest {
  readonly request: AciRequest;
  readonly namespace: string;
  /** Digits. */
  readonly svn: string;
  /** Containers in one line. */
  readonly compact: boolean;
}

/** The text of a fragment, without a pause container. Throws FRAGMENT_INVALID where no container is left. */
export async function generateFragment(
  { request, namespace, svn, compact }: FragmentRequest,
  ports: AciPorts,
): Promise<string> {
  const [built] = await buildGroups(request, ports);
  if (built === undefined) throw new ToolError('INTERNAL', 'a fragment is made of no group');
  const { group, containers } = built;
  const definitions = (group.definitions ?? []).map((one) => completeDefinition(one, group.at));
  const objects: readonly DataMap[] = [...containers.map(({ object }) => object), ...definitions];
  if (objects.length === 0) {
    throw new ToolError(
      'FRAGMENT_INVALID',
      'No images found in the policy or all images are covered by fragments',
    );
  }
  const options = { ...request, notices: ports.notices };
  const { fragments } = buildAciDocument(group, containers, request.fragments, options);
  const { frameworkVersion } = request.guest;
  return printFragment(
    { namespace, svn, frameworkVersion, fragments, containers: objects },
    compact,
  );
}
