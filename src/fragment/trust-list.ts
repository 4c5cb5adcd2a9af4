/**
 * Keys of transparency ledgers: the payload of a signed trust list (aci-framework 10.8), and key files in JSON Web Key
 * form as ledgers publish them.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { type CborMap, type CborValue, decodeCbor, isCborArray, isCborMap } from '../core/cbor.js';
import { resolveDid } from '../core/did-x509.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, parseJson } from '../core/json.js';
import {
  arrayOf,
  below,
  type JsonPlace,
  optionalField,
  readObject,
  readString,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import { svnOf, unpackStatement } from '../core/signed-statement.js';

/** Ledger name -> key id -> public key. */
export type LedgerKeys = ReadonlyMap<string, ReadonlyMap<string, KeyObject>>;

/** A key that a guest holds, with the subjects (feeds) of the trust lists that brought it. */
export interface TrustedKey {
  readonly key: KeyObject;
  readonly offeredBy: readonly string[];
}

/** Ledger name -> key id -> key. */
export type TrustedLedgers = ReadonlyMap<string, ReadonlyMap<string, TrustedKey>>;

/**
 * What a guest holds after loading lists in this order: the same key gains a subject, another key of the same name takes
 * its place. `subject` is undefined for keys that come from no trust list.
 */
export function mergeLedgers(
  lists: readonly { readonly keys: LedgerKeys; readonly subject: string | undefined }[],
): TrustedLedgers {
  const merged = new Map<string, Map<string, TrustedKey>>();
  for (const { keys: ledgers, subject } of lists) {
    const added = subject === undefined ? [] : [subject];
    for (const [ledger, keys] of ledgers) {
      const known = merged.get(ledger) ?? new Map<string, TrustedKey>();
      merged.set(ledger, known);
      for (const [id, key] of keys) {
        const before = known.get(id);
        const same = before?.key.equals(key) === true ? before.offeredBy : [];
        known.set(id, { key, offeredBy: [...new Set([...same, ...added])] });
      }
    }
  }
  return merged;
}

/**
 * Reads a signed trust list: envelope, issuer and SVN are checked as the guest does; whether the SVN is high enough is
 * not. Throws COSE_INVALID, DID_INVALID, TRUST_LIST_INVALID.
 */
export function openTrustList(
  bytes: Uint8Array,
  what: string,
  issuer: string,
): { readonly keys: LedgerKeys; readonly subject: string } {
  const unpacked = unpackStatement(bytes, what);
  if (!unpacked.ok) {
    throw new ToolError('COSE_INVALID', `${what} is not a valid trust list: ${unpacked.message}`);
  }
  const { statement } = unpacked;
  const resolved = resolveDid(statement.issuer, statement.chain, 'guest');
  if (statement.issuer !== issuer || !resolved.ok) {
    throw new ToolError('DID_INVALID', `${what} is not by the issuer that is trusted`, {
      want: issuer,
      got: resolved.ok ? statement.issuer : `${statement.issuer}: ${resolved.problem}`,
    });
  }
  if (svnOf(statement).kind !== 'number') throw listInvalid(what, 'its claims have no svn');
  return { keys: parseTrustList(statement.payload, what), subject: statement.feed };
}

/** Label of the key set in the entry of a ledger. */
const KEY_SET = 1n;

/** Labels and values of COSE_Key (RFC 9052 section 7, RFC 9053 section 7). */
const KEY_LABEL = { type: 1n, id: 2n, algorithm: 3n, operations: 4n, curve: -1n, x: -2n, y: -3n };
const EC2 = 2n;
const OKP = 1n;

/** Curves of both key types: name in JWK, size of a coordinate, and the algorithm that a key may name. */
const CURVES: ReadonlyMap<string, { crv: string; size: number; algorithm: bigint }> = new Map([
  [`${EC2}/1`, { crv: 'P-256', size: 32, algorithm: -7n }],
  [`${EC2}/2`, { crv: 'P-384', size: 48, algorithm: -35n }],
  [`${EC2}/3`, { crv: 'P-521', size: 66, algorithm: -36n }],
  [`${OKP}/6`, { crv: 'Ed25519', size: 32, algorithm: -8n }],
]);

/**
 * Reads the payload of a trust list. A list with an entry without keys is refused as a whole; single keys that cannot be
 * used, and further keys of the same name, are passed over. Throws TRUST_LIST_INVALID or CBOR_INVALID.
 */
export function parseTrustList(payload: Uint8Array, what: string): LedgerKeys {
  const list = decodeCbor(payload, what);
  if (!isCborMap(list)) throw listInvalid(what, 'it is no map');
  if (list.size === 0) throw listInvalid(what, 'it is empty');
  if (list.size > LIMITS.ledgers) throw listInvalid(what, 'it has too many ledgers');
  const ledgers = [...list].map(([name, entry]): [string, ReadonlyMap<string, KeyObject>] => {
    if (typeof name !== 'string') throw listInvalid(what, 'a ledger has no name');
    return [name, readLedger(entry, `${what}: ${name}`)];
  });
  return new Map(ledgers);
}

function readLedger(entry: CborValue, what: string): ReadonlyMap<string, KeyObject> {
  if (!isCborMap(entry)) throw listInvalid(what, 'its entry is no map');
  if ([...entry.keys()].some((label) => typeof label !== 'bigint')) {
    throw listInvalid(what, 'its entry has a label that is no integer');
  }
  const set = entry.get(KEY_SET);
  if (set === undefined || !isCborArray(set)) throw listInvalid(what, 'it has no key set');
  if (set.length > LIMITS.ledgerKeys) throw listInvalid(what, 'it has too many keys');
  const keys = new Map<string, KeyObject>();
  for (const value of set) {
    if (!isCborMap(value)) continue;
    const id = value.get(KEY_LABEL.id);
    if (!Buffer.isBuffer(id) || id.length === 0) continue;
    const key = readKey(value);
    if (key === undefined) continue;
    const name = id.toString('utf8');
    if (!keys.has(name)) keys.set(name, key);
  }
  if (keys.size === 0) throw listInvalid(what, 'it has no usable key');
  return keys;
}

/** The public key of a COSE_Key; undefined for one that cannot verify signatures. */
function readKey(key: CborMap): KeyObject | undefined {
  const type = key.get(KEY_LABEL.type);
  const curve = CURVES.get(`${String(type)}/${String(key.get(KEY_LABEL.curve))}`);
  const algorithm = key.get(KEY_LABEL.algorithm) ?? curve?.algorithm;
  if (curve === undefined || algorithm !== curve.algorithm) return undefined;
  const x = coordinate(key.get(KEY_LABEL.x), curve.size);
  const y = coordinate(key.get(KEY_LABEL.y), curve.size);
  if (x === undefined || (type === EC2 && y === undefined)) return undefined;
  const jwk = type === EC2 ? { kty: 'EC', x, y: y ?? '' } : { kty: 'OKP', x };
  return openKey({ ...jwk, crv: curve.crv });
}

/** A coordinate with its leading zeros, which some encoders leave out. */
function coordinate(value: CborValue, size: number): string | undefined {
  if (!Buffer.isBuffer(value) || value.length === 0 || value.length > size) return undefined;
  return Buffer.concat([Buffer.alloc(size - value.length), value]).toString('base64url');
}

function openKey(key: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    // A point that is not on the curve.
    return undefined;
  }
}

/**
 * Reads a key file: `{"LEDGER": {"keys": [JWK, ...]}, ...}`, or `{"keys": [...]}` whose ledger the caller names. Every
 * key must be usable and have a `kid`. Throws TRUST_LIST_INVALID, JSON_SYNTAX.
 */
export function parseLedgerKeys(
  text: string,
  what: string,
  ledger: string | undefined,
): LedgerKeys {
  const place: JsonPlace = { code: 'TRUST_LIST_INVALID', what, path: '' };
  const document = readObject(parseJson(text, what), place);
  const isBare = optionalField(document, 'keys', place, (value) => Array.isArray(value)) === true;
  if (!isBare) {
    return new Map(
      Object.keys(document).map((name) => {
        const entry = requiredField(document, name, place, readObject);
        return [name, readJwks(entry, below(place, name))] as const;
      }),
    );
  }
  if (ledger === undefined) throw listInvalid(what, 'it does not name the ledger of its keys');
  return new Map([[ledger, readJwks(document, place)]]);
}

function readJwks(set: JsonObject, place: JsonPlace): ReadonlyMap<string, KeyObject> {
  const keys = requiredField(set, 'keys', place, arrayOf(readObject));
  return new Map(
    keys.map((jwk, index) => {
      const at = below(below(place, 'keys'), index);
      const key = openKey(jwk as JsonWebKey);
      if (key === undefined || key.type !== 'public' || 'd' in jwk) {
        throw listInvalid(`${at.what}: ${at.path}`, 'it is no public key');
      }
      return [requiredField(jwk, 'kid', at, readString), key] as const;
    }),
  );
}

function listInvalid(what: string, problem: string): ToolError {
  return new ToolError(
    'TRUST_LIST_INVALID',
    `${what} is not a usable list of ledger keys: ${problem}`,
  );
}
