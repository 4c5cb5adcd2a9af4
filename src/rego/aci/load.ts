/**
 * How a guest loads a fragment or a transparency trust list whose envelope was verified (spec aci-framework 10.2 and
 * 10.8): the policy is asked before the text is compiled, and once more for each set of parameters.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { readNamespace } from './fragment-text.js';
import type { CceDecision, CceSession } from './session.js';
import { type AttachedReceipt, countReceipts, type LedgerKeys, mergeKeys } from './trust-store.js';

/** A fragment as its verified envelope gives it. */
export interface VerifiedFragment {
  readonly issuer: string;
  readonly feed: string;
  /** `svn` of the envelope's claims. */
  readonly headerSvn?: number;
  readonly text: string;
  readonly receipts?: readonly AttachedReceipt[];
}

export interface VerifiedTrustList {
  readonly issuer: string;
  readonly subject: string;
  readonly svn: number;
  readonly keys: LedgerKeys;
}

export interface FragmentLoad {
  readonly decision: CceDecision;
  /** The module stays: the policy includes its namespace. */
  readonly isActive: boolean;
}

/** The framework's own names in the data document; a guest would mix a module of that name with them. */
const OWN_NAMES: readonly string[] = ['podseal_guest', 'podseal_fragment'];

/** Loads a fragment. Throws what `enforce` throws. */
export async function loadFragment(
  session: CceSession,
  fragment: VerifiedFragment,
): Promise<FragmentLoad> {
  const read = readNamespace(fragment.text);
  if (read.kind === 'refused') return failed(`unable to load fragment: ${read.reason}`);
  const { namespace } = read;
  if (OWN_NAMES.includes(namespace)) {
    return failed(`unable to load fragment: namespace "${namespace}" cannot be simulated`);
  }
  const { issuer, feed, headerSvn, receipts = [] } = fragment;
  if (!session.guest.features.two_step_fragments) {
    return ask(session, fragment, namespace, { issuer, feed, namespace }, {});
  }
  const input: JsonObject = {
    issuer,
    feed,
    namespace,
    fragment_loaded: false,
    has_header_svn: headerSvn !== undefined,
    header_svn: headerSvn ?? null,
    receipts: countReceipts(session.keys, receipts),
  };
  const first = await session.enforce('load_fragment', input);
  if (first.verdict !== 'allow') return { decision: first, isActive: false };
  const parameters = readParameters(first.result?.parameters);
  if (parameters === undefined) {
    return failed('policy returned incorrect type for parameters, expected an array of objects');
  }
  return loadEach(session, fragment, namespace, { ...input, fragment_loaded: true }, parameters);
}

async function loadEach(
  session: CceSession,
  fragment: VerifiedFragment,
  namespace: string,
  input: JsonObject,
  parameters: readonly JsonObject[],
): Promise<FragmentLoad> {
  const sets = parameters.length === 0 ? [{}] : parameters;
  let last: FragmentLoad | undefined;
  for (const set of sets) {
    last = await ask(session, fragment, namespace, input, set);
    if (last.isActive && sets.length > 1) {
      session.settle(idOf(fragment), false);
      return failed(
        'Fragment cannot include namespace if multiple possible parameter combinations are defined',
      );
    }
    if (last.decision.verdict !== 'allow' || last.isActive) return last;
  }
  return last ?? failed('policy gave no parameters');
}

/** Asks with the module there, and takes it away again unless the policy keeps it. */
async function ask(
  session: CceSession,
  fragment: VerifiedFragment,
  namespace: string,
  input: JsonObject,
  parameters: JsonObject,
): Promise<FragmentLoad> {
  const id = idOf(fragment);
  session.activate({ id, namespace, text: fragment.text, parameters });
  let isActive = false;
  try {
    const decision = await session.enforce('load_fragment', input);
    isActive = decision.verdict === 'allow' && decision.result?.add_module === true;
    return { decision, isActive };
  } finally {
    session.settle(id, isActive);
  }
}

function idOf({ issuer, feed }: VerifiedFragment): string {
  return `${issuer}>${feed}`;
}

function readParameters(value: JsonValue | undefined): readonly JsonObject[] | undefined {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return undefined;
  return value.every(isJsonObject) ? value : undefined;
}

function failed(fault: string): FragmentLoad {
  return { decision: { verdict: 'error', fault }, isActive: false };
}

/** Loads a trust list: keys of the ledgers that the policy allows are trusted from then on. */
export async function loadTrustList(
  session: CceSession,
  { issuer, subject, svn, keys }: VerifiedTrustList,
): Promise<CceDecision> {
  const ledgers = [...keys.keys()];
  const input = { issuer, subject, svn, ledgers };
  const decision = await session.enforce('load_transparency_trust_list', input);
  if (decision.verdict !== 'allow') return decision;
  const allowed = decision.result?.allowed_ledgers;
  const names = Array.isArray(allowed) ? allowed.filter((one) => typeof one === 'string') : [];
  session.keys = mergeKeys(session.keys, keys, names as readonly string[], subject);
  return decision;
}
