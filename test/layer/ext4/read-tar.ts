/** Runs the tar reader and writes down what it finds. */
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import type { Ext4Limits } from '../../../src/layer/ext4/refusal.js';
import type { TarEntry } from '../../../src/layer/ext4/tar-header.js';
import { TarReader } from '../../../src/layer/ext4/tar-reader.js';

export interface ReadEntry extends Omit<TarEntry, 'type'> {
  /** One character. */
  readonly type: string;
  /** Content, where it was wanted. */
  readonly content: string;
}

export interface ReadTar {
  readonly entries: readonly ReadEntry[];
  /** How often an extended header was without effect. */
  readonly dropped: number;
  readonly error: ToolError | undefined;
}

/** Entries up to the end or the first refusal. Content of entries called `skipped` is not wanted. */
export function readTar(chunks: Iterable<Uint8Array>, limits: Ext4Limits = LIMITS): ReadTar {
  const entries: (ReadEntry & { content: string })[] = [];
  let dropped = 0;
  const reader = new TarReader(
    {
      openEntry(entry) {
        entries.push({ ...entry, type: String.fromCharCode(entry.type), content: '' });
        return entry.name !== 'skipped';
      },
      writeContent(bytes) {
        entries.at(-1)!.content += Buffer.from(bytes).toString('latin1');
      },
      writeHole(count) {
        entries.at(-1)!.content += '\0'.repeat(count);
      },
      closeEntry() {},
      dropExtension() {
        dropped++;
      },
    },
    limits,
  );
  try {
    for (const chunk of chunks) reader.write(chunk);
    reader.end();
  } catch (error) {
    if (error instanceof ToolError) return { entries, dropped, error };
    throw error;
  }
  return { entries, dropped, error: undefined };
}

/** The entries of a tar that must be accepted. */
export function entriesOf(tar: Uint8Array): readonly ReadEntry[] {
  const { entries, error } = readTar([tar]);
  if (error !== undefined) throw error;
  return entries;
}
