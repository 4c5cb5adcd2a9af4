import { describe, expect, it } from 'vitest';
import {
  countBy,
  type Finding,
  isAtLeast,
  parsePlace,
  printPlace,
  SEVERITIES,
  sortFindings,
} from '../../src/core/finding.js';

const finding = (id: string, severity: Finding['severity']): Finding => ({
  id,
  severity,
  message: 'm',
  subject: 's',
  place: { file: 'f' },
  remedy: 'r',
});

describe('findings', () => {
  it('are sorted by severity, and otherwise keep their order', () => {
    const findings = [finding('a', 'low'), finding('b', 'critical'), finding('c', 'low')];
    expect(sortFindings(findings).map(({ id }) => id)).toEqual(['b', 'a', 'c']);
  });

  it('are compared with a threshold', () => {
    expect(SEVERITIES.filter((one) => isAtLeast(one, 'medium'))).toEqual([
      'critical',
      'high',
      'medium',
    ]);
  });

  it('are counted, zeros included', () => {
    const findings = [finding('a', 'low'), finding('b', 'low')];
    expect(countBy(findings, ['low', 'high'] as const, () => 'low')).toEqual({ low: 2, high: 0 });
  });

  it.each([
    ['pod.yaml:3:7 spec.containers[0]', { file: 'pod.yaml', line: 3, column: 7 }],
    ['pod.yaml:3:7', { file: 'pod.yaml', line: 3, column: 7 }],
    ['C:\\a b\\pod.yaml:12:1 x', { file: 'C:\\a b\\pod.yaml', line: 12, column: 1 }],
    ['policy.rego', { file: 'policy.rego' }],
    ['-', { file: '-' }],
  ])('stand at %s', (text, place) => {
    expect(parsePlace(text)).toEqual(place);
    expect(text.startsWith(printPlace(place))).toBe(true);
  });
});
