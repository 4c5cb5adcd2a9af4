/** Readers that keep what they have read, by content: the same bytes are read once, other bytes are never taken for them. */
import { sha256Hex } from './digest.js';

/** Reads bytes; `what` names them in errors. */
export type ReadBytes<T> = (bytes: Uint8Array, what: string) => T;

/**
 * `read`, with the `count` values kept that were used last, by the SHA-256 of their bytes. `read` must depend on the bytes
 * alone and its values must not change, so that a kept one is what reading again would give; what depends on the time or
 * on other facts is for the caller to judge, each time. What `read` throws is not kept.
 */
export function rememberReads<T>(read: ReadBytes<T>, count: number): ReadBytes<T> {
  const known = new Map<string, T>();
  return (bytes, what) => {
    const digest = sha256Hex(bytes);
    // A copy of its own: the value may be made of views, and the caller's bytes may change.
    const value = known.get(digest) ?? read(Buffer.from(bytes), what);
    known.delete(digest);
    known.set(digest, value);
    for (const oldest of known.keys()) {
      if (known.size <= count) break;
      known.delete(oldest);
    }
    return value;
  };
}
