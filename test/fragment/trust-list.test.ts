import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, encodeCbor } from '../../src/core/cbor.js';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import { mergeLedgers, parseLedgerKeys, parseTrustList } from '../../src/fragment/trust-list.js';
import { ecKey } from '../support/certificates.js';
import { thrownBy } from '../support/failure.js';
import { vectorsDir } from '../support/vectors.js';

const folder = vectorsDir('cose');

interface ListCase {
  readonly id: string;
  readonly file: string;
  readonly ok: boolean;
  readonly ledgers?: Readonly<Record<string, readonly string[]>>;
}

const cases: readonly ListCase[] =
  folder === undefined
    ? []
    : (JSON.parse(readFileSync(join(folder, 'ttl.json'), 'utf8')) as ListCase[]);

const map = (...pairs: readonly (readonly [CborValue, CborValue])[]) => new Map(pairs);
const coseKey = (
  id: string | undefined,
  key = ecKey(),
  more: readonly (readonly [CborValue, CborValue])[] = [],
) => {
  const jwk = key.publicKey.export({ format: 'jwk' });
  const bytes = (text = '') => Buffer.from(text, 'base64url');
  return map(
    [1n, 2n],
    ...(id === undefined ? [] : ([[2n, Buffer.from(id)]] as const)),
    [-1n, 1n],
    [-2n, bytes(jwk.x)],
    [-3n, bytes(jwk.y)],
    ...more,
  );
};
const list = (...keys: readonly CborValue[]) => encodeCbor(map(['ledger', map([1n, keys])]));
const idsOf = (bytes: Buffer) => [...(parseTrustList(bytes, 'x').get('ledger')?.keys() ?? [])];

describe('parseTrustList', () => {
  it.each(cases.map((each) => [each.id, each] as const))('recorded: %s', (id, expected) => {
    const read = () => parseTrustList(readFileSync(join(folder!, expected.file)), id);
    if (!expected.ok) {
      expect(thrownBy(read).code).toBe('TRUST_LIST_INVALID');
      return;
    }
    const ledgers = [...read()].map(([name, keys]) => [name, [...keys.keys()]] as const);
    expect(Object.fromEntries(ledgers)).toEqual(expected.ledgers);
  });

  it('passes over keys that cannot be used', () => {
    const good = coseKey('good');
    expect(idsOf(list(coseKey(undefined), coseKey(''), good))).toEqual(['good']);
    expect(idsOf(list(coseKey('a', ecKey(), [[3n, -35n]]), good))).toEqual(['good']);
    expect(idsOf(list(coseKey('a', ecKey(), [[3n, -7n]]), good))).toEqual(['a', 'good']);
    expect(idsOf(list(coseKey('a', ecKey(), [[-1n, 8n]]), good))).toEqual(['good']);
    expect(idsOf(list(coseKey('a', ecKey(), [[-2n, Buffer.alloc(33)]]), good))).toEqual(['good']);
    expect(idsOf(list(coseKey('a', ecKey(), [[-3n, Buffer.from('x')]]), good))).toEqual(['good']);
    expect(idsOf(list('x', good, coseKey('good')))).toEqual(['good']);
  });

  it.each<[string, CborValue]>([
    ['a list', []],
    ['an empty map', map()],
    ['a ledger without a name', map([1n, map([1n, [coseKey('a')]])])],
    ['an entry that is no map', map(['a', []])],
    ['a text label', map(['a', map([1n, [coseKey('a')]], ['x', 1n])])],
    ['no key set', map(['a', map([2n, []])])],
    ['no usable key', map(['a', map([1n, [coseKey(undefined)]])])],
  ])('refuses %s', (_what, value) => {
    expect(thrownBy(() => parseTrustList(encodeCbor(value), 'x')).code).toBe('TRUST_LIST_INVALID');
  });

  it('allows as many ledgers and keys as the limits say, and no more', () => {
    const key = coseKey('a');
    const ledgers = (count: number) =>
      encodeCbor(
        new Map(Array.from({ length: count }, (_each, at) => [`l${at}`, map([1n, [key]])])),
      );
    expect(parseTrustList(ledgers(LIMITS.ledgers), 'x').size).toBe(LIMITS.ledgers);
    expect(thrownBy(() => parseTrustList(ledgers(LIMITS.ledgers + 1), 'x')).code).toBe(
      'TRUST_LIST_INVALID',
    );
    const keys = (count: number) => list(...Array.from({ length: count }, () => key));
    expect(idsOf(keys(LIMITS.ledgerKeys))).toEqual(['a']);
    expect(thrownBy(() => idsOf(keys(LIMITS.ledgerKeys + 1))).code).toBe('TRUST_LIST_INVALID');
  });

  it('throws nothing but its own errors for a list with changed bytes', () => {
    const bytes = list(coseKey('a'), coseKey('b'));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        try {
          parseTrustList(changed, 'x');
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
        }
      }),
      { seed: 0x77, numRuns: 500 },
    );
  });
});

describe('parseLedgerKeys', () => {
  const jwk = { ...ecKey().publicKey.export({ format: 'jwk' }), kid: 'a' };
  it('reads named and bare sets', () => {
    const named = parseLedgerKeys(JSON.stringify({ l: { keys: [jwk] } }), 'x', undefined);
    expect([...(named.get('l')?.keys() ?? [])]).toEqual(['a']);
    expect(parseLedgerKeys(JSON.stringify({ keys: [jwk] }), 'x', 'm').get('m')?.size).toBe(1);
  });

  it.each<[string, unknown]>([
    ['a bare set without a name', { keys: [jwk] }],
    [
      'a private key',
      { l: { keys: [{ ...ecKey().privateKey.export({ format: 'jwk' }), kid: 'a' }] } },
    ],
    ['a key without name', { l: { keys: [{ ...jwk, kid: undefined }] } }],
    ['a broken key', { l: { keys: [{ ...jwk, x: 'AA' }] } }],
    ['no set', { l: {} }],
  ])('refuses %s', (_what, value) => {
    expect(thrownBy(() => parseLedgerKeys(JSON.stringify(value), 'x', undefined)).code).toBe(
      'TRUST_LIST_INVALID',
    );
  });
});

it('mergeLedgers keeps who offered a key, until another takes its name', () => {
  const keys = (key: ReturnType<typeof ecKey>) => new Map([['l', new Map([['a', key.publicKey]])]]);
  const [one, two] = [ecKey(), ecKey()];
  const offered = (...lists: readonly [ReturnType<typeof ecKey>, string | undefined][]) =>
    mergeLedgers(lists.map(([key, subject]) => ({ keys: keys(key), subject })))
      .get('l')
      ?.get('a')?.offeredBy;
  expect(offered([one, 's'])).toEqual(['s']);
  expect(offered([one, 's'], [one, 't'], [one, 's'])).toEqual(['s', 't']);
  expect(offered([one, 's'], [two, 't'])).toEqual(['t']);
  expect(offered([one, undefined], [one, 's'])).toEqual(['s']);
});
