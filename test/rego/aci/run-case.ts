/** Runs one recorded case of the ACI guest step by step and tells where it differs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import { canonicalJson } from '../../../src/core/json-equal.js';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { readNamespace } from '../../../src/rego/aci/fragment-text.js';
import type { GuestMount, GuestOs } from '../../../src/rego/aci/guest-data.js';
import { findFrameworkGuest, lookUpPoint } from '../../../src/rego/aci/guests.js';
import { loadFragment, loadTrustList } from '../../../src/rego/aci/load.js';
import { type CceDecision, CceSession } from '../../../src/rego/aci/session.js';
import type { LedgerKey, TrustStore } from '../../../src/rego/aci/trust-store.js';

export interface RecordedCase {
  readonly id: string;
  readonly os: GuestOs;
  readonly policy: string;
  readonly max_error_message_length?: number;
  readonly steps: readonly RecordedStep[];
  readonly final_metadata?: JsonObject;
  readonly create_error?: string;
}

export interface RecordedStep {
  readonly op: string;
  readonly point?: string;
  readonly input?: JsonObject;
  readonly expect?: Expected;
  readonly issuer?: string;
  readonly feed?: string;
  readonly subject?: string;
  readonly header_svn?: number;
  readonly svn?: number;
  readonly rego?: string;
  readonly name?: string;
  readonly query?: string;
  readonly mounts?: readonly GuestMount[];
  readonly keys?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly receipts?: readonly {
    readonly issuer: string;
    readonly kid: string;
    readonly valid: boolean;
  }[];
}

type Expected = JsonObject;

const GUEST = 'framework-0.5.0';
/** Faults of the engine itself, whose words are its own. */
const ENGINE_FAULT = /^(?:\S+\.rego:\d+:|error when compiling modules:)/;

const engine = openFrameworkEngine();

/** What differs from the record, one line each. */
export async function differencesOf(
  root: string,
  recorded: RecordedCase,
  plain: boolean,
): Promise<readonly string[]> {
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const session = new CceSession(engine, read(recorded.policy), {
    guest: GUEST,
    os: recorded.os,
    denialBytes: recorded.max_error_message_length ?? 0,
    plain,
  });
  const found: string[] = [];
  for (const [index, step] of recorded.steps.entries()) {
    const seen = await run(session, step, read);
    const expected = step.expect ?? {};
    for (const [key, want] of Object.entries(expected)) {
      // A refused list of variables ends the request; the record goes on to look at the capabilities.
      if (key === 'caps_to_keep' && expected.env_error !== undefined) continue;
      if (key === 'policy_error' && ENGINE_FAULT.test(String(want))) {
        if (seen.policy_error === undefined) found.push(`${index}: no fault, want ${want}`);
        continue;
      }
      if (hasEngineText(key, step.expect)) continue;
      const got = seen[key] ?? null;
      if (canonicalJson(got) !== canonicalJson(want)) {
        found.push(
          `${index} ${step.point ?? step.op} ${key}: want ${canonicalJson(want)} got ${canonicalJson(got)}`,
        );
      }
    }
  }
  const state = session.metadata;
  const final = recorded.final_metadata;
  if (final !== undefined && canonicalJson(state) !== canonicalJson(final)) {
    found.push(`metadata: want ${canonicalJson(final)} got ${canonicalJson(state)}`);
  }
  return found;
}

/** The decision and its length hold the words of the engine. */
function hasEngineText(key: string, expect: Expected | undefined): boolean {
  const fault = expect?.policy_error;
  return (
    ['decision', 'message_length'].includes(key) &&
    typeof fault === 'string' &&
    ENGINE_FAULT.test(fault)
  );
}

async function run(
  session: CceSession,
  step: RecordedStep,
  read: (file: string) => string,
): Promise<JsonObject> {
  switch (step.op) {
    case 'enforce':
      return asRecord(await session.enforce(step.point ?? '', step.input ?? {}));
    case 'load_fragment': {
      const { decision, isActive } = await loadFragment(session, {
        issuer: step.issuer ?? '',
        feed: step.feed ?? '',
        text: read(step.rego ?? ''),
        ...(step.header_svn === undefined ? {} : { headerSvn: step.header_svn }),
        receipts: (step.receipts ?? []).map(({ issuer, kid, valid }) => ({
          issuer,
          keyId: kid,
          isProvenBy: () => valid,
        })),
      });
      return { ...asRecord(decision), module_active: isActive };
    }
    case 'load_ttl': {
      const keys = new Map(
        Object.entries(step.keys ?? {}).map(([ledger, ids]) => [
          ledger,
          new Map(Object.entries(ids).map(([id, name]) => [id, new NamedKey(name)])),
        ]),
      );
      const { issuer = '', subject = '', svn = 0 } = step;
      const decision = await loadTrustList(session, { issuer, subject, svn, keys });
      return { ...asRecord(decision), key_store: storeDocument(session.keys) };
    }
    case 'extend_default_mounts':
      session.extendDefaultMounts(step.mounts ?? []);
      return { ok: true };
    case 'begin':
    case 'commit':
    case 'rollback':
      session[step.op]();
      return { ok: true };
    case 'query': {
      const outcome = await session.query(step.query ?? '', step.input ?? {});
      return outcome.kind === 'value' ? { value: outcome.value } : { undefined: true };
    }
    case 'enforcement_point': {
      const api = await session.query('data.policy.api_version', {});
      const version = api.kind === 'value' ? String(api.value) : undefined;
      const info = lookUpPoint(findFrameworkGuest(GUEST), step.name ?? '', version);
      if (typeof info === 'string') return { error_text: info };
      const { available, defaults, useFramework } = info;
      return { available, default_results: defaults, use_framework: useFramework };
    }
    case 'parse_namespace': {
      const seen = readNamespace(read(step.rego ?? ''));
      return seen.kind === 'refused' ? { error_text: seen.reason } : { namespace: seen.namespace };
    }
    default:
      throw new Error(`unknown step ${step.op}`);
  }
}

/** Equal names are equal keys. */
class NamedKey implements LedgerKey {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  equals(other: LedgerKey): boolean {
    return other instanceof NamedKey && other.name === this.name;
  }
}

function storeDocument(store: TrustStore): JsonObject {
  const ledgers = [...store].map(([ledger, keys]) => [
    ledger,
    Object.fromEntries(
      [...keys].map(([id, { key, offeredBy }]) => [
        id,
        { key: (key as NamedKey).name, offered_by: offeredBy },
      ]),
    ),
  ]);
  return Object.fromEntries(ledgers) as JsonObject;
}

function asRecord(decision: CceDecision): JsonObject {
  const { verdict, result, operations, kept, errors, reason, fault, denial } = decision;
  const isAllowed = verdict === 'allow' || result !== undefined;
  const isPlainReason = errors === undefined && reason !== undefined;
  const noReason = verdict === 'deny' && reason === undefined;
  const record: Record<string, JsonValue | undefined> = {
    allowed: isAllowed,
    result: result && sortedTexts(result),
    metadata_ops: operations,
    errors: errors as JsonValue | undefined,
    reason: isPlainReason ? reason : noReason ? denial?.decision.reason : undefined,
    policy_error: denial === undefined ? undefined : denial.decision.policyError,
    decision: denial?.decision,
    message_length: denial?.message.length,
    env_error: isAllowed && /env_list/.test(fault ?? '') ? fault : undefined,
    caps_error: isAllowed && /cap/.test(fault ?? '') ? fault : undefined,
    error_text: !isAllowed && denial === undefined ? fault : undefined,
    env_to_keep: kept?.environment as JsonValue | undefined,
    caps_to_keep: kept?.capabilities as JsonValue | undefined,
    providers_kept: kept?.providers as JsonValue | undefined,
  };
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}

function sortedTexts(value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    const inner = value.map(sortedTexts);
    return inner.every((one) => typeof one === 'string') ? inner.toSorted() : inner;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, sortedTexts(one)]));
}
