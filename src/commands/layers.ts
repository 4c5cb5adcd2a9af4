/** `podseal layers`: root hashes of the layers of images; records image facts. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import type { LayerKnowledge } from '../image/facts.js';
import type { LayerFormat } from '../image/types.js';
import type { HashedImage } from '../pipeline/images.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { addImageOptions, type ImageOptions, openImages } from './image-options.js';
import { parseFor } from './options.js';

interface LayersOptions extends ImageOptions {
  readonly for?: string;
  readonly facts?: string;
}

/** Adds `layers`. */
export function addLayersCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('layers')
    .summary('print the root hashes of the layers of images; record image facts')
    .description(
      'Print a line per layer, base layer first: dm-verity root hash, diff ID, digest, size in bytes. An image is a registry reference, oci:DIR[:TAG], oci-archive:FILE[:REF] or docker-archive:FILE[:REF]; REFERENCE=oci:... gives a local image the name that facts record. Every byte is checked against digest, size and diff ID.',
    )
    .argument('<image...>', 'images')
    .optionsGroup('Layers:')
    .option('--for <target>', 'aci (ext4) or aks (tarfs); with --facts the default is both')
    .option(
      '--facts <file>',
      'record what policy generation needs of the images, for --image-facts',
    );
  addOutputOptions(addImageOptions(command, false))
    .addHelpText(
      'after',
      `
Examples:
  podseal layers mcr.microsoft.com/azurelinux/base/core:3.0 --for aci
  podseal layers example.com/app:1=oci:./layout:v1 --facts facts.json`,
    )
    .action((images: string[], options: LayersOptions) => run(images, options, context));
}

async function run(
  names: readonly string[],
  options: LayersOptions,
  context: CommandContext,
): Promise<void> {
  const formats = formatsOf(options);
  const wanted = names.map(parseName);
  if (options.facts !== undefined) wanted.forEach(requireReference);
  const references = wanted.map((one) => one.location);
  const output = readOutputOptions(options as Record<string, unknown>);
  const terminal = context.terminal(output);
  const access = await openImages(options, references, {
    terminal,
    signal: context.signal,
    locations: true,
  });
  try {
    // The user files are read as the guests of aks and kata do; aci never looks at them.
    const needs = { formats, userFiles: options.facts !== undefined && formats.includes('tarfs') };
    const hashed: HashedImage[] = [];
    for (const reference of references) {
      hashed.push(await access.reader.read(reference, needs));
      terminal.progressDone();
      const { image } = hashed.at(-1)!;
      terminal.detail(`${reference} is ${image.manifestDigest}, ${image.layers.length} layer(s)`);
    }
    if (options.facts !== undefined) {
      await writeFacts(options.facts, needs.userFiles ? hashed : withoutUserFiles(hashed), wanted);
    }
    await terminal.product(
      output.json ? asJson(hashed, terminal.notices) : asText(hashed, formats),
    );
    if (options.facts !== undefined) terminal.info(`wrote ${options.facts}`);
  } finally {
    await access.close();
  }
}

function formatsOf(options: LayersOptions): readonly LayerFormat[] {
  if (options.for !== undefined) return [parseFor(options.for)];
  if (options.facts !== undefined) return ['ext4', 'tarfs'];
  throw new ToolError('USAGE_CONFLICT', 'layers needs the target that the hashes are for', {
    want: '--for aci (ext4) or --for aks (tarfs)',
  });
}

interface WantedImage {
  /** As an image source takes it. */
  readonly location: string;
  /** The image reference that facts are recorded under; absent for an unnamed local image. */
  readonly reference?: string;
}

const LOCAL = /^(?:([^=]+)=)?((?:oci|oci-archive|docker-archive):.*)$/s;

/** `REFERENCE`, `LOCATION` or `REFERENCE=LOCATION`. */
function parseName(text: string): WantedImage {
  const match = LOCAL.exec(text);
  if (match === null) return { location: text, reference: text };
  const [, reference, location = text] = match;
  return { location, ...(reference === undefined ? {} : { reference }) };
}

function requireReference({ location, reference }: WantedImage): void {
  if (reference !== undefined) return;
  throw new ToolError('USAGE_CONFLICT', 'facts need the reference of a local image', {
    want: `REFERENCE=${location}, with the reference that stands in the manifest`,
    got: location,
  });
}

interface KnownImage {
  readonly image: HashedImage['image'];
  readonly layers: readonly LayerKnowledge[];
}

/** Facts must not say that a layer has no user files where nobody looked. */
function withoutUserFiles(hashed: readonly HashedImage[]): KnownImage[] {
  return hashed.map(({ image, layers }) => ({
    image,
    layers: layers.map(({ rootHashes, uncompressedSize }) => ({ rootHashes, uncompressedSize })),
  }));
}

async function writeFacts(
  file: string,
  hashed: readonly KnownImage[],
  wanted: readonly WantedImage[],
): Promise<void> {
  const [{ buildImageFacts, printImageFacts }, { writeFileAtomic }] = await Promise.all([
    import('../image/facts.js'),
    import('../io/files.js'),
  ]);
  const facts = hashed.map(({ image, layers }, i) =>
    buildImageFacts([wanted[i]?.reference ?? image.reference], image, layers),
  );
  await writeFileAtomic(file, printImageFacts(facts));
}

/** Columns two spaces apart; the format in front if there are several, the image behind if there are several. */
function asText(hashed: readonly HashedImage[], formats: readonly LayerFormat[]): string {
  const lines = hashed.flatMap(({ image, layers }) =>
    image.layers.flatMap((layer, i) =>
      formats.map((format) => {
        const columns = [
          layers[i]?.rootHashes[format],
          layer.diffId,
          layer.blob.digest,
          layer.blob.size,
        ];
        return [
          ...(formats.length > 1 ? [format.padEnd(5)] : []),
          ...columns,
          ...(hashed.length > 1 ? [image.reference] : []),
        ].join('  ');
      }),
    ),
  );
  return lines.map((line) => `${line}\n`).join('');
}

function asJson(hashed: readonly HashedImage[], notices: readonly unknown[]): string {
  const images = hashed.map(({ image, layers }) => ({
    reference: image.reference,
    manifestDigest: image.manifestDigest,
    indexDigest: image.indexDigest,
    configDigest: image.configDigest,
    platform: {
      os: image.config.os,
      architecture: image.config.architecture,
      variant: image.config.variant,
    },
    layers: image.layers.map((layer, i) => ({
      rootHashes: layers[i]?.rootHashes,
      diffId: layer.diffId,
      digest: layer.blob.digest,
      size: layer.blob.size,
      mediaType: layer.blob.mediaType,
      uncompressedSize: layers[i]?.uncompressedSize,
    })),
  }));
  return `${JSON.stringify({ format: 'podseal.layers/v1', images, notices }, null, 2)}\n`;
}
