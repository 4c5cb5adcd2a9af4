/**
 * Images in an OCI image layout (OCI image spec 1.1, image-layout.md): a folder, or through LayoutFiles an archive of
 * one. Of a folder only regular files are read, never symbolic links, so that a layout cannot reach outside of itself.
 */
import { constants } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, parseDigest, sha256Digest } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { parseJsonBytes } from '../core/json.js';
import {
  arrayOf,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readCount,
  readObject,
  readString,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import { parseReference, referenceKey } from '../core/reference.js';
import type { Descriptor, ImageSource, StoredManifest } from '../image/types.js';
import { openFile, unreadable } from './files.js';

/** A file inside a layout. */
export interface StoredFile {
  readonly sizeBytes: number;
  /** Its bytes from the first; the file is opened when they are asked for. */
  read(): AsyncIterable<Uint8Array>;
}

/** Where the files of a layout are. */
export interface LayoutFiles {
  /** As the user wrote it, for messages. */
  readonly name: string;
  /** A regular file by its parts, e.g. ['blobs', 'sha256', HEX]; undefined if there is none. */
  find(parts: readonly string[]): Promise<StoredFile | undefined>;
}

interface LayoutEntry extends Descriptor {
  /** Tag or full name (org.opencontainers.image.ref.name), full name (io.containerd.image.name). */
  readonly names: readonly string[];
}

const NAME_ANNOTATIONS = ['org.opencontainers.image.ref.name', 'io.containerd.image.name'];
const LAYOUT_VERSION = /^1\.[0-9]+\.[0-9]+$/;
const READ_BYTES = 1024 * 1024;
/** A symbolic link is refused, and a pipe does not make us wait. Windows knows neither flag. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a layout folder. `tag` is a tag, an image name or a manifest digest of its index.json; without it the layout
 * must hold one image, or the digest of the reference decides. Throws IMAGE_NOT_FOUND, IMAGE_INVALID, IMAGE_UNSUPPORTED.
 */
export async function openOciLayout(folder: string, tag?: string): Promise<ImageSource> {
  let root: string;
  try {
    root = await realpath(folder);
  } catch (cause) {
    throw unreadable(folder, cause);
  }
  return openLayoutFiles({ name: folder, find: (parts) => findRegular(folder, root, parts) }, tag);
}

/** As openOciLayout, for files that are not in a folder of their own. */
export async function openLayoutFiles(files: LayoutFiles, tag?: string): Promise<ImageSource> {
  await checkVersion(files);
  const entries = await readEntries(files);
  return {
    fetchManifest: (reference, descriptor) =>
      descriptor === undefined
        ? fetchRoot(files, chooseRoot(files, entries, { reference, tag }), reference)
        : fetchListed(files, descriptor),
    openBlob: (_reference, descriptor) => openBlob(files, descriptor),
  };
}

/** The entry that is meant; without a tag the digest of the reference may name a manifest inside of an index. */
function chooseRoot(
  files: LayoutFiles,
  entries: readonly LayoutEntry[],
  { reference, tag }: { reference: string; tag: string | undefined },
): LayoutEntry | Digest {
  const digest = digestOf(reference);
  if (tag === undefined && digest !== undefined) {
    return entries.find((entry) => entry.digest === digest) ?? digest;
  }
  const found =
    tag === undefined
      ? entries
      : entries.filter((entry) => entry.digest === tag || hasName(entry.names, tag));
  const [first, ...others] = found;
  if (first === undefined) throw notFound(files, tag, entries);
  if (others.every((entry) => entry.digest === first.digest)) return first;
  throw ambiguous(files, found);
}

async function checkVersion(files: LayoutFiles): Promise<void> {
  const what = `${files.name}/oci-layout`;
  const bytes = await readSmall(files, ['oci-layout']);
  if (bytes === undefined) {
    throw new ToolError('IMAGE_INVALID', `${files.name} is not an OCI layout`, {
      want: 'a file oci-layout in it',
      hints: ['make one with: skopeo copy docker://IMAGE oci:DIR:TAG'],
    });
  }
  const place: JsonPlace = { code: 'IMAGE_INVALID', what, path: '' };
  const top = readObject(parseJsonBytes(bytes, what), place);
  const version = requiredField(top, 'imageLayoutVersion', place, readString);
  if (LAYOUT_VERSION.test(version)) return;
  throw new ToolError('IMAGE_UNSUPPORTED', `${files.name} has an unknown layout version`, {
    want: '1.0.0',
    got: version.slice(0, 200),
  });
}

async function readEntries(files: LayoutFiles): Promise<readonly LayoutEntry[]> {
  const what = `${files.name}/index.json`;
  const bytes = await readSmall(files, ['index.json']);
  if (bytes === undefined) {
    throw new ToolError(
      'IMAGE_INVALID',
      `${files.name} is not an OCI layout: it has no index.json`,
    );
  }
  const place: JsonPlace = { code: 'IMAGE_INVALID', what, path: '' };
  const top = readObject(parseJsonBytes(bytes, what), place);
  const entries = requiredField(top, 'manifests', place, arrayOf(readEntry));
  if (entries.length <= LIMITS.indexEntries) return entries;
  throw new ToolError('LIMIT_EXCEEDED', `${what} has too many entries`, {
    want: `at most ${LIMITS.indexEntries}`,
    got: `${entries.length}`,
  });
}

const readEntry: JsonReader<LayoutEntry> = (value, place) => {
  const object = readObject(value, place);
  const annotations = optionalField(object, 'annotations', place, readObject) ?? {};
  const names = NAME_ANNOTATIONS.map((key) => optionalField(annotations, key, place, readString));
  return {
    mediaType: requiredField(object, 'mediaType', place, readString),
    digest: requiredField(object, 'digest', place, (text, at) =>
      parseDigest(text, `${at.what}: ${at.path}`),
    ),
    size: requiredField(object, 'size', place, readCount),
    names: names.filter((name) => name !== undefined),
  };
};

/** True if `wanted` is one of the names: as written, or as an image reference (`busybox`, `docker.io/library/busybox:latest`). */
export function hasName(names: readonly string[], wanted: string): boolean {
  if (names.includes(wanted)) return true;
  const key = keyOf(wanted);
  // A name without colon, slash and at sign is a bare tag, not an image.
  return key !== undefined && names.some((name) => /[:/@]/.test(name) && keyOf(name) === key);
}

function keyOf(name: string): string | undefined {
  try {
    return referenceKey(parseReference(name));
  } catch {
    return undefined;
  }
}

/** The digest that ends a reference, if there is one. */
export function digestOf(reference: string): Digest | undefined {
  return /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] as Digest | undefined;
}

/** The manifest that the layout's index names, checked against it; or a blob of the digest that a reference names. */
async function fetchRoot(
  files: LayoutFiles,
  root: LayoutEntry | Digest,
  reference: string,
): Promise<StoredManifest> {
  if (typeof root === 'string') {
    const bytes = await readSmall(files, partsOf(root));
    if (bytes !== undefined) return { bytes };
    throw new ToolError('IMAGE_NOT_FOUND', `${files.name} does not hold ${reference}`, {
      want: root,
    });
  }
  const stored = await fetchListed(files, root);
  const digest = sha256Digest(stored.bytes);
  if (digest === root.digest) return stored;
  throw new ToolError('DIGEST_MISMATCH', `manifest in ${files.name} does not match its digest`, {
    want: root.digest,
    got: digest,
  });
}

async function fetchListed(files: LayoutFiles, descriptor: Descriptor): Promise<StoredManifest> {
  const file = await findBlob(files, descriptor);
  return { bytes: await collect(file, files.name), mediaType: descriptor.mediaType };
}

async function openBlob(
  files: LayoutFiles,
  descriptor: Descriptor,
): Promise<AsyncIterable<Uint8Array>> {
  return (await findBlob(files, descriptor)).read();
}

async function findBlob(files: LayoutFiles, descriptor: Descriptor): Promise<StoredFile> {
  const file = await files.find(partsOf(descriptor.digest));
  if (file === undefined) {
    throw new ToolError('IMAGE_NOT_FOUND', `${files.name} does not hold a blob of the image`, {
      want: descriptor.digest,
      hints: ['the layout is incomplete: copy the image into it again'],
    });
  }
  if (file.sizeBytes === descriptor.size) return file;
  throw new ToolError(
    'SIZE_MISMATCH',
    `blob ${descriptor.digest} in ${files.name} has a wrong size`,
    {
      want: `${descriptor.size} bytes`,
      got: `${file.sizeBytes} bytes`,
    },
  );
}

/** Path of a blob. Parsed again, so that no text but a digest can become one. */
function partsOf(digest: Digest): readonly string[] {
  return ['blobs', 'sha256', parseDigest(digest, 'blob').slice('sha256:'.length)];
}

async function readSmall(
  files: LayoutFiles,
  parts: readonly string[],
): Promise<Uint8Array | undefined> {
  const file = await files.find(parts);
  return file === undefined ? undefined : collect(file, `${files.name}/${parts.join('/')}`);
}

/** All bytes of a manifest, index or config. Throws LIMIT_EXCEEDED beyond LIMITS.manifestBytes. */
export async function collect(file: StoredFile, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (file.sizeBytes <= LIMITS.manifestBytes) {
    for await (const chunk of file.read()) {
      parts.push(chunk);
      length += chunk.length;
      if (length > LIMITS.manifestBytes) break;
    }
  }
  if (Math.max(length, file.sizeBytes) <= LIMITS.manifestBytes) return Buffer.concat(parts);
  throw new ToolError('LIMIT_EXCEEDED', `${what} is too large`, {
    want: `at most ${LIMITS.manifestBytes} bytes`,
    got: `${file.sizeBytes} bytes`,
  });
}

async function findRegular(
  folder: string,
  root: string,
  parts: readonly string[],
): Promise<StoredFile | undefined> {
  const path = join(root, ...parts);
  const shown = join(folder, ...parts);
  try {
    const [found, real] = await Promise.all([lstat(path), realpath(path)]);
    if (!found.isFile() || real !== path) throw notRegular(shown);
    return { sizeBytes: found.size, read: () => readRegular(path, shown) };
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw unreadable(shown, cause);
  }
}

async function* readRegular(path: string, shown: string): AsyncIterable<Uint8Array> {
  const handle = await openFile(path, READ_FLAGS);
  if (!(await handle.stat()).isFile()) {
    await handle.close();
    throw notRegular(shown);
  }
  yield* handle.createReadStream({ highWaterMark: READ_BYTES });
}

function notRegular(path: string): ToolError {
  return new ToolError('IMAGE_INVALID', `${path} is not a regular file`, {
    hints: ['symbolic links are not followed inside a layout; copy it with: cp -rL FROM TO'],
  });
}

function notFound(
  files: LayoutFiles,
  wanted: string | undefined,
  entries: readonly LayoutEntry[],
): ToolError {
  const what = wanted === undefined ? 'any image' : wanted;
  return new ToolError('IMAGE_NOT_FOUND', `${files.name} does not hold ${what}`, {
    got: entries.length === 0 ? 'an empty index.json' : describe(entries),
  });
}

function ambiguous(files: LayoutFiles, entries: readonly LayoutEntry[]): ToolError {
  return new ToolError('IMAGE_NOT_FOUND', `${files.name} holds several images`, {
    want: 'a tag, name or digest behind a colon',
    got: describe(entries),
  });
}

function describe(entries: readonly LayoutEntry[]): string {
  const shown = entries.slice(0, 20).map(({ names, digest }) => names.at(-1) ?? digest);
  return shown.join(', ') + (entries.length > shown.length ? ', ...' : '');
}
