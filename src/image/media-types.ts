/** The media types of images that podseal knows (OCI image spec 1.1; Docker image manifest v2, schema 2), as tables. */

/** What a manifest document is: one image, or a list of images by platform. */
export type ManifestKind = 'manifest' | 'index';

export const MANIFEST_KINDS: Readonly<Record<string, ManifestKind>> = {
  'application/vnd.oci.image.manifest.v1+json': 'manifest',
  'application/vnd.docker.distribution.manifest.v2+json': 'manifest',
  'application/vnd.oci.image.index.v1+json': 'index',
  'application/vnd.docker.distribution.manifest.list.v2+json': 'index',
};

/** What a claimed type that tells nothing may be (a registry or file server that does not know better). */
export const GENERIC_TYPES: readonly string[] = [
  'application/json',
  'application/octet-stream',
  'text/plain',
  'text/json',
];

export const CONFIG_TYPES: readonly string[] = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

/** Layers that can be hashed: a tar, plain or compressed. What the bytes really are is found out when they are read. */
export const LAYER_TYPES: readonly string[] = [
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
];

/** Why other types are refused; the first row that fits decides. */
export const REFUSED_TYPES: readonly {
  readonly pattern: RegExp;
  readonly problem: string;
  readonly hint: string;
}[] = [
  {
    pattern: /^application\/vnd\.docker\.distribution\.manifest\.v1(\+|$)/,
    problem: 'is in the old format schema 1, which has no diff IDs',
    hint: 'push the image again with a current tool, which writes schema 2 or OCI',
  },
  {
    pattern: /\+encrypted/,
    problem: 'is encrypted',
    hint: 'hash the decrypted image: its layers are what the guest mounts',
  },
  {
    pattern: /nondistributable|rootfs\.foreign\.diff/,
    problem: 'is a foreign layer, which registries do not hold',
    hint: 'build the image on a base without foreign layers',
  },
  {
    pattern: /in-toto|attestation|vnd\.dev\.cosign|vnd\.dsse/,
    problem: 'is an attestation or signature, not an image',
    hint: 'name the image that it belongs to',
  },
  {
    pattern: /vnd\.(?:cncf\.)?helm/,
    problem: 'is a Helm chart, not an image',
    hint: 'render it with helm template and give the result',
  },
];

/** `Application/X; charset=utf-8` -> `application/x`. */
export function stripParameters(mediaType: string): string {
  return (mediaType.split(';')[0] ?? '').trim().toLowerCase();
}
