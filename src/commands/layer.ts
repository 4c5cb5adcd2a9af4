/** `podseal layer`: the root hash of one layer tar. */
import type { Command } from 'commander';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { parseFor } from './options.js';

interface LayerOptions {
  readonly for: string;
  readonly tarfsVariant?: string;
  readonly output?: string;
}

/** Adds `layer`. */
export function addLayerCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('layer')
    .summary('print the root hash of one layer tar')
    .description(
      'Print the dm-verity root hash of one layer: a tar, plain or compressed with gzip or zstd. The hash alone is printed. Nothing is written to disk.',
    )
    .argument('<file>', 'layer tar, or - for stdin')
    .optionsGroup('Input:')
    .requiredOption('--for <target>', 'aci (ext4) or aks (tarfs)');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  podseal layer layer.tar.gz --for aks
  gzip -dc layer.tar.gz | podseal layer - --for aci`,
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
  try {
    const hashed = await hashLayer(await openByteStream(file), {
      formats: [format],
      userFiles: false,
      hasher,
      notices: terminal.notice,
      signal: context.signal,
      what: file === '-' ? 'standard input' : file,
      onProgress: (bytes) => terminal.progress(`${file}: ${Math.floor(bytes / 1048576)} MiB read`),
    });
    terminal.progressDone();
    const rootHash = hashed.rootHashes[format];
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
      notices: terminal.notices,
    };
    await terminal.product(`${JSON.stringify(product, null, 2)}\n`);
  } finally {
    await hasher.close();
  }
}
