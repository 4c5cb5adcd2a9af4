/**
 * Layer tar -> the members that concern /etc/passwd and /etc/group (spec layer-hash-tarfs section 9). A pass of its own
 * over the tar alone: the peers scan the index behind it too, and fail there for archives without an end block.
 */
import { isUtf8 } from 'node:buffer';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { NoticeSink } from '../../core/notice.js';
import type { UserFileEntry } from '../../image/types.js';
import { createLayerNotices, type LayerNotices } from './layer-notices.js';
import { printName } from './member-name.js';
import { headerName, typeflag } from './tar-header.js';
import { GNU_SPARSE, HARD_LINK, memberName, SYMBOLIC_LINK, type TarMember } from './tar-member.js';
import { createTarReader } from './tar-reader.js';

/** Collects the user files of one layer while its tar streams by. */
export interface UserFileScanner {
  /** Next bytes of the tar. Throws as `end`. */
  write(chunk: Uint8Array): void;
  /**
   * The members in archive order. Throws LAYER_INVALID for an archive that the tarfs writer refuses too (a scan that
   * ends early might miss the file that decides who a container runs as), LIMIT_EXCEEDED beyond a limit.
   */
  end(): readonly UserFileEntry[];
}

type UserFile = Pick<UserFileEntry, 'file'> & { readonly isWhiteout: boolean };

/** Names that the peers look for. They take the name in the header: long names and PAX paths do not count. */
const USER_FILES: ReadonlyMap<string, UserFile> = new Map([
  ['etc/passwd', { file: 'passwd', isWhiteout: false }],
  ['etc/group', { file: 'group', isWhiteout: false }],
  ['etc/.wh.passwd', { file: 'passwd', isWhiteout: true }],
  ['etc/.wh.group', { file: 'group', isWhiteout: true }],
]);
/** Names that remove the user files of lower layers in the guest, which the peers do not heed. */
const HIDING_NAMES = new Set(['.wh.etc', 'etc/.wh..wh..opq']);
/** Part of every name above; whatever lacks it needs no closer look. */
const COMMON_PART = 'etc';

export function createUserFileScanner(notices: NoticeSink): UserFileScanner {
  const layerNotices = createLayerNotices(notices);
  const collector = new UserFileCollector(layerNotices);
  const reader = createTarReader(collector);
  return {
    write: (chunk) => reader.write(chunk),
    end() {
      reader.end();
      layerNotices.flush();
      return collector.entries;
    },
  };
}

class UserFileCollector {
  readonly entries: UserFileEntry[] = [];
  readonly #notices: LayerNotices;
  #textBytes = 0;
  /** Set by `member` for the entry whose content follows. */
  #awaited: Pick<UserFileEntry, 'file' | 'exactName'> | undefined;

  constructor(notices: LayerNotices) {
    this.#notices = notices;
  }

  member(member: TarMember): boolean {
    const name = headerName(member.header, member.kind);
    const normal = normalName(name);
    const found = normal === undefined ? undefined : USER_FILES.get(normal);
    this.#report(member, normal, found);
    if (found === undefined) return false;
    if (this.entries.length >= LIMITS.userFileEntries)
      throw limitError('members', LIMITS.userFileEntries, name);
    const entry = { file: found.file, exactName: name === normal };
    const kind = found.isWhiteout ? 'whiteout' : isEmptyLink(member) ? 'link' : undefined;
    if (kind !== undefined) {
      this.entries.push({ ...entry, kind, text: '' });
      return false;
    }
    this.#textBytes += member.size;
    if (this.#textBytes > LIMITS.userFileBytes)
      throw limitError('bytes', LIMITS.userFileBytes, name);
    if (typeflag(member.header) === GNU_SPARSE) throw sparseError(name);
    this.#awaited = entry;
    return true;
  }

  content(data: Buffer): void {
    const isText = isUtf8(data);
    this.entries.push({
      ...this.#awaited!,
      kind: isText ? 'text' : 'not-utf8',
      text: isText ? data.toString('utf8') : '',
    });
  }

  #report(member: TarMember, normal: string | undefined, found: UserFile | undefined): void {
    const print = () => memberName(member);
    if (normal !== undefined && HIDING_NAMES.has(normal))
      this.#notices.add('hidden-user-files', print);
    if (member.longName === undefined && member.pax?.path === undefined) return;
    const extended = normalName(memberName(member));
    const meant = extended === undefined ? undefined : USER_FILES.get(extended);
    if (meant !== found) this.#notices.add('renamed-user-files', print);
  }
}

/** A link stores nothing; one that does store data is read like a file, as the peers do. */
function isEmptyLink(member: TarMember): boolean {
  const flag = typeflag(member.header);
  return (flag === HARD_LINK || flag === SYMBOLIC_LINK) && member.size === 0;
}

/** Name without `.` and empty parts; undefined if it is absolute, has `..` or can be no user file. */
function normalName(name: string): string | undefined {
  if (!name.includes(COMMON_PART) || name.startsWith('/')) return undefined;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}

function limitError(what: string, limit: number, name: string): ToolError {
  return new ToolError(
    'LIMIT_EXCEEDED',
    `user files of a layer have more ${what} than podseal reads`,
    {
      where: printName(name),
      want: `at most ${limit}`,
    },
  );
}

function sparseError(name: string): ToolError {
  return new ToolError(
    'LAYER_INVALID',
    'layer tar has a user file that is stored as a sparse file',
    {
      where: printName(name),
      want: 'an ordinary file, which the guest can see',
      hints: ['build the image with a tool that does not write sparse files'],
    },
  );
}
