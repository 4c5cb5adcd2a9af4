/**
 * Which signed fragments fulfil which imports (aci policy 15.7). Signatures and issuers are checked: a fragment counts
 * only for an import that a guest would load it by.
 */
import { type DataMap, exactly, isList, isMap } from '../core/data.js';
import { ToolError } from '../core/error.js';
import type { JsonValue } from '../core/json.js';
import { LIMITS } from '../core/limits.js';
import type { NoticeSink } from '../core/notice.js';
import { dataFromJson } from './coverage.js';
import { expectedFrom } from './import-statement.js';
import type { FragmentPayload } from './payload.js';
import { type FragmentVerdict, verifyFragment } from './verify.js';

/** A fragment that may fulfil imports. */
export interface OfferedFragment {
  readonly bytes: Buffer;
  /** Names it in messages. */
  readonly what: string;
}

/** How the fragment of an import is found: a file of the user, or the feed as a reference. Undefined: not available. */
export type FetchImport = (entry: DataMap) => Promise<OfferedFragment | undefined>;

/** A fragment that a guest would load by this import. */
export interface SelectedFragment extends OfferedFragment {
  readonly entry: DataMap;
}

/** What was found. */
export interface SelectedFragments {
  readonly payloads: readonly FragmentPayload[];
  /** In an order in which a guest can load them: the importing one first. */
  readonly fragments: readonly SelectedFragment[];
  /** Containers of those whose import includes containers. */
  readonly containers: readonly DataMap[];
}

export interface SelectionPorts {
  readonly fetch: FetchImport;
  readonly notices: NoticeSink;
  /** True for the platform's own fragment, which is never looked at. */
  readonly isPlatform: (entry: DataMap) => boolean;
  /** Framework version of the guest. */
  readonly frameworkVersion: string;
  /** A fetched fragment that does not fit its import is an error, instead of a notice. */
  readonly strict?: boolean;
}

/**
 * Fulfils imports: first with what is attached to images, then one by one, then the imports of the fragments that were
 * found. Throws FRAGMENT_INVALID where two fragments have one namespace, and, if strict, for one that does not fit;
 * LIMIT_EXCEEDED beyond LIMITS.fragments.
 */
export async function selectFragments(
  imports: readonly DataMap[],
  attached: readonly OfferedFragment[],
  ports: SelectionPorts,
): Promise<SelectedFragments> {
  const remaining = imports.filter((entry) => !ports.isPlatform(entry));
  const payloads: FragmentPayload[] = [];
  const fragments: SelectedFragment[] = [];
  const containers: DataMap[] = [];
  const use = (offered: OfferedFragment, payload: FragmentPayload, entry: DataMap) => {
    assertRoom(payload, payloads);
    payloads.push(payload);
    fragments.push({ ...offered, entry });
    const lists = exactly(entry, 'includes');
    const includes = (name: string) => isList(lists) && lists.includes(name);
    if (includes('containers')) containers.push(...mapsIn(payload.containers));
    if (!includes('fragments')) return;
    remaining.push(...mapsIn(payload.fragments).filter((each) => !ports.isPlatform(each)));
  };
  for (const offered of attached) {
    const entry = remaining.find((each) => allowed(judge(offered, each, ports)) !== undefined);
    const payload = entry && allowed(judge(offered, entry, ports));
    if (entry === undefined || payload === undefined) {
      skip(ports, offered.what, 'no import names its issuer and feed, or its svn is too low');
      continue;
    }
    remaining.splice(remaining.indexOf(entry), 1);
    use(offered, payload, entry);
  }
  const done = new Set<string>();
  for (let entry = remaining.shift(); entry !== undefined; entry = remaining.shift()) {
    const { issuer, feed } = expectedFrom(entry);
    if (done.has(`${issuer}>${feed}`)) continue;
    done.add(`${issuer}>${feed}`);
    const offered = await ports.fetch(entry);
    if (offered === undefined) continue;
    const verdict = judge(offered, entry, ports);
    const payload = allowed(verdict);
    if (payload !== undefined) use(offered, payload, entry);
    else if (ports.strict === true) throw misfit(offered.what, entry, verdict);
    else skip(ports, offered.what, 'it does not fit its import');
  }
  return { payloads, fragments, containers };
}

/** Whether a guest would load the fragment by this import. */
function judge(
  offered: OfferedFragment,
  entry: DataMap,
  { frameworkVersion }: SelectionPorts,
): FragmentVerdict {
  return verifyFragment(offered.bytes, offered.what, {
    imports: [expectedFrom(entry)],
    frameworkVersion,
    ledgers: new Map(),
  });
}

const allowed = ({ kind, payload }: FragmentVerdict): FragmentPayload | undefined =>
  kind === 'allowed' ? payload : undefined;

function misfit(what: string, entry: DataMap, { reasons }: FragmentVerdict): ToolError {
  const { issuer, feed, minimumSvn } = expectedFrom(entry);
  return new ToolError('FRAGMENT_INVALID', `fragment ${what} does not fit its import`, {
    where: what,
    want: `a fragment of feed ${feed}, signed by ${issuer}, of svn ${minimumSvn} or higher`,
    got: reasons.map(({ message }) => message).join('; '),
    hints: [
      'podseal fragment verify FILE tells more of a signed file',
      'podseal fragment import FILE prints the import that it needs, once you trust its issuer',
    ],
  });
}

function mapsIn(values: readonly JsonValue[]): readonly DataMap[] {
  return values.map(dataFromJson).filter(isMap);
}

function assertRoom({ namespace }: FragmentPayload, payloads: readonly FragmentPayload[]): void {
  if (payloads.some((other) => other.namespace === namespace)) {
    throw new ToolError('FRAGMENT_INVALID', `two fragments have the namespace ${namespace}`);
  }
  if (payloads.length < LIMITS.fragments) return;
  throw new ToolError('LIMIT_EXCEEDED', 'too many fragments are imported', {
    want: `at most ${LIMITS.fragments}`,
  });
}

function skip({ notices }: SelectionPorts, what: string, why: string): void {
  notices({ code: 'fragment-skipped', message: `fragment ${what} is not used: ${why}` });
}
