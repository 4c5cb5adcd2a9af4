import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCceDocuments } from '../../../src/policy/aci/compare.js';
import { buildContainer } from '../../../src/policy/aci/container.js';
import { buildAciDocument } from '../../../src/policy/aci/document.js';
import { findAciGuest } from '../../../src/policy/aci/guests.js';
import { printAciPolicy } from '../../../src/policy/aci/print.js';
import { requireCceDocument } from '../../../src/policy/aci/read-policy.js';
import type { GroupContainer } from '../../../src/workload/container-group.js';
import {
  aciOptions,
  containerGroup,
  groupContainer,
  groupImage,
} from '../../support/container-groups.js';

function policyOf(containers: readonly Partial<GroupContainer>[], options = aciOptions()) {
  const group = containerGroup({ containers: containers.map(groupContainer) });
  const built = group.containers.map((one) => buildContainer(group, one, groupImage(), options));
  const choice = { imports: [], excludeInfrastructure: false };
  const text = printAciPolicy(buildAciDocument(group, built, choice, options));
  return requireCceDocument(text, 'x');
}

describe('compareCceDocuments', () => {
  const base = policyOf([{}]);
  const changes = (...after: Parameters<typeof policyOf>) =>
    compareCceDocuments(base, policyOf(...after));

  it('finds nothing in equal policies, whatever the order of rules', () => {
    expect(changes([{}])).toEqual([]);
    const rule = (name: string) => ({ pattern: `${name}=1`, strategy: 'string' }) as const;
    const [ab, ba] = [
      [rule('A'), rule('B')],
      [rule('B'), rule('A')],
    ].map((env) => policyOf([{ env }]));
    expect(compareCceDocuments(ab!, ba!)).toEqual([]);
  });

  it('names members, items of lists, and containers', () => {
    expect(changes([{ workingDir: '/w' }])).toEqual([
      { path: 'containers app working_dir', before: '/', after: '/w' },
    ]);
    const env = [{ pattern: 'A=1', strategy: 'string' }] as const;
    expect(changes([{ env }])).toEqual([
      {
        path: 'containers app env_rules',
        after: { pattern: 'A=1', required: false, strategy: 'string' },
      },
    ]);
    expect(
      changes([{ name: 'other' }]).map(({ path, before, after }) => [path, !before, !after]),
    ).toEqual([
      ['containers other', true, false],
      ['containers app', false, true],
    ]);
    expect(changes([{ command: ['b'] }])).toEqual([
      { path: 'containers app command', before: null, after: ['b'] },
    ]);
  });

  it('names versions, fragments, flags and points', () => {
    const older = aciOptions({ guest: findAciGuest('confcom-1.3.1'), debugMode: true });
    const paths = changes([{}], older).map(({ path }) => path);
    expect(new Set(paths)).toEqual(
      new Set([
        'api_version',
        'fragments',
        'containers app exec_processes',
        'allow_dump_stacks',
        'allow_runtime_logging',
        'rw_mount_device',
      ]),
    );
  });

  it('turns around with its arguments', () => {
    const any = fc.array(
      fc.record({ name: fc.constantFrom('a', 'b'), workingDir: fc.constantFrom('/', '/w') }),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(any, any, (one, two) => {
        const [a, b] = [policyOf(one), policyOf(two)];
        expect(compareCceDocuments(a, b).length === 0).toBe(compareCceDocuments(b, a).length === 0);
        expect(compareCceDocuments(a, a)).toEqual([]);
      }),
      { seed: 0xc0, numRuns: 60 },
    );
  });
});
