/**
 * What evidence must show, `podseal.expectation/v1` (spec snp-attestation sections 5.1 and 5.3). JSON, one object;
 * unknown and duplicate members and every value of another form are refused, so that a typing error never loosens a
 * check. The verifier inside the guest reads the same files.
 */
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import {
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  readBoolean,
  readObject,
  readString,
  refuseUnknownKeys,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import { PRODUCT_LINES, type ProductLine, TCB_PARTS } from './products.js';
import type { Tcb } from './tcb.js';

export const EXPECTATION_FORMAT = 'podseal.expectation/v1';

/** Checks that an expectation may turn off; each shows up in the verdict. */
export const SKIPPABLE = ['chain', 'chain-time', 'host-data'] as const;
export type Skippable = (typeof SKIPPABLE)[number];

/** Lowest firmware version; without build any build will do. */
export interface MinimumFirmware {
  readonly major: number;
  readonly minor: number;
  readonly build?: number;
}

/** Lowest TCB of each product line; a line that is not listed is refused. */
export type TcbByLine = Readonly<Partial<Record<ProductLine, Tcb>>>;

/** Endorsement of the utility VM by its publisher. */
export interface UvmExpectation {
  /** did:x509 of the publisher. */
  readonly issuer: string;
  readonly feed: string;
  readonly minimumSvn: number;
}

/** Absent: not asked. Hex is lower case, as stored in the report; lists mean "any of these". */
export interface Expectation {
  /** 32 bytes each; absent only if `skip` names host-data. */
  readonly hostData?: readonly string[];
  /** 48 bytes each. */
  readonly launchMeasurements?: readonly string[];
  /** 64 bytes. */
  readonly reportData?: string;
  readonly vmpl?: number | 'any';
  readonly allowDebug?: boolean;
  readonly allowMigrationAgent?: boolean;
  readonly allowCxl?: boolean;
  /** Default true. */
  readonly allowVlek?: boolean;
  /** Whole policy words. */
  readonly guestPolicies?: readonly bigint[];
  readonly requireSmtDisabled?: boolean;
  readonly requireTsme?: boolean;
  readonly requireEcc?: boolean;
  readonly requireAliasCheck?: boolean;
  /** Default true. */
  readonly allowUnknownPlatformBits?: boolean;
  readonly minimumTcb?: TcbByLine;
  readonly minimumLaunchTcb?: TcbByLine;
  readonly requireCommitted?: boolean;
  readonly minimumFirmware?: MinimumFirmware;
  readonly minimumGuestSvn?: number;
  /** Bits that must be set. */
  readonly launchMitigations?: bigint;
  readonly currentMitigations?: bigint;
  /** 48 bytes each. */
  readonly idKeyDigests?: readonly string[];
  readonly authorKeyDigests?: readonly string[];
  readonly requireAuthorKey?: boolean;
  /** 16 bytes each. */
  readonly familyId?: string;
  readonly imageId?: string;
  /** 64 bytes each. */
  readonly chipIds?: readonly string[];
  readonly cspIds?: readonly string[];
  readonly requireCrl?: boolean;
  readonly uvm?: UvmExpectation;
  readonly skip?: readonly Skippable[];
}

type Readers = { readonly [K in keyof Expectation]-?: JsonReader<NonNullable<Expectation[K]>> };

const READERS: Readers = {
  hostData: listOf(hexOf(32)),
  launchMeasurements: listOf(hexOf(48)),
  reportData: hexOf(64),
  vmpl: readVmpl,
  allowDebug: readBoolean,
  allowMigrationAgent: readBoolean,
  allowCxl: readBoolean,
  allowVlek: readBoolean,
  guestPolicies: listOf(readWord),
  requireSmtDisabled: readBoolean,
  requireTsme: readBoolean,
  requireEcc: readBoolean,
  requireAliasCheck: readBoolean,
  allowUnknownPlatformBits: readBoolean,
  minimumTcb: readTcbByLine,
  minimumLaunchTcb: readTcbByLine,
  requireCommitted: readBoolean,
  minimumFirmware: readFirmware,
  minimumGuestSvn: numberUpTo(0xffff_ffff),
  launchMitigations: readWord,
  currentMitigations: readWord,
  idKeyDigests: listOf(hexOf(48)),
  authorKeyDigests: listOf(hexOf(48)),
  requireAuthorKey: readBoolean,
  familyId: hexOf(16),
  imageId: hexOf(16),
  chipIds: listOf(hexOf(64)),
  cspIds: listOf(readString),
  requireCrl: readBoolean,
  uvm: readUvm,
  skip: readSkip,
};

const MEMBERS = Object.keys(READERS) as (keyof Expectation)[];

/** Reads an expectation. `what` names the text. Throws EXPECTATION_INVALID. */
export function parseExpectation(text: string, what: string): Expectation {
  let value: JsonValue;
  try {
    value = parseJson(text, what);
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause;
    throw new ToolError('EXPECTATION_INVALID', cause.message, {
      ...(cause.where === undefined ? {} : { where: cause.where }),
      cause,
    });
  }
  return readExpectation(value, what);
}

/** Reads an expectation from a JSON value. Throws EXPECTATION_INVALID. */
export function readExpectation(value: JsonValue, what: string): Expectation {
  const place: JsonPlace = { code: 'EXPECTATION_INVALID', what, path: '' };
  const object = readObject(value, place);
  refuseUnknownKeys(object, ['format', ...MEMBERS], place);
  if (object.format !== EXPECTATION_FORMAT) {
    throw invalidAt(below(place, 'format'), 'does not fit', { want: EXPECTATION_FORMAT });
  }
  const members = MEMBERS.filter((member) => Object.hasOwn(object, member)).map((member) => {
    return [member, READERS[member](object[member] ?? null, below(place, member))] as const;
  });
  const expectation = Object.fromEntries(members) as Expectation;
  refuseContradictions(expectation, place);
  return expectation;
}

/** The text of an expectation; parseExpectation reads it back. */
export function printExpectation(expectation: Expectation): string {
  return `${JSON.stringify(expectationAsJson(expectation), null, 2)}\n`;
}

/** An expectation as a JSON value; readExpectation reads it back. */
export function expectationAsJson(expectation: Expectation): JsonObject {
  const { guestPolicies, minimumFirmware: firmware, ...rest } = expectation;
  const { launchMitigations, currentMitigations } = expectation;
  const members: Readonly<Record<string, unknown>> = {
    ...rest,
    guestPolicies: guestPolicies?.map(printWord),
    minimumFirmware: firmware && printFirmware(firmware),
    launchMitigations: launchMitigations === undefined ? undefined : printWord(launchMitigations),
    currentMitigations:
      currentMitigations === undefined ? undefined : printWord(currentMitigations),
  };
  const present = MEMBERS.filter((member) => members[member] !== undefined);
  const entries = present.map((member) => [member, members[member] as JsonValue] as const);
  return { format: EXPECTATION_FORMAT, ...Object.fromEntries(entries) };
}

/** A 64-bit word as text. */
export function printWord(word: bigint): string {
  return `0x${word.toString(16)}`;
}

/** A firmware version as text. */
export function printFirmware({ major, minor, build }: MinimumFirmware): string {
  return [major, minor, ...(build === undefined ? [] : [build])].join('.');
}

function refuseContradictions(expectation: Expectation, place: JsonPlace): void {
  const { skip = [], hostData, requireCrl, chipIds, cspIds } = expectation;
  if (skip.includes('host-data') && hostData !== undefined) {
    throw invalidAt(below(place, 'skip'), 'turns host-data off although hostData is given');
  }
  if (!skip.includes('host-data') && hostData === undefined) {
    throw invalidAt(below(place, 'hostData'), 'is missing', {
      hints: ['without it any policy would be accepted'],
    });
  }
  const needsChain = [requireCrl === true, chipIds !== undefined, cspIds !== undefined];
  if (skip.includes('chain') && needsChain.includes(true)) {
    throw invalidAt(
      below(place, 'skip'),
      'turns chain off, which requireCrl, chipIds and cspIds need',
    );
  }
}

function hexOf(sizeBytes: number): JsonReader<string> {
  return (value, place) => {
    const text = readString(value, place);
    if (text.length === 2 * sizeBytes && /^[0-9a-fA-F]*$/.test(text)) return text.toLowerCase();
    throw invalidAt(place, 'has a wrong length or form', {
      want: `${2 * sizeBytes} hex digits`,
      got: `${text.length} characters`,
    });
  };
}

function listOf<T>(read: JsonReader<T>): JsonReader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length === 0) {
      throw invalidAt(place, 'does not fit', { want: 'a list that is not empty' });
    }
    if (value.length > LIMITS.expectationValues) {
      throw invalidAt(place, 'is too long', { want: `at most ${LIMITS.expectationValues}` });
    }
    return value.map((element: JsonValue, index) => read(element, below(place, index)));
  };
}

function numberUpTo(max: number): JsonReader<number> {
  return (value, place) => {
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
    if (fits) return value + 0;
    throw invalidAt(place, 'is out of range', { want: `an integer from 0 to ${max}` });
  };
}

function readVmpl(value: JsonValue, place: JsonPlace): number | 'any' {
  return value === 'any' ? 'any' : numberUpTo(3)(value, place);
}

function readWord(value: JsonValue, place: JsonPlace): bigint {
  const text = readString(value, place);
  if (/^0x[0-9a-fA-F]{1,16}$/.test(text)) return BigInt(text);
  throw invalidAt(place, 'does not fit', { want: '0x and 1 to 16 hex digits' });
}

const FIRMWARE = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){1,2}$/;

function readFirmware(value: JsonValue, place: JsonPlace): MinimumFirmware {
  const text = readString(value, place);
  const [major = 0, minor = 0, build] = text.split('.').map(Number);
  if (FIRMWARE.test(text) && Math.max(major, minor, build ?? 0) <= 255) {
    return { major, minor, ...(build === undefined ? {} : { build }) };
  }
  throw invalidAt(place, 'does not fit', { want: 'major.minor or major.minor.build' });
}

function readTcbByLine(value: JsonValue, place: JsonPlace): TcbByLine {
  const object = readObject(value, place);
  refuseUnknownKeys(object, PRODUCT_LINES, place);
  const lines = PRODUCT_LINES.filter((line) => Object.hasOwn(object, line));
  if (lines.length === 0) {
    throw invalidAt(place, 'does not fit', { want: `one or more of ${PRODUCT_LINES.join(', ')}` });
  }
  return Object.fromEntries(
    lines.map((line) => [line, readTcbParts(object[line] ?? null, below(place, line))]),
  );
}

function readTcbParts(value: JsonValue, place: JsonPlace): Tcb {
  const object: JsonObject = readObject(value, place);
  refuseUnknownKeys(object, TCB_PARTS, place);
  const parts = TCB_PARTS.filter((part) => Object.hasOwn(object, part));
  return Object.fromEntries(
    parts.map((part) => [part, numberUpTo(255)(object[part] ?? null, below(place, part))]),
  );
}

function readUvm(value: JsonValue, place: JsonPlace): UvmExpectation {
  const object = readObject(value, place);
  refuseUnknownKeys(object, ['issuer', 'feed', 'minimumSvn'], place);
  const read = <T>(member: string, reader: JsonReader<T>) => {
    if (!Object.hasOwn(object, member)) throw invalidAt(below(place, member), 'is missing');
    return reader(object[member] ?? null, below(place, member));
  };
  return {
    issuer: read('issuer', readString),
    feed: read('feed', readString),
    minimumSvn: read('minimumSvn', numberUpTo(0xffff_ffff)),
  };
}

function readSkip(value: JsonValue, place: JsonPlace): readonly Skippable[] {
  if (!Array.isArray(value)) throw invalidAt(place, 'does not fit', { want: 'a list' });
  const names = value.map((element: JsonValue, index) => {
    const known = SKIPPABLE.find((name) => name === element);
    if (known !== undefined) return known;
    throw invalidAt(below(place, index), 'cannot be turned off', { want: SKIPPABLE.join(', ') });
  });
  if (new Set(names).size === names.length) return names;
  throw invalidAt(place, 'names a check twice');
}
