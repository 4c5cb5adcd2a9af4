/** What policies import: --fragments, --fragment, and the standalone fragments of templates. */
import type { DataMap } from '../../core/data.js';
import { LIMITS } from '../../core/limits.js';
import { parseReference } from '../../core/reference.js';
import type { FragmentSources, PolicyFragments } from '../../pipeline/aci/policy-fragments.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { type ImageAccess, openArtifacts } from '../image-options.js';
import type { PolicyOptions, PolicyRun } from './options.js';

/** Fragments of all groups; undefined where nothing is imported but by configurations themselves. */
export async function openFragments(
  groups: readonly ContainerGroup[],
  access: ImageAccess,
  { options, terminal, context }: PolicyRun,
): Promise<PolicyFragments | undefined> {
  const sources = await readSources(options);
  const lists = groups.some(({ standaloneFragments }) => standaloneFragments.length > 0);
  if (sources.imports.length + sources.files.length === 0 && !lists) return undefined;
  const [{ openPolicyFragments }, { findImageFacts }] = await Promise.all([
    import('../../pipeline/aci/policy-fragments.js'),
    import('../../image/facts.js'),
  ]);
  const store = await openArtifacts(options, []);
  context.signal.addEventListener('abort', () => void store.close(), { once: true });
  try {
    return await openPolicyFragments(groups, sources, {
      store,
      readFile: readFragment,
      isInRegistry: (image) =>
        options.images === undefined &&
        findImageFacts(access.facts, parseReference(image), access.platform) === undefined,
      notices: terminal.notice,
    });
  } finally {
    await store.close();
  }
}

async function readSources({
  fragments = [],
  fragment = [],
}: PolicyOptions): Promise<FragmentSources> {
  const imports: DataMap[] = [];
  for (const file of fragments) imports.push(...(await readImportFile(file)));
  const files = [];
  for (const what of fragment) files.push({ bytes: await readFragment(what), what });
  return { imports, files };
}

async function readImportFile(file: string): Promise<readonly DataMap[]> {
  const [{ readImports }, { parseJsonData }, { readTextFile }] = await Promise.all([
    import('../../fragment/import-statement.js'),
    import('../../core/data-json.js'),
    import('../../io/files.js'),
  ]);
  return readImports(parseJsonData(await readTextFile(file), file), file);
}

async function readFragment(path: string): Promise<Buffer> {
  const { readBinaryFile } = await import('../../io/files.js');
  return Buffer.from(await readBinaryFile(path, LIMITS.artifactBytes));
}
