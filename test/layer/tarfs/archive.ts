/** Tar archives with every field under the test's control. */

const BLOCK_BYTES = 512;
const MAGIC = { ustar: 'ustar\x0000', gnu: 'ustar  \0', old: '\0\0\0\0\0\0\0\0' } as const;

/** A text is taken as UTF-8; fields are numbers (octal) or the field's exact bytes. */
export interface Entry {
  readonly name?: string | Buffer;
  readonly type?: string;
  readonly kind?: keyof typeof MAGIC;
  readonly link?: string | Buffer;
  readonly data?: string | Buffer;
  readonly mode?: number | Buffer;
  readonly uid?: number | Buffer;
  readonly gid?: number | Buffer;
  /** Default: length of the data. */
  readonly size?: number | Buffer;
  readonly mtime?: number | Buffer;
  readonly major?: number | Buffer;
  readonly minor?: number | Buffer;
  readonly prefix?: string;
  readonly checksum?: number | Buffer;
  /** Bytes written over the header last, before the checksum is computed: offset -> bytes. */
  readonly patches?: Readonly<Record<number, Buffer>>;
}

function put(header: Buffer, at: number, bytes: number, value: number | string | Buffer): void {
  if (typeof value === 'number')
    header.write(value.toString(8).padStart(bytes - 1, '0'), at, bytes, 'latin1');
  else Buffer.from(value as string).copy(header, at, 0, bytes);
}

/** The 512-byte header of an entry. */
export function headerOf(entry: Entry): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const { kind = 'ustar', data = '' } = entry;
  put(header, 0, 100, entry.name ?? '');
  put(header, 100, 8, entry.mode ?? 0o644);
  put(header, 108, 8, entry.uid ?? 0);
  put(header, 116, 8, entry.gid ?? 0);
  put(header, 124, 12, entry.size ?? Buffer.byteLength(data));
  put(header, 136, 12, entry.mtime ?? 0);
  header.write(entry.type ?? '0', 156, 1, 'latin1');
  put(header, 157, 100, entry.link ?? '');
  header.write(MAGIC[kind], 257, 8, 'latin1');
  if (entry.major !== undefined) put(header, 329, 8, entry.major);
  if (entry.minor !== undefined) put(header, 337, 8, entry.minor);
  if (entry.prefix !== undefined) put(header, 345, 155, entry.prefix);
  for (const [at, bytes] of Object.entries(entry.patches ?? {})) bytes.copy(header, Number(at));
  fixChecksum(header);
  if (entry.checksum !== undefined) put(header, 148, 8, entry.checksum);
  return header;
}

/** Sets the checksum field of a header to what it should be. */
export function fixChecksum(header: Buffer): void {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
}

/** Header, data and padding of each entry; no end blocks. */
export function members(entries: readonly Entry[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const data = Buffer.from((entry.data ?? '') as string);
      const padding = (BLOCK_BYTES - (data.length % BLOCK_BYTES)) % BLOCK_BYTES;
      return [headerOf(entry), data, Buffer.alloc(padding)];
    }),
  );
}

/** A complete archive with two end blocks. */
export function archive(...entries: readonly Entry[]): Buffer {
  return Buffer.concat([members(entries), Buffer.alloc(2 * BLOCK_BYTES)]);
}

/** A PAX record with the right length. */
export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([
    Buffer.from(` ${key}=`),
    Buffer.from(value as string),
    Buffer.from('\n'),
  ]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/** An `x` member with the given records. */
export function pax(...records: readonly Buffer[]): Entry {
  return { name: 'PaxHeaders/x', type: 'x', data: Buffer.concat(records) };
}

export const dir = (name: string, more: Entry = {}): Entry => ({
  name,
  type: '5',
  mode: 0o755,
  ...more,
});
export const file = (
  name: string | Buffer,
  data: string | Buffer = '',
  more: Entry = {},
): Entry => ({
  name,
  data,
  ...more,
});
export const symlink = (name: string, link: string, more: Entry = {}): Entry => ({
  name,
  type: '2',
  link,
  ...more,
});
export const hardLink = (name: string, link: string, more: Entry = {}): Entry => ({
  name,
  type: '1',
  link,
  ...more,
});
/** A GNU long name (`L`) or long link (`K`) member; `text` gets a NUL at its end. */
export const gnuLong = (type: 'L' | 'K', text: string): Entry => ({
  name: '././@LongLink',
  type,
  kind: 'gnu',
  data: `${text}\0`,
});
