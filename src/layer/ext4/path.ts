/** Names of tar entries as paths (layer hash specification, section 4.1); latin-1 views of bytes. */

/** Longest name that a directory can hold. */
export const MAX_NAME_BYTES = 255;

/** Strings up to this length own their characters in V8; longer substrings keep the whole string alive. */
const OWNED_CHARS = 12;
const scratch = Buffer.alloc(MAX_NAME_BYTES);

/** The components of a path from the root: without empty ones and `.`; `..` removes the one before it. */
export function joinPath(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

/**
 * A path as parent and last component, trailing slashes dropped; `last` is undefined, and `parent` the whole path,
 * where the last component is not a plain name.
 */
export function splitPath(path: string): { parent: string; last: string | undefined } {
  let end = path.length;
  while (end > 0 && path.charCodeAt(end - 1) === SLASH) end--;
  const start = end === 0 ? 0 : path.lastIndexOf('/', end - 1) + 1;
  const last = path.slice(start, end);
  if (last === '' || last === '.' || last === '..') return { parent: path, last: undefined };
  return { parent: path.slice(0, start), last };
}

const SLASH = 0x2f;

/** A copy of a name that does not keep the string alive that it was cut from. */
export function ownCopy(name: string): string {
  if (name.length <= OWNED_CHARS || name.length > scratch.length) return name;
  return scratch.toString('latin1', 0, scratch.write(name, 'latin1'));
}
