/**
 * Table of contents of an archive file (`docker save`, OCI archive): one pass finds where each member stands, later
 * reads go there directly. Nothing is unpacked; names are only ever compared, so no name can reach outside.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { extract, type Header } from 'tar-stream';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { openFile } from './files.js';
import type { StoredFile } from './oci-layout.js';

/** Regular members and links of an archive, by name. */
export interface ArchiveMembers {
  readonly file: string;
  /** The regular file of a name, links followed; undefined if there is none. Throws IMAGE_INVALID for a bad link. */
  find(name: string): StoredFile | undefined;
}

type Member =
  | { readonly kind: 'file'; readonly offset: number; readonly size: number }
  | { readonly kind: 'link'; readonly target: string };

const BLOCK_BYTES = 512;
const READ_BYTES = 1024 * 1024;
/** Links from one name; archives that repeat a layer have one. */
const LINKS_MAX = 8;

/** First bytes of compressed files, and what unpacks them. */
const COMPRESSED: readonly { readonly magic: string; readonly tool: string }[] = [
  { magic: '1f8b', tool: 'gunzip' },
  { magic: '28b52ffd', tool: 'unzstd' },
  { magic: 'fd377a585a00', tool: 'unxz' },
  { magic: '425a68', tool: 'bunzip2' },
];

/**
 * Reads the table of contents. Throws FILE_NOT_FOUND, IMAGE_UNSUPPORTED (standard input, compressed archive),
 * IMAGE_INVALID (damaged, names outside of the archive, a name twice), LIMIT_EXCEEDED.
 */
export async function openArchiveMembers(file: string): Promise<ArchiveMembers> {
  if (file === '-') {
    throw new ToolError('IMAGE_UNSUPPORTED', 'an archive cannot be read from standard input', {
      hints: ['save it to a file: podseal reads it at several places, and a pipe has only one'],
    });
  }
  const handle = await openFile(file, constants.O_RDONLY);
  try {
    await checkSeekable(handle, file);
    const members = await indexMembers(handle, file);
    return { file, find: (name) => findMember(file, members, name) };
  } finally {
    await handle.close();
  }
}

/**
 * `./a//b` -> `a/b`; a path as it stands in an archive. Throws IMAGE_INVALID for one that leaves it.
 */
function normalizeMemberName(name: string, file: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (!name.startsWith('/') && !parts.includes('..') && !name.includes('\0'))
    return parts.join('/');
  throw new ToolError('IMAGE_INVALID', `${file} has a member outside of the archive`, {
    got: name.slice(0, 200),
    hints: ['make the archive again; image tools never write such names'],
  });
}

async function checkSeekable(handle: FileHandle, file: string): Promise<void> {
  if (!(await handle.stat()).isFile()) {
    throw new ToolError('IMAGE_UNSUPPORTED', `${file} is not a regular file`, {
      hints: ['save the archive to a file first'],
    });
  }
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
  const start = buffer.toString('hex', 0, bytesRead);
  const row = COMPRESSED.find(({ magic }) => start.startsWith(magic));
  if (row === undefined) return;
  throw new ToolError('IMAGE_UNSUPPORTED', `${file} is a compressed archive`, {
    want: 'a plain tar, in which podseal can go to a layer directly',
    hints: [`${row.tool} ${file}`],
  });
}

async function indexMembers(
  handle: FileHandle,
  file: string,
): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>();
  const reader = extract();
  const input = handle.createReadStream({
    start: 0,
    autoClose: false,
    highWaterMark: READ_BYTES,
  });
  input.on('error', (error) => reader.destroy(error));
  input.pipe(reader);
  let end = 0;
  let count = 0;
  try {
    for await (const entry of reader) {
      const header = entry.header as Header & { readonly byteOffset: number };
      count += 1;
      if (count > LIMITS.archiveMembers) throw tooMany(file);
      await refuseHidden(handle, file, { end, headerOffset: entry.offset });
      end = paddedEnd(header);
      addMember(members, file, header);
      entry.resume();
    }
  } catch (cause) {
    if (cause instanceof ToolError) throw cause;
    throw new ToolError('IMAGE_INVALID', `${file} is not a whole tar archive`, {
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  } finally {
    input.destroy();
  }
  return members;
}

function addMember(members: Map<string, Member>, file: string, header: Header): void {
  const name = normalizeMemberName(header.name, file);
  const member = memberOf(header, file, name);
  if (member === undefined) return;
  if (members.has(name)) {
    throw new ToolError('IMAGE_INVALID', `${file} has two members of one name`, {
      got: name.slice(0, 200),
      hints: ['readers differ in which of them they take; make the archive again'],
    });
  }
  members.set(name, member);
}

/** Undefined for folders and what images have no use for. */
function memberOf(header: Header, file: string, name: string): Member | undefined {
  const { byteOffset } = header as Header & { readonly byteOffset: number };
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return { kind: 'file', offset: byteOffset, size: header.size };
    case 'link':
      return { kind: 'link', target: normalizeMemberName(header.linkname, file) };
    case 'symlink':
      return { kind: 'link', target: resolveLink(name, header.linkname, file) };
    default:
      return undefined;
  }
}

/** `x/layer.tar` -> `../y/layer.tar` gives `y/layer.tar`. */
function resolveLink(name: string, target: string, file: string): string {
  const parts = name.split('/').slice(0, -1);
  if (!target.startsWith('/')) {
    for (const part of target.split('/')) {
      if (part !== '..') parts.push(part);
      else if (parts.pop() === undefined) return normalizeMemberName(target, file);
    }
    return normalizeMemberName(parts.join('/'), file);
  }
  return normalizeMemberName(target, file);
}

/** Where the next header should stand. Members without data have a size all the same in some old archives. */
function paddedEnd(header: Header): number {
  const { byteOffset } = header as Header & { readonly byteOffset: number };
  const size = header.type === 'directory' ? 0 : header.size;
  return byteOffset + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
}

/** A zero block ends an archive: other readers do not see the members behind it. */
async function refuseHidden(
  handle: FileHandle,
  file: string,
  { end, headerOffset }: { end: number; headerOffset: number },
): Promise<void> {
  if (headerOffset === end) return;
  const { buffer } = await handle.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, end);
  if (buffer.some((byte) => byte !== 0)) return;
  throw new ToolError('IMAGE_INVALID', `${file} has members behind its end`, {
    got: `a zero block at ${end}, a member at ${headerOffset}`,
    hints: ['two archives were joined: give the one that is meant'],
  });
}

function findMember(
  file: string,
  members: ReadonlyMap<string, Member>,
  name: string,
): StoredFile | undefined {
  let member = members.get(normalizeMemberName(name, file));
  for (let links = 0; member?.kind === 'link'; links += 1) {
    if (links === LINKS_MAX) {
      throw new ToolError('IMAGE_INVALID', `${file} has a loop of links`, { got: name });
    }
    member = members.get(member.target);
  }
  if (member === undefined) return undefined;
  const { offset, size } = member;
  return { sizeBytes: size, read: () => readRange(file, offset, size) };
}

async function* readRange(file: string, offset: number, size: number): AsyncIterable<Uint8Array> {
  if (size === 0) return;
  const handle = await openFile(file, constants.O_RDONLY);
  yield* handle.createReadStream({
    start: offset,
    end: offset + size - 1,
    highWaterMark: READ_BYTES,
  });
}

function tooMany(file: string): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `${file} has too many members`, {
    want: `at most ${LIMITS.archiveMembers}`,
  });
}
