/** Member names as paths (spec layer-hash-tarfs section 4.2). */

/**
 * Parts of a name (a byte string, one byte per character); empty for the root. Empty parts and `.` are dropped, `..`
 * removes the part before it. Undefined for a name that climbs out of the root.
 */
export function cleanPath(name: string): string[] | undefined {
  const parts = name.split('/');
  let kept = 0;
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts[kept++] = part;
    else if (--kept < 0) return undefined;
  }
  parts.length = kept;
  return parts;
}
