/**
 * The fragments that a policy or fragment may take containers from (aci policy 15.7): those that are attached to its
 * images, and those that its imports name. What cannot be had is left out with a notice: then the containers stay in. If
 * strict, only an import that names no place to look at is left out so; all else is an error.
 */
import { type DataMap, exactly } from '../../core/data.js';
import { EXIT, ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { ArtifactStore } from '../../fragment/ports.js';
import { discoverFragments, pullFragment } from '../../fragment/registry.js';
import {
  type OfferedFragment,
  type SelectedFragments,
  selectFragments,
} from '../../fragment/select.js';
import { isInfrastructure } from '../../policy/aci/document.js';

export interface CollectPorts {
  readonly store: ArtifactStore;
  /** A signed fragment as a file. */
  readonly readFile: (path: string) => Promise<Buffer>;
  readonly notices: NoticeSink;
  readonly strict?: boolean;
  /** Looked at before anything is fetched. */
  readonly given?: (entry: DataMap) => OfferedFragment | undefined;
}

/** The newest framework of guests: fragments for a newer one are not known to load. */
export const GUEST_FRAMEWORK = '0.5.0';

/** Collects fragments. `images` are those in a registry whose attached fragments are looked for. */
export async function collectFragments(
  images: readonly string[],
  imports: readonly DataMap[],
  ports: CollectPorts,
): Promise<SelectedFragments> {
  const attached: OfferedFragment[] = [];
  for (const image of new Set(images)) attached.push(...(await attachedTo(image, ports)));
  return selectFragments(imports, attached, {
    fetch: (entry) => fetchImport(entry, ports),
    notices: ports.notices,
    isPlatform: isInfrastructure,
    frameworkVersion: GUEST_FRAMEWORK,
    strict: ports.strict === true,
  });
}

async function attachedTo(image: string, ports: CollectPorts): Promise<readonly OfferedFragment[]> {
  const { store } = ports;
  const found = await unlessMissing(`what is attached to ${image}`, ports, async () => {
    const offered: OfferedFragment[] = [];
    for (const { digest } of await discoverFragments(store, image)) {
      const { bytes } = await pullFragment(store, image, digest);
      offered.push({ bytes, what: `${image} ${digest}` });
    }
    return offered;
  });
  return found ?? [];
}

async function fetchImport(
  entry: DataMap,
  ports: CollectPorts,
): Promise<OfferedFragment | undefined> {
  const { store, readFile, notices } = ports;
  const given = ports.given?.(entry);
  if (given !== undefined) return given;
  const path = exactly(entry, 'path');
  const feed = exactly(entry, 'feed');
  if (ports.strict === true && exactly(entry, 'required_receipts') !== null) {
    notices({
      code: 'fragment-skipped',
      message: `fragment ${String(feed)} is not looked for: its import requires receipts, which are not checked here`,
    });
    return undefined;
  }
  if (typeof path === 'string' && path !== '') {
    return unlessMissing(path, ports, async () => ({ bytes: await readFile(path), what: path }));
  }
  if (typeof feed !== 'string' || !/[:@][^/]+$/.test(feed)) {
    notices({
      code: 'fragment-skipped',
      message: `fragment ${String(feed)} is not looked for: its feed has no tag, and no path is given`,
    });
    return undefined;
  }
  return unlessMissing(feed, ports, async () => ({
    bytes: (await pullFragment(store, feed)).bytes,
    what: feed,
  }));
}

/** Failures of getting at something, as opposed to wrong bytes. */
const MISSING: ReadonlySet<string> = new Set([
  'FILE_NOT_FOUND',
  'IMAGE_REFERENCE_INVALID',
  'IMAGE_PLATFORM_MISSING',
]);

/** What `work` gives; undefined, with a notice, where it cannot be had. */
async function unlessMissing<T>(
  what: string,
  { notices, strict }: CollectPorts,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    if (strict === true) throw withHint(error, what);
    if (error.exit !== EXIT.unreachable && !MISSING.has(error.code)) throw error;
    notices({ code: 'fragment-missing', message: `${what} cannot be read: ${error.message}` });
    return undefined;
  }
}

function withHint(error: ToolError, what: string): ToolError {
  const { code, message, where, want, got, hints, cause } = error;
  return new ToolError(code, `${what} cannot be read: ${message}`, {
    ...(where === undefined ? {} : { where }),
    ...(want === undefined ? {} : { want }),
    ...(got === undefined ? {} : { got }),
    hints: [...hints, 'or give the signed fragment as a file: --fragment FILE'],
    cause,
  });
}
