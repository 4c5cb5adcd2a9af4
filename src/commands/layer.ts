/** `podseal layer`: the root hash of one layer tar, and on demand the image that has it. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import type { LayerFormat } from '../image/types.js';
import type { ImageFileNames, ImageFiles } from '../io/image-files.js';
import type { HashedLayer } from '../layer/hash-layer.js';
import type { BlockHasher } from '../layer/ports.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { parseFor } from './options.js';

interface LayerOptions {
  readonly for: string;
  readonly writeImage?: string;
}

/** Names of the files that --write-image makes. */
const FILE_NAMES = {
  ext4: { image: 'layer.ext4', tree: 'layer.verity', parameters: 'layer.txt' },
  tarfs: { image: 'layer.tarfs', tree: 'layer.verity', parameters: 'layer.txt' },
} as const satisfies Record<LayerFormat, ImageFileNames>;

/** Adds `layer`. */
export function addLayerCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('layer')
    .summary('print the root hash of one layer tar')
    .description(
      'Print the dm-verity root hash of one layer: a tar, plain or compressed with gzip or zstd. The hash alone is printed. Nothing is written to disk unless --write-image is given.',
    )
    .argument('<file>', 'layer tar, or - for stdin')
    .optionsGroup('Input:')
    .requiredOption('--for <target>', 'aci (ext4) or aks (tarfs)')
    .option(
      '--write-image <folder>',
      'write the image that the guest mounts (layer.ext4 or layer.tarfs), its dm-verity hash tree (layer.verity) and the parameters for veritysetup and dmsetup (layer.txt)',
    );
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  podseal layer layer.tar.gz --for aks
  gzip -dc layer.tar.gz | podseal layer - --for aci
  podseal layer layer.tar.gz --for aci --write-image out`,
    )
    .action((file: string, options: LayerOptions) => run(file, options, context));
}

async function run(file: string, options: LayerOptions, context: CommandContext): Promise<void> {
  const format = parseFor(options.for);
  const output = readOutputOptions(options as unknown as Record<string, unknown>);
  const terminal = context.terminal(output);
  const [{ hashLayer }, { openHasher }, { openByteStream }] = await Promise.all([
    import('../layer/hash-layer.js'),
    import('../io/hasher.js'),
    import('../io/files.js'),
  ]);
  const hasher = openHasher();
  let files: ImageFiles | undefined;
  try {
    const bytes = await openByteStream(file);
    files = await openFiles(options, format);
    const hashed = await hashLayer(bytes, {
      formats: [format],
      userFiles: false,
      hasher,
      notices: terminal.notice,
      signal: context.signal,
      ...(files && { copy: files.image }),
      what: file === '-' ? 'standard input' : file,
      onProgress: (bytes) => terminal.progress(`${file}: ${Math.floor(bytes / 1048576)} MiB read`),
    });
    const paths =
      files && (await completeFiles(files, { hashed, format, hasher, signal: context.signal }));
    terminal.progressDone();
    const rootHash = hashed.rootHashes[format];
    if (paths !== undefined) terminal.info(`wrote ${Object.values(paths).join(', ')}`);
    if (!output.json) return await terminal.product(`${rootHash}\n`);
    const product = {
      format: 'podseal.layer/v1',
      rootHash,
      layerFormat: format,
      diffId: hashed.diffId,
      digest: hashed.digest,
      size: hashed.compressedSize,
      uncompressedSize: hashed.uncompressedSize,
      encoding: hashed.encoding,
      ...(paths && { files: paths }),
      notices: terminal.notices,
    };
    await terminal.product(`${JSON.stringify(product, null, 2)}\n`);
  } finally {
    await files?.discard();
    await hasher.close();
  }
}

async function openFiles(
  { writeImage }: LayerOptions,
  format: LayerFormat,
): Promise<ImageFiles | undefined> {
  if (writeImage === undefined) return undefined;
  const { openImageFiles } = await import('../io/image-files.js');
  return openImageFiles(writeImage, FILE_NAMES[format]);
}

interface Completion {
  readonly hashed: HashedLayer;
  readonly format: LayerFormat;
  readonly hasher: BlockHasher;
  readonly signal: AbortSignal;
}

/** Makes the tree of the image on disk and puts all files in place, provided that it has the root hash of the layer. */
async function completeFiles(
  files: ImageFiles,
  { hashed, format, hasher, signal }: Completion,
): Promise<ImageFileNames> {
  const [{ writeHashTree }, { printVerityParameters }, { throwIfStopped }] = await Promise.all([
    import('../layer/hash-tree.js'),
    import('../layer/verity-parameters.js'),
    import('../layer/blob-intake.js'),
  ]);
  const dataBlocks = files.endImage();
  const checkStop = () => throwIfStopped(signal, 'the hash tree');
  const { image, tree } = files;
  const rootHash = await writeHashTree({ image, tree, dataBlocks, hasher, checkStop });
  if (rootHash !== hashed.rootHashes[format])
    throw new ToolError('DIGEST_MISMATCH', 'the image that was written does not match its layer', {
      want: hashed.rootHashes[format] ?? 'a root hash',
      got: rootHash,
      hints: ['the disk or another program changed the file while it was made: run again'],
    });
  const names = FILE_NAMES[format];
  return files.commit(printVerityParameters({ rootHash, dataBlocks, ...names }));
}
