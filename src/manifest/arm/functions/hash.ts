/**
 * Names that are computed from strings: guid and uniqueString (template functions "string"). Both join their arguments
 * with `-`. guid is a name-based UUID of version 5 (RFC 4122 4.3) in the namespace of Resource Manager; uniqueString is the
 * 64-bit MurmurHash3 of 32-bit lanes with seed 0, in base 32. Values: the function unique_string of Azure's provider azapi
 * for Terraform, and the evaluator of Resource Manager.
 */
import { createHash } from 'node:crypto';
import type { ArmValue } from '../value.js';
import { deep, type FunctionTable, MANY, textArg } from './row.js';

const GUID_NAMESPACE = Buffer.from('11fb06fb712d4ddd98c7e71bbd588830', 'hex');

function guidOf(args: readonly ArmValue[]): string {
  const hash = createHash('sha1').update(GUID_NAMESPACE).update(joined(args)).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const joined = (args: readonly ArmValue[]): Buffer =>
  Buffer.from(args.map((_, index) => textArg(args, index)).join('-'));

/** RFC 4648 alphabet in lower case. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE32_DIGITS = 13;

/** The first digit has the five highest bits, the last one the four lowest and a zero. */
function uniqueStringOf(args: readonly ArmValue[]): string {
  const bits = murmur64(joined(args)) << 1n;
  const digits = Array.from({ length: BASE32_DIGITS }, (_, index) => {
    const shift = BigInt(5 * (BASE32_DIGITS - 1 - index));
    return BASE32[Number((bits >> shift) & 31n)];
  });
  return digits.join('');
}

const C1 = 0x239b961b;
const C2 = 0xab0e9789;

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
const lowLane = (word: number): number => Math.imul(rotate(Math.imul(word, C1), 15), C2);
const highLane = (word: number): number => Math.imul(rotate(Math.imul(word, C2), 17), C1);

/** MurmurHash3 with two lanes of 32 bits; the second one gives the high half. */
function murmur64(data: Buffer): bigint {
  let low = 0;
  let high = 0;
  const whole = data.length - (data.length % 8);
  for (let at = 0; at < whole; at += 8) {
    low = (rotate(low ^ lowLane(data.readUInt32LE(at)), 19) + high) | 0;
    low = (Math.imul(low, 5) + 0x561ccd1b) | 0;
    high = (rotate(high ^ highLane(data.readUInt32LE(at + 4)), 13) + low) | 0;
    high = (Math.imul(high, 5) + 0x0bcaa747) | 0;
  }
  const rest = Buffer.alloc(8);
  data.copy(rest, 0, whole);
  low ^= lowLane(rest.readUInt32LE(0)) ^ data.length;
  high ^= highLane(rest.readUInt32LE(4)) ^ data.length;
  [low, high] = crossed(low, high);
  [low, high] = crossed(finish(low), finish(high));
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function crossed(low: number, high: number): readonly [number, number] {
  const sum = (low + high) | 0;
  return [sum, (high + sum) | 0];
}

function finish(lane: number): number {
  const first = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return second ^ (second >>> 16);
}

/** Names in lower case. Both take strings only. */
export const HASH_FUNCTIONS: FunctionTable = {
  guid: deep([1, MANY], guidOf),
  uniquestring: deep([1, MANY], uniqueStringOf),
};
