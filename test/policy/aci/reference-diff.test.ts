/** Comparison of container objects as the reference reports it (aci policy 13.2). */
import { describe, expect, it } from 'vitest';
import { type DataMap, isMap } from '../../../src/core/data.js';
import { parseJsonData, printCompact } from '../../../src/core/data-json.js';
import { compareAsReference } from '../../../src/policy/aci/reference-diff.js';
import { readStandingLists } from '../../../src/policy/aci/standing.js';
import { readDivergences } from '../../support/divergences.js';
import { thrownBy } from '../../support/failure.js';

const BASE = {
  id: 'img:1',
  name: 'app',
  command: ['a', 'b'],
  layers: ['l1', 'l2'],
  env_rules: [
    { pattern: 'A=1', strategy: 'string', required: false },
    { pattern: 'B=.+', strategy: 're2', required: false },
  ],
  user: { umask: '0022' },
};
const maps = (...containers: readonly object[]): readonly DataMap[] =>
  containers.map((one) => {
    const value = parseJsonData(JSON.stringify(one), 'container');
    if (!isMap(value)) throw new Error('not a map');
    return value;
  });
const compare = (policy: readonly object[], tested: readonly object[]): unknown =>
  JSON.parse(printCompact(compareAsReference(maps(...policy), maps(...tested))));

describe('compareAsReference', () => {
  it.each<readonly [string, object, object]>([
    ['nothing', {}, {}],
    ['the order of lists', { command: ['b', 'a'] }, {}],
    [
      'a scalar',
      { name: 'other' },
      { values_changed: { name: [{ policy_value: 'app', tested_value: 'other' }] } },
    ],
    [
      'a type',
      { command: null },
      {
        type_changes: {
          command: [
            {
              new_type: 'NoneType',
              old_type: 'list',
              policy_value: ['a', 'b'],
              tested_value: null,
            },
          ],
        },
      },
    ],
    ['items added', { command: ['a', 'b', 'c', 'c'] }, { values_added: { command: ['c', 'c'] } }],
    ['items removed', { command: ['a'] }, { values_removed: { command: ['b'] } }],
    [
      'items changed',
      { layers: ['l1', 'x'] },
      { values_changed: { layers: [{ policy_value: 'l2', tested_value: 'x' }] } },
    ],
    [
      'items at the same place as changed, whatever their types',
      { command: [5, 'c', 'b'] },
      {
        values_changed: {
          command: [{ policy_value: 'a', tested_value: 5 }],
        },
        values_added: { command: ['c'] },
      },
    ],
    [
      'items that have no like at their place',
      { layers: ['l2', 'l3'] },
      { values_removed: { layers: ['l1'] }, values_added: { layers: ['l3'] } },
    ],
    [
      'a part of a map',
      { user: { umask: '0' } },
      { values_changed: { user: [{ policy_value: '0022', tested_value: '0' }] } },
    ],
    ['a new member', { signals: [9] }, { dictionary_item_added: { signals: [[9]] } }],
    ['the id alone', { id: 'img:2' }, {}],
    [
      'a variable that no rule matches',
      {
        env_rules: [
          { pattern: 'C=1', strategy: 'string' },
          { pattern: 'xB=1', strategy: 'string' },
        ],
      },
      {
        env_rules: [
          "environment variable with rule 'C=1' does not match strings or regex in policy rules",
        ],
      },
    ],
    [
      'an expression that is not there',
      {
        env_rules: [
          { pattern: 'B=.*', strategy: 're2' },
          { pattern: 'B=.+', strategy: 're2' },
        ],
      },
      { env_rules: ["environment variable with rule 'B=.*' is not in the policy"] },
    ],
  ])('reports %s', (_name, change, report) => {
    const name = 'name' in change ? String(change.name) : 'app';
    const wanted = Object.keys(report).length === 0 ? {} : { [name]: report };
    expect(compare([BASE], [{ ...BASE, ...change }])).toEqual(wanted);
  });

  it('reports a member that only the old policy has, other than the reference', () => {
    expect(readDivergences().filter(({ area }) => area === 'aci-diff')).toHaveLength(1);
    const { user: _user, ...rest } = BASE;
    expect(compare([BASE], [rest])).toEqual({
      app: { dictionary_item_removed: { user: [{ umask: '0022' }] } },
    });
  });

  it('takes the nearest of the containers with the same id or name', () => {
    const far = { ...BASE, name: 'x', layers: [], command: null };
    const near = { ...BASE, id: 'other', command: ['z'] };
    expect(compare([far, near, { ...far, layers: ['y'] }], [BASE])).toEqual({
      app: {
        values_added: { command: ['b'] },
        values_changed: { command: [{ policy_value: 'z', tested_value: 'a' }] },
      },
    });
    expect(compare([far, BASE], [BASE])).toEqual({});
  });

  it('says what is not there, and passes over what only the old policy allows', () => {
    const other = { ...BASE, id: 'other', name: 'other' };
    expect(compare([other], [BASE])).toEqual({ app: 'img:1 not found in policy' });
    expect(compare([], [{ name: 'pause-container' }])).toEqual({
      'pause-container': 'None not found in policy',
    });
    expect(compare([other, BASE], [BASE])).toEqual({});
  });
});

describe('readStandingLists', () => {
  const read = (text: string) => readStandingLists(Buffer.from(text).toString('base64'), 'here');

  it('reads the lists of a policy', () => {
    const text =
      'package policy\n\nfragments := [{"feed": "f"}]\ncontainers := [{"a": 1, "b": [true, null, "[x"]}]\nreason := {"errors": data.framework.errors}\n';
    expect(read(text)).toEqual({
      fragments: [new Map([['feed', 'f']])],
      containers: [
        new Map<string, unknown>([
          ['a', 1n],
          ['b', [true, null, '[x']],
        ]),
      ],
    });
    expect(read('package policy\n\nmount_device := {"allowed": true}\n')).toEqual({
      containers: undefined,
      fragments: undefined,
    });
  });

  it.each(['hello', '{"a": ', 'containers = []', ''])('finds nothing in %j', (text) => {
    expect(read(text)).toEqual({ containers: undefined, fragments: undefined });
  });

  it.each([
    ['"x"', 'the policy that stands there is JSON, not Rego'],
    ['[{"a": 1}]', 'the policy that stands there is JSON, not Rego'],
    [
      'package policy\ncontainers := [data.x]\n',
      'the list containers of the policy that stands there is not plain data',
    ],
    [
      'package policy\ncontainers := {}\n',
      'the list containers of the policy that stands there is not plain data',
    ],
    ['package policy\n# é\n', 'the policy that stands there is not ASCII in base64'],
  ])('refuses %j', (text, message) => {
    expect(thrownBy(() => read(text))).toMatchObject({
      code: 'POLICY_UNREADABLE',
      message,
      where: 'here',
    });
  });

  it('refuses wrong base64', () => {
    expect(thrownBy(() => readStandingLists('abc', 'here')).code).toBe('POLICY_UNREADABLE');
  });
});
