/**
 * What the user should know about a layer although it can be hashed (spec layer-hash-tarfs section 4.6): one notice per
 * kind of surprise, with the number of members and the first few names, however many there are.
 */
import type { NoticeSink } from '../../core/notice.js';
import { printName } from './member-name.js';

/** Notice codes with the sentence before the names. */
const SENTENCES = {
  'repeated-directories':
    'directory members repeat, and the guest loses what the layer put into them before',
  'late-root-directory':
    'the member of the root directory comes late, and the guest loses everything before it',
  'root-not-a-directory': 'the root is not a directory, so the guest cannot mount the layer',
  'implied-parent-directories':
    'directories have no member of their own, so the guest cannot reach anything below them',
  'members-below-files': 'files have members below them, which the guest cannot reach',
  'lost-opaque-markers':
    'opaque markers come before the member of their directory and are lost, so files of lower layers become visible',
  'changed-hard-links':
    'hard-linked files were replaced or removed under one name, which changes their other names too',
  'lost-special-bits': 'setuid, setgid and sticky bits are lost in the guest',
  'lost-extended-attributes':
    'extended attributes (such as file capabilities) are lost in the guest',
  'misplaced-link-targets':
    'symbolic links with long targets lead elsewhere in the guest, because the platform stores the targets out of order',
  'displaced-names':
    'symbolic links with long targets were replaced later, which spoils the file names that the guest sees',
  'old-style-directories':
    'members end in a slash but are regular files by type, and become files in the guest',
  'pax-owner-ids':
    'owners stand in PAX records, which host and generator read differently, so the root hash may not match',
  'malformed-pax-records':
    'PAX headers do not split into lines, and the platform misses some of their records',
  'repeated-pax-records':
    'PAX headers have a record twice; the platform takes the first, other tools the last',
  'ignored-pax-sizes':
    'a PAX size differs from the size in the header; the platform takes the header',
  'long-names': 'names are longer than 255 bytes and cannot be opened in the guest',
  'skipped-types': 'members of types that the guest format does not know are left out',
  'skipped-names': 'members whose names climb out of the root are left out',
  'skipped-links': 'hard links to nothing, or to what is no regular file, are left out',
  'skipped-long-links': 'symbolic links whose targets do not fit in the tar header are left out',
  'skipped-unreadable-members':
    'members with an unreadable mode, device number or link target are left out',
  'hidden-user-files':
    'members hide /etc/passwd and /etc/group of lower layers in the guest, but policies of this kind still heed them',
  'renamed-user-files':
    'members are or become a user file by their extended name, but policies of this kind heed the name in the header',
} as const;

export type LayerNoticeCode = keyof typeof SENTENCES;

export interface LayerNotices {
  /** Counts one member under a code. `name` (a byte string, one byte per character) is asked for only if it is shown. */
  add(code: LayerNoticeCode, name: () => string): void;
  /** Hands one notice per code to the sink, in the order of first occurrence. */
  flush(): void;
}

const NAMES_SHOWN = 3;

export function createLayerNotices(sink: NoticeSink): LayerNotices {
  const found = new Map<LayerNoticeCode, { count: number; readonly names: string[] }>();
  return {
    add(code, name) {
      let entry = found.get(code);
      if (entry === undefined) {
        entry = { count: 0, names: [] };
        found.set(code, entry);
      }
      entry.count += 1;
      if (entry.count <= NAMES_SHOWN) entry.names.push(printName(name()));
    },
    flush() {
      for (const [code, { count, names }] of found) {
        const more = count > names.length ? ', ...' : '';
        sink({ code, message: `${SENTENCES[code]}: ${names.join(', ')}${more} (${count} in all)` });
      }
    },
  };
}
