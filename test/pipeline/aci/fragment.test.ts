import { describe, expect, it } from 'vitest';
import { type DataMap, isMap } from '../../../src/core/data.js';
import { sha256Hex } from '../../../src/core/digest.js';
import type { JsonValue } from '../../../src/core/json.js';
import { dataFromJson, isCovered } from '../../../src/fragment/coverage.js';
import { parseFragment } from '../../../src/fragment/payload.js';
import { parseArmFileAsReference } from '../../../src/manifest/arm/parse.js';
import { readArmGroupsAsReference } from '../../../src/manifest/arm/reference.js';
import { readImageGroup } from '../../../src/manifest/config/definitions.js';
import { readConfig } from '../../../src/manifest/config/read.js';
import { generateFragment } from '../../../src/pipeline/aci/fragment.js';
import { type AciRequest, generateAci } from '../../../src/pipeline/aci/generate.js';
import { findAciGuest } from '../../../src/policy/aci/guests.js';
import type { ContainerGroup } from '../../../src/workload/container-group.js';
import { type AciCaseOptions, aciCases, aciPorts, aciVectors } from '../../support/aci-vectors.js';
import { failureOf } from '../../support/images.js';

interface FragmentCase {
  readonly name: string;
  readonly input: {
    readonly namespace: string;
    readonly svn: string;
    readonly config?: string;
    readonly image?: string;
  };
  readonly options: AciCaseOptions;
  readonly expect: Readonly<Record<string, { readonly file_text: string }>>;
}

interface CoverageCase {
  readonly name: string;
  readonly input: {
    readonly template: string;
    readonly import: JsonValue;
    readonly fragment_texts: readonly string[];
  };
  readonly expect: Readonly<
    Record<string, { readonly policies: readonly { readonly sha256: string }[] }>
  >;
}

const reading = { approve: () => true, notices: () => undefined };

const requestOf = (
  group: ContainerGroup,
  profile: string,
  options: AciCaseOptions,
): AciRequest => ({
  groups: [group],
  guest: findAciGuest(`confcom-${profile}`),
  debugMode: options.debug_mode === true,
  stdio: options.disable_stdio !== true,
  omitId: options.omit_id === true,
  fragments: { imports: [], excludeInfrastructure: false },
});

describe.runIf(aciVectors !== undefined)('recorded fragments', () => {
  const cases = aciCases<FragmentCase>('fragment.json').flatMap((each) =>
    Object.keys(each.expect).map((profile) => [each.name, profile, each] as const),
  );
  it.each(cases)('%s %s', async (_name, profile, { input, options, expect: expected }) => {
    const group =
      input.config === undefined
        ? readImageGroup(input.image!)
        : readConfig(input.config, 'in.json', reading);
    const { namespace, svn } = input;
    const request = requestOf(group, profile, options);
    const compact = options.outraw === true;
    const text = await generateFragment({ request, namespace, svn, compact }, aciPorts());
    expect(text).toBe(expected[profile]!.file_text);
  });

  const coverage = aciCases<CoverageCase>('coverage.json').flatMap((each) =>
    Object.keys(each.expect).map((profile) => [each.name, profile, each] as const),
  );
  it.each(coverage)('%s %s', async (_name, profile, { input, expect: expected }) => {
    const covered = input.fragment_texts.flatMap((text) => {
      const { containers } = parseFragment(Buffer.from(text), 'x');
      return containers.map(dataFromJson).filter(isMap);
    });
    const template = parseArmFileAsReference(input.template, 'in.json');
    const [group] = readArmGroupsAsReference({ template, ...reading });
    const request: AciRequest = {
      ...requestOf(group!, profile, {}),
      fragments: { imports: [dataFromJson(input.import) as DataMap], excludeInfrastructure: false },
      isCovered: (container) => isCovered(container, covered),
    };
    const [policy] = await generateAci(request, aciPorts());
    expect(sha256Hex(policy!.policy)).toBe(expected[profile]!.policies[0]!.sha256);
  });

  it('nothing is left of a fragment whose containers are all covered', async () => {
    const [first] = aciCases<FragmentCase>('fragment.json').filter(({ input }) => input.image);
    const request = requestOf(readImageGroup(first!.input.image!), '2.0.1', {});
    const call = generateFragment(
      { request: { ...request, isCovered: () => true }, namespace: 'a', svn: '1', compact: false },
      aciPorts(),
    );
    expect((await failureOf(() => call)).code).toBe('FRAGMENT_INVALID');
  });
});

const container = (more: Readonly<Record<string, JsonValue>> = {}): DataMap =>
  dataFromJson({
    id: 'app:1',
    name: 'app',
    command: ['a', 'b'],
    layers: ['1'],
    signals: [9, 15],
    env_rules: [{ pattern: 'A=1', strategy: 'string', required: false }],
    mounts: [
      { destination: '/a', options: ['rw', 'rbind'] },
      { destination: '/b', options: ['ro'] },
    ],
    ...more,
  }) as DataMap;

describe('isCovered', () => {
  const covers = (more: Readonly<Record<string, JsonValue>>, own = container()) =>
    isCovered(own, [container(more)]);

  it.each<[string, Readonly<Record<string, JsonValue>>, boolean]>([
    ['the same', {}, true],
    ['other layers', { layers: [] }, true],
    [
      'another order',
      {
        signals: [15, 9],
        mounts: [
          { destination: '/b', options: ['ro'] },
          { options: ['rbind', 'rw'], destination: '/a' },
        ],
      },
      true,
    ],
    ['another id with the same name', { id: 'other:1' }, true],
    ['another name with the same id', { name: 'other' }, false],
    ['another id and name', { id: 'other:1', name: 'other' }, false],
    ['one signal more', { signals: [9, 15, 15] }, false],
    ['another signal', { signals: [9, 16] }, false],
    ['a text for a number', { signals: ['9', '15'] }, false],
    ['a member less', { user: 'x' }, true],
    [
      'another mount',
      {
        mounts: [
          { destination: '/a', options: ['rw', 'rbind'] },
          { destination: '/c', options: ['ro'] },
        ],
      },
      false,
    ],
    ['null for a list', { command: null }, false],
    [
      'more variables',
      {
        env_rules: [
          { pattern: 'B=1', strategy: 'string' },
          { pattern: 'A=1', strategy: 'string' },
        ],
      },
      true,
    ],
    ['fewer variables', { env_rules: [] }, false],
    ['an expression that finds it', { env_rules: [{ pattern: 'A=.', strategy: 're2' }] }, true],
    ['an expression that finds a part', { env_rules: [{ pattern: '^A', strategy: 're2' }] }, true],
    ['an expression that does not', { env_rules: [{ pattern: 'B=.', strategy: 're2' }] }, false],
    ['a broken expression', { env_rules: [{ pattern: '(', strategy: 're2' }] }, false],
  ])('%s', (_what, more, expected) => {
    expect(covers(more)).toBe(expected);
  });

  it('takes an expression only for the same expression', () => {
    const own = container({ env_rules: [{ pattern: 'A=.+', strategy: 're2' }] });
    expect(covers({ env_rules: [{ pattern: 'A=.+', strategy: 're2' }] }, own)).toBe(true);
    expect(covers({ env_rules: [{ pattern: '.*', strategy: 're2' }] }, own)).toBe(false);
  });

  it('reads an id without tag as latest', () => {
    const own = container({ id: 'app', name: 'x' });
    expect(isCovered(own, [container({ id: 'app:latest', name: 'x' })])).toBe(true);
    expect(
      isCovered(container({ id: 'app', name: null }), [container({ id: 'b', name: null })]),
    ).toBe(false);
  });
});
