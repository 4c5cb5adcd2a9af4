/**
 * The configuration of encrypted filesystems (EncfsSideCarArgs; secure key release, section 12): which image is opened
 * with which key and appears where. Everything is checked here, before a key is asked for or a device made.
 */
import { decodeBase64 } from '../core/base64.js';
import { ToolError, throwAll } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  oneOf,
  optionalField,
  readBoolean,
  readObject,
  readString,
  refuseUnknownKeys,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import { DEFAULT_LABEL } from './derive.js';
import { checkMountPoints, readPath } from './encfs-paths.js';
import { type ListedHosts, parseKeyId, parseServiceHost } from './hosts.js';
import { readSidecarObject, type SidecarArgs } from './sidecar-args.js';

/** The vault's name of a key type -> the type of the released key. */
const KEY_TYPES = { oct: 'oct', 'oct-HSM': 'oct', RSA: 'RSA', 'RSA-HSM': 'RSA' } as const;
export type FilesystemKeyType = 'oct' | 'RSA';

/** Members of the reference's configuration; those marked with a comment have no effect on us. */
const MEMBERS = {
  root: ['azure_info', 'azure_filesystems'],
  info: ['certcache', 'identity'],
  filesystem: [
    ...['azure_url', 'azure_url_private', 'image', 'mount_point', 'read_write'],
    ...['key', 'key_derivation', 'raw_key'],
  ],
  // key_ops: what the key may do is known to the vault.
  key: ['kid', 'kty', 'key_ops', 'authority', 'akv'],
  // tee_type, api_version: the reference overwrites them, too.
  authority: ['endpoint', 'tee_type', 'api_version'],
  akv: ['endpoint', 'api_version', 'bearer_token'],
  derivation: ['salt', 'label'],
} as const;

export interface FilesystemKey {
  /** Name, or NAME/VERSION. */
  readonly kid: string;
  /** What the released key has to be; absent: either. */
  readonly type?: FilesystemKeyType;
  /** `HOST[:PORT]`. */
  readonly attestationService: string;
  /** `HOST[:PORT]`. */
  readonly vault: string;
  /** Secret. */
  readonly accessToken?: string;
}

export type ImagePlace =
  /** Absolute path of a file or block device. */
  | { readonly kind: 'local'; readonly path: string }
  /** A blob of a storage account. The URL may hold a shared access signature: secret. */
  | { readonly kind: 'blob'; readonly url: string; readonly isPrivate: boolean };

/** An image for people: its path, or its URL without what may be secret. */
export const nameOfImage = (image: ImagePlace): string =>
  image.kind === 'local' ? image.path : image.url.replace(/\?.*$/s, '');

export interface EncryptedFilesystem {
  readonly image: ImagePlace;
  /** Absolute path in its simplest form. */
  readonly mountPoint: string;
  readonly writable: boolean;
  readonly key: FilesystemKey;
  /** For keys that are derived from an RSA key. */
  readonly derivation: { readonly salt: Buffer; readonly label: string };
}

export interface EncfsConfig {
  /** Certificates and identity. */
  readonly sidecar: SidecarArgs;
  readonly filesystems: readonly EncryptedFilesystem[];
}

/** The JSON text in the base64 text of EncfsSideCarArgs. Throws ENCFS_CONFIG_INVALID and LIMIT_EXCEEDED. */
export function decodeEncfsArgs(text: string): string {
  const bytes = decodeBase64(text.trim());
  if (bytes !== undefined && bytes.length > 0) return bytes.toString('utf8');
  throw new ToolError('ENCFS_CONFIG_INVALID', 'EncfsSideCarArgs is not base64', {
    hints: ['it is the base64 of {"azure_filesystems": [...]}; a file is given by --config'],
  });
}

/**
 * Reads the JSON text; `what` names it. All findings are thrown at once. Throws JSON_SYNTAX, ENCFS_CONFIG_INVALID,
 * SIDECAR_ARGS_INVALID, SERVICE_HOST_REFUSED, KEY_ID_INVALID and LIMIT_EXCEEDED.
 */
export function readEncfsConfig(text: string, what: string, listed: ListedHosts): EncfsConfig {
  if (text.length > LIMITS.encfsConfigBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} is too large`, {
      want: `at most ${LIMITS.encfsConfigBytes} bytes`,
    });
  }
  const root: JsonPlace = { code: 'ENCFS_CONFIG_INVALID', what, path: '' };
  const object = readObject(parseJson(text, what), root);
  refuseUnknownKeys(object, MEMBERS.root, root);
  const info = optionalField(object, 'azure_info', root, readObject);
  if (info !== undefined) refuseUnknownKeys(info, MEMBERS.info, below(root, 'azure_info'));
  const list = requiredField(object, 'azure_filesystems', root, arrayOf(readObject));
  const at = below(root, 'azure_filesystems');
  if (list.length === 0) throw invalidAt(at, 'is empty', { want: 'at least one filesystem' });
  if (list.length > LIMITS.encfsFilesystems) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} has too many filesystems`, {
      want: `at most ${LIMITS.encfsFilesystems}`,
      got: String(list.length),
    });
  }
  const filesystems = readEach(list, (one, i) => readFilesystem(one, below(at, i), listed));
  throwAll(checkMountPoints(filesystems, at));
  return { sidecar: info === undefined ? {} : readSidecarObject(info), filesystems };
}

/** Reads each, and throws what is wrong with all of them together. */
function readEach<T>(
  list: readonly JsonObject[],
  read: (one: JsonObject, index: number) => T,
): readonly T[] {
  const errors: ToolError[] = [];
  const values = list.flatMap((one, index) => {
    try {
      return [read(one, index)];
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      errors.push(error);
      return [];
    }
  });
  throwAll(errors);
  return values;
}

function readFilesystem(
  object: JsonObject,
  place: JsonPlace,
  listed: ListedHosts,
): EncryptedFilesystem {
  refuseUnknownKeys(object, MEMBERS.filesystem, place);
  if (object.raw_key !== undefined && object.raw_key !== '') {
    throw invalidAt(below(place, 'raw_key'), 'is not accepted', {
      hints: [
        'a key in the configuration is known to whoever deploys it and to the host',
        'put it into a vault (`podseal key import`), or rehearse with `podseal simulate release --serve`',
      ],
    });
  }
  return {
    image: readImage(object, place, listed),
    mountPoint: requiredField(object, 'mount_point', place, readPath),
    writable: optionalField(object, 'read_write', place, readBoolean) ?? false,
    key: readKey(requiredField(object, 'key', place, readObject), below(place, 'key'), listed),
    derivation: readDerivation(object, place),
  };
}

function readImage(object: JsonObject, place: JsonPlace, listed: ListedHosts): ImagePlace {
  const isPrivate = optionalField(object, 'azure_url_private', place, readBoolean) ?? false;
  const url = optionalField(object, 'azure_url', place, readString);
  const path = optionalField(object, 'image', place, readPath);
  if (url !== undefined && path !== undefined) {
    throw invalidAt(place, 'names two images', { want: 'azure_url or image', got: 'both' });
  }
  if (path !== undefined) return { kind: 'local', path };
  if (url === undefined) {
    throw invalidAt(below(place, 'azure_url'), 'is missing', { want: 'azure_url or image' });
  }
  return {
    kind: 'blob',
    url: checkedUrl(url, isPrivate, below(place, 'azure_url'), listed),
    isPrivate,
  };
}

/** `https://ACCOUNT/CONTAINER/BLOB`, with a shared access signature where no token is sent. Never told in errors. */
function checkedUrl(
  text: string,
  isPrivate: boolean,
  place: JsonPlace,
  listed: ListedHosts,
): string {
  const match = /^https:\/\/([^/?#@\s]+)((?:\/[^/?#\s]+){1,100})(\?[^#\s]*)?$/.exec(text);
  if (match === null || text.length > LIMITS.pathChars || !URL.canParse(text)) {
    throw invalidAt(place, 'is not the URL of a blob', {
      want: 'https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB',
    });
  }
  const [, authority = '', path = '', query = ''] = match;
  if (path.split('/').some((part) => /^(?:\.|%2e)+$/i.test(part))) {
    throw invalidAt(place, 'is not in its simplest form', { got: path.slice(0, 200) });
  }
  if (isPrivate && query !== '') {
    throw invalidAt(place, 'has a query besides the token of azure_url_private', {
      want: 'a shared access signature or azure_url_private, not both',
    });
  }
  return `https://${parseServiceHost(authority, 'storage account', listed)}${path}${query}`;
}

function readKey(object: JsonObject, place: JsonPlace, listed: ListedHosts): FilesystemKey {
  refuseUnknownKeys(object, MEMBERS.key, place);
  const authority = requiredField(object, 'authority', place, readObject);
  const vault = requiredField(object, 'akv', place, readObject);
  refuseUnknownKeys(authority, MEMBERS.authority, below(place, 'authority'));
  refuseUnknownKeys(vault, MEMBERS.akv, below(place, 'akv'));
  const name = optionalField(object, 'kty', place, readKeyType);
  const token = optionalField(vault, 'bearer_token', below(place, 'akv'), readString);
  const hostOf = (from: JsonObject, member: string) =>
    requiredField(from, 'endpoint', below(place, member), readString);
  const kid = requiredField(object, 'kid', place, readString);
  parseKeyId(kid);
  return {
    kid,
    ...(name === undefined ? {} : { type: name }),
    attestationService: parseServiceHost(
      hostOf(authority, 'authority'),
      'attestation service',
      listed,
    ),
    vault: parseServiceHost(hostOf(vault, 'akv'), 'key vault', listed),
    ...(token === undefined || token === '' ? {} : { accessToken: token }),
  };
}

/** An empty type is none, as the reference takes it. */
const readKeyType: JsonReader<FilesystemKeyType | undefined> = (value, place) => {
  if (value === '') return undefined;
  const names = Object.keys(KEY_TYPES) as (keyof typeof KEY_TYPES)[];
  return KEY_TYPES[oneOf(names)(value, place)];
};

function readDerivation(
  object: JsonObject,
  place: JsonPlace,
): { readonly salt: Buffer; readonly label: string } {
  const at = below(place, 'key_derivation');
  const derivation = optionalField(object, 'key_derivation', place, readObject) ?? {};
  refuseUnknownKeys(derivation, MEMBERS.derivation, at);
  const salt = optionalField(derivation, 'salt', at, readHex) ?? Buffer.alloc(0);
  const label = optionalField(derivation, 'label', at, readString) ?? '';
  return { salt, label: label === '' ? DEFAULT_LABEL : label };
}

const readHex: JsonReader<Buffer> = (value: JsonValue, place) => {
  const text = readString(value, place);
  if (/^(?:[0-9a-fA-F]{2})*$/.test(text)) return Buffer.from(text, 'hex');
  throw invalidAt(place, 'is not hex', { want: 'an even number of hex digits' });
};
