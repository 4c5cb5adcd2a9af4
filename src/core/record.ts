/** Small laws of our data: absent is absent (not undefined), keys have no meaning of their own, order is by bytes. */

type Optional<T> = {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
type Required<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

/** A copy without the fields that are undefined. */
export function withoutAbsent<T extends object>(object: T): Required<T> & Optional<T> {
  const present = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Required<T> & Optional<T>;
}

/** An object without prototype: no key, `__proto__` included, is special. */
export function recordOf<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const record = Object.create(null) as Record<string, T>;
  for (const [key, value] of entries) record[key] = value;
  return record;
}

const FIRST_SURROGATE = 0xd800;

/** Order of the UTF-8 bytes; it differs from that of UTF-16 code units beyond U+FFFF. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === end) return a.length < b.length ? -1 : 1;
  const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
  if (left < FIRST_SURROGATE && right < FIRST_SURROGATE) return left < right ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
