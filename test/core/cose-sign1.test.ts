import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborMap, type CborValue, encodeCbor } from '../../src/core/cbor.js';
import { encodeCoseSign1, parseCoseSign1, sigStructure } from '../../src/core/cose-sign1.js';
import { ToolError } from '../../src/core/error.js';
import { thrownBy } from '../support/failure.js';
import { makeSigner, makeStatement } from '../support/statements.js';

const SEED = 0xc05e;
const map = (...pairs: readonly (readonly [CborValue, CborValue])[]): CborMap => new Map(pairs);

const document = (header: CborMap, unprotectedHeader: CborMap = map()) =>
  encodeCoseSign1({
    protectedBytes: encodeCbor(header),
    unprotectedHeader,
    payload: Buffer.from('p'),
    signature: Buffer.from('s'),
  });

const readHeader = (header: CborMap, unprotectedHeader?: CborMap) =>
  parseCoseSign1(document(header, unprotectedHeader), 'x');

describe('parseCoseSign1', () => {
  it('reads what encodeCoseSign1 writes', () => {
    const header = map([1n, -7n], ['a', [1n, 'b']]);
    const message = readHeader(header, map([99n, Buffer.from('u')]));
    expect(message.protectedHeader).toEqual(header);
    expect(message.payload).toEqual(Buffer.from('p'));
    expect(encodeCoseSign1(message)).toEqual(document(header, map([99n, Buffer.from('u')])));
  });

  it('takes an empty byte string as an empty protected header, and nil as a detached payload', () => {
    const bytes = encodeCbor({
      tag: 18n,
      content: [Buffer.alloc(0), map(), null, Buffer.from('s')],
    });
    const message = parseCoseSign1(bytes, 'x');
    expect([message.protectedHeader.size, message.payload]).toEqual([0, undefined]);
  });

  const parts = [Buffer.from('a0', 'hex'), map(), Buffer.from('p'), Buffer.from('s')];
  it.each<[string, CborValue]>([
    ['another tag', { tag: 17n, content: parts }],
    ['no tag', parts],
    ['three parts', { tag: 18n, content: parts.slice(0, 3) }],
    ['a protected map', { tag: 18n, content: [map(), ...parts.slice(1)] }],
    ['a protected array', { tag: 18n, content: [Buffer.from('80', 'hex'), ...parts.slice(1)] }],
    ['an unprotected list', { tag: 18n, content: [parts[0]!, [], parts[2]!, parts[3]!] }],
    ['an undefined payload', { tag: 18n, content: [parts[0]!, map(), undefined, parts[3]!] }],
    ['an empty signature', { tag: 18n, content: [...parts.slice(0, 3), Buffer.alloc(0)] }],
    ['a nil signature', { tag: 18n, content: [...parts.slice(0, 3), null] }],
  ])('refuses %s', (_what, value) => {
    expect(thrownBy(() => parseCoseSign1(encodeCbor(value), 'x')).code).toBe('COSE_INVALID');
  });

  it.each<[string, CborMap]>([
    ['alg as bytes', map([1n, Buffer.from('a')])],
    ['an empty crit', map([2n, []])],
    ['a crit that is absent', map([2n, [7n]])],
    ['a crit that is no label', map([2n, [true]])],
    ['an empty content type', map([3n, ''])],
    ['a content type without slash', map([3n, 'text'])],
    ['a content type with two slashes', map([3n, 'a/b/c'])],
    ['a content type with a blank in front', map([3n, ' a/b'])],
    ['a negative content type', map([3n, -1n])],
    ['a type without slash', map([16n, 'x'])],
    ['a kid that is a text', map([4n, 'k'])],
    ['both vectors', map([5n, Buffer.alloc(1)], [6n, Buffer.alloc(1)])],
    [
      'a countersignature in the protected header',
      map([7n, [Buffer.alloc(0), map(), Buffer.from('s')]]),
    ],
    ['a label that is a byte string', map([Buffer.from('a'), 1n])],
    ['an integer beyond 64 bits', map([99n, 2n ** 63n])],
    ['an integer beyond 64 bits inside', map([99n, [map(['a', 2n ** 63n])]])],
    ['a label below 64 bits', map([-(2n ** 63n) - 1n, null])],
    ['a date that is none', map(['t', { tag: 0n, content: 'x' }])],
    ['an epoch that is a text', map(['t', { tag: 1n, content: 'x' }])],
  ])('refuses a protected header with %s', (_what, header) => {
    expect(thrownBy(() => readHeader(header)).code).toBe('COSE_INVALID');
  });

  it.each<[string, CborMap]>([
    ['crit', map([2n, [1n]], [1n, -7n])],
    ['a tagged item', map(['t', { tag: 1n, content: 1n }])],
    ['a countersignature that is none', map([7n, [1n]])],
  ])('refuses an unprotected header with %s', (_what, header) => {
    expect(thrownBy(() => readHeader(map(), header)).code).toBe('COSE_INVALID');
  });

  it.each<[string, CborMap, CborMap]>([
    ['crit that is there', map([2n, [1n, 'x']], [1n, -7n], ['x', null]), map()],
    ['a content type by number', map([3n, 0n]), map()],
    ['an epoch', map(['signingtime', { tag: 1n, content: 1n }]), map()],
    ['a kid', map([4n, Buffer.from('k')]), map()],
    ['a number below 64 bits', map([99n, -(2n ** 63n) - 1n]), map()],
    ['a date', map(['t', { tag: 0n, content: '2020-01-01T00:00:00Z' }]), map()],
    ['no countersignature', map(), map([7n, null], [11n, []])],
    ['a countersignature', map(), map([11n, [Buffer.alloc(0), map(), Buffer.from('s')]])],
    ['several countersignatures', map(), map([7n, [[Buffer.alloc(0), map(), Buffer.from('s')]]])],
  ])('accepts %s', (_what, header, unprotectedHeader) => {
    expect(readHeader(header, unprotectedHeader).protectedHeader).toEqual(header);
  });

  it('signs the bytes of the protected header as they stand', () => {
    expect(sigStructure(Buffer.from('a0', 'hex'), Buffer.from('p')).toString('hex')).toBe(
      '846a5369676e61747572653141a0404170',
    );
  });

  it('throws nothing but its own errors for a document with changed bytes', () => {
    const bytes = makeStatement(makeSigner());
    const edits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(edits, fc.nat(3), (changes, cut) => {
        const changed = Buffer.from(bytes.subarray(0, bytes.length - cut));
        for (const [at, value] of changes) changed[Math.min(at, changed.length - 1)] = value;
        try {
          parseCoseSign1(changed, 'x');
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
        }
      }),
      { seed: SEED, numRuns: 1_000 },
    );
  });
});
