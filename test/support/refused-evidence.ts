/** Reports and certificates that are refused for their form, their signatures or their chain. */
import type { CheckName } from '../../src/attest/checks.js';
import type { ReasonCode } from '../../src/attest/reasons.js';
import { LIMITS } from '../../src/core/limits.js';
import { CHIP_ID, makeReport } from './amd-pki.js';
import { der, ecKey, integer } from './certificates.js';
import {
  amd,
  chain,
  chainOf,
  crl,
  expecting,
  ORDER,
  PKCS1,
  PKIS,
  type Plan,
  put,
  resigned,
  spl,
  unsigned,
  value,
  without,
} from './snp-plans.js';

/** Reason, the check that gives it, what is wrong, and how it is made so. */
export type Refusal = readonly [ReasonCode, CheckName, string, Plan];

export const REFUSED_EVIDENCE: readonly Refusal[] = [
  [
    'E_LENGTH',
    'length',
    'a byte less',
    {
      evidence: (evidence) => ({
        ...evidence,
        report: Buffer.from(evidence.report ?? []).subarray(1),
      }),
    },
  ],
  [
    'E_LENGTH',
    'length',
    'nothing',
    { evidence: (evidence) => ({ ...evidence, report: Buffer.alloc(0) }) },
  ],
  ['E_VERSION', 'version', 'version 1', put(0, 1)],
  ['E_VERSION', 'version', 'version 6', put(0, 6)],
  ['E_VERSION', 'version', 'a big-endian version', put(0, 0, 0, 0, 3)],
  ['E_SIGALGO', 'signature-algorithm', 'algorithm 0', put(0x34, 0)],
  ['E_SIGALGO', 'signature-algorithm', 'algorithm 2', put(0x34, 2)],
  ...[0x4c, 0x4f, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x208, 0x29f].map(
    (offset) =>
      ['E_RESERVED', 'reserved', `byte 0x${offset.toString(16)}`, put(offset, 1)] as const,
  ),
  ['E_RESERVED', 'reserved', 'a CPU in version 2', { version: 2, ...put(0x188, 1) }],
  ['E_RESERVED', 'reserved', 'mitigations in version 3', put(0x1f8, 1)],
  ['E_RESERVED', 'reserved', 'mitigations in version 4', { version: 4, ...put(0x207, 1) }],
  ['E_RESERVED', 'reserved', 'unsigned bytes', resigned((report) => report.writeUInt8(1, 0x330))],
  ['E_RESERVED', 'reserved', 'the last byte', resigned((report) => report.writeUInt8(1, 0x49f))],
  ['E_RESERVED', 'reserved', 'key bit 5', put(0x48, 0x20)],
  ['E_RESERVED', 'reserved', 'key bit 31', put(0x4b, 0x80)],
  ['E_SIGNING_KEY', 'signing-key', 'no key', put(0x48, 7 << 2)],
  ['E_SIGNING_KEY', 'signing-key', 'key 2', put(0x48, 2 << 2)],
  ['E_SIGNING_KEY', 'leaf-kind', 'a VLEK report with a VCEK', put(0x48, 1 << 2)],
  [
    'E_SIGNING_KEY',
    'leaf-kind',
    'a VLEK that is not allowed',
    { kind: 'VLEK', ...expecting({ allowVlek: false }) },
  ],
  [
    'E_SIG_RANGE',
    'signature-range',
    'R with byte 48',
    resigned((report) => report.writeUInt8(1, 0x2d0)),
  ],
  [
    'E_SIG_RANGE',
    'signature-range',
    'S with byte 71',
    resigned((report) => report.writeUInt8(1, 0x32f)),
  ],
  [
    'E_SIG_RANGE',
    'signature-range',
    'R of zero',
    resigned((report) => report.fill(0, 0x2a0, 0x2d0)),
  ],
  [
    'E_SIG_RANGE',
    'signature-range',
    'S of the order',
    resigned((report) => {
      Buffer.from(ORDER.toString(16), 'hex').reverse().copy(report, 0x2e8);
    }),
  ],
  [
    'E_SIGNATURE',
    'report-signature',
    'another key',
    {
      evidence: (evidence) => ({ ...evidence, report: makeReport(ecKey('P-384')) }),
    },
  ],
  [
    'E_SIGNATURE',
    'report-signature',
    'R and S exchanged',
    resigned((report) => {
      const r = Buffer.from(report.subarray(0x2a0, 0x2e8));
      report.copy(report, 0x2a0, 0x2e8, 0x330);
      r.copy(report, 0x2e8);
    }),
  ],
  ['E_CHAIN_FORMAT', 'chain-format', 'no certificates', chainOf(() => undefined)],
  [
    'E_CHAIN_FORMAT',
    'chain-format',
    'no intermediate',
    chainOf(([, root], leaf) => chain(leaf, root!)),
  ],
  [
    'E_CHAIN_FORMAT',
    'chain-format',
    'a fourth certificate',
    chainOf((rest, leaf) => chain(leaf, ...rest, rest[1]!)),
  ],
  [
    'E_CHAIN_FORMAT',
    'chain-format',
    'a leaf with a byte behind it',
    chainOf((rest, leaf) => chain(Buffer.concat([leaf, Buffer.of(0)]), ...rest)),
  ],
  [
    'E_CHAIN_FORMAT',
    'chain-format',
    'a leaf that is none',
    chainOf((rest) => chain(Buffer.from('certificate'), ...rest)),
  ],
  [
    'E_CHAIN_FORMAT',
    'chain-format',
    'a leaf as issuer',
    chainOf(([, root], leaf) => chain(leaf, leaf, root!)),
  ],
  [
    'E_CHAIN_FORMAT',
    'chain-format',
    'a leaf beyond the limit',
    chainOf((rest) => chain(Buffer.alloc(LIMITS.certificateBytes + 1), ...rest)),
  ],
  [
    'E_CHAIN_FORMAT',
    'chain-anchor',
    'intermediate and root exchanged',
    chainOf(([ask, ark], leaf) => chain(leaf, ark!, ask!)),
  ],
  [
    'E_CHAIN_ANCHOR',
    'chain-anchor',
    'another root of the same name',
    chainOf(([ask], leaf, pki) => chain(leaf, ask!, pki.makeIssuer('ARK-Milan', { serial: 99 }))),
  ],
  [
    'E_CHAIN_SIG',
    'chain-signature',
    'a chain of another line',
    chainOf((_rest, leaf) => chain(leaf, PKIS.Genoa.ask, PKIS.Genoa.ark)),
  ],
  [
    'E_CHAIN_SIG',
    'chain-signature',
    'a VLEK under the ASK',
    { kind: 'VLEK', ...chainOf(([, root], leaf, pki) => chain(leaf, pki.ask, root!)) },
  ],
  [
    'E_CHAIN_SIG',
    'chain-signature',
    'a leaf issued by the root',
    { leaf: { issuerName: 'ARK-Milan' } },
  ],
  [
    'E_CHAIN_SIG',
    'chain-signature',
    'a leaf with a damaged signature',
    chainOf((rest, leaf) => {
      const damaged = Buffer.from(leaf);
      damaged[damaged.length - 9] = (damaged[damaged.length - 9] ?? 0) ^ 1;
      return chain(damaged, ...rest);
    }),
  ],
  ['E_CERT_PROFILE', 'chain-signature', 'a PKCS #1 signature', { leaf: { algorithm: PKCS1 } }],
  ['E_CERT_PROFILE', 'leaf-kind', 'another common name', { leaf: { commonName: 'SEV-VCEK-TEST' } }],
  [
    'E_SIGNING_KEY',
    'leaf-kind',
    'the common name of the other kind',
    { leaf: { commonName: 'SEV-VLEK' } },
  ],
  [
    'E_CERT_PROFILE',
    'chain-profile',
    'a P-256 key',
    { leaf: { key: ecKey('P-256') }, evidence: unsigned },
  ],
  [
    'E_CERT_PROFILE',
    'chain-profile',
    'an unknown critical extension',
    {
      leaf: {
        change: (list) => [...list, { oid: '2.5.29.99', critical: true, value: integer(1) }],
      },
    },
  ],
  [
    'E_CERT_PROFILE',
    'chain-profile',
    'an ASK without CA',
    chainOf(([, root], leaf, pki) =>
      chain(leaf, pki.makeIssuer('SEV-Milan', { extensions: [] }), root!),
    ),
  ],
  ['E_CERT_TIME', 'chain-time', 'an expired leaf', { leaf: { notAfter: '20251231235959Z' } }],
  ['E_CERT_TIME', 'chain-time', 'a leaf of tomorrow', { leaf: { notBefore: '20260101000001Z' } }],
  [
    'E_CERT_TIME',
    'chain-time',
    'an expired ASK',
    chainOf(([, root], leaf, pki) =>
      chain(leaf, pki.makeIssuer('SEV-Milan', { notAfter: '20250101000000Z' }), root!),
    ),
  ],
  ...['1', '2', '3.1', '3.2', '3.3', '3.8', '4'].map(
    (suffix) =>
      [
        'E_CERT_PROFILE',
        'leaf-extensions',
        `no extension ${suffix}`,
        { leaf: without(suffix) },
      ] as const,
  ),
  ['E_CERT_PROFILE', 'leaf-extensions', 'no provider', { kind: 'VLEK', leaf: without('5') }],
  ['E_CERT_PROFILE', 'leaf-extensions', 'no FMC on Turin', { line: 'Turin', leaf: without('3.9') }],
  [
    'E_CERT_PROFILE',
    'leaf-extensions',
    'FMC on Milan',
    { leaf: { change: (list) => [...list, amd('3.9', integer(0))] } },
  ],
  [
    'E_CERT_PROFILE',
    'leaf-extensions',
    'an extension twice',
    { leaf: { change: (list) => [...list, ...list.slice(0, 1)] } },
  ],
  [
    'E_CERT_PROFILE',
    'leaf-extensions',
    'a VCEK with a provider',
    { leaf: { change: (list) => [...list, amd('5', der(0x16))] } },
  ],
  [
    'E_CERT_PROFILE',
    'leaf-extensions',
    'a VLEK with a chip',
    { kind: 'VLEK', leaf: { change: (list) => [...list, amd('4', CHIP_ID)] } },
  ],
  ...[
    Buffer.of(2, 1, 0xdb),
    Buffer.of(2, 2, 1, 0xdb),
    Buffer.of(2, 2, 0, 4),
    Buffer.of(0xdb),
    Buffer.of(2, 1, 4, 0),
  ].map(
    (content) =>
      [
        'E_CERT_PROFILE',
        'leaf-extensions',
        `an SPL of ${content.toString('hex')}`,
        { leaf: { change: spl('3.1', content) } },
      ] as const,
  ),
  ...[
    CHIP_ID.subarray(1),
    CHIP_ID.subarray(0, 8),
    der(4, CHIP_ID.subarray(1)),
    Buffer.concat([der(4, CHIP_ID), Buffer.of(0)]),
  ].map(
    (content, index) =>
      [
        'E_CERT_PROFILE',
        'leaf-extensions',
        `chip ID ${index}`,
        { leaf: { change: value('4', content) } },
      ] as const,
  ),
  ...['Genoa', 'Milano', 'milan', 'Milan B0', ''].map(
    (text) =>
      [
        'E_PRODUCT',
        'leaf-extensions',
        `product ${text}`,
        { leaf: { change: value('2', der(0x16, Buffer.from(text))) } },
      ] as const,
  ),
  ['E_CRL', 'revocation', 'no revocation list', expecting({ requireCrl: true })],
  ['E_CRL', 'revocation', 'an outdated list', crl({ nextUpdate: '20251231235959Z' })],
  ['E_CRL', 'revocation', 'a list of tomorrow', crl({ thisUpdate: '20260101000001Z' })],
  ['E_CRL', 'revocation', 'a list without an end', crl({ nextUpdate: null })],
  ['E_CRL', 'revocation', 'a list of another root', crl({ issuer: 'ARK-Genoa' })],
  ['E_CRL', 'revocation', 'a list with a critical extension', crl({ critical: true })],
  [
    'E_CRL',
    'revocation',
    'a damaged list',
    { evidence: (evidence, pki) => ({ ...evidence, crl: pki.makeCrl().subarray(1) }) },
  ],
  [
    'E_CRL',
    'revocation',
    'a list beyond the limit',
    { evidence: (evidence) => ({ ...evidence, crl: Buffer.alloc(LIMITS.crlBytes + 1) }) },
  ],
  ['E_REVOKED', 'revocation', 'a revoked ASK', crl({ serials: [9, 1] })],
];
