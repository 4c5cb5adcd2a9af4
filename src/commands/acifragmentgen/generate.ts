/** Source -> fragment text, for `podseal acifragmentgen`. */
import { exactly, isList, isMap, lookUp } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { parseReference } from '../../core/reference.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { type ImageAccess, openImages } from '../image-options.js';
import type { AcifragmentgenRun } from './run.js';

/** The one group of the source. */
export async function readGroup({ flags, terminal }: AcifragmentgenRun): Promise<ContainerGroup> {
  const { image, input = '', withContainers } = flags;
  const [{ readDefinitions, readImageGroup }, { readConfig }, { readTextFile }] = await Promise.all(
    [
      import('../../manifest/config/definitions.js'),
      import('../../manifest/config/read.js'),
      import('../../io/files.js'),
    ],
  );
  refuseWindows(flags.platform);
  if (image !== undefined) return readImageGroup(image);
  if (withContainers !== undefined) return readDefinitions(withContainers, '--with-containers');
  const reading = { approve: () => true, notices: terminal.notice };
  return readConfig(await readTextFile(input), input, reading);
}

/** The text of the fragment: containers that attached or imported fragments allow are left out. */
export async function makeText(group: ContainerGroup, run: AcifragmentgenRun): Promise<string> {
  const { flags, terminal, context } = run;
  const [{ generateFragment }, { findAciGuest }, { obtainPolicyImage }] = await Promise.all([
    import('../../pipeline/aci/fragment.js'),
    import('../../policy/aci/guests.js'),
    import('../../pipeline/images.js'),
  ]);
  const { signal } = context;
  const tars = await readTars(run);
  const access = await openImages({ ...flags, ...tars }, [], {
    terminal,
    signal,
    locations: false,
  });
  try {
    const request = {
      groups: [group],
      guest: findAciGuest(flags.guest),
      debugMode: flags.debugMode === true,
      stdio: flags.disableStdio !== true,
      omitId: flags.omitId === true,
      fragments: { imports: [], excludeInfrastructure: false },
      isCovered: await coverageOf(group, access, run),
    };
    const { namespace = '', svn = '', outraw } = flags;
    return await generateFragment(
      { request, namespace, svn, compact: outraw === true },
      {
        obtain: (reference, needs) => obtainPolicyImage(reference, needs, access.facts, access),
        notices: terminal.notice,
      },
    );
  } finally {
    await access.close();
  }
}

/** Tars that a configuration names beside its containers; --tar counts more. */
async function readTars({ flags }: AcifragmentgenRun) {
  if (flags.input === undefined || flags.tar !== undefined) return {};
  const [{ parseJsonData }, { readTextFile }] = await Promise.all([
    import('../../core/data-json.js'),
    import('../../io/files.js'),
  ]);
  const config = parseJsonData(await readTextFile(flags.input), flags.input);
  const containers = lookUp(config, 'containers');
  const tars = (isList(containers) ? containers : []).flatMap((entry): [string, string][] => {
    const path = exactly(entry, 'path');
    const image = lookUp(lookUp(entry, 'properties'), 'image');
    return typeof path === 'string' && typeof image === 'string' ? [[image, path]] : [];
  });
  return tars.length === 0 ? {} : { tars: new Map(tars) };
}

/** Images whose facts are given are not looked for in a registry. */
async function coverageOf(
  group: ContainerGroup,
  access: ImageAccess,
  { store, terminal }: AcifragmentgenRun,
) {
  const [{ collectFragments }, { isCovered }, { findImageFacts }, { readBinaryFile }] =
    await Promise.all([
      import('../../pipeline/aci/collect-fragments.js'),
      import('../../fragment/coverage.js'),
      import('../../image/facts.js'),
      import('../../io/files.js'),
    ]);
  const images = group.containers
    .map(({ image }) => image)
    .filter(
      (image) => findImageFacts(access.facts, parseReference(image), access.platform) === undefined,
    );
  const { containers } = await collectFragments(images, group.fragments.filter(isMap), {
    store,
    readFile: async (path) => Buffer.from(await readBinaryFile(path, LIMITS.artifactBytes)),
    notices: terminal.notice,
  });
  return (container: Parameters<typeof isCovered>[0]) => isCovered(container, containers);
}

function refuseWindows(platform: string | undefined): void {
  if (platform === undefined || !/^windows\b/.test(platform)) return;
  throw new ToolError('MANIFEST_UNSUPPORTED', 'fragments of Windows images cannot be made', {
    got: platform,
    want: 'linux/amd64',
    hints: ['the hashes of Windows layers (CIM) come from a component of Windows itself'],
  });
}
