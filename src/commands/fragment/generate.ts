/** The run of `podseal fragment generate`. */
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { type CommandContext, readOutputOptions } from '../context.js';
import { type ImageOptions, openImages } from '../image-options.js';

export type GenerateOptions = ImageOptions & {
  readonly namespace: string;
  readonly svn: string;
  readonly image?: string;
  readonly input?: string;
  readonly withContainers?: readonly string[];
  readonly debugMode?: boolean;
  readonly disableStdio?: boolean;
  readonly omitId?: boolean;
  readonly compact?: boolean;
  readonly guest: string;
  readonly output?: string;
  readonly json?: boolean;
};

export async function runGenerate(
  options: GenerateOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const [text, pipeline, guests, images, files] = await Promise.all([
    import('../../fragment/text.js'),
    import('../../pipeline/aci/fragment.js'),
    import('../../policy/aci/guests.js'),
    import('../../pipeline/images.js'),
    import('../../io/files.js'),
  ]);
  text.assertNamespace(options.namespace);
  text.assertSvn(options.svn);
  const group = await readGroup(options, terminal.notice);
  const { signal } = context;
  const access = await openImages(options, [], { terminal, signal, locations: false });
  const guest = guests.findAciGuest(options.guest);
  try {
    const request = {
      groups: [group],
      guest,
      debugMode: options.debugMode === true,
      stdio: options.disableStdio !== true,
      omitId: options.omitId === true,
      fragments: { imports: [], excludeInfrastructure: false },
    };
    const { namespace, svn } = options;
    const fragment = await pipeline.generateFragment(
      { request, namespace, svn, compact: options.compact === true },
      {
        obtain: (reference, needs) =>
          images.obtainPolicyImage(reference, needs, access.facts, access),
        notices: terminal.notice,
      },
    );
    if (options.output !== undefined) return await files.writeFileAtomic(options.output, fragment);
    await terminal.product(options.json === true ? asJson(options, fragment) : fragment);
  } finally {
    await access.close();
  }
}

async function readGroup(options: GenerateOptions, notices: NoticeSink): Promise<ContainerGroup> {
  const { image, input, withContainers } = options;
  if ([image, input, withContainers].filter((each) => each !== undefined).length !== 1) {
    throw new ToolError(
      'USAGE_CONFLICT',
      'a fragment is made from exactly one of --image, --input and --with-containers',
    );
  }
  const [
    { readDefinitions, readImageGroup },
    { readConfig },
    { readTextFile },
    { approveWithoutAsking },
  ] = await Promise.all([
    import('../../manifest/config/definitions.js'),
    import('../../manifest/config/read.js'),
    import('../../io/files.js'),
    import('../../pipeline/aci/answers.js'),
  ]);
  if (image !== undefined) return readImageGroup(image);
  if (withContainers !== undefined) return readDefinitions(withContainers, '--with-containers');
  const file = input ?? '';
  const approve = approveWithoutAsking(false);
  return readConfig(await readTextFile(file), file, { approve, notices });
}

function asJson({ namespace, svn }: GenerateOptions, text: string): string {
  const document = { format: 'podseal.fragment/v1', namespace, svn, text };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
