/** Keys of transparency ledgers that a guest trusts (spec aci-framework 10.8 and 10.9). */
import type { JsonObject, JsonValue } from '../../core/json.js';

/** A public key. */
export interface LedgerKey {
  equals(other: LedgerKey): boolean;
}

export interface TrustedKey {
  readonly key: LedgerKey;
  /** Subjects of the trust lists that brought it. */
  readonly offeredBy: readonly string[];
}

/** By ledger, then by key id. Never changed in place. */
export type TrustStore = ReadonlyMap<string, ReadonlyMap<string, TrustedKey>>;

/** Keys of a trust list: by ledger, then by key id. */
export type LedgerKeys = ReadonlyMap<string, ReadonlyMap<string, LedgerKey>>;

/** A receipt of an envelope whose form was checked: who signed it, and with which keys it can be proven. */
export interface AttachedReceipt {
  readonly issuer: string;
  readonly keyId: string;
  isProvenBy(key: LedgerKey): boolean;
}

/** The store with the keys of some ledgers of a list: a new key replaces the one that had its id. */
export function mergeKeys(
  store: TrustStore,
  list: LedgerKeys,
  ledgers: readonly string[],
  subject: string,
): TrustStore {
  const merged = new Map(store);
  for (const [ledger, keys] of list) {
    if (!ledgers.includes(ledger)) continue;
    const known = new Map(merged.get(ledger));
    for (const [id, key] of keys) {
      const before = known.get(id);
      const others = before?.key.equals(key)
        ? before.offeredBy.filter((one) => one !== subject)
        : [];
      known.set(id, { key, offeredBy: [...others, subject] });
    }
    merged.set(ledger, known);
  }
  return merged;
}

/** What the policy is told of the receipts that count: those proven by a key of their ledger. */
export function countReceipts(
  store: TrustStore,
  receipts: readonly AttachedReceipt[],
): readonly JsonObject[] {
  return receipts.flatMap((receipt): readonly JsonObject[] => {
    const trusted = store.get(receipt.issuer)?.get(receipt.keyId);
    if (trusted === undefined || !receipt.isProvenBy(trusted.key)) return [];
    return [{ issuer: receipt.issuer, ttl_subjects: trusted.offeredBy as JsonValue }];
  });
}
