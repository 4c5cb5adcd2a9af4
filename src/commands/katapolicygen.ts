/** `podseal katapolicygen`: the flags, output and exit statuses of `az confcom katapolicygen`. */
import type { Command } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import type { Terminal } from '../io/terminal.js';
import type { KataRequest } from '../pipeline.js';
import { addStoryOptions, type CommandContext, collect, readOutputOptions } from './context.js';
import { addImageOptions, type ImageOptions, openImages } from './image-options.js';

/** The guest version whose generator `az confcom` runs, and how that generator names itself. */
const GUEST = 'azl3';
const VERSION =
  'Kata Containers policy tool (podseal): id: genpolicy, version: 3.2.0-azl3.genpolicy4, commit: none';
/** Status of the generator whenever it fails: a panic of a Rust program. */
const PANIC = 101;

interface KatapolicygenOptions extends ImageOptions {
  readonly yaml?: string;
  readonly configMapFile?: string[];
  readonly outraw?: boolean;
  readonly printPolicy?: boolean;
  readonly useCachedFiles?: boolean;
  readonly settingsFileName?: string;
  readonly rulesFileName?: string;
  readonly printVersion?: boolean;
  readonly containerdPull?: boolean;
  readonly containerdSocketPath?: string;
}

/** Adds `katapolicygen`. */
export function addKatapolicygenCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('katapolicygen')
    .summary('stand in for az confcom katapolicygen')
    .description(
      'Generate the policy of each workload of a manifest for AKS with the flags, the output and the exit statuses of az confcom katapolicygen. The manifest is rewritten in place as that program does it: comments, quotes and layout are lost. New scripts should use podseal policy.',
    )
    .optionsGroup('Of az confcom katapolicygen:')
    .option('-y, --yaml <file>', 'manifest, rewritten in place; - for stdin, then to stdout')
    .option('-c, --config-map-file <file>', 'further ConfigMap, Secret or claim', collect)
    .option('--outraw', 'print the policy texts, nothing added')
    .option('--print-policy', 'print the annotation of each document in base64, one per line')
    .option('-u, --use-cached-files', 'use the cache of layer hashes (on anyway)')
    .option('-j, --settings-file-name <file>', 'settings instead of the bundled ones')
    .option('-p, --rules-file-name <file>', 'rules (Rego) instead of the bundled ones')
    .option('-v, --print-version', 'print the version of the generator that is stood in for')
    .option('-d, --containerd-pull', 'refused: podseal reads images without containerd')
    .option('--containerd-socket-path <path>', 'socket for --containerd-pull');
  addStoryOptions(addImageOptions(command, true))
    .addHelpText(
      'after',
      `
Exit status: 0 ok, 1 neither --yaml nor --print-version, 2 wrong options, 101 any other failure,
             130 interrupted

Examples:
  podseal katapolicygen -y consumer.yaml
  podseal katapolicygen -y consumer.yaml --print-policy | base64 -d | sha256sum`,
    )
    .action((options: KatapolicygenOptions) => run(options, context));
}

async function run(options: KatapolicygenOptions, context: CommandContext): Promise<void> {
  const { yaml } = options;
  if (yaml === undefined && options.printVersion !== true) {
    context.exitAs(() => EXIT.bug);
    // The words of the model, for scripts that look for them.
    throw new ToolError('USAGE_CONFLICT', 'Either --yaml-path or --print-version is required');
  }
  context.exitAs(({ exit }) => (exit === EXIT.usage || exit === EXIT.bug ? exit : PANIC));
  const terminal = context.terminal(readOutputOptions(options as Record<string, unknown>));
  if (yaml === undefined || options.printVersion === true) {
    // Like the model, an empty line follows whatever was printed.
    return await terminal.product(`${VERSION}\n\n`);
  }
  refuseContainerd(options, terminal);
  if (options.useCachedFiles === true && options.cache === false) {
    throw new ToolError('USAGE_CONFLICT', '--use-cached-files and --no-cache exclude each other');
  }
  await generate(yaml, options, context, terminal);
}

async function generate(
  yaml: string,
  options: KatapolicygenOptions,
  context: CommandContext,
  terminal: Terminal,
): Promise<void> {
  const [{ generateAsReference, printAsReference }, { obtainPolicyImage }, { writeFileAtomic }] =
    await Promise.all([
      import('../pipeline/katapolicygen.js'),
      import('../pipeline/images.js'),
      import('../io/files.js'),
    ]);
  const request = await readRequest(yaml, options);
  const { signal } = context;
  const access = await openImages(options, [], { terminal, signal, locations: false });
  try {
    const product = await generateAsReference(request, {
      obtain: (reference, needs) => obtainPolicyImage(reference, needs, access.facts, access),
      notices: terminal.notice,
    });
    terminal.progressDone();
    const forms = { raw: options.outraw === true, base64: options.printPolicy === true };
    const printed = printAsReference(product, forms);
    if (yaml !== '-') await writeFileAtomic(yaml, product.manifest);
    await terminal.product(`${printed}${yaml === '-' ? product.manifest : ''}\n`);
  } finally {
    await access.close();
  }
}

function refuseContainerd(options: KatapolicygenOptions, terminal: Terminal): void {
  const { containerdPull, containerdSocketPath } = options;
  if (containerdPull !== true) {
    if (containerdSocketPath !== undefined) {
      terminal.notice({
        code: 'option-without-effect',
        message: '--containerd-socket-path has no effect without --containerd-pull',
      });
    }
    return;
  }
  throw new ToolError('IMAGE_STORE_UNSUPPORTED', 'images cannot be read from a containerd', {
    ...(containerdSocketPath === undefined ? {} : { got: containerdSocketPath }),
    hints: [
      'leave --containerd-pull out: images are read from their registry, with the logins of docker and podman',
      'or save them (ctr image export IMAGE.tar IMAGE) and name the archives with --images MAP.json',
      'or record them once with podseal layers IMAGE --facts FILE, then give --image-facts FILE',
    ],
  });
}

async function readRequest(yaml: string, options: KatapolicygenOptions): Promise<KataRequest> {
  const [{ readTextFile }, { assetPath }, { findKataGuest }, { parseSettings }] = await Promise.all(
    [
      import('../io/files.js'),
      import('../io/assets.js'),
      import('../policy/kata/guests.js'),
      import('../policy/kata/settings.js'),
    ],
  );
  const guest = findKataGuest(GUEST);
  const bundledSettings = assetPath(`kata/settings/${guest.settingsFile}`);
  const settingsFile = options.settingsFileName ?? bundledSettings;
  const rulesFile = options.rulesFileName ?? assetPath(`kata/rules/${guest.rulesFile ?? ''}`);
  const manifest = { file: yaml, text: await readTextFile(yaml) };
  const attachments = [];
  for (const file of options.configMapFile ?? []) {
    attachments.push({ file, text: await readTextFile(file), role: 'attachment' as const });
  }
  return {
    inputs: [{ ...manifest, role: 'manifest' }, ...attachments],
    guest,
    settings: parseSettings(await readTextFile(settingsFile), settingsFile, guest),
    rules: await readTextFile(rulesFile),
    ignoreUnsupported: [],
    runtimeClassPrefixes: [],
  };
}
