/**
 * Where images are: texts such as `oci:DIR:TAG`, and the image map (`--images`), a JSON object from image references to
 * such texts, by which every reference of a manifest can be read from local files.
 */
import { dirname, resolve } from 'node:path';
import { ToolError } from '../core/error.js';
import { parseJson } from '../core/json.js';
import {
  below,
  invalidAt,
  type JsonPlace,
  readObject,
  readString,
  requiredField,
} from '../core/json-read.js';
import { type ImageReference, parseReference, referenceKey } from '../core/reference.js';
import type { ImageSource } from '../image/types.js';
import { type ArchiveKind, openImageArchive } from './archives.js';
import { delegateImages } from './delegate-images.js';
import { readTextFile } from './files.js';
import { openOciLayout } from './oci-layout.js';

/** Where an image is: in a registry, or in local files. */
export type ImageLocation =
  | { readonly kind: 'registry'; readonly reference: ImageReference }
  | LocalLocation;

export interface LocalLocation {
  readonly kind: 'oci' | ArchiveKind;
  readonly path: string;
  /** Tag, name or digest inside of the layout or archive. */
  readonly name?: string;
}

const LOCAL_KINDS: readonly LocalLocation['kind'][] = ['oci', 'oci-archive', 'docker-archive'];
const LOCAL_FORMS = 'oci:DIR[:TAG], oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME]';
/** Suggestions in a message. */
const NEAR_MAX = 5;

/**
 * `oci:DIR[:TAG]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, else an image reference. The path ends at
 * its first colon (that of a Windows drive aside). Throws IMAGE_REFERENCE_INVALID.
 */
export function parseImageLocation(text: string): ImageLocation {
  const colon = text.indexOf(':');
  const kind = LOCAL_KINDS.find((word) => word === text.slice(0, Math.max(colon, 0)));
  if (kind === undefined) return { kind: 'registry', reference: parseReference(text) };
  const rest = text.slice(colon + 1);
  const drive = /^[A-Za-z]:[\\/]/.test(rest) ? 2 : 0;
  const end = rest.indexOf(':', drive);
  const path = end < 0 ? rest : rest.slice(0, end);
  const name = end < 0 ? undefined : rest.slice(end + 1);
  if (path === '' || name === '') {
    throw new ToolError('IMAGE_REFERENCE_INVALID', 'image location is incomplete', {
      want: LOCAL_FORMS,
      got: text,
    });
  }
  return { kind, path, ...(name === undefined ? {} : { name }) };
}

/** Opens the layout or archive of a location. Throws as openOciLayout and openImageArchive. */
export function openLocalImage({ kind, path, name }: LocalLocation): Promise<ImageSource> {
  return kind === 'oci' ? openOciLayout(path, name) : openImageArchive(path, kind, name);
}

interface MapRow {
  readonly reference: ImageReference;
  readonly location: LocalLocation;
}

/**
 * Source of the images that a map file lists; paths in it are relative to the file. A reference that it does not list
 * goes to `fallback`, without one it is IMAGE_NOT_FOUND. A reference with tag and digest is also found by its tag
 * alone: whoever resolves it checks the digest. Throws IMAGE_MAP_INVALID, JSON_SYNTAX, FILE_NOT_FOUND.
 */
export async function openImageMap(file: string, fallback?: ImageSource): Promise<ImageSource> {
  const rows = parseRows(await readTextFile(file), file);
  const opened = new Map<MapRow, Promise<ImageSource>>();
  const sourceOf = (text: string): Promise<ImageSource> => {
    const row = findRow(rows, text);
    if (row === undefined) {
      if (fallback !== undefined) return Promise.resolve(fallback);
      return Promise.reject(notListed(rows, text, file));
    }
    const known = opened.get(row);
    if (known !== undefined) return known;
    const source = openLocalImage(row.location);
    opened.set(row, source);
    return source;
  };
  return delegateImages(sourceOf);
}

function parseRows(text: string, file: string): ReadonlyMap<string, MapRow> {
  const place: JsonPlace = { code: 'IMAGE_MAP_INVALID', what: file, path: '' };
  const object = readObject(parseJson(text, file), place);
  const rows = new Map<string, MapRow>();
  for (const key of Object.keys(object)) {
    const at = below(place, key);
    const row = readRow(key, requiredField(object, key, place, readString), file, at);
    const known = rows.get(referenceKey(row.reference));
    if (known !== undefined) {
      throw invalidAt(at, 'is the same image as another key', {
        got: known.reference.text,
      });
    }
    rows.set(referenceKey(row.reference), row);
  }
  return rows;
}

function readRow(key: string, text: string, file: string, place: JsonPlace): MapRow {
  try {
    const reference = parseReference(key);
    const location = parseImageLocation(text);
    if (location.kind !== 'registry') {
      const path = resolve(dirname(file === '-' ? '.' : file), location.path);
      return { reference, location: { ...location, path } };
    }
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw invalidAt(place, `is not valid: ${error.message}`, {
      ...(error.want === undefined ? {} : { want: error.want }),
      ...(error.got === undefined ? {} : { got: error.got }),
    });
  }
  throw invalidAt(place, 'does not say where the image is', {
    want: LOCAL_FORMS,
    got: text,
  });
}

function findRow(rows: ReadonlyMap<string, MapRow>, text: string): MapRow | undefined {
  const { digest, ...tagged } = parseReference(text);
  if (digest === undefined) return rows.get(referenceKey(tagged));
  const listed = rows.get(referenceKey({ ...tagged, digest }));
  return listed ?? (tagged.tag === undefined ? undefined : rows.get(referenceKey(tagged)));
}

function notListed(rows: ReadonlyMap<string, MapRow>, text: string, file: string): ToolError {
  const lastPart = (reference: ImageReference) => reference.repository.split('/').at(-1);
  const wanted = lastPart(parseReference(text));
  const near = [...rows.values()]
    .map(({ reference }) => reference)
    .filter((reference) => lastPart(reference) === wanted)
    .slice(0, NEAR_MAX);
  return new ToolError('IMAGE_NOT_FOUND', `image ${text} is not in the image map`, {
    where: file,
    want: text,
    ...(near.length === 0 ? {} : { got: near.map((reference) => reference.text).join(', ') }),
    hints: [`add a line ${JSON.stringify(text)}: "oci:DIR:TAG" to ${file}`],
  });
}

/** A source that also takes texts as of parseImageLocation: local ones are opened once each, the rest goes to `named`. */
export function openLocations(named: ImageSource): ImageSource {
  const opened = new Map<string, Promise<ImageSource>>();
  const sourceOf = (text: string): Promise<ImageSource> => {
    const known = opened.get(text);
    if (known !== undefined) return known;
    const location = parseImageLocation(text);
    const source = location.kind === 'registry' ? Promise.resolve(named) : openLocalImage(location);
    opened.set(text, source);
    return source;
  };
  return delegateImages(sourceOf);
}
