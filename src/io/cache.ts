/**
 * Cache of layer facts on disk, by verified blob digest. One small file per fact, which carries its own SHA-256: a
 * damaged one is removed and missed. The digest guards against accidents; against others, the folder must be ours.
 */
import { lstat, mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type Digest, parseDiffId, parseRootHash, sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, parseJson } from '../core/json.js';
import {
  arrayOf,
  below,
  type JsonPlace,
  type JsonReader,
  oneOf,
  readBoolean,
  readCount,
  readObject,
  readString,
  refuseUnknownKeys,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import type { Notice, NoticeSink } from '../core/notice.js';
import { withoutAbsent } from '../core/record.js';
import type { UserFileEntry } from '../image/types.js';
import type {
  CachedRootHash,
  CachedUserFiles,
  LayerCache,
  LayerCacheValues,
} from '../layer/ports.js';
import { readTextFile, writeFileAtomic } from './files.js';

type What = keyof LayerCacheValues;

/**
 * Version of each kind of fact: raised whenever the same bytes may give another value, be it by a corrected hash or by
 * more user files.
 */
const VERSIONS: Readonly<Record<What, number>> = { ext4: 1, tarfs: 1, userfiles: 1 };

const FORMAT = 'podseal.layer-cache/v1';
/** An entry holds at most the user files of a layer, escaped, and little else. */
const ENTRY_BYTES_MAX = 8 * LIMITS.userFileBytes;

/**
 * The user's cache folder: $XDG_CACHE_HOME (if absolute, as its specification demands) or ~/.cache, then podseal.
 * Undefined where there is neither.
 */
export function defaultCacheFolder(): string | undefined {
  const base = process.env.XDG_CACHE_HOME;
  if (base !== undefined && isAbsolute(base)) return join(base, 'podseal');
  try {
    const home = homedir();
    return isAbsolute(home) ? join(home, '.cache', 'podseal') : undefined;
  } catch {
    // A user without a home in the user database, as in some containers.
    return undefined;
  }
}

/**
 * Opens the cache in `folder`, made with mode 0700 if needed. Without a folder, or where it cannot be used or belongs to
 * somebody else, the cache stays empty; the latter is said once. Never throws.
 */
export function openLayerCache(folder: string | undefined, notices: NoticeSink): LayerCache {
  let usable: Promise<boolean> | undefined;
  let told = false;
  const tell = (code: string, message: string, where: string) => {
    if (!told) notices({ code, message, where });
    told = true;
  };
  const isUsable = (path: string): Promise<boolean> => {
    usable ??= prepareFolder(path).then(
      () => true,
      (error: unknown) => {
        tell('cache-unusable', `the layer cache is not used: ${reasonOf(error)}`, path);
        return false;
      },
    );
    return usable;
  };
  return {
    async get(digest, what) {
      if (folder === undefined || !(await isUsable(folder))) return undefined;
      const path = entryPath(folder, digest, what);
      try {
        return parseEntry(await readTextFile(path, ENTRY_BYTES_MAX), digest, what);
      } catch (error) {
        if (isMissing(error)) return undefined;
        notices({
          code: 'cache-entry-damaged',
          message: 'a damaged entry of the layer cache was dropped; the layer is hashed again',
          where: path,
        });
        await rm(path, { force: true }).catch(() => undefined);
        return undefined;
      }
    },
    async put(digest, what, value) {
      if (folder === undefined || !(await isUsable(folder))) return;
      const path = entryPath(folder, digest, what);
      try {
        await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
        await writeFileAtomic(path, printEntry(digest, what, value), 0o600);
      } catch (error) {
        tell('cache-unwritable', `the layer cache cannot be written: ${reasonOf(error)}`, folder);
      }
    },
  };
}

async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  if (!found.isDirectory()) throw new Error('it is not a folder');
  const user = process.getuid?.();
  if (user !== undefined && found.uid !== user)
    throw new Error('its folder belongs to another user');
  if (user !== undefined && (found.mode & 0o022) !== 0) {
    throw new Error('others may write into its folder');
  }
}

/** The folder names carry kind and version, so that an old version can be deleted as a whole. */
function entryPath(folder: string, digest: Digest, what: What): string {
  const hex = digest.slice('sha256:'.length);
  return join(folder, 'layers', `${what}-v${VERSIONS[what]}`, hex.slice(0, 2), `${hex}.json`);
}

/** First line: SHA-256 of the rest. The rest repeats the key, so that a file under a wrong name is found out. */
function printEntry<W extends What>(digest: Digest, what: W, value: LayerCacheValues[W]): string {
  const body = JSON.stringify({ format: FORMAT, digest, what, version: VERSIONS[what], value });
  return `${sha256Hex(body)}\n${body}`;
}

function parseEntry<W extends What>(text: string, digest: Digest, what: W): LayerCacheValues[W] {
  const place: JsonPlace = { code: 'INTERNAL', what: 'cache entry', path: '' };
  const body = text.slice(65);
  if (text.slice(0, 65) !== `${sha256Hex(body)}\n`) throw new Error('the entry is damaged');
  const top = readObject(parseJson(body, 'cache entry'), place);
  const { format, digest: storedDigest, what: storedWhat, version } = top;
  const isOurs = format === FORMAT && version === VERSIONS[what];
  if (!isOurs || storedDigest !== digest || storedWhat !== what) {
    throw new Error('the entry belongs elsewhere');
  }
  const read: JsonReader<LayerCacheValues[W]> = VALUE_READERS[what];
  return requiredField(top, 'value', place, read);
}

const COMMON_KEYS: readonly string[] = ['diffId', 'uncompressedSize', 'notices'];

const readCommon = (object: JsonObject, place: JsonPlace) => ({
  diffId: requiredField(object, 'diffId', place, parseDiffIdAt),
  uncompressedSize: requiredField(object, 'uncompressedSize', place, readCount),
  notices: requiredField(object, 'notices', place, arrayOf(readNotice)),
});

const readNotice: JsonReader<Notice> = (value, place) => {
  const object = readObject(value, place);
  return withoutAbsent({
    code: requiredField(object, 'code', place, readString),
    message: requiredField(object, 'message', place, readString),
    level: object.level === undefined ? undefined : ('info' as const),
    where: object.where === undefined ? undefined : readString(object.where, below(place, 'where')),
  });
};

const readRootHash: JsonReader<CachedRootHash> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, [...COMMON_KEYS, 'rootHash'], place);
  return {
    ...readCommon(object, place),
    rootHash: requiredField(object, 'rootHash', place, (hash) => parseRootHash(hash, place.what)),
  };
};

const readUserFiles: JsonReader<CachedUserFiles> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, [...COMMON_KEYS, 'userFiles'], place);
  return {
    ...readCommon(object, place),
    userFiles: requiredField(object, 'userFiles', place, arrayOf(readUserFile)),
  };
};

const readUserFile: JsonReader<UserFileEntry> = (value, place) => {
  const object = readObject(value, place);
  return {
    file: requiredField(object, 'file', place, oneOf(['passwd', 'group'])),
    exactName: requiredField(object, 'exactName', place, readBoolean),
    kind: requiredField(object, 'kind', place, oneOf(['text', 'whiteout', 'link', 'not-utf8'])),
    text: requiredField(object, 'text', place, readString),
  };
};

const VALUE_READERS: { readonly [W in What]: JsonReader<LayerCacheValues[W]> } = {
  ext4: readRootHash,
  tarfs: readRootHash,
  userfiles: readUserFiles,
};

function parseDiffIdAt(value: unknown, place: JsonPlace) {
  return parseDiffId(value, place.what);
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof ToolError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
