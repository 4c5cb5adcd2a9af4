/** The run of `podseal acifragmentgen` (aci policy 15.1, 15.5, 15.8). */
import { EXIT, ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { ImportStatement } from '../../fragment/import-statement.js';
import type { RegistryArtifacts } from '../../io/registry/artifacts.js';
import type { Terminal } from '../../io/terminal.js';
import type { AcifragmentgenOptions } from '../../pipeline/acifragmentgen/usage.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import type { CommandContext } from '../context.js';
import { type ImageOptions, openArtifacts } from '../image-options.js';
import { makeText, readGroup } from './generate.js';
import { signText } from './sign.js';

export type AcifragmentgenFlags = AcifragmentgenOptions & ImageOptions & { readonly guest: string };

/** One run: flags, streams, and the registry for what is attached to images. */
export interface AcifragmentgenRun {
  readonly flags: AcifragmentgenFlags;
  readonly context: CommandContext;
  readonly terminal: Terminal;
  readonly store: RegistryArtifacts;
}

/** Runs the command. */
export async function runAcifragmentgen(
  flags: AcifragmentgenFlags,
  context: CommandContext,
  terminal: Terminal,
): Promise<void> {
  const [{ checkUsage }, { isFile }] = await Promise.all([
    import('../../pipeline/acifragmentgen/usage.js'),
    import('../../io/files.js'),
  ]);
  checkUsage(flags);
  if (flags.tar !== undefined && !(await isFile(flags.tar))) {
    // The model tells this on standard output, with a status of its own.
    await terminal.product(
      '--tar input must either be a path to a json file with image to tar location mappings or the location to a single tar file.\n',
    );
    return context.finish(EXIT.usage);
  }
  const references = [flags.image, flags.imageTarget, flags.feed].filter((each) => each);
  const store = await openArtifacts(flags, references.slice(0, 1) as string[]);
  context.signal.addEventListener('abort', () => void store.close(), { once: true });
  try {
    const run = { flags, context, terminal, store };
    await (flags.generateImport === true ? printImports(run) : makeFragment(run));
  } finally {
    await store.close();
  }
}

async function makeFragment(run: AcifragmentgenRun): Promise<void> {
  const { flags, terminal } = run;
  warn(run);
  const [{ fragmentFileName }, { writeFileAtomic }, { assertNamespace }] = await Promise.all([
    import('../../pipeline/acifragmentgen/usage.js'),
    import('../../io/files.js'),
    import('../../fragment/text.js'),
  ]);
  noteNamespace(() => assertNamespace(flags.namespace ?? ''), terminal);
  const group = await readGroup(run);
  const text = await makeText(group, run);
  const silent = flags.outSignedFragment === true;
  if (flags.print !== false && !silent) await terminal.product(`${text}\n`);
  const file = fragmentFileName(flags);
  await writeFileAtomic(file, text);
  if (flags.key === undefined) return;
  const signed = await signText(text, run);
  if (silent) await terminal.product(signed);
  await writeFileAtomic(`${file}.cose`, signed);
  if (flags.uploadFragment === true)
    await upload(group, { bytes: signed, name: `${file}.cose` }, run);
}

/** The model makes fragments with namespaces that no guest loads. */
function noteNamespace(check: () => void, terminal: Terminal): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    terminal.notice({
      code: 'namespace-refused',
      message: `no guest loads this fragment: ${error.message}`,
    });
  }
}

function warn({ flags, terminal }: AcifragmentgenRun): void {
  if (!flags.enableStdio && !flags.disableStdio) {
    terminal.notice({
      code: 'stdio-default',
      message:
        'containers get their standard streams, which is the default: --enable-stdio or --disable-stdio says so',
    });
  }
  if (flags.debugMode === true) {
    terminal.notice({
      code: 'debug-mode',
      message: 'debug mode opens the containers: never use it in production',
    });
  }
}

/** To the target image, else to the first image of the source; under the feed where there is no image. */
async function upload(
  group: ContainerGroup,
  file: { readonly bytes: Buffer; readonly name: string },
  { flags, terminal, store }: AcifragmentgenRun,
): Promise<void> {
  const { attachFragment, pushFragment } = await import('../../fragment/registry.js');
  const fragment = { ...file, name: file.name.split(/[/\\]/).at(-1) ?? file.name };
  const image = flags.imageTarget || group.containers[0]?.image;
  if (image !== undefined) {
    const { digest } = await attachFragment(store, image, fragment, flags.platform);
    return terminal.product(`Fragment attached to image '${image}' with Digest: ${digest}\n`);
  }
  const feed = flags.feed ?? '';
  await pushFragment(store, feed, fragment);
  await terminal.product(`Fragment pushed to registry '${feed}'\n`);
}

/** Import statements of a file, a reference, or all that is attached to an image. */
async function printImports(run: AcifragmentgenRun): Promise<void> {
  const { flags, terminal } = run;
  const [{ appendImports, importOf }, { parseJsonData, printPretty }, files] = await Promise.all([
    import('../../fragment/import-statement.js'),
    import('../../core/data-json.js'),
    import('../../io/files.js'),
  ]);
  const minimum = flags.minimumSvn ?? '';
  const found = await findFragments(run);
  const statements = distinct(found.map(({ bytes, what }) => importOf(bytes, what, minimum)));
  const into = flags.fragmentsJson;
  if (into === undefined) {
    return terminal.product(`${printPretty(appendImports(undefined, statements, 'imports'))}\n`);
  }
  const before = (await files.isFile(into))
    ? parseJsonData(await files.readTextFile(into), into)
    : undefined;
  await files.writeFileAtomic(into, printPretty(appendImports(before, statements, into)));
}

interface Found {
  readonly bytes: Buffer;
  readonly what: string;
}

async function findFragments({ flags, store }: AcifragmentgenRun): Promise<readonly Found[]> {
  const [{ isFile, readBinaryFile }, { discoverFragments, pullFragment }] = await Promise.all([
    import('../../io/files.js'),
    import('../../fragment/registry.js'),
  ]);
  const { fragmentPath: path, image = '' } = flags;
  if (path !== undefined && (await isFile(path))) {
    return [{ bytes: Buffer.from(await readBinaryFile(path, LIMITS.artifactBytes)), what: path }];
  }
  if (path !== undefined) return [{ bytes: (await pullFragment(store, path)).bytes, what: path }];
  const pulled: Found[] = [];
  for (const { digest } of await discoverFragments(store, image, flags.platform)) {
    const { bytes } = await pullFragment(store, image, digest);
    pulled.push({ bytes, what: `${image} ${digest}` });
  }
  if (pulled.length > 0) return pulled;
  throw new ToolError('ARTIFACT_INVALID', `no fragment is attached to ${image}`);
}

function distinct(statements: readonly ImportStatement[]): readonly ImportStatement[] {
  return [...new Map(statements.map((each) => [JSON.stringify(each), each])).values()];
}
