/**
 * PAX extended headers: data -> records, and records -> fields of an entry (layer hash specification, section 3.5).
 * Keys and values are latin-1 views of the bytes.
 */
import type { Refuse } from './refusal.js';
import { NO_RECORDS, type TarEntry } from './tar-header.js';
import { type Int64, low32, parseDecimal, parsePaxTime, type TarTime } from './tar-number.js';

/** Prefix of the records that hold extended attributes. */
export const XATTR_RECORD_PREFIX = 'SCHILY.xattr.';
/** The sparse map in one record; the pieces of format 0.0 are joined into it. */
export const SPARSE_MAP_RECORD = 'GNU.sparse.map';

const SPARSE_PIECES = ['GNU.sparse.offset', 'GNU.sparse.numbytes'] as const;
const TEXT_KEYS: ReadonlySet<string> = new Set(['path', 'linkpath', 'uname', 'gname']);
const NEWLINE = 0x0a;
/** Length of the shortest record, `5 a=\n`. */
const SHORTEST_RECORD = 5;

/** Parses the data of an `x` or `g` header. Throws rule `tar-header`. */
export function parsePaxRecords(data: string, refuse: Refuse): Map<string, string> {
  const records = new Map<string, string>();
  const pieces: string[] = [];
  let at = 0;
  while (at < data.length) {
    const end = findRecordEnd(data, at, refuse);
    const keyStart = data.indexOf(' ', at) + 1;
    const equals = data.indexOf('=', keyStart);
    if (equals < 0 || equals >= end - 1) throw refuse('tar-header', 'PAX record without "="');
    const key = data.slice(keyStart, equals);
    const value = data.slice(equals + 1, end - 1);
    checkRecord(key, value, refuse);
    if (key === SPARSE_PIECES[0] || key === SPARSE_PIECES[1]) {
      addSparsePiece(pieces, key, value, refuse);
    } else {
      records.set(key, value);
    }
    at = end;
  }
  if (pieces.length > 0) records.set(SPARSE_MAP_RECORD, pieces.join(','));
  return records;
}

/** Applies `records` to an entry; records with an empty value leave its field alone. Throws rule `tar-header`. */
export function applyPaxRecords(
  entry: TarEntry,
  records: ReadonlyMap<string, string>,
  refuse: Refuse,
): void {
  entry.records = records;
  for (const [key, value] of records) {
    if (value !== '' && FIELD_READERS.get(key)?.(entry, value) === false) {
      throw refuse('tar-header', `PAX record ${key} is not a number`);
    }
  }
}

/**
 * Applies the records of a `g` header, which is an entry of its own. A malformed number voids all records, and the
 * reference then takes or leaves the `path` record at random: rule `random-global-header`.
 */
export function applyGlobalRecords(
  entry: TarEntry,
  records: ReadonlyMap<string, string>,
  refuse: Refuse,
): void {
  const path = records.get('path') ?? '';
  const scratch = { ...entry };
  for (const [key, value] of records) {
    if (value === '' || FIELD_READERS.get(key)?.(scratch, value) !== false) continue;
    if (path !== '') throw refuse('random-global-header', `PAX record ${key} is not a number`);
    entry.records = NO_RECORDS;
    return;
  }
  entry.records = records;
  if (path !== '') entry.name = path;
}

/** End of the record that begins at `at`; its last byte is checked to be a newline. */
function findRecordEnd(data: string, at: number, refuse: Refuse): number {
  const space = data.indexOf(' ', at);
  if (space < 0) throw refuse('tar-header', 'PAX record without length');
  const length = parseDecimal(data.slice(at, space));
  if (length === undefined || length < SHORTEST_RECORD || length > data.length - at) {
    throw refuse('tar-header', 'PAX record with a wrong length');
  }
  const end = at + Number(length);
  if (end <= space + 1 || data.charCodeAt(end - 1) !== NEWLINE) {
    throw refuse('tar-header', 'PAX record does not end where its length says');
  }
  return end;
}

function checkRecord(key: string, value: string, refuse: Refuse): void {
  if (key === '') throw refuse('tar-header', 'PAX record with an empty key');
  if ((TEXT_KEYS.has(key) ? value : key).includes('\0')) {
    throw refuse('tar-header', 'PAX record with a NUL byte');
  }
}

/** Pieces of a sparse map come in pairs, offset first. */
function addSparsePiece(pieces: string[], key: string, value: string, refuse: Refuse): void {
  if (key !== SPARSE_PIECES[pieces.length % 2] || value.includes(',')) {
    throw refuse('tar-header', 'PAX sparse map is out of order');
  }
  pieces.push(value);
}

/** How a record changes the entry; false means malformed. */
type FieldReader = (entry: TarEntry, value: string) => boolean;

function decimalReader(assign: (entry: TarEntry, value: Int64) => void): FieldReader {
  return (entry, text) => {
    const value = parseDecimal(text);
    if (value !== undefined) assign(entry, value);
    return value !== undefined;
  };
}

function timeReader(assign: (entry: TarEntry, time: TarTime) => void): FieldReader {
  return (entry, text) => {
    const time = parsePaxTime(text);
    if (time !== undefined) assign(entry, time);
    return time !== undefined;
  };
}

const FIELD_READERS: ReadonlyMap<string, FieldReader> = new Map<string, FieldReader>([
  [
    'path',
    (entry, value) => {
      entry.name = value;
      return true;
    },
  ],
  [
    'linkpath',
    (entry, value) => {
      entry.linkname = value;
      return true;
    },
  ],
  [
    'uid',
    decimalReader((entry, value) => {
      entry.uid = low32(value);
    }),
  ],
  [
    'gid',
    decimalReader((entry, value) => {
      entry.gid = low32(value);
    }),
  ],
  [
    'size',
    decimalReader((entry, value) => {
      entry.size = Number(value);
    }),
  ],
  [
    'mtime',
    timeReader((entry, time) => {
      entry.mtimeSeconds = time.seconds;
      entry.mtimeNanoseconds = time.nanoseconds;
    }),
  ],
  [
    'atime',
    timeReader((entry, time) => {
      entry.atimeSeconds = time.seconds;
      entry.atimeNanoseconds = time.nanoseconds;
    }),
  ],
  [
    'ctime',
    timeReader((entry, time) => {
      entry.ctimeSeconds = time.seconds;
      entry.ctimeNanoseconds = time.nanoseconds;
    }),
  ],
]);
