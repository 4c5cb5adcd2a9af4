/** Member names as paths (spec layer-hash-tarfs section 4.2). */

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * Parts of a name, one byte per character; empty for the root. Empty parts and `.` are dropped, `..` removes the part
 * before it. Undefined for a name that climbs out of the root. The strings share no memory with `name`.
 */
export function cleanPath(name: Buffer): string[] | undefined {
  const parts: string[] = [];
  let start = 0;
  while (start <= name.length) {
    const slash = name.indexOf(SLASH, start);
    const end = slash < 0 ? name.length : slash;
    const length = end - start;
    const dots = length <= 2 && isDots(name, start, end);
    if (dots && length === 2) {
      if (parts.pop() === undefined) return undefined;
    } else if (!dots) parts.push(name.toString('latin1', start, end));
    start = end + 1;
  }
  return parts;
}

/** True for nothing at all, `.` and `..`. */
function isDots(name: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (name[at] !== DOT) return false;
  return true;
}
