/** Small images made in memory, a source that serves them, and the same as layout folders and archives. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Pack, pack } from 'tar-stream';
import { afterAll } from 'vitest';
import type { Digest } from '../../src/core/digest.js';
import { ToolError } from '../../src/core/error.js';
import type { Descriptor, ImageSource } from '../../src/image/types.js';
import { recordError } from './failure.js';

export const TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** A blob with its descriptor. */
export interface Blob extends Descriptor {
  readonly bytes: Uint8Array;
}

export function blobOf(content: unknown, mediaType: string): Blob {
  const bytes =
    content instanceof Uint8Array
      ? content
      : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  return { mediaType, digest: sha256(bytes), size: bytes.length, bytes };
}

export function descriptorOf({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** An image of one platform: manifest, config and layers. */
export interface MadeImage {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
  readonly blobs: readonly Blob[];
}

export interface ImageParts {
  readonly layers?: readonly string[];
  readonly config?: Record<string, unknown>;
  readonly manifest?: Record<string, unknown>;
}

/** An image whose layers have the given texts as content (they need not be tars here). */
export function makeImage(parts: ImageParts = {}): MadeImage {
  const layers = (parts.layers ?? ['one', 'two']).map((text) => blobOf(text, TYPES.layer));
  const config = blobOf(
    {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      ...parts.config,
    },
    TYPES.config,
  );
  const manifest = blobOf(
    {
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      config: descriptorOf(config),
      layers: layers.map(descriptorOf),
      ...parts.manifest,
    },
    TYPES.manifest,
  );
  return { manifest, config, layers, blobs: [manifest, config, ...layers] };
}

/** An index over blobs, with further fields per entry (platform, annotations). */
export function makeIndex(entries: readonly (readonly [Blob, Record<string, unknown>])[]): Blob {
  const manifests = entries.map(([blob, more]) => ({ ...descriptorOf(blob), ...more }));
  return blobOf({ schemaVersion: 2, mediaType: TYPES.index, manifests }, TYPES.index);
}

/** Serves `root` for every reference, and blobs by digest. */
export class MemorySource implements ImageSource {
  readonly asked: string[] = [];
  readonly #blobs: Map<string, Blob>;
  readonly #root: Blob;

  constructor(root: Blob, blobs: readonly Blob[]) {
    this.#root = root;
    this.#blobs = new Map([root, ...blobs].map((blob) => [blob.digest, blob]));
  }

  /** Serves other bytes under a digest. */
  replace(digest: string, bytes: Uint8Array): void {
    this.#blobs.set(digest, { ...this.#find(digest as Digest), bytes });
  }

  async fetchManifest(reference: string, descriptor?: Descriptor) {
    this.asked.push(descriptor === undefined ? reference : descriptor.digest);
    const { bytes, mediaType } =
      descriptor === undefined ? this.#find(this.#root.digest) : this.#find(descriptor.digest);
    return { bytes, mediaType };
  }

  async openBlob(_reference: string, descriptor: Descriptor) {
    this.asked.push(descriptor.digest);
    const { bytes } = this.#find(descriptor.digest);
    return (async function* () {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    })();
  }

  #find(digest: Digest): Blob {
    const blob = this.#blobs.get(digest);
    if (blob === undefined) throw new ToolError('IMAGE_NOT_FOUND', `no blob ${digest}`);
    return blob;
  }
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podseal-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Files of an OCI layout by path: index.json over `entries`, oci-layout, blobs. */
export function layoutFiles(
  entries: readonly (readonly [Blob, Record<string, unknown>])[],
  blobs: readonly Blob[],
): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([
    ['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ['index.json', makeIndex(entries).bytes],
  ]);
  for (const { digest, bytes } of [...entries.map(([blob]) => blob), ...blobs]) {
    files.set(`blobs/sha256/${digest.slice(7)}`, bytes);
  }
  return files;
}

export function tagged(name: string): Record<string, unknown> {
  return { annotations: { 'org.opencontainers.image.ref.name': name } };
}

export function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
}

/** A tar: text or bytes are files, `{ symlink }` and `{ link }` links, in the order of the map. */
export async function tarOf(
  members: Iterable<
    readonly [string, Uint8Array | string | { symlink: string } | { link: string }]
  >,
): Promise<Uint8Array> {
  const archive: Pack = pack();
  for (const [name, content] of members) {
    if (typeof content === 'string' || content instanceof Uint8Array) {
      archive.entry({ name }, Buffer.from(content));
    } else if ('symlink' in content) {
      archive.entry({ name, type: 'symlink', linkname: content.symlink });
    } else {
      archive.entry({ name, type: 'link', linkname: content.link });
    }
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The ToolError that a call ends with; fails if it does not end with one. */
export async function failureOf(call: () => unknown): Promise<ToolError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ToolError) return recordError(error);
    throw error;
  }
  throw new Error('the call did not fail');
}
