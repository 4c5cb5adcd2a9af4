/**
 * Fragments that policies import: what a file of imports and the groups themselves name, and which containers those
 * fragments already allow (aci policy 8.2, 15.6, 15.7).
 */
import type { DataMap } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import { unpackStatement } from '../../core/signed-statement.js';
import { isCovered } from '../../fragment/coverage.js';
import { importAsData, importOf } from '../../fragment/import-statement.js';
import { parseFragment } from '../../fragment/payload.js';
import { pullFragment } from '../../fragment/registry.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { type CollectPorts, collectFragments } from './collect-fragments.js';
import type { AciRequest } from './generate.js';

/** What generation needs to know about fragments. */
export type FragmentImports = Required<Pick<AciRequest, 'isCovered' | 'importsOf'>>;

/**
 * Pulls what groups name as standalone fragments and, with `imports`, what those and the images offer. `images` are
 * those whose attached fragments are looked for. A standalone fragment that cannot be pulled is an error.
 */
export async function importFragments(
  groups: readonly ContainerGroup[],
  imports: readonly DataMap[] | undefined,
  images: readonly string[],
  ports: CollectPorts,
): Promise<FragmentImports> {
  const standalone = new Map<ContainerGroup, readonly DataMap[]>();
  for (const group of groups) {
    const entries: DataMap[] = [];
    for (const reference of new Set(group.standaloneFragments)) {
      entries.push(await importStandalone(reference, group.at, ports));
    }
    standalone.set(group, entries);
  }
  const { containers } =
    imports === undefined ? { containers: [] } : await collectFragments(images, imports, ports);
  return {
    isCovered: (container) => isCovered(container, containers),
    importsOf: (group) => standalone.get(group) ?? [],
  };
}

/** The import of a pulled fragment, with its own svn as minimum. */
async function importStandalone(
  reference: string,
  where: string,
  { store }: CollectPorts,
): Promise<DataMap> {
  const { bytes } = await pullFragment(store, reference);
  const unpacked = unpackStatement(bytes, reference);
  const svn = unpacked.ok ? parseFragment(unpacked.statement.payload, reference).svn : '';
  if (svn === undefined) {
    throw new ToolError('FRAGMENT_INVALID', `fragment ${reference} states no svn`, { where });
  }
  return importAsData(importOf(bytes, reference, String(svn)));
}
