/**
 * Images in tars as `az confcom` names them: one tar, or a JSON map of image names to tars (aci policy 5.4). An image
 * that no tar holds comes from elsewhere.
 */
import { dirname, resolve } from 'node:path';
import { ToolError } from '../core/error.js';
import { parseJson } from '../core/json.js';
import { below, invalidAt, type JsonPlace, readObject, readString } from '../core/json-read.js';
import type { ImageSource } from '../image/types.js';
import { openImageArchive } from './archives.js';
import { delegateImages } from './delegate-images.js';
import { isFile, readTextFile } from './files.js';

/** Path of the tar that should hold an image, by its name with tag. */
type FindTar = (name: string) => string | undefined;

/**
 * The images of a tar, or of the map that a file with the ending .json holds, whose paths are relative to it; others
 * come from `fallback`. Throws JSON_SYNTAX, IMAGE_MAP_INVALID, FILE_NOT_FOUND; for a reference with a digest, which a tar
 * cannot prove, IMAGE_REFERENCE_INVALID.
 */
export async function openTarImages(file: string, fallback: ImageSource): Promise<ImageSource> {
  return openTars(file.endsWith('.json') ? await readMap(file) : () => file, fallback);
}

/**
 * The images of tars by name; the paths are relative to the current folder. Others come from `fallback`. Throws
 * FILE_NOT_FOUND for a tar that does not exist.
 */
export async function openListedTars(
  tars: ReadonlyMap<string, string>,
  fallback: ImageSource,
): Promise<ImageSource> {
  for (const [name, path] of tars) {
    if (await isFile(path)) continue;
    throw new ToolError('FILE_NOT_FOUND', `the tar of ${name} does not exist`, { got: path });
  }
  return openTars(findIn(tars), fallback);
}

function openTars(find: FindTar, fallback: ImageSource): ImageSource {
  const opened = new Map<string, Promise<ImageSource>>();
  const sourceOf = (reference: string): Promise<ImageSource> => {
    const known = opened.get(reference);
    if (known !== undefined) return known;
    const source = openOne(reference, find, fallback);
    opened.set(reference, source);
    return source;
  };
  return delegateImages(sourceOf);
}

/** The source of one image: its tar if that holds it. */
async function openOne(
  reference: string,
  find: FindTar,
  fallback: ImageSource,
): Promise<ImageSource> {
  if (reference.includes('@sha256:')) {
    throw new ToolError('IMAGE_REFERENCE_INVALID', 'an image in a tar is named without digest', {
      got: reference,
    });
  }
  const name = reference.includes(':') ? reference : `${reference}:latest`;
  const path = find(name);
  if (path === undefined) return fallback;
  try {
    const source = await openImageArchive(path, 'docker-archive', name);
    await source.fetchManifest(reference);
    return source;
  } catch (error) {
    if (error instanceof ToolError && error.code === 'IMAGE_NOT_FOUND') return fallback;
    throw error;
  }
}

async function readMap(file: string): Promise<FindTar> {
  const place: JsonPlace = { code: 'IMAGE_MAP_INVALID', what: file, path: '' };
  const paths = new Map<string, string>();
  for (const [name, value] of Object.entries(
    readObject(parseJson(await readTextFile(file), file), place),
  )) {
    const path = resolve(dirname(file), readString(value, below(place, name)));
    if (!(await isFile(path))) {
      throw invalidAt(below(place, name), 'names a tar that does not exist', { got: path });
    }
    paths.set(name, path);
  }
  return findIn(paths);
}

/** A name with the tag latest may be listed without it. */
function findIn(paths: ReadonlyMap<string, string>): FindTar {
  return (name) => {
    const bare = name.endsWith(':latest') ? name.slice(0, name.indexOf(':')) : name;
    return paths.get(name) ?? paths.get(bare);
  };
}
