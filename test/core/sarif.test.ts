import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { type AuditRule, type Finding, SEVERITIES } from '../../src/core/finding.js';
import { printSarif } from '../../src/core/sarif.js';
import { SARIF_SCHEMA } from '../support/sarif-schema.js';

const RULES: readonly AuditRule[] = SEVERITIES.map((severity) => ({
  id: `rule-${severity}`,
  severity,
  title: 'something is open',
  remedy: 'close it',
}));

const finding = (severity: Finding['severity'], place: Finding['place']): Finding => ({
  id: `rule-${severity}`,
  severity,
  message: 'the door is open',
  subject: 'Pod p',
  place,
  path: 'spec',
  remedy: 'close it',
});

const ajv = new Ajv({ strict: true });
ajv.addFormat('uri', /^[a-z]+:\/\/\S+$/);
ajv.addFormat('uri-reference', /^[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=%-]*$/);
const isSarif = ajv.compile(SARIF_SCHEMA);

interface Log {
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly partialFingerprints: Readonly<Record<string, string>>;
      readonly locations: readonly {
        readonly physicalLocation: {
          readonly artifactLocation: { readonly uri: string };
          readonly region?: object;
        };
      }[];
    }[];
  }[];
}

function logOf(findings: readonly Finding[]) {
  const log: unknown = JSON.parse(printSarif({ version: '1.2.3', rules: RULES, findings }));
  expect(isSarif(log), JSON.stringify(isSarif.errors)).toBe(true);
  return (log as Log).runs[0]!;
}

describe('SARIF', () => {
  it('fits the standard, with and without findings', () => {
    expect(logOf([]).results).toEqual([]);
    const all = SEVERITIES.map((severity) =>
      finding(severity, { file: 'a.yaml', line: 1, column: 2 }),
    );
    const { results, tool } = logOf(all);
    expect(results.map(({ level }) => level)).toEqual([
      'error',
      'error',
      'warning',
      'note',
      'note',
    ]);
    for (const { ruleId, ruleIndex } of results) {
      expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
    }
  });

  it('the schema of this test refuses what is not SARIF', () => {
    expect(isSarif({ version: '2.0.0', runs: [] })).toBe(false);
    expect(isSarif({ version: '2.1.0', runs: [{ tool: {} }] })).toBe(false);
    expect(isSarif({ version: '2.1.0', runs: [], extra: 1 })).toBe(false);
  });

  it('says subject, message and remedy', () => {
    const [result] = logOf([finding('high', { file: 'a.yaml' })]).results;
    expect(result?.message.text).toBe('Pod p: the door is open. Close it.');
    expect(result?.locations[0]?.physicalLocation).toEqual({ artifactLocation: { uri: 'a.yaml' } });
  });

  it.each([
    ['dir/a b#1.yaml', 'dir/a%20b%231.yaml'],
    ['dir\\pod.yaml', 'dir/pod.yaml'],
    ['/abs/pod.yaml', 'file:///abs/pod.yaml'],
    ['-', 'stdin'],
  ])('file %s has the URI %s', (file, uri) => {
    const [result] = logOf([finding('low', { file })]).results;
    expect(result?.locations[0]?.physicalLocation.artifactLocation.uri).toBe(uri);
  });

  it('fingerprints do not depend on the line', () => {
    const at = (line: number) =>
      logOf([finding('low', { file: 'a', line })]).results[0]?.partialFingerprints;
    expect(at(1)).toEqual(at(7));
    const other = { ...finding('low', { file: 'a' }), message: 'another door' };
    expect(logOf([other]).results[0]?.partialFingerprints).not.toEqual(at(1));
  });
});
