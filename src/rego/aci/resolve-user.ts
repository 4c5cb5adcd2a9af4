/**
 * User of a container as the guest tells its policy (spec aci-framework 5.7): looked up in /etc/passwd and /etc/group of
 * the container's own files.
 */
import type { JsonObject } from '../../core/json.js';
import { LIMITS } from '../../core/limits.js';

/** Texts of the files; an absent one does not exist in the container. */
export interface EtcFiles {
  readonly passwd?: string;
  readonly group?: string;
}

/** What the process of the OCI spec says. */
export interface ProcessUser {
  /** `user`, `uid`, `user:group` and so on; empty or absent: the numbers count. */
  readonly user?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly additionalGids?: readonly number[];
  /** Default 0o022. */
  readonly umask?: number;
}

/** The fields of a request, or why the guest refuses it without asking. */
export type UserResolution =
  | { readonly kind: 'resolved'; readonly identity: ResolvedIdentity }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ResolvedIdentity extends JsonObject {
  readonly user: Id;
  /** The primary group, then the supplementary ones. */
  readonly groups: readonly Id[];
  /** Four octal digits. */
  readonly umask: string;
}

/** Id in decimal, and the name that the files have for it, or empty. */
interface Id extends JsonObject {
  readonly id: string;
  readonly name: string;
}

interface Entry {
  readonly name: string;
  readonly id: number;
  /** Primary group of a user. */
  readonly gid: number;
}

class Refused extends Error {}

const DIGITS = /^[0-9]+$/;
const MOST = 2 ** 32 - 1;
const DEFAULT_UMASK = 0o022;

/** What the guest asks its policy with. */
export function resolveUser(process: ProcessUser, etc: EtcFiles): UserResolution {
  try {
    const users = etc.passwd === undefined ? undefined : readEntries(etc.passwd, true);
    const groups = etc.group === undefined ? undefined : readEntries(etc.group, false);
    const text = process.user ?? '';
    const [user, primary] =
      text === '' ? byNumbers(process, users, groups) : byText(text, users ?? [], groups ?? []);
    const more = (process.additionalGids ?? []).map((gid) =>
      supplementary(gid, groups, text !== ''),
    );
    const umask = (process.umask ?? DEFAULT_UMASK).toString(8).padStart(4, '0');
    return { kind: 'resolved', identity: { user, groups: [primary, ...more], umask } };
  } catch (error) {
    if (error instanceof Refused) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

function byText(text: string, users: readonly Entry[], groups: readonly Entry[]): [Id, Id] {
  const [first = '', second, ...others] = text.split(':');
  if (others.length > 0) throw new Refused(`more than one colon in ${JSON.stringify(text)}`);
  const found = findUser(first, users);
  if (second === undefined) {
    return [idOf(found), idOf(findById(found.gid, groups) ?? unnamed(found.gid))];
  }
  if (DIGITS.test(second)) {
    const gid = numberOf(second);
    return [idOf(found), idOf(findById(gid, groups) ?? unnamed(gid))];
  }
  return [idOf(found), idOf(findByName(second, groups, 'group'))];
}

/** A number without entry stands for itself, with group 0. */
function findUser(text: string, users: readonly Entry[]): Entry {
  if (!DIGITS.test(text)) return findByName(text, users, 'user');
  const uid = numberOf(text);
  return findById(uid, users) ?? unnamed(uid);
}

function byNumbers(
  { uid = 0, gid = 0 }: ProcessUser,
  users: readonly Entry[] | undefined,
  groups: readonly Entry[] | undefined,
): [Id, Id] {
  return [known(uid, users, 'user'), known(gid, groups, 'group')];
}

/** Where the file exists, it must have the number. */
function known(number: number, entries: readonly Entry[] | undefined, what: string): Id {
  const entry = entries === undefined ? unnamed(number) : findById(number, entries);
  if (entry === undefined) throw new Refused(`${what} ${number} does not exist`);
  return idOf(entry);
}

function supplementary(
  gid: number,
  groups: readonly Entry[] | undefined,
  hasUserText: boolean,
): Id {
  return known(gid, groups ?? (hasUserText ? [] : undefined), 'group');
}

function findById(id: number, entries: readonly Entry[]): Entry | undefined {
  return only(
    entries.filter((entry) => entry.id === id),
    String(id),
  );
}

function findByName(name: string, entries: readonly Entry[], what: string): Entry {
  const matching = entries.filter((entry) => entry.name === name);
  const found = only(matching, JSON.stringify(name));
  if (found === undefined) throw new Refused(`${what} ${JSON.stringify(name)} does not exist`);
  return found;
}

function only(entries: readonly Entry[], what: string): Entry | undefined {
  if (entries.length > 1) throw new Refused(`there is more than one entry for ${what}`);
  return entries[0];
}

function numberOf(text: string): number {
  const number = Number(text);
  if (number > MOST) throw new Refused(`${text} does not fit in 32 bits`);
  return number;
}

function unnamed(id: number): Entry {
  return { name: '', id, gid: 0 };
}

function idOf({ id, name }: Entry): Id {
  return { id: String(id), name };
}

/** `name:password:id:...`, for users with the group behind it; what does not have these parts is passed over. */
function readEntries(text: string, isPasswd: boolean): readonly Entry[] {
  if (text.length > LIMITS.userFileBytes) throw new Refused('a user file is too large');
  return text.split('\n').flatMap((line) => {
    const [name = '', , id = '', gid = '0'] = line.trim().split(':');
    const group = isPasswd ? gid : '0';
    if (name === '' || name.startsWith('#') || !DIGITS.test(id) || !DIGITS.test(group)) return [];
    return [{ name, id: Number(id), gid: Number(group) }];
  });
}
