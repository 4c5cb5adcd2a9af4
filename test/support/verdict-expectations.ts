/** Expectations about a report, right, wrong and damaged. */
import { type Dice, pick } from './mutate.js';

type Json = Readonly<Record<string, unknown>>;

/** Hex of a field of a report; zeros for a report that is too short. */
export const hexOf = (report: Buffer, offset: number, size: number) => {
  const field = report.subarray(offset, offset + size).toString('hex');
  return field.length === 2 * size ? field : '00'.repeat(size);
};

type Maker = (report: Buffer, dice: Dice) => unknown;

const hexList =
  (offset: number, size: number): Maker =>
  (report, dice) => {
    const right = hexOf(report, offset, size);
    return pick(
      [[right], [right.toUpperCase()], ['ab'.repeat(size), right], ['cd'.repeat(size)]],
      dice,
    );
  };
const hexValue =
  (offset: number, size: number): Maker =>
  (report, dice) =>
    pick([hexOf(report, offset, size), hexOf(report, offset, size), '00'.repeat(size)], dice);
const flag: Maker = (_report, dice) => dice(2) === 0;
const word =
  (offset: number): Maker =>
  (report, dice) =>
    pick([`0x${hexOf(report, offset, 1)}`, '0x0', '0x1', '0x3f', '0xffffffffffffffff'], dice);
const levels: Maker = (_report, dice) => {
  const parts = Object.fromEntries(
    ['fmc', 'bl', 'tee', 'snp', 'ucode'].filter(() => dice(3) === 0).map((part) => [part, dice(8)]),
  );
  return pick(
    [{ Milan: parts }, { Milan: parts, Genoa: parts, Turin: parts }, { Turin: parts }],
    dice,
  );
};

/** A value for each member of an expectation, right or wrong. */
const MEMBERS: Readonly<Record<string, Maker>> = {
  launchMeasurements: hexList(0x90, 48),
  reportData: hexValue(0x50, 64),
  vmpl: (_report, dice) => pick([0, 1, 2, 3, 'any'], dice),
  allowDebug: flag,
  allowMigrationAgent: flag,
  allowCxl: flag,
  allowVlek: flag,
  guestPolicies: (report, dice) =>
    pick(
      [['0x3001f'], [`0x${Buffer.from(report.subarray(8, 16)).reverse().toString('hex') || '0'}`]],
      dice,
    ),
  requireSmtDisabled: flag,
  requireTsme: flag,
  requireEcc: flag,
  requireAliasCheck: flag,
  allowUnknownPlatformBits: flag,
  minimumTcb: levels,
  minimumLaunchTcb: levels,
  requireCommitted: flag,
  minimumFirmware: (_report, dice) =>
    pick(['1.55', '1.9', '1.55.21', '1.55.22', '0.0', '255.255.255'], dice),
  minimumGuestSvn: (_report, dice) => dice(5),
  launchMitigations: word(0x1f8),
  currentMitigations: word(0x200),
  idKeyDigests: hexList(0xe0, 48),
  authorKeyDigests: hexList(0x110, 48),
  requireAuthorKey: flag,
  familyId: hexValue(0x10, 16),
  imageId: hexValue(0x20, 16),
  chipIds: hexList(0x1a0, 64),
  cspIds: (_report, dice) =>
    pick([['CN=cloud.example'], ['x', 'CN=cc-us-east-2.amazonaws.com'], ['y']], dice),
  requireCrl: flag,
};

/** Members with values of a wrong form. */
const BROKEN: readonly Json[] = [
  { vmpl: 4 },
  { vmpl: -1 },
  { vmpl: 'all' },
  { allowDebug: 'true' },
  { allowDebug: null },
  { hostData: [] },
  { hostData: 'ab'.repeat(32) },
  { hostData: ['ab'.repeat(31)] },
  { hostData: ['ag'.repeat(32)] },
  { reportData: 'ab'.repeat(32) },
  { guestPolicies: ['3001f'] },
  { guestPolicies: ['0x'] },
  { guestPolicies: ['0x00000000000000000'] },
  { minimumTcb: {} },
  { minimumTcb: { Milan: { bl: 256 } } },
  { minimumTcb: { milan: {} } },
  { minimumTcb: { Milan: { spl: 1 } } },
  { minimumFirmware: '1' },
  { minimumFirmware: '1.256' },
  { minimumFirmware: '01.2' },
  { minimumFirmware: '1.2.3.4' },
  { minimumGuestSvn: 4294967296 },
  { minimumGuestSvn: 1.5 },
  { launchMitigations: 63 },
  { skip: ['signature'] },
  { skip: ['chain', 'chain'] },
  { skip: 'chain' },
  { uvm: { issuer: 'did', feed: 'f' } },
  { uvm: { issuer: 'did', feed: 'f', minimumSvn: '1' } },
  { cspIds: [] },
  { cspIds: [1] },
  { unknown: true },
  { format: 'podseal.expectation/v2' },
];

/** An expectation about a report; `skip` are the checks that it turns off. */
export function expectationFor(report: Buffer, skip: readonly string[], dice: Dice): Json {
  const names = Object.keys(MEMBERS).filter(() => dice(9) === 0);
  const made = Object.fromEntries(names.map((name) => [name, MEMBERS[name]?.(report, dice)]));
  const anyPolicy = dice(3) === 0;
  const all = [...skip, ...(anyPolicy ? ['host-data'] : [])];
  return {
    format: 'podseal.expectation/v1',
    ...(anyPolicy ? {} : { hostData: hexList(0xc0, 32)(report, dice) }),
    ...made,
    ...(all.length === 0 ? {} : { skip: all }),
    ...(dice(60) === 0 ? pick(BROKEN, dice) : {}),
  };
}
