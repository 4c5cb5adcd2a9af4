/** What the registry operations on fragments need. */
import type { Digest } from '../core/digest.js';
import type { Descriptor, StoredManifest } from '../image/types.js';

/** Port: one registry, read and written. References are as users write them; only their repository counts for writing. */
export interface ArtifactStore {
  /** A manifest or index by tag or digest; a digest given beside the reference counts more. */
  fetchManifest(reference: string, digest?: Digest): Promise<StoredManifest>;
  /** A whole blob of at most `descriptor.size` bytes; the caller checks the digest. */
  readBlob(reference: string, descriptor: Descriptor): Promise<Buffer>;
  /** Indexes of the manifests that name `subject`, page by page; undefined where the registry has no such API. */
  listReferrers(
    reference: string,
    subject: Digest,
    artifactType: string,
  ): Promise<readonly Uint8Array[] | undefined>;
  /** Stores a blob under its digest. */
  uploadBlob(reference: string, bytes: Uint8Array): Promise<void>;
  /** Stores a manifest under a tag or digest. */
  uploadManifest(
    reference: string,
    name: string,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
  ): Promise<{ readonly listsReferrers: boolean }>;
}
