import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Expectation,
  expectationAsJson,
  parseExpectation,
  printExpectation,
  readExpectation,
} from '../../src/attest/expectation.js';
import type { JsonValue } from '../../src/core/json.js';
import { LIMITS } from '../../src/core/limits.js';
import { withoutAbsent } from '../../src/core/record.js';
import { thrownBy } from '../support/failure.js';

const HOST_DATA = 'ab'.repeat(32);
const read = (members: Readonly<Record<string, unknown>>) =>
  readExpectation(
    { format: 'podseal.expectation/v1', hostData: [HOST_DATA], ...members } as JsonValue,
    'x.json',
  );

const hex = (size: number) =>
  fc
    .uint8Array({ minLength: size, maxLength: size })
    .map((bytes) => Buffer.from(bytes).toString('hex'));
const hexList = (size: number) => fc.array(hex(size), { minLength: 1, maxLength: 3 });
const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const level = fc.nat(255);
const tcb = fc
  .record({ fmc: level, bl: level, tee: level, snp: level, ucode: level }, { requiredKeys: [] })
  .map((parts) => ({ ...parts }));
const byLine = fc
  .record({ Milan: tcb, Turin: tcb }, { requiredKeys: ['Milan'] })
  .map((lines) => ({ ...lines }));

const EXPECTATIONS: fc.Arbitrary<Expectation> = fc
  .record(
    {
      hostData: hexList(32),
      launchMeasurements: hexList(48),
      reportData: hex(64),
      vmpl: fc.oneof(fc.nat(3), fc.constant('any' as const)),
      allowDebug: fc.boolean(),
      allowVlek: fc.boolean(),
      guestPolicies: fc.array(word, { minLength: 1, maxLength: 3 }),
      requireEcc: fc.boolean(),
      minimumTcb: byLine,
      minimumFirmware: fc
        .record({ major: level, minor: level, build: level }, { requiredKeys: ['major', 'minor'] })
        .map((version) => ({ ...version })),
      minimumGuestSvn: fc.nat(0xffff_ffff),
      launchMitigations: word,
      authorKeyDigests: hexList(48),
      familyId: hex(16),
      chipIds: hexList(64),
      cspIds: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
      uvm: fc
        .record({ issuer: fc.string(), feed: fc.string(), minimumSvn: fc.nat(0xffff_ffff) })
        .map((uvm) => ({ ...uvm })),
      skip: fc.constantFrom<Expectation['skip']>([], ['chain-time']),
    },
    { requiredKeys: ['hostData'] },
  )
  .map((members) => withoutAbsent(members) as Expectation);

describe('expectation', () => {
  it('is read back as it was printed', () => {
    fc.assert(
      fc.property(EXPECTATIONS, (expectation) => {
        expect(parseExpectation(printExpectation(expectation), 'x.json')).toEqual(expectation);
        expect(readExpectation(expectationAsJson(expectation), 'x.json')).toEqual(expectation);
      }),
      { seed: 0xc0de, numRuns: 200 },
    );
  });

  it('takes hex in either case', () => {
    expect(read({ familyId: 'AB'.repeat(16) }).familyId).toBe('ab'.repeat(16));
  });

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['another format', { format: 'podseal.expectation/v2' }, 'x.json: format does not fit'],
    ['an unknown member', { hostdata: [] }, 'x.json: hostdata is not a known field'],
    ['null', { vmpl: null }, 'vmpl is out of range'],
    ['a short value', { hostData: ['ab'.repeat(31)] }, 'hostData[0] has a wrong length or form'],
    ['no value', { hostData: [] }, 'hostData does not fit'],
    [
      'one value without a list',
      { launchMeasurements: 'ab'.repeat(48) },
      'launchMeasurements does not fit',
    ],
    ['a foreign digit', { reportData: 'ag'.repeat(64) }, 'reportData has a wrong length or form'],
    ['level 4', { vmpl: 4 }, 'vmpl is out of range'],
    ['a number for a flag', { allowDebug: 1 }, 'allowDebug has a wrong type'],
    ['a word without prefix', { guestPolicies: ['3001f'] }, 'guestPolicies[0] does not fit'],
    [
      'a word of 17 digits',
      { launchMitigations: `0x${'0'.repeat(17)}` },
      'launchMitigations does not fit',
    ],
    ['no line', { minimumTcb: {} }, 'minimumTcb does not fit'],
    ['an unknown line', { minimumTcb: { Rome: {} } }, 'minimumTcb.Rome is not a known field'],
    ['level 256', { minimumTcb: { Milan: { bl: 256 } } }, 'minimumTcb.Milan.bl is out of range'],
    ['a version of one number', { minimumFirmware: '1' }, 'minimumFirmware does not fit'],
    ['a leading zero', { minimumFirmware: '1.055' }, 'minimumFirmware does not fit'],
    ['part 256', { minimumFirmware: '1.256' }, 'minimumFirmware does not fit'],
    ['a fraction', { minimumGuestSvn: 1.5 }, 'minimumGuestSvn is out of range'],
    ['an endorsement without feed', { uvm: { issuer: 'x', minimumSvn: 0 } }, 'uvm.feed is missing'],
    ['a check that cannot be turned off', { skip: ['debug'] }, 'skip[0] cannot be turned off'],
    ['a check twice', { skip: ['chain', 'chain'] }, 'skip names a check twice'],
    [
      'host data that is turned off',
      { skip: ['host-data'] },
      'skip turns host-data off although hostData is given',
    ],
    [
      'a chain that is needed',
      { skip: ['chain'], chipIds: ['ab'.repeat(64)] },
      'skip turns chain off',
    ],
  ])('refuses %s', (_name, members, message) => {
    const error = thrownBy(() => read(members));
    expect(error.code).toBe('EXPECTATION_INVALID');
    expect(error.exit).toBe(2);
    expect(error.message).toContain(message);
  });

  it('refuses to expect nothing', () => {
    const error = thrownBy(() =>
      parseExpectation('{"format": "podseal.expectation/v1"}', 'x.json'),
    );
    expect(error.message).toBe('x.json: hostData is missing');
  });

  it.each([
    ['{"format": "podseal.expectation/v1", "vmpl": 0, "vmpl": 1}', 'stands there twice'],
    ['{', 'x.json is not valid JSON'],
    ['[]', 'x.json has a wrong type or value'],
  ])('refuses %s', (text, message) => {
    const error = thrownBy(() => parseExpectation(text, 'x.json'));
    expect(error.code).toBe('EXPECTATION_INVALID');
    expect(error.message).toContain(message);
  });

  it('has a limit for lists', () => {
    const list = (length: number) => Array<string>(length).fill(HOST_DATA);
    expect(read({ hostData: list(LIMITS.expectationValues) }).hostData).toHaveLength(
      LIMITS.expectationValues,
    );
    expect(
      thrownBy(() => read({ hostData: list(LIMITS.expectationValues + 1) })).message,
    ).toContain('is too long');
  });

  it('never throws anything else for any text', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(thrownBy(() => parseExpectation(text, 'x')).code).toBe('EXPECTATION_INVALID');
      }),
      { seed: 0xc0de, numRuns: 200 },
    );
  });
});
