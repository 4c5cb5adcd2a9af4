/** Who provides the content of a mount of a CCE policy (aci policy 19: sources by kind of volume). */
import type { CceMount } from './cce-document.js';

/** `shared`: the host or a service outside of the guest; `guest`: the guest itself; `open`: anything may. */
export type CceMountOrigin = 'shared' | 'guest' | 'platform' | 'open' | 'other';

interface OriginRow {
  readonly start: string;
  readonly origin: CceMountOrigin;
  readonly words: string;
}

const ROWS: readonly OriginRow[] = [
  { start: 'azureFileVolume/', origin: 'shared', words: 'an Azure file share' },
  { start: 'secretsVolume/', origin: 'shared', words: 'a secret of the deployment' },
  { start: 'gitRepoVolume/', origin: 'shared', words: 'a git repository' },
  { start: 'emptydir/', origin: 'guest', words: 'a folder of the guest, empty at first' },
  { start: 'resolvconf/', origin: 'platform', words: 'the name servers of the platform' },
].map((row) => ({ ...row, start: `sandbox:///tmp/atlas/${row.start}` }) as OriginRow);

/** The origin of a mount, with words for it. */
export function originOfCceMount({ source }: CceMount): Omit<OriginRow, 'start'> {
  const known = ROWS.find(({ start }) => source.startsWith(start));
  if (known !== undefined) return { origin: known.origin, words: known.words };
  if (source.startsWith('plan9://')) return { origin: 'shared', words: 'a folder of the host' };
  if (/^\^?\(*(?:\.|\[\^[^\]]*\])[*+]/.test(source)) return { origin: 'open', words: 'any source' };
  return { origin: 'other', words: 'a source of the guest' };
}
