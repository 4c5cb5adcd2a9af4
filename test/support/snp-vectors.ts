/** The SNP vectors as evidence and expectations of ours. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pemCertificates } from '../../src/attest/certificate-sources.js';
import type { Evidence } from '../../src/attest/evidence.js';
import { PRODUCT_LINES, type ProductLine, type TrustedRoot } from '../../src/attest/products.js';
import { parseTime } from '../../src/core/time.js';
import { vectorsDir } from './vectors.js';

/** Levels by part, as a case names them. */
type Levels = Readonly<Record<string, number>>;

/** What a case expects; absent members have the defaults of the vectors' README. */
export interface CaseExpectation {
  readonly host_data?: string;
  readonly report_data?: string;
  readonly family_id?: string;
  readonly image_id?: string;
  readonly measurement?: string | readonly string[];
  readonly vmpl?: number | null;
  readonly allow_debug?: boolean;
  readonly allow_migrate_ma?: boolean;
  readonly allow_cxl?: boolean;
  readonly allow_vlek?: boolean;
  readonly min_tcb?: Levels;
  readonly min_launch_tcb?: Levels;
  readonly min_firmware?: string;
  readonly min_build?: number;
  readonly min_guest_svn?: number;
  readonly min_launch_mit_vector?: number;
  readonly require_committed?: boolean;
  readonly require_smt_disabled?: boolean;
  readonly require_tsme?: boolean;
  readonly require_ecc?: boolean;
  readonly require_alias_check?: boolean;
  readonly allow_unknown_platform_bits?: boolean;
  readonly id_key_digests?: readonly string[];
  readonly author_key_digests?: readonly string[];
  readonly require_author_key?: boolean;
  readonly chip_ids?: readonly string[];
  readonly csp_ids?: readonly string[];
  readonly crl?: string;
  readonly require_crl?: boolean;
}

export interface ReportCase {
  readonly id: string;
  readonly report: string | null;
  readonly product: ProductLine;
  readonly leaf: string;
  readonly chain: readonly string[];
  readonly anchor: 'amd' | 'synthetic';
  readonly verify_time: string;
  readonly expect?: CaseExpectation;
  readonly verdict: 'accept' | 'reject';
  readonly reasons?: readonly string[];
  readonly chain_valid?: boolean | null;
  readonly signature_valid?: boolean | null;
  readonly requires_option?: string;
  readonly parsed?: Readonly<Record<string, unknown>>;
}

export interface PartCase {
  readonly id: string;
  readonly file: string;
  readonly verdict: 'accept' | 'reject';
  readonly reasons?: readonly string[];
  readonly entries?: readonly {
    readonly guid: string;
    readonly length: number;
    readonly sha256: string;
  }[];
  readonly expect?: {
    readonly issuer: string;
    readonly feed: string;
    readonly min_svn: number;
    readonly measurement: string;
  };
}

interface Index {
  readonly cases: readonly ReportCase[];
  readonly uvm_cases: readonly PartCase[];
  readonly certtable_cases: readonly PartCase[];
  readonly hcl_cases: readonly PartCase[];
}

export interface SnpVectors extends Index {
  read(file: string): Buffer;
  path(file: string): string;
}

/** The vectors; undefined where they are not at hand. */
export function openSnpVectors(): SnpVectors | undefined {
  const folder = vectorsDir('snp');
  if (folder === undefined) return undefined;
  const path = (file: string) => join(folder, file);
  const read = (file: string) => readFileSync(path(file));
  return { ...(JSON.parse(read('vectors.json').toString()) as Index), read, path };
}

/** Names of the files in one folder of the vectors; none where there is no such folder. */
export function filesOf(vectors: SnpVectors | undefined, folder: string): readonly string[] {
  const path = vectors?.path(folder);
  return path !== undefined && existsSync(path) ? readdirSync(path) : [];
}

/** The evidence of a case. */
export function evidenceOf(vectors: SnpVectors, one: ReportCase): Evidence {
  const crl = one.expect?.crl;
  return {
    ...(one.report === null ? {} : { report: vectors.read(one.report) }),
    certificates: {
      kind: 'chain',
      leaf: vectors.read(one.leaf),
      chain: one.chain.flatMap((file) => pemCertificates(vectors.read(file), file)),
    },
    ...(crl === undefined ? {} : { crl: vectors.read(crl) }),
  };
}

/** The expectation of a case as a JSON value of ours. */
export function expectationOf({ expect = {}, product }: ReportCase): Record<string, unknown> {
  const listOf = (value: string | readonly string[] | undefined) =>
    value === undefined ? undefined : [value].flat();
  const byLine = (levels: Levels | undefined) => levels && { [product]: levels };
  const build = expect.min_build === undefined ? '' : `.${expect.min_build}`;
  const mitigations = expect.min_launch_mit_vector;
  const members = {
    format: 'podseal.expectation/v1',
    hostData: listOf(expect.host_data),
    skip: expect.host_data === undefined ? ['host-data'] : undefined,
    launchMeasurements: listOf(expect.measurement),
    reportData: expect.report_data,
    vmpl: expect.vmpl === null ? 'any' : expect.vmpl,
    allowDebug: expect.allow_debug,
    allowMigrationAgent: expect.allow_migrate_ma,
    allowCxl: expect.allow_cxl,
    allowVlek: expect.allow_vlek,
    requireSmtDisabled: expect.require_smt_disabled,
    requireTsme: expect.require_tsme,
    requireEcc: expect.require_ecc,
    requireAliasCheck: expect.require_alias_check,
    allowUnknownPlatformBits: expect.allow_unknown_platform_bits,
    minimumTcb: byLine(expect.min_tcb),
    minimumLaunchTcb: byLine(expect.min_launch_tcb),
    requireCommitted: expect.require_committed,
    minimumFirmware: expect.min_firmware && `${expect.min_firmware}${build}`,
    minimumGuestSvn: expect.min_guest_svn,
    launchMitigations: mitigations === undefined ? undefined : `0x${mitigations.toString(16)}`,
    idKeyDigests: expect.id_key_digests,
    authorKeyDigests: expect.author_key_digests,
    requireAuthorKey: expect.require_author_key,
    familyId: expect.family_id,
    imageId: expect.image_id,
    chipIds: expect.chip_ids,
    cspIds: expect.csp_ids,
    requireCrl: expect.require_crl,
  };
  return JSON.parse(JSON.stringify(members)) as Record<string, unknown>;
}

/** The expectation of an endorsement alone. */
export function uvmExpectationOf({ expect }: PartCase): Record<string, unknown> {
  return {
    format: 'podseal.expectation/v1',
    skip: ['host-data'],
    launchMeasurements: [expect?.measurement],
    uvm: { issuer: expect?.issuer, feed: expect?.feed, minimumSvn: expect?.min_svn },
  };
}

/** The roots that a case trusts; undefined: AMD's. */
export function rootsOf(vectors: SnpVectors, one: ReportCase): readonly TrustedRoot[] | undefined {
  if (one.anchor === 'amd') return undefined;
  return PRODUCT_LINES.map((line) => {
    const file = `synthetic/roots/${line.toLowerCase()}-ark.pem`;
    const [der = new Uint8Array()] = pemCertificates(vectors.read(file), file);
    return { line, certificateSha256: createHash('sha256').update(der).digest('hex') };
  });
}

/** Seconds of a time that must be one. */
export function secondsOf(time: string): number {
  const seconds = parseTime(time);
  if (seconds === undefined) throw new Error(`${time} is no time`);
  return seconds;
}
