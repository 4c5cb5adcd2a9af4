import { describe, expect, it } from 'vitest';
import {
  buildReleasePolicy,
  parseAuthority,
  parseCompliance,
  parseMeasurement,
  printReleasePolicy,
} from '../../src/release/release-policy.js';

const A = parseMeasurement('a'.repeat(64));
const B = parseMeasurement('0123456789abcdef'.repeat(4));

describe('release policy', () => {
  it('has one entry per authority and measurement, each with every claim', () => {
    const policy = buildReleasePolicy({
      authorities: ['https://one.example', 'https://two.example'],
      measurements: [A, B],
      compliance: 'azure-signed-katacc-uvm',
      debuggable: false,
    });
    expect(policy.version).toBe('1.0.0');
    expect(policy.anyOf.map((entry) => entry.authority)).toEqual([
      'https://one.example',
      'https://one.example',
      'https://two.example',
      'https://two.example',
    ]);
    expect(policy.anyOf[1]?.allOf).toEqual([
      { claim: 'x-ms-attestation-type', equals: 'sevsnpvm' },
      { claim: 'x-ms-compliance-status', equals: 'azure-signed-katacc-uvm' },
      { claim: 'x-ms-sevsnpvm-hostdata', equals: B },
      { claim: 'x-ms-sevsnpvm-is-debuggable', equals: 'false' },
      { claim: 'x-ms-sevsnpvm-vmpl', equals: '0' },
    ]);
  });

  it('is printed as JSON that the service parses, with one final newline', () => {
    const policy = buildReleasePolicy({
      authorities: ['https://one.example'],
      measurements: [A],
      compliance: 'azure-compliant-uvm',
      debuggable: true,
    });
    const text = printReleasePolicy(policy);
    expect(JSON.parse(text)).toEqual(policy);
    expect(text).toMatch(/[^\n]\n$/);
    expect(text).toContain('"x-ms-sevsnpvm-is-debuggable",\n          "equals": "true"');
  });
});

describe('authority', () => {
  it.each([
    ['https://sharedeus2.eus2.attest.azure.net', 'https://sharedeus2.eus2.attest.azure.net'],
    ['https://sharedeus2.eus2.attest.azure.net/', 'https://sharedeus2.eus2.attest.azure.net'],
    ['SharedEus2.eus2.attest.azure.net', 'https://sharedeus2.eus2.attest.azure.net'],
    ['https://localhost:8443', 'https://localhost:8443'],
  ])('%s', (text, expected) => expect(parseAuthority(text)).toBe(expected));

  it.each([
    'http://a.example',
    'https://a.example/path',
    'https://u@a.example',
    '',
    'a b',
    'https://-a.example',
    'https://a..b',
  ])('refuses %j', (text) =>
    expect(() => parseAuthority(text)).toThrow(expect.objectContaining({ code: 'USAGE_CONFLICT' })),
  );
});

describe('measurement and compliance', () => {
  it.each([
    '',
    'A'.repeat(64),
    'a'.repeat(63),
    `${'a'.repeat(64)}\n`,
    '0'.repeat(64),
    'g'.repeat(64),
  ])('refuses the measurement %j', (text) =>
    expect(() => parseMeasurement(text)).toThrow(
      expect.objectContaining({ code: 'USAGE_CONFLICT' }),
    ),
  );

  it('refuses a compliance status that no token carries', () => {
    expect(parseCompliance('azure-compliant-cvm')).toBe('azure-compliant-cvm');
    expect(() => parseCompliance('azure-compliant')).toThrow('compliance status');
  });
});
