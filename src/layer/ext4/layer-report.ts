/** What should be known about a layer although it has a root hash: gathered while it is read, one notice per matter. */
import type { NoticeSink } from '../../core/notice.js';
import { printName } from './refusal.js';

/** Every matter with the sentence before the names; the key is the notice's code. */
const MATTERS = {
  'ext4-corrupt-extents':
    'files above 42.375 GiB get a broken extent tree from this format: the layer is unusable in the guest',
  'implied-parent-directories':
    'parent directories are missing in the tar and were implied; tools older than September 2024 give such layers another root hash',
  'pax-global-header': 'global tar headers become empty files in the guest',
  'gnu-dump-directory': 'GNU dump directories become regular files in the guest',
  'pax-records-ignored': 'tar records have no effect in the guest',
  'pax-header-dropped': 'extended tar headers have no effect because another one follows them',
  'symlink-too-long': 'symbolic links of 4096 bytes or more cannot be read in the guest',
  'xattr-order-unsorted':
    'extended attributes are stored in an order in which the guest does not find all of them',
  'xattr-order-unstable':
    'extended attributes are stored in an order that depends on the Go release of the tool that makes the layer: other tools may get another root hash',
} as const;

/** Code of a matter. */
export type Matter = keyof typeof MATTERS;

const SHOWN_NAMES = 5;

/** Counts matters and remembers their first names. */
export class LayerReport {
  readonly #found = new Map<Matter, { count: number; readonly names: string[] }>();

  /** Adds one case; `name` (latin-1 view of bytes) is only asked for if it will be shown. */
  add(matter: Matter, name: () => string): void {
    let found = this.#found.get(matter);
    if (found === undefined) {
      found = { count: 0, names: [] };
      this.#found.set(matter, found);
    }
    found.count++;
    if (found.names.length < SHOWN_NAMES) found.names.push(printName(name()));
  }

  /** Sends one notice for each matter that occurred. */
  send(notices: NoticeSink): void {
    for (const [matter, { count, names }] of this.#found) {
      const more = count > names.length ? ` and ${count - names.length} more` : '';
      notices({ code: matter, message: `${MATTERS[matter]}: ${names.join(', ')}${more}` });
    }
  }
}
