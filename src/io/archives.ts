/**
 * Images in archive files: OCI archives, and what `docker save` writes, old form (manifest.json and layer.tar members)
 * and new form (an OCI layout with manifest.json beside it). Blobs are read from the archive at their place.
 */
import { createHash } from 'node:crypto';
import { type Digest, parseDiffId, sha256Digest } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { parseJsonBytes } from '../core/json.js';
import {
  arrayOf,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readObject,
  readString,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import type { Descriptor, ImageSource } from '../image/types.js';
import { collect, digestOf, hasName, openLayoutFiles, type StoredFile } from './oci-layout.js';
import { type ArchiveMembers, openArchiveMembers } from './tar-index.js';

export type ArchiveKind = 'oci-archive' | 'docker-archive';

/** One image of manifest.json as `docker save` writes it. */
interface SavedImage {
  readonly config: string;
  readonly repoTags: readonly string[];
  readonly layers: readonly string[];
}

/** An image of the old form, brought into the form of an OCI image. */
interface ConvertedImage {
  readonly manifest: Uint8Array;
  readonly blobs: ReadonlyMap<Digest, StoredFile>;
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
/** Encodings by first bytes. `docker save` writes plain tars, other tools compressed ones. */
const ENCODINGS: readonly { readonly magic: string; readonly suffix: string }[] = [
  { magic: '1f8b', suffix: '+gzip' },
  { magic: '28b52ffd', suffix: '+zstd' },
];

/**
 * Opens an archive. `name` is the image's name or tag in it; without it the archive must hold one image.
 * The old form holds no manifest: one is made up from the config and the layers, so its digest is not that of any
 * registry, and a reference with a digest cannot be proven from it (IMAGE_UNSUPPORTED). Throws as openArchiveMembers,
 * and IMAGE_NOT_FOUND, IMAGE_INVALID, DIGEST_MISMATCH.
 */
export async function openImageArchive(
  file: string,
  kind: ArchiveKind,
  name?: string,
): Promise<ImageSource> {
  const members = await openArchiveMembers(file);
  const isLayout = members.find('index.json') !== undefined;
  if (isLayout && members.find('oci-layout') !== undefined) {
    const find = async (parts: readonly string[]) => members.find(parts.join('/'));
    return openLayoutFiles({ name: file, find }, name);
  }
  const saved = members.find('manifest.json');
  if (kind === 'oci-archive' || saved === undefined) throw notAnArchive(file, kind, saved);
  const image = await convert(members, choose(await readSaved(saved, file), file, name));
  return {
    async fetchManifest(reference) {
      const digest = digestOf(reference);
      if (digest === undefined) return { bytes: image.manifest, mediaType: MANIFEST_TYPE };
      throw new ToolError('IMAGE_UNSUPPORTED', `${file} cannot prove the digest of ${reference}`, {
        want: digest,
        got: 'an archive of docker save in its old form, which holds no manifest',
        hints: ['use an OCI layout: skopeo copy docker://IMAGE oci:DIR:TAG'],
      });
    },
    async openBlob(_reference, descriptor) {
      const blob = image.blobs.get(descriptor.digest);
      if (blob !== undefined) return blob.read();
      throw new ToolError('IMAGE_NOT_FOUND', `${file} does not hold a blob of the image`, {
        want: descriptor.digest,
      });
    },
  };
}

async function readSaved(file: StoredFile, archive: string): Promise<readonly SavedImage[]> {
  const what = `${archive}/manifest.json`;
  const place: JsonPlace = { code: 'IMAGE_INVALID', what, path: '' };
  return arrayOf(readSavedImage)(parseJsonBytes(await collect(file, what), what), place);
}

const readSavedImage: JsonReader<SavedImage> = (value, place) => {
  const object = readObject(value, place);
  return {
    config: requiredField(object, 'Config', place, readString),
    repoTags: optionalField(object, 'RepoTags', place, arrayOf(readString)) ?? [],
    layers: requiredField(object, 'Layers', place, arrayOf(readString)),
  };
};

function choose(images: readonly SavedImage[], file: string, name: string | undefined): SavedImage {
  const found =
    name === undefined ? images : images.filter(({ repoTags }) => hasName(repoTags, name));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const tags = images.flatMap(({ repoTags }) => repoTags);
  const problem = first === undefined ? 'does not hold' : 'holds several images for';
  throw new ToolError('IMAGE_NOT_FOUND', `${file} ${problem} ${name ?? 'no name in particular'}`, {
    want: 'one image; name it behind a colon',
    got: tags.length === 0 ? 'images without tags' : tags.slice(0, 20).join(', '),
  });
}

async function convert(members: ArchiveMembers, saved: SavedImage): Promise<ConvertedImage> {
  const configFile = memberOf(members, saved.config);
  const what = `${members.file}/${saved.config}`;
  const bytes = await collect(configFile, what);
  const digest = sha256Digest(bytes);
  checkName(saved.config, digest, what);
  const blobs = new Map<Digest, StoredFile>([[digest, configFile]]);
  const layers: Descriptor[] = [];
  for (const [i, diffId] of readDiffIds(bytes, saved.layers.length, what).entries()) {
    const file = memberOf(members, saved.layers[i]!);
    const layer = await describe(file, diffId as string as Digest);
    layers.push(layer);
    blobs.set(layer.digest, file);
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest, size: bytes.length },
    layers,
  };
  return { manifest: Buffer.from(JSON.stringify(manifest)), blobs };
}

function memberOf(members: ArchiveMembers, name: string): StoredFile {
  const file = members.find(name);
  if (file !== undefined) return file;
  throw new ToolError(
    'IMAGE_INVALID',
    `${members.file} lacks a member that its manifest.json names`,
    {
      want: name.slice(0, 200),
    },
  );
}

/** A config whose name is a digest (`HEX.json`, `sha256:HEX`, `blobs/sha256/HEX`) must have it. */
function checkName(name: string, digest: Digest, what: string): void {
  const hex = /(?:^|[/:])([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
  if (hex === undefined || digest === `sha256:${hex}`) return;
  throw new ToolError('DIGEST_MISMATCH', `config ${what} does not match its name`, {
    want: `sha256:${hex}`,
    got: digest,
  });
}

function readDiffIds(bytes: Uint8Array, layerCount: number, what: string) {
  const place: JsonPlace = { code: 'IMAGE_INVALID', what, path: '' };
  const top = readObject(parseJsonBytes(bytes, what), place);
  const rootfs = requiredField(top, 'rootfs', place, readObject);
  const diffIds = requiredField(
    rootfs,
    'diff_ids',
    place,
    arrayOf((id, at) => parseDiffId(id, `${at.what}: ${at.path}`)),
  );
  if (diffIds.length === layerCount && layerCount <= LIMITS.imageLayers) return diffIds;
  throw new ToolError('IMAGE_INVALID', `${what} does not fit the layers of manifest.json`, {
    want: `${Math.min(layerCount, LIMITS.imageLayers)} diff IDs`,
    got: `${diffIds.length}`,
  });
}

/** A plain tar is named by its diff ID, which the reader of the layer checks; a compressed one must be hashed. */
async function describe(file: StoredFile, diffId: Digest): Promise<Descriptor> {
  const hash = createHash('sha256');
  let encoding: (typeof ENCODINGS)[number] | undefined;
  let start = Buffer.alloc(0);
  for await (const chunk of file.read()) {
    if (start.length < 4) {
      start = Buffer.concat([start, chunk.subarray(0, 4)]);
      encoding = ENCODINGS.find(({ magic }) => start.toString('hex').startsWith(magic));
    }
    if (encoding === undefined && start.length >= 4) break;
    hash.update(chunk);
  }
  const size = file.sizeBytes;
  if (encoding === undefined) return { mediaType: LAYER_TYPE, digest: diffId, size };
  const digest = `sha256:${hash.digest('hex')}` as Digest;
  return { mediaType: LAYER_TYPE + encoding.suffix, digest, size };
}

function notAnArchive(file: string, kind: ArchiveKind, saved: StoredFile | undefined): ToolError {
  return new ToolError('IMAGE_INVALID', `${file} is not an archive of this kind`, {
    want: kind === 'oci-archive' ? 'members oci-layout and index.json' : 'a member manifest.json',
    got: saved === undefined ? 'neither index.json nor manifest.json' : 'an archive of docker save',
    hints: saved === undefined ? [] : [`docker-archive:${file}`],
  });
}
