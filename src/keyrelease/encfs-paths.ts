/** Paths of encrypted filesystems: in their simplest form only, so that two texts never name one place. */
import type { ToolError } from '../core/error.js';
import {
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  readString,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';

/** Trees of the system: what is mounted there decides how the guest works. */
const SYSTEM = [
  '/proc',
  '/sys',
  '/dev',
  '/run/cryptsetup',
  '/etc',
  '/bin',
  '/sbin',
  '/usr',
  '/lib',
];
/** Where filesystems are mounted, beside their mount points. */
const HIDDEN = /^\.filesystem-[0-9]+$/;

/** An absolute path without `.`, `..`, doubled or trailing slashes, not `/` itself. Throws the place's code. */
export const readPath: JsonReader<string> = (value, place) => {
  const path = readString(value, place);
  const problem = problemOf(path);
  if (problem === undefined) return path;
  throw invalidAt(place, problem, {
    want: 'an absolute path in its simplest form, without control characters',
    got: path.slice(0, 200),
  });
};

function problemOf(path: string): string | undefined {
  if (path.length > LIMITS.pathChars) return 'is too long';
  if (!path.startsWith('/')) return 'is not an absolute path';
  if (path === '/') return 'is the root of the filesystem';
  if (/\p{Cc}/u.test(path)) return 'has control characters';
  const parts = path.slice(1).split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    return 'is not in its simplest form';
  }
  return parts.some((part) => Buffer.byteLength(part) > 255) ? 'is too long' : undefined;
}

/** What is wrong with the mount points together: system folders, hidden names, one within or equal to another. */
export function checkMountPoints(
  filesystems: readonly { readonly mountPoint: string }[],
  place: JsonPlace,
): readonly ToolError[] {
  return filesystems.flatMap(({ mountPoint }, index) => {
    const at = below(below(place, index), 'mount_point');
    const got = mountPoint.slice(0, 200);
    const system = SYSTEM.find((folder) => isWithin(mountPoint, folder));
    if (system !== undefined) {
      return [invalidAt(at, 'is in a folder of the system', { want: `none in ${system}`, got })];
    }
    if (mountPoint.split('/').some((part) => HIDDEN.test(part))) {
      return [invalidAt(at, 'has a name that filesystems are mounted under', { got })];
    }
    const other = filesystems
      .slice(0, index)
      .find((one) => isWithin(mountPoint, one.mountPoint) || isWithin(one.mountPoint, mountPoint));
    if (other === undefined) return [];
    const problem = other.mountPoint === mountPoint ? 'is used twice' : 'and another overlap';
    return [invalidAt(at, problem, { got: `${got} and ${other.mountPoint.slice(0, 200)}` })];
  });
}

const isWithin = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
