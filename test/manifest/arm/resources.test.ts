import { describe, expect, it } from 'vitest';
import { groupResource, onlyContainer, readTemplate } from '../../support/arm.js';
import { thrownBy } from '../../support/failure.js';

const env = (value: unknown) => ({ environmentVariables: [{ name: 'V', value }] });

describe('resources', () => {
  const images = (template: object, input = {}) =>
    readTemplate(template, input).groups.flatMap(({ containers }) =>
      containers.map(({ image }) => image),
    );
  const group = (image: string, more: object = {}) => groupResource({ image }, more);

  it('in loops make one group per instance, at one place', () => {
    const copy = { name: 'loop', count: "[length(variables('tags'))]" };
    const { groups } = readTemplate({
      variables: { tags: ['a', 'b'] },
      resources: [
        group("[concat('img:', variables('tags')[copyIndex()])]", {
          copy,
          name: "[concat('g', copyIndex('loop', 1))]",
        }),
      ],
    });
    expect(groups.map(({ name, containers }) => [name, containers[0]?.image])).toEqual([
      ['g1', 'img:a'],
      ['g2', 'img:b'],
    ]);
    expect(groups.map(({ placement }) => placement)).toEqual([
      { kind: 'template', file: 'template.json', path: ['resources', 0] },
      { kind: 'template', file: 'template.json', path: ['resources', 0] },
    ]);
  });

  it('have loops of containers and of variables in them', () => {
    const properties = {
      osType: 'Linux',
      copy: [
        {
          name: 'containers',
          count: 2,
          input: {
            name: "[concat('c', copyIndex('containers'))]",
            properties: {
              image: "[format('img:{0}', copyIndex('containers'))]",
              copy: [
                {
                  name: 'environmentVariables',
                  count: 2,
                  input: {
                    name: "[concat('V', copyIndex('environmentVariables'))]",
                    value: "[string(copyIndex('containers'))]",
                  },
                },
              ],
            },
          },
        },
      ],
    };
    const { groups } = readTemplate({ resources: [groupResource({}, { properties })] });
    expect(groups[0]?.containers.map(({ name, env: rules }) => [name, rules[1]?.pattern])).toEqual([
      ['c0', 'V1=0'],
      ['c1', 'V1=1'],
    ]);
  });

  it('with a false condition are left out, with an unknown one they are not', () => {
    const resources = [
      group('a:1', { condition: false }),
      group('b:1', { condition: '[equals(1, 1)]' }),
      group('c:1', { condition: "[equals(resourceGroup().name, 'x')]" }),
      group('d:1', { condition: '[greater(copyIndex(), 0)]', copy: { name: 'l', count: 2 } }),
    ];
    const { groups, notices } = readTemplate({ resources });
    expect(groups.map(({ containers }) => containers[0]?.image)).toEqual(['b:1', 'c:1', 'd:1']);
    expect(notices.map(({ code }) => code)).toEqual(['condition-unknown']);
  });

  it('have symbolic names in language version 2.0', () => {
    const resources = {
      2: group('b:1'),
      1: group('a:1'),
      old: { ...group('c:1'), existing: true },
    };
    const { groups } = readTemplate({ languageVersion: '2.0', resources });
    expect(groups.map(({ placement }) => placement)).toMatchObject([
      { path: ['resources', '1'] },
      { path: ['resources', '2'] },
    ]);
  });

  it('of other types are not evaluated, nor are parts without effect', () => {
    const other = { type: 'Microsoft.X/y', name: "[int('x')]" };
    const odd = groupResource({ resources: { requests: { cpu: '[resourceGroup().x]' } } });
    const properties = {
      ...(odd as { properties: object }).properties,
      imageRegistryCredentials: "[int('x')]",
      volumes: [{ name: 'v', azureFile: { storageAccountKey: "[listKeys('x', 'y').z]" } }],
    };
    const resources = [other, { ...odd, properties, identity: "[int('x')]" }];
    expect(readTemplate({ resources }).groups).toHaveLength(1);
  });

  it('in nested templates are evaluated in the scope that is asked for', () => {
    const nested = (scope: string | undefined, parameters: object = {}) => ({
      type: 'Microsoft.Resources/deployments',
      name: 'n',
      properties: {
        ...(scope === undefined ? {} : { expressionEvaluationOptions: { scope } }),
        parameters,
        template: {
          parameters: { tag: { type: 'string', defaultValue: 'inner' } },
          variables: { v: 'inner' },
          resources: [group("[concat('img:', parameters('tag'), '-', variables('v'))]")],
        },
      },
    });
    const template = (resource: object) => ({
      parameters: { tag: { type: 'string', defaultValue: 'outer' } },
      variables: { v: 'outer' },
      resources: [resource],
    });
    expect(images(template(nested(undefined)))).toEqual(['img:outer-outer']);
    expect(images(template(nested('outer')))).toEqual(['img:outer-outer']);
    expect(images(template(nested('inner')))).toEqual(['img:inner-inner']);
    const passed = { tag: { value: "[concat('from-', parameters('tag'))]" } };
    const { groups } = readTemplate(template(nested('Inner', passed)));
    expect(groups[0]?.containers[0]?.image).toBe('img:from-outer-inner');
    for (const none of [{ value: null }, "[createObject('value', null())]"]) {
      expect(images(template(nested('inner', { tag: none })))).toEqual(['img:inner-inner']);
    }
    expect(thrownBy(() => images(template(nested('inner', { tag: {} }))))).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: 'parameter tag of a nested template has no value',
    });
    expect(groups[0]?.placement).toMatchObject({
      path: ['resources', 0, 'properties', 'template', 'resources', 0],
    });
  });

  it('in linked templates have a file of their own', () => {
    const link = (relativePath: string) => ({
      type: 'Microsoft.Resources/deployments',
      name: 'n',
      properties: { templateLink: { relativePath }, parameters: { tag: { value: 'x' } } },
    });
    const linked = {
      'sub/a.json': {
        parameters: { tag: { type: 'string' } },
        resources: [group("[concat('a:', parameters('tag'))]"), link('../b.json')],
      },
      'b.json': {
        parameters: { tag: { type: 'string' } },
        resources: [group("[concat('b:', parameters('tag'))]")],
      },
    };
    const { groups, notices } = readTemplate(
      { resources: [link('sub/a.json'), link('missing.json')] },
      { linked },
    );
    expect(groups.map(({ placement, containers }) => [placement, containers[0]?.image])).toEqual([
      [{ kind: 'template', file: 'sub/a.json', path: ['resources', 0] }, 'a:x'],
      [{ kind: 'template', file: 'b.json', path: ['resources', 0] }, 'b:x'],
    ]);
    expect(notices.map(({ code }) => code)).toEqual(['linked-template-not-read']);
  });

  it.each([
    [{}, 'template.json has no resources'],
    [{ resources: [] }, 'template.json deploys no container group'],
    [{ resources: [5] }, 'a resource is not an object'],
    [{ resources: [{ name: 'x' }] }, 'a resource has no type'],
    [{ resources: [group('a:1', { copy: { name: 'l' } })] }, 'a copy loop has no name or no count'],
    [{ resources: [group('a:1', { copy: { name: 'l', count: -1 } })] }, 'the count of a copy loop'],
    [{ resources: [group('a:1', { condition: 'yes' })] }, 'the condition of a resource is no bool'],
    [
      { resources: [groupResource({ Image: 'b:1', image: 'a:1' })] },
      'Image and image are the same property',
    ],
  ])('%j is refused', (template, message) => {
    const error = thrownBy(() => readTemplate(template));
    expect(error.code).toBe('MANIFEST_INVALID');
    expect(error.message).toContain(message);
    expect(error.where).toMatch(/^template\.json/);
  });
});

describe('the group', () => {
  it('has its parts evaluated', () => {
    const properties = {
      osType: "[concat('Li', 'nux')]",
      containers: [
        {
          name: 'c',
          properties: {
            image: 'i:1',
            command: ['run', '[string(3)]', 4, true],
            securityContext: { privileged: "[bool('true')]", runAsUser: '[add(1, 2)]' },
            livenessProbe: { exec: { command: ["[toLower('LIVE')]"] } },
            readinessProbe: { httpGet: { port: '[resourceGroup().x]' } },
            volumeMounts: [
              { name: "[concat('v')]", mountPath: "[concat('/', 'd')]", readOnly: '[true()]' },
            ],
          },
        },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
      confidentialComputeProperties: { ccePolicy: 'YWJj' },
    };
    const tags = { 'annotate-ZERO-sidecar': "[toUpper('true')]", owner: '[deployment().name]' };
    const { groups } = readTemplate({ resources: [groupResource({}, { properties, tags })] });
    expect(groups[0]).toMatchObject({
      os: 'linux',
      excludesInfrastructure: true,
      existingPolicy: 'YWJj',
      containers: [
        {
          command: ['run', '3', 4n, true],
          security: { privileged: true, runAsUser: 3n },
          execProcesses: [{ command: ['live'], signals: [] }],
          mounts: [{ type: 'emptyDir', destination: '/d', readOnly: true }],
        },
      ],
    });
  });

  it('takes the last type of a volume that has several', () => {
    const group = groupResource({ volumeMounts: [{ name: 'v', mountPath: '/v' }] });
    const volumes = [{ name: 'v', emptyDir: {}, secret: {}, other: 1 }];
    const properties = { ...(group as { properties: object }).properties, volumes };
    const { mounts } = onlyContainer(readTemplate({ resources: [{ ...group, properties }] }));
    expect(mounts).toEqual([{ type: 'secret', destination: '/v', readOnly: false }]);
  });

  it.each([
    ['command', ['[newGuid()]'], 'command[0]'],
    ['securityContext', { privileged: '[newGuid()]' }, 'securityContext.privileged'],
    ['volumeMounts', '[reference().x]', 'volumeMounts'],
    ['environmentVariables', [{ name: '[newGuid()]', value: 'x' }], 'environmentVariables[0].name'],
    ['livenessProbe', { exec: { command: ['[newGuid()]'] } }, 'livenessProbe.exec.command[0]'],
  ])('needs to know %s', (key, value, path) => {
    const error = thrownBy(() => readTemplate({ resources: [groupResource({ [key]: value })] }));
    expect(error.code).toBe('ARM_UNKNOWN_VALUE');
    expect(error.where?.endsWith(`containers[0].properties.${path}`)).toBe(true);
    expect(error.hints).toEqual(['write the value itself, or take it from a parameter']);
  });

  it('notes secrets that go into the policy, and expressions within texts', () => {
    const variables = [
      { name: 'S', secureValue: 'hidden-one' },
      { name: 'T', value: "a-[parameters('p')]" },
      { name: 'U', value: "[concat('x', parameters('s'), 'y')]" },
    ];
    const { notices } = readTemplate({
      parameters: { s: { type: 'SecureString', defaultValue: 'hidden-two' } },
      resources: [
        groupResource({ environmentVariables: variables, command: ["x [variables('v')]"] }),
      ],
    });
    expect(notices.map(({ code }) => code).toSorted()).toEqual([
      'expression-within-text',
      'expression-within-text',
      'secret-in-policy',
      'secret-in-policy',
    ]);
    expect(JSON.stringify(notices)).not.toContain('hidden-');
  });

  it('notes once that an order is not certain', () => {
    const mapped =
      "[map(items(createObject('V_B', 'y', 'V_A', 'x')), lambda('i', createObject('name', lambdaVariables('i').key, 'value', lambdaVariables('i').value)))]";
    const result = readTemplate({
      resources: [
        groupResource({ environmentVariables: mapped }, { copy: { name: 'l', count: 2 } }),
      ],
    });
    expect(result.groups[0]?.containers[0]?.env.map(({ pattern }) => pattern)).toEqual([
      'V_A=x',
      'V_B=y',
    ]);
    expect(result.notices).toMatchObject([
      {
        code: 'template-result-uncertain',
        message: expect.stringMatching(/^items\(\): the order/),
      },
    ]);
  });

  it('may have a secureValue that is not known', () => {
    const variables = [{ name: 'S', secureValue: "[listKeys('a', 'b').c]" }];
    const { questions } = readTemplate({
      resources: [groupResource({ environmentVariables: variables })],
    });
    expect(questions[0]?.at).toContain('.environmentVariables[0].secureValue');
  });

  it('refuses strings over several lines where they count, not in comments about the template', () => {
    const text = JSON.stringify({
      metadata: { about: 'X' },
      resources: [groupResource(env('Y'))],
    });
    expect(readTemplate(text.replace('X', 'a\nb')).groups).toHaveLength(1);
    expect(thrownBy(() => readTemplate(text.replace('Y', 'a\nb')))).toMatchObject({
      code: 'MANIFEST_UNSUPPORTED',
      where: expect.stringContaining('.environmentVariables[0].value'),
    });
    expect(
      onlyContainer(readTemplate(text.replace('Y', "[concat('a',\n 'b')]"))).env[0]?.pattern,
    ).toBe('V=ab');
  });
});
