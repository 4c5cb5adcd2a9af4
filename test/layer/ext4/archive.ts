/** Tar archives for tests, byte by byte: every field of a header can be set. */

const BLOCK = 512;
const NAME_BYTES = 100;

export interface Member {
  readonly name?: string;
  /** One character. */
  readonly type?: string;
  readonly linkname?: string;
  readonly data?: Uint8Array | string;
  /** Stored in the header instead of the length of `data`. */
  readonly size?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly devmajor?: number;
  readonly devminor?: number;
  /** Bytes at 257: magic and version. */
  readonly magic?: string;
  /** Raw bytes (latin-1) by offset; written last, before the checksum. */
  readonly raw?: Readonly<Record<number, string>>;
  /** Records of an `x` header in front. */
  readonly pax?: readonly (readonly [string, string])[];
}

export const USTAR = 'ustar\x0000';
export const GNU = 'ustar  \0';
export const V7 = '\0\0\0\0\0\0\0\0';

/** Fills `data` up to a multiple of 512. */
export function padded(data: Uint8Array | string): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data);
  return Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

/** One header block with a right checksum. */
export function header(member: Member): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  block.write(member.name ?? '', 0, 100, 'latin1');
  octal(member.mode ?? 0o644, 100, 8);
  octal(member.uid ?? 0, 108, 8);
  octal(member.gid ?? 0, 116, 8);
  octal(member.size ?? member.data?.length ?? 0, 124, 12);
  octal(member.mtime ?? 0, 136, 12);
  block.write(member.type ?? '0', 156, 1, 'latin1');
  block.write(member.linkname ?? '', 157, 100, 'latin1');
  block.write(member.magic ?? USTAR, 257, 8, 'latin1');
  octal(member.devmajor ?? 0, 329, 8);
  octal(member.devminor ?? 0, 337, 8);
  for (const [at, text] of Object.entries(member.raw ?? {})) {
    block.write(text, Number(at), 'latin1');
  }
  return sealed(block);
}

/** Sets the checksum of a header block. */
export function sealed(block: Buffer): Buffer {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Records as the data of an `x` or `g` header. */
export function paxData(records: readonly (readonly [string, string])[]): string {
  return records.map(([key, value]) => paxRecord(key, value)).join('');
}

function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/** Members without an end mark; names that don't fit their field go into records. */
export function members(list: readonly Member[]): Buffer {
  const parts: Buffer[] = [];
  for (const member of list) {
    const records = [...(member.pax ?? [])];
    if ((member.name?.length ?? 0) > NAME_BYTES) records.push(['path', member.name!]);
    if ((member.linkname?.length ?? 0) > NAME_BYTES) records.push(['linkpath', member.linkname!]);
    if (records.length > 0) {
      const data = paxData(records);
      parts.push(header({ name: 'PaxHeaders/x', type: 'x', data }), padded(data));
    }
    parts.push(header(member), padded(member.data ?? ''));
  }
  return Buffer.concat(parts);
}

/** An archive with its end mark. */
export function archive(list: readonly Member[]): Buffer {
  return Buffer.concat([members(list), Buffer.alloc(2 * BLOCK)]);
}
