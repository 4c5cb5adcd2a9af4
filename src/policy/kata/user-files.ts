/**
 * /etc/passwd and /etc/group of an image as a guest version sees them (spec layer-hash-tarfs section 9): which archive
 * members of a layer count, how the layers combine, and how lines are read.
 */
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { LayerFacts, UserFileEntry } from '../../image/types.js';
import type { UserRules } from './guests.js';

export interface UserFileTexts {
  readonly passwd: string;
  readonly group: string;
}

/** Answers from /etc/passwd and /etc/group; undefined where the files are absent, unusable or have no such entry. */
export interface UserDatabase {
  readonly userByName: (name: string) => PasswdEntry | undefined;
  readonly userById: (uid: number) => PasswdEntry | undefined;
  readonly groupByName: (name: string) => GroupEntry | undefined;
  /** Groups that list the user as a member. */
  readonly groupsWith: (user: string) => readonly GroupEntry[];
}

export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

type FileName = UserFileEntry['file'];

/** Text of a removed file, as the reference notes it. */
const WHITEOUT = 'WHITEOUT';
const NONE: UserFileTexts = { passwd: '', group: '' };
/** Fields of a line; another number makes the whole file unusable. */
const PASSWD_FIELDS = 7;
const GROUP_FIELDS = 4;

interface ScanRule {
  /** Members under names such as `./etc/passwd` count too. */
  readonly normalises: boolean;
  readonly files: readonly FileName[];
}

const SCAN_RULES: Readonly<Record<Exclude<UserRules['files'], 'none'>, ScanRule>> = {
  'passwd-first': { normalises: false, files: ['passwd'] },
  'exact-names': { normalises: false, files: ['passwd', 'group'] },
  'normalised-names': { normalises: true, files: ['passwd', 'group'] },
};

/**
 * The texts after all layers, base layer first; empty where there is no file. Throws IMAGE_USER_UNRESOLVED for a
 * member that the guest's scan reads and that is not UTF-8.
 */
export function combineUserFiles(
  layers: readonly Pick<LayerFacts, 'userFiles'>[],
  files: UserRules['files'],
  image: string,
): UserFileTexts {
  if (files === 'none') return NONE;
  const rule = SCAN_RULES[files];
  const texts: Record<FileName, string> = { ...NONE };
  for (const [index, layer] of layers.entries()) {
    const found = scanLayer(layer.userFiles, rule, `${image} layer ${index + 1}`);
    for (const file of rule.files) {
      if (found[file] === WHITEOUT) texts[file] = '';
      else if (found[file] !== '') texts[file] = found[file];
    }
  }
  return texts;
}

/** The scan of one layer ends when every wanted file was met; until then a second member adds to the first. */
function scanLayer(
  entries: readonly UserFileEntry[],
  rule: ScanRule,
  where: string,
): UserFileTexts {
  const texts: Record<FileName, string> = { ...NONE };
  const met = new Set<FileName>();
  for (const entry of entries) {
    const counts = (rule.normalises || entry.exactName) && rule.files.includes(entry.file);
    if (!counts) continue;
    if (entry.kind === 'not-utf8') throw notUtf8(entry.file, where);
    texts[entry.file] = entry.kind === 'whiteout' ? WHITEOUT : texts[entry.file] + entry.text;
    met.add(entry.file);
    if (met.size === rule.files.length) break;
  }
  return texts;
}

/**
 * Look-ups in the texts; the lines are read at the first look-up. An id that is not a number throws
 * IMAGE_USER_UNRESOLVED; a line with a wrong number of fields makes the file unusable and gives a notice.
 */
export function openUserDatabase(
  texts: UserFileTexts,
  image: string,
  notices: NoticeSink,
): UserDatabase {
  const passwd = once(() => parsePasswd(texts.passwd, image, notices));
  const group = once(() => parseGroup(texts.group, image, notices));
  return {
    userByName: (name) => passwd().find((entry) => entry.name === name),
    userById: (uid) => passwd().find((entry) => entry.uid === uid),
    groupByName: (name) => group().find((entry) => entry.name === name),
    groupsWith: (user) => group().filter((entry) => entry.members.includes(user)),
  };
}

/** A decimal id as the reference reads it: an optional plus sign, at most 32 bits. */
export function parseUserId(text: string): number | undefined {
  const id = /^\+?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return id <= 0xffff_ffff ? id : undefined;
}

function parsePasswd(text: string, image: string, notices: NoticeSink): readonly PasswdEntry[] {
  const where = `${image} /etc/passwd`;
  const lines = splitLines(text, PASSWD_FIELDS, where, (fields) => ({
    name: fields[0] ?? '',
    uid: idOf(fields[2], where),
    gid: idOf(fields[3], where),
  }));
  return lines ?? unusable(where, PASSWD_FIELDS, notices);
}

function parseGroup(text: string, image: string, notices: NoticeSink): readonly GroupEntry[] {
  const where = `${image} /etc/group`;
  const lines = splitLines(text, GROUP_FIELDS, where, (fields) => ({
    name: fields[0] ?? '',
    gid: idOf(fields[2], where),
    members: (fields[3] ?? '').split(','),
  }));
  return lines ?? unusable(where, GROUP_FIELDS, notices);
}

/** Entries of a text; undefined if a line has another number of fields. A final line end adds no line. */
function splitLines<T>(
  text: string,
  fieldCount: number,
  where: string,
  read: (fields: readonly string[], where: string) => T,
): readonly T[] | undefined {
  if (text === '') return [];
  const lines = text.replace(/\n$/, '').split('\n');
  const entries: T[] = [];
  for (const line of lines) {
    const fields = line.replace(/\r$/, '').split(':');
    if (fields.length !== fieldCount) return undefined;
    entries.push(read(fields, where));
  }
  return entries;
}

function idOf(text: string | undefined, where: string): number {
  const id = parseUserId(text ?? '');
  if (id !== undefined) return id;
  throw new ToolError('IMAGE_USER_UNRESOLVED', 'a user or group id of the image is not a number', {
    where,
    want: 'a number from 0 to 4294967295',
    got: (text ?? '').slice(0, 100),
    hints: ['repair the file in the image'],
  });
}

function unusable(where: string, fieldCount: number, notices: NoticeSink): readonly [] {
  notices({
    code: 'user-file-unusable',
    message: `a line does not have ${fieldCount} fields, so the guest's rules use none of the file`,
    where,
  });
  return [];
}

function notUtf8(file: FileName, where: string): ToolError {
  return new ToolError('IMAGE_USER_UNRESOLVED', `/etc/${file} is not UTF-8 text`, {
    where,
    hints: ['repair the file in the image'],
  });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
