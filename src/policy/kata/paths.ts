/**
 * Parts of container paths as the reference sees them (spec kata-policy-data section 9.4): empty parts and `.` do not
 * count, `..` is not resolved.
 */

/** Parts of a path without empty ones and `.`; a leading `.` of a relative path counts. */
function partsOf(path: string): readonly string[] {
  return path.split('/').filter((part, index) => part !== '' && (part !== '.' || index === 0));
}

/** The last part; undefined for `/`, the empty path and a path that ends with `..`. */
export function lastPart(path: string): string | undefined {
  const last = partsOf(path).at(-1);
  return last === '..' || last === '.' ? undefined : last;
}

/** The text after the last slash: empty if the path ends with one. */
export function afterLastSlash(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** True if the path is `/NAME` or lies below it, by whole parts. */
export function isBelow(path: string, name: string): boolean {
  return path.startsWith('/') && partsOf(path)[0] === name;
}

/** Characters that have a meaning in a regular expression, as the reference's library sees them. */
const REGEX_CHARACTERS = /[\\.+*?()|[\]{}^$#&\-~]/g;

/** The text as a regular expression that matches only it. */
export function escapeRegex(text: string): string {
  return text.replace(REGEX_CHARACTERS, '\\$&');
}
