/** The partial evaluation of the reference, one rule at a time; tables stand in aci policy 8.3 and 8.4. */
import { describe, expect, it } from 'vitest';
import type { Notice } from '../../../src/core/notice.js';
import { parseArmFileAsReference } from '../../../src/manifest/arm/parse.js';
import {
  listStandingPolicies,
  readArmGroupsAsReference,
} from '../../../src/manifest/arm/reference.js';
import type { WildcardQuestion } from '../../../src/workload/container-group.js';
import { groupResource } from '../../support/arm.js';
import { readDivergences } from '../../support/divergences.js';
import { thrownBy } from '../../support/failure.js';

const env = (value: unknown, name = 'V') => ({ environmentVariables: [{ name, value }] });

function read(template: object, parameters?: object, approve = true) {
  const notices: Notice[] = [];
  const questions: WildcardQuestion[] = [];
  const groups = readArmGroupsAsReference({
    template: parseArmFileAsReference(JSON.stringify(template), 'template.json'),
    ...(parameters === undefined
      ? {}
      : { parameters: parseArmFileAsReference(JSON.stringify(parameters), 'parameters.json') }),
    approve: (question) => {
      questions.push(question);
      return approve;
    },
    notices: (notice) => notices.push(notice),
  });
  const [container] = groups[0]?.containers ?? [];
  return { groups, container, notices, questions };
}

const TABLES = {
  parameters: {
    p: { defaultValue: 'dv' },
    q: { value: 'qv', defaultValue: 'other' },
    five: { defaultValue: 5 },
    yes: { defaultValue: true },
    half: { defaultValue: 1.5 },
    list: { defaultValue: ['a', 1] },
    none: { type: 'string' },
    hidden: { value: null, defaultValue: 'x' },
    twice: { defaultValue: "[parameters('p')]" },
  },
  variables: { v: 'vv', nested: "[parameters('p')]", empty: '' },
};

describe('expressions of the reference', () => {
  it.each([
    ["[parameters('p')]", 'dv'],
    ["[parameters('P')]", 'dv'],
    ["[parameters('q')]", 'qv'],
    ["[ parameters( 'p' )]", "V=[ parameters( 'p' )]"],
    ["[parameters( 'p' )]", 'dv'],
    ["[PARAMETERS('p')]", "[PARAMETERS('p')]"],
    ["pre[parameters('p')]post", 'predvpost'],
    ["a  [parameters('p')] b", 'adv b'],
    ["[parameters('p')]-[parameters('q')]", "dv-[parameters('q')]"],
    ["[parameters('p')]-[parameters('p')]", 'dv-dv'],
    ["[parameters('five')]", '5'],
    ["[parameters('yes')]", 'True'],
    ["[parameters('half')]", '1.5'],
    ["[parameters('list')]", "['a', 1]"],
    ["[variables('v')]", 'vv'],
    ["[variables('nested')]", "[parameters('p')]"],
    ["[variables('missing')]-", 're2'],
    ["[concat('a', parameters('p'))]", "[concat('a', parameters('p'))]"],
    ["[parameters('p').x]", "[parameters('p').x]"],
    ["[parameters('a.b')]", "[parameters('a.b')]"],
    ["[variables('empty')]", ''],
  ])('%s', (value, text) => {
    const { container } = read({ ...TABLES, resources: [groupResource(env(value))] });
    expect(container?.env).toEqual([
      text === 're2'
        ? { pattern: 'V=.*', strategy: 're2' }
        : { pattern: `V=${text}`, strategy: 'string' },
    ]);
  });

  it('asks about parameters without value', () => {
    for (const name of ['none', 'hidden']) {
      const template = { ...TABLES, resources: [groupResource(env(`[parameters('${name}')]`))] };
      const { questions } = read(template);
      expect(questions).toMatchObject([{ variable: 'V', parameters: [name], container: 'app' }]);
      expect(read(template, undefined, false).container?.env).toEqual([]);
    }
  });

  it('looks names of variables up in the table that the name of the rule tells', () => {
    const rule = env("[variables('v')]", 'my_parameters');
    const error = thrownBy(() => read({ ...TABLES, resources: [groupResource(rule)] }));
    expect(error.message).toBe('there is no parameter or variable v');
  });

  it('replaces the id twice, the image once', () => {
    const { container } = read({
      ...TABLES,
      resources: [groupResource({ image: "[parameters('twice')]" })],
    });
    expect(container).toMatchObject({
      image: "[parameters('p')]",
      id: 'dv',
      writtenImage: "[parameters('twice')]",
    });
  });

  it('refuses images without value, and parameters that are not declared', () => {
    const image = (name: string) => groupResource({ image: `[parameters('${name}')]` });
    for (const [name, message] of [
      ['none', 'resources[0].properties.containers[0].properties.image has no value'],
      ['nothing', 'there is no parameter or variable nothing'],
    ] as const) {
      const error = thrownBy(() => read({ ...TABLES, resources: [image(name)] }));
      expect(error).toMatchObject({ code: 'MANIFEST_INVALID', message });
      expect(error.where).toMatch(/^template\.json:1:\d+ resources/);
    }
  });

  it('replaces command, mounts and probes, not the security context', () => {
    const p = "[parameters('p')]";
    const { container, notices } = read({
      ...TABLES,
      resources: [
        groupResource({
          command: [p, 3, { a: p }],
          configMap: { x: 1 },
          livenessProbe: { exec: { command: ['l', p] } },
          readinessProbe: { exec: { command: [p] } },
          securityContext: { privileged: p },
        }),
      ],
    });
    expect(container).toMatchObject({
      command: ['dv', 3n, new Map([['a', 'dv']])],
      execProcesses: [{ command: ['dv'] }, { command: ['l', 'dv'] }],
      mounts: [{ type: 'emptyDir', destination: '/mnt/configmap', readOnly: false }],
      security: { privileged: false },
    });
    expect(notices.map(({ code }) => code)).toEqual(['flag-taken-as-false']);
  });

  it.each([
    "[concat('a')]",
    "[parameters('p')]-[parameters('q')]",
    "a [parameters('p')]",
    "[ parameters('p')]",
  ])('notes that %s is not what Azure makes of it', (value) => {
    const { notices } = read({ ...TABLES, resources: [groupResource(env(value))] });
    expect(new Set(notices.map(({ code }) => code))).toEqual(new Set(['expression-as-text']));
  });
});

describe('parameters files of the reference', () => {
  const resources = [groupResource(env("[parameters('p')]"))];
  const value = (given: object) =>
    read({ ...TABLES, resources }, given).container?.env.map(({ pattern }) => pattern);

  it.each([
    [{}, ['V=dv']],
    [{ parameters: { p: { value: 'x' } } }, ['V=x']],
    [{ Parameters: { P: { VALUE: 'x' } } }, ['V=x']],
    [{ parameters: { p: { secureValue: 's' } } }, ['V=s']],
    [{ parameters: { p: { value: '' } } }, ['V=.*']],
    [{ parameters: { p: { reference: {} } } }, ['V=.*']],
  ])('%j', (given, patterns) => {
    expect(value(given)).toEqual(patterns);
  });

  it('tells that an empty value is lost', () => {
    const { notices } = read({ ...TABLES, resources }, { parameters: { p: { value: 0 } } });
    expect(notices.map(({ code }) => code)).toEqual(['parameter-value-lost']);
  });

  it.each([
    [{ x: 1 }, 'parameters.json has no parameters'],
    [{ parameters: {} }, 'parameters.json has no parameters'],
    [{ parameters: { z: { value: 'x' } } }, 'the template has no parameter z'],
  ])('%j is refused', (given, message) => {
    expect(thrownBy(() => value(given))).toMatchObject({ code: 'MANIFEST_INVALID', message });
  });
});

/** What we do in the cases of the rows; the reference would fail in each. */
const DIVERGENT: Readonly<Record<string, () => void>> = {
  'aci-arm-parameter-case': () => {
    const resources = [groupResource(env("[parameters('p')]"))];
    const { container } = read({ ...TABLES, resources }, { parameters: { P: { value: 'x' } } });
    expect(container?.env[0]?.pattern).toBe('V=x');
  },
};

describe('where we decide otherwise', () => {
  const rows = readDivergences().filter(({ area }) => area === 'aci-arm');

  it('has a test for each row', () => {
    expect(rows.map(({ id }) => id)).toEqual(Object.keys(DIVERGENT));
  });

  it.each(rows)('$id', ({ id }) => DIVERGENT[id]?.());
});

describe('resources of the reference', () => {
  const typed = (type: string, more: object = {}) => groupResource({}, { type, ...more });
  const PROFILE = 'Microsoft.ContainerInstance/containerGroupProfiles';

  it('are container groups and their profiles, in order', () => {
    const { groups } = read({
      Resources: [{ type: 'x' }, typed(PROFILE), groupResource({}, { name: 'two' })],
    });
    expect(groups.map(({ kind, placement }) => [kind, placement])).toMatchObject([
      [PROFILE, { path: ['Resources', 1] }],
      ['Microsoft.ContainerInstance/containerGroups', { path: ['Resources', 2] }],
    ]);
  });

  it('that are not understood are noted', () => {
    const { groups, notices } = read({
      resources: [
        groupResource({}, { copy: { name: 'l', count: 2 }, condition: false }),
        typed('microsoft.containerinstance/containergroups'),
        { type: 'Microsoft.Resources/deployments' },
      ],
    });
    expect(groups).toHaveLength(1);
    expect(notices.map(({ code }) => code)).toEqual(Array(4).fill('template-not-evaluated'));
  });

  it.each([
    [{}, 'template.json has no list of resources'],
    [{ resources: { a: groupResource() } }, 'template.json has no list of resources'],
    [{ resources: [{ type: 'x' }] }, 'template.json has no container group'],
    [{ resources: [{}] }, 'a resource has no type'],
  ])('%j is refused', (template, message) => {
    expect(thrownBy(() => read(template))).toMatchObject({ code: 'MANIFEST_INVALID', message });
  });

  it.each([
    [{ osType: 'Windows' }, { os: 'windows' }],
    [{ osType: 'LINUX' }, { os: 'linux' }],
    [{}, { os: 'linux' }],
  ])('with %j', (properties, expected) => {
    const containers = [{ properties: { image: 'i' } }];
    const resource = { ...groupResource(), properties: { containers, ...properties } };
    expect(read({ resources: [resource] }).groups[0]).toMatchObject(expected);
  });

  it('keep a name that no parameter gives, which is for messages only', () => {
    const { groups } = read({ resources: [groupResource({}, { name: "[parameters('x')]" })] });
    expect(groups[0]?.name).toBe("[parameters('x')]");
  });

  it('with another operating system are refused', () => {
    const resource = groupResource() as { properties: object };
    const properties = { ...resource.properties, osType: "[parameters('os')]" };
    const error = thrownBy(() => read({ resources: [{ ...resource, properties }] }));
    expect(error.message).toContain('osType is no operating system of container groups');
  });
});

describe('files of the reference', () => {
  it.each([
    ['// c\n{}', 'a comment'],
    ['\ufeff{}', 'a byte order mark'],
    ['{"a": "\n"}', 'a control character in a string'],
  ])('%j is refused, with the command that reads it', (text, what) => {
    const error = thrownBy(() => parseArmFileAsReference(text, 'template.json'));
    expect(error).toMatchObject({
      code: 'JSON_SYNTAX',
      message: `template.json is not valid JSON: it holds ${what}`,
    });
    expect(error.hints).toEqual(['podseal policy reads templates with comments, and keeps them']);
  });

  it('that nobody reads get no such hint', () => {
    expect(thrownBy(() => parseArmFileAsReference('// c\n{', 'template.json')).hints).toEqual([]);
  });
});

describe('listStandingPolicies', () => {
  it('gives names and policies, whatever else is wrong with the groups', () => {
    const group = (name: unknown, properties: object) => ({ ...groupResource(), name, properties });
    const template = {
      parameters: { n: { defaultValue: 'x' } },
      resources: [
        group("g-[parameters('n')]", { confidentialComputeProperties: { ccePolicy: 'YQ==' } }),
        group('empty', { confidentialComputeProperties: { CCEPolicy: '' } }),
        group(undefined, {}),
      ],
    };
    const found = listStandingPolicies({
      template: parseArmFileAsReference(JSON.stringify(template), 'template.json'),
      notices: () => undefined,
    });
    expect(found).toMatchObject([
      { name: 'g-x', policy: 'YQ==', isConfidential: true },
      { name: 'empty', policy: '', isConfidential: true },
      { name: '', policy: '', isConfidential: false },
    ]);
  });
});
