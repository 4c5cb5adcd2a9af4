/** What `podseal acipolicygen` imports: --include-fragments, and the standalone fragments of a template. */
import type { DataMap } from '../../core/data.js';
import { LIMITS } from '../../core/limits.js';
import { parseReference } from '../../core/reference.js';
import type { FragmentImports } from '../../pipeline/aci/import-fragments.js';
import type { AcipolicygenSource } from '../../pipeline/acipolicygen/sources.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { type ImageAccess, openArtifacts } from '../image-options.js';
import type { AcipolicygenRun } from './run.js';

/** The imports of the file; undefined without --include-fragments. */
export async function readImportFile(
  source: AcipolicygenSource,
  { flags }: AcipolicygenRun,
): Promise<readonly DataMap[] | undefined> {
  if (flags.includeFragments !== true) return undefined;
  const file = flags.fragmentsJson ?? (source.kind === 'config' ? source.input.file : undefined);
  if (file === undefined) return [];
  const [{ readImports }, { parseJsonData }, { readTextFile }] = await Promise.all([
    import('../../fragment/import-statement.js'),
    import('../../core/data-json.js'),
    import('../../io/files.js'),
  ]);
  return readImports(parseJsonData(await readTextFile(file), file), file);
}

/** Imports of a file stand in the policies of templates and YAML; a configuration holds its own. */
export function importsInPolicy(
  source: AcipolicygenSource,
  imports: readonly DataMap[] | undefined,
): readonly DataMap[] {
  return source.kind === 'template' || source.kind === 'yaml' ? (imports ?? []) : [];
}

/** Pulls what is imported. Images whose facts are given are not looked for in a registry. */
export async function openImports(
  groups: readonly ContainerGroup[],
  imports: readonly DataMap[] | undefined,
  access: ImageAccess,
  { flags, terminal, context }: AcipolicygenRun,
): Promise<Partial<FragmentImports>> {
  const named = groups.some(({ standaloneFragments }) => standaloneFragments.length > 0);
  if (imports === undefined && !named) return {};
  const [{ importFragments }, { findImageFacts }, { readBinaryFile }] = await Promise.all([
    import('../../pipeline/aci/import-fragments.js'),
    import('../../image/facts.js'),
    import('../../io/files.js'),
  ]);
  const images = groups
    .flatMap(({ containers }) => containers.map(({ image }) => image))
    .filter((image) => !findImageFacts(access.facts, parseReference(image), access.platform));
  const store = await openArtifacts(flags, []);
  context.signal.addEventListener('abort', () => void store.close(), { once: true });
  try {
    return await importFragments(groups, imports, images, {
      store,
      readFile: async (path) => Buffer.from(await readBinaryFile(path, LIMITS.artifactBytes)),
      notices: terminal.notice,
    });
  } finally {
    await store.close();
  }
}
