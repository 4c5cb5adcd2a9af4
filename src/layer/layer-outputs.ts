/** What one layer's uncompressed bytes are written to: a file system image per format, and the user file scanner. */
import type { RootHash } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import type { NoticeSink } from '../core/notice.js';
import type { LayerFacts, LayerFormat, UserFileEntry } from '../image/types.js';
import type { LayerPiece } from './decompress.js';
import { createExt4Writer } from './ext4/writer.js';
import { createCopyingSink, type ImageCopy } from './image-copy.js';
import { createMerkleSink, type MerkleSink } from './merkle.js';
import type { BlockHasher, LayerWriter, LayerWriterOptions } from './ports.js';
import { createUserFileScanner } from './tarfs/user-files.js';
import { createTarfsWriter } from './tarfs/writer.js';

/** The writer of each file system, and whether its guest decodes the first gzip member only. */
const FORMATS: Record<
  LayerFormat,
  { create(options: LayerWriterOptions): LayerWriter; readonly isFirstMemberOnly: boolean }
> = {
  ext4: { create: createExt4Writer, isFirstMemberOnly: false },
  tarfs: { create: createTarfsWriter, isFirstMemberOnly: true },
};

/** True if the guest decodes only the first gzip member of a layer (spec layer-hash-tarfs section 2). */
export function isFirstMemberOnly(format: LayerFormat): boolean {
  return FORMATS[format].isFirstMemberOnly;
}

export interface LayerOutputsOptions {
  readonly formats: readonly LayerFormat[];
  readonly userFiles: boolean;
  readonly hasher: BlockHasher;
  readonly notices: NoticeSink;
  /** Gets the image as well; for one format only. */
  readonly copy?: ImageCopy;
}

interface FormatOutput {
  readonly format: LayerFormat;
  readonly writer: LayerWriter;
  readonly sink: MerkleSink;
}

/** The file system writers of the wanted formats with their hash trees, and the scanner for user files. */
export class LayerOutputs {
  readonly #formats: readonly FormatOutput[];
  readonly #scanner: ReturnType<typeof createUserFileScanner> | undefined;
  readonly #isFirstMemberScanned: boolean;

  constructor({ formats, userFiles, hasher, notices, copy }: LayerOutputsOptions) {
    if (copy !== undefined && formats.length !== 1)
      throw new ToolError('INTERNAL', 'a copy holds the image of one format');
    this.#formats = formats.map((format) => {
      const tree = createMerkleSink(hasher);
      const sink = copy === undefined ? tree : createCopyingSink(tree, copy);
      return { format, sink, writer: FORMATS[format].create({ sink, notices }) };
    });
    this.#scanner = userFiles ? createUserFileScanner(notices) : undefined;
    this.#isFirstMemberScanned = formats.some(isFirstMemberOnly);
  }

  /** Hands a piece to every output that the guest would give it to. Throws LAYER_INVALID, LIMIT_EXCEEDED. */
  write({ bytes, member }: LayerPiece): void {
    for (const { format, writer } of this.#formats)
      if (member === 0 || !isFirstMemberOnly(format)) writer.write(bytes);
    if (member === 0 || !this.#isFirstMemberScanned) this.#scanner?.write(bytes);
  }

  /** Resolves when the hashing of what was written has caught up. */
  async drained(): Promise<void> {
    for (const { sink } of this.#formats) await sink.drained();
  }

  /** Completes all outputs. Throws as `write`. */
  async finish(): Promise<Pick<LayerFacts, 'rootHashes' | 'userFiles'>> {
    for (const { writer } of this.#formats) writer.end();
    const userFiles: readonly UserFileEntry[] = this.#scanner?.end() ?? [];
    const rootHashes: Partial<Record<LayerFormat, RootHash>> = {};
    for (const { format, sink } of this.#formats) rootHashes[format] = await sink.finish();
    return { rootHashes, userFiles };
  }
}
