/**
 * The header of an encrypted image, judged before a key is used on it. It comes from a storage that the host controls:
 * one that asks for no encryption would have the guest write in the clear, or read what the host made up, whatever the
 * key. Input: the metadata of a LUKS2 header as `cryptsetup luksDump --dump-json-metadata` prints them (LUKS2 on-disk
 * format, section 3).
 */
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJsonBytes } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  oneOf,
  optionalField,
  readCount,
  readObject,
  readString,
  refuseUnknownKeys,
  requiredField,
} from '../core/json-read.js';

/** What protects the data: cipher and mode -> kinds of integrity tags that may go with it; empty is encryption alone. */
const DATA_CIPHERS: Readonly<Record<string, readonly string[]>> = {
  'aes-xts-plain64': ['', 'hmac(sha256)', 'hmac(sha512)'],
  'aes-xts-random': ['hmac(sha256)', 'hmac(sha512)'],
  'aes-gcm-random': ['aead'],
  'chacha20-random': ['poly1305'],
};
/** What protects the volume key under the released key. */
const KEYSLOT_CIPHERS = ['aes-xts-plain64'];
const DERIVATIONS = ['pbkdf2', 'argon2i', 'argon2id'];
const HASHES = ['sha256', 'sha384', 'sha512'];
/** Bytes of a volume key: AES-128 in XTS, or more. */
const KEY_BYTES = 32;

/** What a header says about the image that it is for. */
export interface LuksHeader {
  readonly cipher: string;
  /** Kind of the integrity tags; absent: whoever stores the image can change and swap its blocks unseen. */
  readonly integrity?: string;
  /** Bytes in front of the data. */
  readonly dataOffset: number;
}

/**
 * Reads and judges the metadata. `image` names it; `headerBytes` is how much of it is at hand. Throws ENCFS_HEADER_REFUSED
 * for anything but one strongly encrypted area and strong key slots.
 */
export function readLuksHeader(json: Uint8Array, image: string, headerBytes: number): LuksHeader {
  const root: JsonPlace = { code: 'ENCFS_HEADER_REFUSED', what: `header of ${image}`, path: '' };
  const object = readObject(parseMetadata(json, root), root);
  const part = (name: string) => requiredField(object, name, root, readObject);
  const slots = Object.entries(part('keyslots'));
  if (slots.length === 0) throw invalidAt(below(root, 'keyslots'), 'is empty');
  for (const [name, slot] of slots) {
    checkSlot(slot, below(below(root, 'keyslots'), name), headerBytes);
  }
  const tokens = Object.keys(optionalField(object, 'tokens', root, readObject) ?? {});
  if (tokens.length > 0) {
    throw invalidAt(below(root, 'tokens'), 'is not empty', {
      want: 'an image that the released key opens, and nothing else',
      got: tokens.join(', ').slice(0, 200),
      hints: ['`cryptsetup token remove` takes them out of the image'],
    });
  }
  checkRequirements(part('config'), below(root, 'config'));
  const segments = Object.entries(part('segments'));
  if (segments.length !== 1) {
    throw invalidAt(below(root, 'segments'), 'are not one', {
      want: 'one encrypted area; an image is not opened while it is being encrypted anew',
      got: String(segments.length),
    });
  }
  const [name, segment] = segments[0]!;
  checkDigests(part('digests'), name, below(root, 'digests'));
  return readSegment(segment, below(below(root, 'segments'), name));
}

function parseMetadata(json: Uint8Array, root: JsonPlace): JsonValue {
  try {
    return parseJsonBytes(json, root.what);
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause;
    throw new ToolError('ENCFS_HEADER_REFUSED', `${root.what} cannot be read`, { cause });
  }
}

function checkSlot(value: JsonValue, place: JsonPlace, headerBytes: number): void {
  const slot = readObject(value, place);
  requiredField(slot, 'type', place, oneOf(['luks2']));
  requiredField(slot, 'key_size', place, readKeySize);
  const area = requiredField(slot, 'area', place, readObject);
  const atArea = below(place, 'area');
  requiredField(area, 'type', atArea, oneOf(['raw']));
  requiredField(area, 'encryption', atArea, oneOf(KEYSLOT_CIPHERS));
  requiredField(area, 'key_size', atArea, readKeySize);
  const end =
    requiredField(area, 'offset', atArea, readSize) + requiredField(area, 'size', atArea, readSize);
  if (end > headerBytes) {
    throw invalidAt(atArea, 'lies behind the header', {
      want: `its end at ${headerBytes} bytes or before`,
      got: String(end),
    });
  }
  const split = requiredField(slot, 'af', place, readObject);
  requiredField(split, 'hash', below(place, 'af'), oneOf(HASHES));
  const kdf = requiredField(slot, 'kdf', place, readObject);
  requiredField(kdf, 'type', below(place, 'kdf'), oneOf(DERIVATIONS));
}

/** No feature that this judgement does not know, and no flags that change how the data are read. */
function checkRequirements(config: JsonObject, place: JsonPlace): void {
  const requirements = optionalField(config, 'requirements', place, readObject);
  const mandatory = optionalField(
    requirements ?? {},
    'mandatory',
    below(place, 'requirements'),
    arrayOf(readString),
  );
  if ((mandatory ?? []).length === 0) return;
  throw invalidAt(below(below(place, 'requirements'), 'mandatory'), 'is not empty', {
    got: mandatory!.join(', ').slice(0, 200),
    hints: ['finish a re-encryption (`cryptsetup reencrypt --resume-only`) before'],
  });
}

/** The volume key of the area is bound by a digest. */
function checkDigests(digests: JsonObject, segment: string, place: JsonPlace): void {
  const bound = Object.entries(digests).some(([name, value]) => {
    const at = below(place, name);
    const digest = readObject(value, at);
    requiredField(digest, 'type', at, oneOf(['pbkdf2']));
    requiredField(digest, 'hash', at, oneOf(HASHES));
    return requiredField(digest, 'segments', at, arrayOf(readString)).includes(segment);
  });
  if (!bound) throw invalidAt(place, 'bind no volume key to the data');
}

function readSegment(value: JsonValue, place: JsonPlace): LuksHeader {
  const segment = readObject(value, place);
  refuseUnknownKeys(segment, SEGMENT_MEMBERS, place);
  requiredField(segment, 'type', place, oneOf(['crypt']));
  requiredField(segment, 'size', place, readString);
  const cipher = requiredField(segment, 'encryption', place, oneOf(Object.keys(DATA_CIPHERS)));
  const dataOffset = requiredField(segment, 'offset', place, readSize);
  const tags = optionalField(segment, 'integrity', place, readObject);
  const atTags = below(place, 'integrity');
  const kinds = DATA_CIPHERS[cipher]!;
  const kind =
    tags === undefined ? '' : requiredField(tags, 'type', atTags, readString).slice(0, 100);
  if (!kinds.includes(kind)) {
    throw invalidAt(atTags, 'does not fit the cipher', {
      want: `${kinds.map((one) => one || 'none').join(' or ')} with ${cipher}`,
      got: kind || 'none',
    });
  }
  return { cipher, dataOffset, ...(kind === '' ? {} : { integrity: kind }) };
}

const SEGMENT_MEMBERS = [
  ...['type', 'offset', 'size', 'iv_tweak', 'encryption', 'sector_size', 'integrity'],
];

const readKeySize: JsonReader<number> = (value, place) => {
  const size = readCount(value, place);
  if (size >= KEY_BYTES) return size;
  throw invalidAt(place, 'is too small', { want: `at least ${KEY_BYTES} bytes`, got: `${size}` });
};

/** A size as the format writes it: decimal digits in a string. */
const readSize: JsonReader<number> = (value, place) => {
  const text = readString(value, place);
  const size = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw invalidAt(place, 'is no size in bytes', { got: text.slice(0, 100) });
};
