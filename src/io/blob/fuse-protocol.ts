/**
 * The messages between the kernel and a filesystem in user space (FUSE, linux/fuse.h, protocol 7.31), for a folder with the
 * one file `data`. All numbers are little-endian.
 */

/** Bytes of a message: the largest write with its headers. */
export const MESSAGE_BYTES = 256 * 1024;
const WRITE_BYTES = 128 * 1024;
const HEADER_BYTES = 40;
const ROOT = 1n;
const FILE = 2n;
export const FILE_NAME = 'data';
/** Seconds for which the kernel remembers names and sizes: they never change. */
const LIFETIME = 3_600n;
const VERSION = { major: 7, minor: 31 };
const ASYNC_READ = 1;
const BIG_WRITES = 1 << 5;

const ERRORS = { ENOENT: 2, EIO: 5, EINVAL: 22, EROFS: 30, ENOSYS: 38 } as const;
export type FuseError = keyof typeof ERRORS;

const OPERATIONS: Readonly<Record<number, Operation | undefined>> = {
  1: 'lookup',
  2: 'forget',
  3: 'attributes',
  14: 'open',
  15: 'read',
  16: 'write',
  18: 'done',
  20: 'done',
  25: 'done',
  26: 'init',
  27: 'open',
  29: 'done',
  36: 'forget',
  38: 'done',
  42: 'forget',
};
type Operation = 'init' | 'lookup' | 'attributes' | 'open' | 'read' | 'write' | 'done' | 'forget';

/** What the kernel asks. `forget` wants no answer. */
export type FuseRequest = { readonly unique: bigint } & (
  | { readonly kind: 'read'; readonly offset: number; readonly length: number }
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'answer'; readonly body: Buffer }
  | { readonly kind: 'refuse'; readonly error: FuseError }
  | { readonly kind: 'forget' }
);

/** Cuts whole messages off the front of what was received; gives them and the rest. Throws RangeError for a wrong length. */
export function cutMessages(received: Buffer): {
  readonly messages: readonly Buffer[];
  readonly rest: Buffer;
} {
  const messages: Buffer[] = [];
  let rest = received;
  while (rest.length >= HEADER_BYTES) {
    const length = rest.readUInt32LE(0);
    if (length < HEADER_BYTES || length > MESSAGE_BYTES) throw new RangeError('message length');
    if (rest.length < length) break;
    messages.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return { messages, rest };
}

/** Reads one message; what needs no bytes of the file is answered at once. */
export function readRequest(
  message: Buffer,
  file: { readonly size: number; readonly writable: boolean },
): FuseRequest {
  const unique = message.readBigUInt64LE(8);
  const node = message.readBigUInt64LE(16);
  const operation = OPERATIONS[message.readUInt32LE(4)];
  const body = message.subarray(HEADER_BYTES);
  const answer = (bytes: Buffer) => ({ kind: 'answer', unique, body: bytes }) as const;
  switch (operation) {
    case undefined:
      return { kind: 'refuse', unique, error: 'ENOSYS' };
    case 'forget':
      return { kind: 'forget', unique };
    case 'init':
      return answer(printInit(body));
    case 'lookup': {
      const isFile = node === ROOT && body.toString('latin1') === `${FILE_NAME}\0`;
      return isFile ? answer(printEntry(file)) : { kind: 'refuse', unique, error: 'ENOENT' };
    }
    case 'attributes':
      return answer(printAttributes(node, file));
    case 'open':
      return answer(Buffer.alloc(16));
    case 'done':
      return answer(Buffer.alloc(0));
    case 'read':
    case 'write':
      return readTransfer(operation, { unique, node, body }, file);
  }
}

/** READ and WRITE: fh u64, offset u64, size u32, and 20 bytes more; the bytes to write follow. */
function readTransfer(
  kind: 'read' | 'write',
  { unique, node, body }: { unique: bigint; node: bigint; body: Buffer },
  file: { readonly size: number; readonly writable: boolean },
): FuseRequest {
  const offset = Number(body.readBigUInt64LE(8));
  const wanted = body.readUInt32LE(16);
  if (node !== FILE) return { kind: 'refuse', unique, error: 'EINVAL' };
  if (kind === 'read') {
    const length = Math.max(Math.min(wanted, file.size - offset), 0);
    if (length === 0) return { kind: 'answer', unique, body: Buffer.alloc(0) };
    return { kind, unique, offset, length };
  }
  const bytes = body.subarray(40, 40 + wanted);
  if (!file.writable) return { kind: 'refuse', unique, error: 'EROFS' };
  const whole = offset % 512 === 0 && wanted % 512 === 0 && wanted > 0;
  if (!whole || bytes.length !== wanted || offset + wanted > file.size) {
    return { kind: 'refuse', unique, error: 'EINVAL' };
  }
  return { kind, unique, offset, bytes };
}

function printInit(body: Buffer): Buffer {
  const offered = body.readUInt32LE(12);
  const out = Buffer.alloc(64);
  out.writeUInt32LE(VERSION.major, 0);
  out.writeUInt32LE(VERSION.minor, 4);
  out.writeUInt32LE(body.readUInt32LE(8), 8); // read-ahead as the kernel wants it
  out.writeUInt32LE((offered & (ASYNC_READ | BIG_WRITES)) >>> 0, 12);
  out.writeUInt16LE(16, 16); // requests in the background
  out.writeUInt16LE(12, 18);
  out.writeUInt32LE(WRITE_BYTES, 20);
  out.writeUInt32LE(1, 24); // time in nanoseconds
  return out;
}

function printEntry(file: { readonly size: number; readonly writable: boolean }): Buffer {
  const out = Buffer.alloc(40);
  out.writeBigUInt64LE(FILE, 0);
  out.writeBigUInt64LE(LIFETIME, 16);
  out.writeBigUInt64LE(LIFETIME, 24);
  return Buffer.concat([out, printStatus(FILE, file)]);
}

function printAttributes(
  node: bigint,
  file: { readonly size: number; readonly writable: boolean },
): Buffer {
  const out = Buffer.alloc(16);
  out.writeBigUInt64LE(LIFETIME, 0);
  return Buffer.concat([out, printStatus(node, file)]);
}

function printStatus(
  node: bigint,
  { size, writable }: { readonly size: number; readonly writable: boolean },
): Buffer {
  const out = Buffer.alloc(88);
  const isFile = node === FILE;
  out.writeBigUInt64LE(node, 0);
  out.writeBigUInt64LE(isFile ? BigInt(size) : 0n, 8);
  out.writeUInt32LE(isFile ? (writable ? 0o100600 : 0o100400) : 0o40500, 60);
  out.writeUInt32LE(1, 64);
  out.writeUInt32LE(4_096, 80);
  return out;
}

/** The answer to a request: its body, or an error. */
export function printAnswer(unique: bigint, result: Uint8Array | FuseError): Buffer {
  const body = typeof result === 'string' ? Buffer.alloc(0) : result;
  const out = Buffer.alloc(16);
  out.writeUInt32LE(16 + body.length, 0);
  out.writeInt32LE(typeof result === 'string' ? -ERRORS[result] : 0, 4);
  out.writeBigUInt64LE(unique, 8);
  return Buffer.concat([out, body]);
}

/** The body of the answer to a write. */
export function printWritten(length: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt32LE(length, 0);
  return out;
}
