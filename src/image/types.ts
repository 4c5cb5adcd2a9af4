/** An image as the policy stages see it, and the port through which it is obtained. */
import type { DiffId, Digest, RootHash } from '../core/digest.js';

/** File system format in which a guest mounts layers: ext4 (ACI) or tarfs (AKS). */
export type LayerFormat = 'ext4' | 'tarfs';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** Names bytes: media type, digest, size in bytes (OCI descriptor). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** One layer, base layer first in an image. */
export interface Layer {
  readonly blob: Descriptor;
  readonly diffId: DiffId;
}

/** The parts of an OCI image config that decide what runs. Absent and null both are `undefined`. */
export interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly user?: string;
  readonly env?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workingDir?: string;
  readonly stopSignal?: string;
  readonly tty?: boolean;
  /** Keys of `Volumes`, in byte order. */
  readonly volumes?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Image {
  /** As written by the user. */
  readonly reference: string;
  /** Digest of the platform's manifest. */
  readonly manifestDigest: Digest;
  /** Digest of the index through which it was found. */
  readonly indexDigest?: Digest;
  readonly configDigest: Digest;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
}

/** A manifest or index as stored: exact bytes, and the media type that the source claims (if it does). */
export interface StoredManifest {
  readonly bytes: Uint8Array;
  readonly mediaType?: string;
}

/**
 * Port: where manifests and blobs come from (registry, OCI layout, archive). The source need not verify anything:
 * image/ checks every manifest and config, layer hashing every blob, against digest and size.
 */
export interface ImageSource {
  /** The manifest or index that a reference (tag or digest) names, or that a descriptor's digest names. */
  fetchManifest(reference: string, descriptor?: Descriptor): Promise<StoredManifest>;
  /** A blob from its first byte. Ends early or throws if the source fails; the reader checks size and digest. */
  openBlob(reference: string, descriptor: Descriptor): Promise<AsyncIterable<Uint8Array>>;
}

/** What hashing one layer gives beside its identity. */
export interface LayerFacts {
  readonly rootHashes: Partial<Record<LayerFormat, RootHash>>;
  /** Bytes of the uncompressed tar. */
  readonly uncompressedSize: number;
  /** Members of this layer that are /etc/passwd or /etc/group or remove them, in archive order. */
  readonly userFiles: readonly UserFileEntry[];
}

/**
 * One archive member that concerns /etc/passwd or /etc/group. Guest versions differ in which of them they heed
 * (spec layer-hash-tarfs section 9), so all are kept and the policy stage applies the rule of its version.
 */
export interface UserFileEntry {
  readonly file: 'passwd' | 'group';
  /** True if the raw header name is exactly `etc/passwd` (`etc/.wh.passwd`); false for `./etc/passwd` and the like. */
  readonly exactName: boolean;
  /** `link`: a symbolic or hard link, which has no text of its own. */
  readonly kind: 'text' | 'whiteout' | 'link' | 'not-utf8';
  /** The text; empty unless kind is `text`. */
  readonly text: string;
}
