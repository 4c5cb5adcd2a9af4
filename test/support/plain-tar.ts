/** Small ustar archives. */

export interface TarFile {
  readonly name: string;
  readonly content?: Uint8Array;
  readonly mode?: number;
}

const BLOCK = 512;

/** The header of one regular file, or of a directory if the name ends in `/`. */
export function tarHeader(name: string, sizeBytes: number, mode = 0o644): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  header.write(name, 0, 'latin1');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(1_700_000_000, 136, 12);
  header.write(name.endsWith('/') ? '5' : '0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.fill(' ', 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return header;
}

/** An archive with its end marker. */
export function tarOf(files: readonly TarFile[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { name, content = Buffer.alloc(0), mode } of files) {
    parts.push(tarHeader(name, content.length, mode), content);
    parts.push(Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}
