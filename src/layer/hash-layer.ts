/**
 * One layer blob to its root hashes in one pass: compressed bytes -> size and digest -> decompression -> diff ID and
 * file system writers -> hash tree (spec layer-hash-ext4 section 9, layer-hash-tarfs sections 2 and 12).
 */
import { createHash, type Hash } from 'node:crypto';
import type { DiffId, Digest } from '../core/digest.js';
import { type ErrorCode, ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import type { NoticeSink } from '../core/notice.js';
import type { LayerFacts, LayerFormat } from '../image/types.js';
import { BlobIntake, interrupted, throwIfStopped } from './blob-intake.js';
import { ByteSource } from './byte-source.js';
import { decompress, type LayerEncoding, type LayerPiece } from './decompress.js';
import { gatherChunks } from './gather-chunks.js';
import type { ImageCopy } from './image-copy.js';
import { isFirstMemberOnly, LayerOutputs } from './layer-outputs.js';
import type { BlockHasher } from './ports.js';

/** The caps on a layer's size (see core/limits). */
export type LayerLimits = Record<'layerFreeBytes' | 'layerRatio' | 'layerBytes', number>;

export interface HashLayerOptions {
  readonly formats: readonly LayerFormat[];
  /** Whether to collect the members that concern /etc/passwd and /etc/group. */
  readonly userFiles: boolean;
  readonly hasher: BlockHasher;
  /** Their `where`, if any, is a place within the layer. */
  readonly notices: NoticeSink;
  /** What the manifest and the config say; whatever is given is enforced. */
  readonly expect?: {
    readonly digest?: Digest;
    readonly size?: number;
    readonly diffId?: DiffId;
  };
  readonly limits?: LayerLimits;
  /** Gets the file system image as well; for one format only. What it holds is worthless if hashing fails. */
  readonly copy?: ImageCopy;
  readonly onProgress?: (compressedBytes: number) => void;
  readonly signal?: AbortSignal;
  /** Names the layer in errors, e.g. `layer 2 of registry.example/app:1`. */
  readonly what: string;
}

export interface HashedLayer extends LayerFacts {
  readonly compressedSize: number;
  readonly digest: Digest;
  readonly diffId: DiffId;
  readonly encoding: LayerEncoding;
}

/** Compressed bytes handed on at once. */
const READ_BYTES = 256 * 1024;

/** What damaged bytes can look like: the digest is checked before one of these is believed. */
const DOUBTFUL_CODES: ReadonlySet<ErrorCode> = new Set([
  'LAYER_CORRUPT',
  'LAYER_FORMAT_UNSUPPORTED',
  'LAYER_INVALID',
  'LIMIT_EXCEEDED',
]);

const isDoubtful = (error: unknown): error is ToolError =>
  error instanceof ToolError && DOUBTFUL_CODES.has(error.code);

/**
 * Reads a layer blob to its end and hashes it. Throws SIZE_MISMATCH or DIGEST_MISMATCH if it is not the expected one
 * (in preference to any error in its content), LAYER_*, LIMIT_EXCEEDED, INTERRUPTED, or whatever the blob throws.
 */
export function hashLayer(
  blob: AsyncIterable<Uint8Array>,
  options: HashLayerOptions,
): Promise<HashedLayer> {
  return untilStopped(options, () => readLayer(blob, options));
}

async function readLayer(
  blob: AsyncIterable<Uint8Array>,
  options: HashLayerOptions,
): Promise<HashedLayer> {
  const maxBytes = (options.limits ?? LIMITS).layerBytes;
  const intake = new BlobIntake(blob, { ...options, maxBytes });
  const source = new ByteSource(gatherChunks(intake, READ_BYTES));
  try {
    const content = await readContent(source, intake, options);
    intake.verify();
    const diffId = content.diffId ?? (intake.digest as string as DiffId);
    checkDiffId(diffId, options);
    return { ...content, diffId, digest: intake.digest, compressedSize: intake.sizeBytes };
  } catch (error) {
    if (intake.isFailure(error) || !isDoubtful(error)) throw error;
    if (options.expect?.digest !== undefined || options.expect?.size !== undefined) {
      await skipRest(source);
      intake.verify();
    }
    throw nameLayer(error, options.what);
  } finally {
    source.close();
  }
}

interface LayerContent extends LayerFacts {
  readonly encoding: LayerEncoding;
  /** Undefined where it equals the digest, since nothing was compressed. */
  readonly diffId: DiffId | undefined;
}

/** Feeds the uncompressed bytes to all outputs and completes them. */
async function readContent(
  source: ByteSource,
  intake: BlobIntake,
  options: HashLayerOptions,
): Promise<LayerContent> {
  const { notices } = options;
  const { encoding, pieces } = await decompress(source, notices);
  const outputs = new LayerOutputs(options);
  const diff = encoding === 'none' ? undefined : new DiffHash();
  let uncompressedSize = 0;
  for await (const piece of pieces) {
    throwIfStopped(options.signal, options.what);
    uncompressedSize += piece.bytes.length;
    checkExpansion(uncompressedSize, options.expect?.size ?? intake.sizeBytes, options.limits);
    diff?.update(piece);
    outputs.write(piece);
    await outputs.drained();
  }
  const diffId = diff?.diffId();
  if (diff?.firstMember !== undefined && options.formats.some(isFirstMemberOnly))
    notices({
      code: 'tarfs-first-member-only',
      message: `the guest decodes the first gzip member only and will miss files: first member ${diff.firstMember}, all members ${diffId}`,
    });
  return { ...(await outputs.finish()), encoding, diffId, uncompressedSize };
}

/** SHA-256 of all members, and of the first alone if others have bytes too (an empty member has no piece). */
class DiffHash {
  readonly #all: Hash = createHash('sha256');
  firstMember: DiffId | undefined;

  update({ bytes, member }: LayerPiece): void {
    if (member > 0) this.firstMember ??= diffIdOf(this.#all.copy());
    this.#all.update(bytes);
  }

  diffId(): DiffId {
    return diffIdOf(this.#all);
  }
}

const diffIdOf = (hash: Hash) => `sha256:${hash.digest('hex')}` as DiffId;

/** Refuses what only a bomb expands to. */
function checkExpansion(
  uncompressedBytes: number,
  compressedBytes: number,
  limits: LayerLimits = LIMITS,
): void {
  const allowed = Math.min(
    limits.layerBytes,
    Math.max(limits.layerFreeBytes, limits.layerRatio * compressedBytes),
  );
  if (uncompressedBytes <= allowed) return;
  throw new ToolError('LIMIT_EXCEEDED', 'the uncompressed data is too large', {
    want: `at most ${allowed} bytes for ${compressedBytes} compressed bytes`,
    got: `at least ${uncompressedBytes} bytes`,
  });
}

function checkDiffId(diffId: DiffId, { expect, what }: HashLayerOptions): void {
  if (expect?.diffId === undefined || expect.diffId === diffId) return;
  throw new ToolError('DIGEST_MISMATCH', `${what} does not match its diff id`, {
    want: expect.diffId,
    got: diffId,
    hints: ['the config and the layers of the image do not belong together: do not use the image'],
  });
}

/** Reads what is left of the blob; its size and digest are known afterwards. */
async function skipRest(source: ByteSource): Promise<void> {
  while ((await source.next()) !== undefined);
}

/** The same error with the layer's name in front. */
function nameLayer(error: ToolError, what: string): ToolError {
  return new ToolError(error.code, `${what}: ${error.message}`, {
    ...(error.where === undefined ? {} : { where: error.where }),
    ...(error.want === undefined ? {} : { want: error.want }),
    ...(error.got === undefined ? {} : { got: error.got }),
    hints: error.hints,
    also: error.also,
    cause: error,
  });
}

/** Rejects as soon as the signal says so, whatever the work is waiting for; the work then ends at its next step. */
async function untilStopped<T>(
  { signal, what }: Pick<HashLayerOptions, 'signal' | 'what'>,
  work: () => Promise<T>,
): Promise<T> {
  throwIfStopped(signal, what);
  if (signal === undefined) return work();
  return new Promise((resolve, reject) => {
    const stop = () => reject(interrupted(what));
    signal.addEventListener('abort', stop);
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop));
  });
}
