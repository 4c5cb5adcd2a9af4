/**
 * Inode times as the reference encodes them: 64 bits, the low half in the time field, the high half in its "extra"
 * field (layer hash specification, section 5.5). Halves are u32.
 */
import { NO_TIME_SECONDS } from './tar-header.js';

const MIN_SECONDS = -0x80000000;
const MAX_SECONDS = 0x37fffffff;
const NANOSECONDS = 1_000_000_000;
const U32 = 0x1_0000_0000;
const EXTRA_OF_NEGATIVE = 0xffffffff;

/** Low half of a time: any seconds (clamped), nanoseconds 0..999999999. */
export function encodeTimeLow(seconds: number, nanoseconds: number): number {
  if (seconds === NO_TIME_SECONDS && nanoseconds === 0) return 0;
  return clamp(seconds) >>> 0;
}

/** High half of a time: epoch bits and nanoseconds; all ones for a time before 1970 (a fault of the reference). */
export function encodeTimeHigh(seconds: number, nanoseconds: number): number {
  if (seconds === NO_TIME_SECONDS && nanoseconds === 0) return 0;
  if (seconds < MIN_SECONDS) return 0;
  if (seconds > MAX_SECONDS) return (MAX_SECONDS / U32) >>> 0;
  if (seconds < 0) return EXTRA_OF_NEGATIVE;
  return ((nanoseconds << 2) | (seconds / U32)) >>> 0;
}

/** Low half of a stored time after one decoding and encoding, as it happens to implied parents and opaque markers. */
export function reencodeTimeLow(low: number, high: number): number {
  return encodeTimeLow(decodeSeconds(low, high), decodeNanoseconds(high));
}

/** High half belonging to reencodeTimeLow. */
export function reencodeTimeHigh(low: number, high: number): number {
  return encodeTimeHigh(decodeSeconds(low, high), decodeNanoseconds(high));
}

function clamp(seconds: number): number {
  return Math.max(MIN_SECONDS, Math.min(seconds, MAX_SECONDS));
}

/** Decoding is not the inverse of encoding: the 34 bits of seconds are signed only between 2^31 and 2^32. */
function decodeSeconds(low: number, high: number): number {
  if (low === 0 && high === 0) return NO_TIME_SECONDS;
  let seconds = (high & 3) * U32 + low;
  if (seconds > 0x7fffffff && seconds < U32) seconds -= U32;
  return high >>> 2 >= NANOSECONDS ? seconds + 1 : seconds;
}

function decodeNanoseconds(high: number): number {
  return (high >>> 2) % NANOSECONDS;
}
