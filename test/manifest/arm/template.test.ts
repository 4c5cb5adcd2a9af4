import { describe, expect, it } from 'vitest';
import { groupResource, onlyContainer, readTemplate } from '../../support/arm.js';
import { thrownBy } from '../../support/failure.js';

const env = (value: unknown) => ({ environmentVariables: [{ name: 'V', value }] });
/** The text of variable V of the only container. */
function resultOf(expression: unknown, template: object = {}, input = {}): string | undefined {
  const resources = [groupResource(env(expression))];
  const [rule] = onlyContainer(readTemplate({ ...template, resources }, input)).env;
  return rule?.strategy === 'string' ? rule.pattern.slice(2) : rule?.pattern;
}

describe('parameters', () => {
  const parameters = {
    plain: { type: 'string', defaultValue: 'd' },
    built: { type: 'string', defaultValue: "[concat(parameters('plain'), '-x')]" },
    open: { type: 'string' },
    maybe: { type: 'string', nullable: true },
    flag: { type: 'bool', defaultValue: false },
    pick: { type: 'string', defaultValue: 'a', allowedValues: ['a', 'b'] },
  };

  it.each([
    ["[parameters('plain')]", {}, 'd'],
    ["[parameters('PLAIN')]", {}, 'd'],
    ["[parameters('built')]", { plain: { value: 'p' } }, 'p-x'],
    ["[parameters('plain')]", { Plain: { value: '' } }, ''],
    ["[string(parameters('flag'))]", { flag: { value: false } }, 'False'],
    ["[coalesce(parameters('maybe'), 'none')]", {}, 'none'],
    ["[parameters('plain')]", { plain: { value: null } }, 'd'],
    ["[coalesce(parameters('maybe'), 'none')]", { maybe: { value: null } }, 'none'],
    ["[parameters('plain')]", { plain: { value: '[not evaluated]' } }, '[not evaluated]'],
    ['[[literal]', {}, '[literal]'],
    ['[literal', {}, '[literal'],
  ])('%s with %j', (expression, given, value) => {
    expect(resultOf(expression, { parameters }, { parameters: given })).toBe(value);
  });

  it('take a value of the declaration, as the generator of Azure does', () => {
    expect(resultOf("[parameters('p')]", { parameters: { p: { value: 'v' } } })).toBe('v');
  });

  it.each([
    [{ plain: { value: 5 } }, 'parameter plain has the wrong type'],
    [{ pick: { value: 'c' } }, 'parameter pick has a value that is not allowed'],
    [{ other: { value: 'c' } }, 'the template has no parameter other'],
    [{ plain: {} }, 'parameter plain has no value'],
  ])('%j is refused', (given, message) => {
    const use = "[concat(parameters('plain'), parameters('pick'))]";
    const error = thrownBy(() => resultOf(use, { parameters }, { parameters: given }));
    expect(error).toMatchObject({ code: 'MANIFEST_INVALID', message });
    expect(error.where).toMatch(/^parameters\.json:1:\d+ parameters\./);
  });

  it('without value make a question about a variable, and an error elsewhere', () => {
    const { questions, groups } = readTemplate({
      parameters,
      resources: [groupResource(env("[toUpper(parameters('open'))]"))],
    });
    expect(groups[0]?.containers[0]?.env).toEqual([{ pattern: 'V=.*', strategy: 're2' }]);
    expect(questions).toEqual([
      {
        text: 'Create a wildcard policy for the environment variable V (y/n): ',
        variable: 'V',
        container: 'app',
        parameters: ['open'],
        reasons: ['parameter open has no value'],
        at: expect.stringMatching(
          /^template\.json:\d+:\d+ resources\[0\]\.properties\.containers\[0\]\.properties\.environmentVariables\[0\]\.value$/,
        ),
      },
    ]);
    const resources = [groupResource({ image: "[parameters('open')]" })];
    expect(thrownBy(() => readTemplate({ parameters, resources }))).toMatchObject({
      code: 'ARM_UNKNOWN_VALUE',
      got: 'parameter open has no value',
      hints: ['give a value to open with --parameters FILE'],
      where: expect.stringMatching(/^template\.json:\d+:\d+ .*containers\[0\]\.properties\.image$/),
    });
  });

  it('whose default is not known are named, those of nested templates are not', () => {
    const open = (name: string) => ({ [name]: { type: 'string', defaultValue: '[utcNow()]' } });
    const nested = {
      type: 'Microsoft.Resources/deployments',
      properties: {
        expressionEvaluationOptions: { scope: 'inner' },
        template: {
          parameters: { ...open('in'), none: { type: 'string' } },
          resources: [groupResource(env("[concat(parameters('in'), parameters('none'))]"))],
        },
      },
    };
    const outer = groupResource(env("[concat('a', parameters('out'))]"));
    const { questions } = readTemplate({ parameters: open('out'), resources: [outer, nested] });
    expect(questions.map(({ reasons, parameters: names }) => [reasons, names])).toEqual([
      [['utcNow() is known at deployment only'], ['out']],
      [
        [
          'utcNow() is known at deployment only',
          'parameter none of a nested template has no value',
        ],
        [],
      ],
    ]);
  });

  it('leave a variable out whose wildcard is refused', () => {
    const resources = [groupResource(env("[parameters('open')]"))];
    const result = readTemplate({ parameters, resources }, { approve: false });
    expect(onlyContainer(result).env).toEqual([]);
  });

  it('come from a key vault: not known', () => {
    const given = { open: { reference: { keyVault: { id: 'x' }, secretName: 'y' } } };
    const template = { parameters, resources: [groupResource(env("[parameters('open')]"))] };
    const { questions } = readTemplate(template, { parameters: given });
    expect(questions[0]?.reasons).toEqual(['parameter open comes from a key vault']);
  });

  it('that are secret show in no message', () => {
    const secret = 's3cr3t-Value';
    const declared = { p: { type: 'secureString' }, o: { type: 'secureObject' } };
    const given = { p: { value: secret }, o: { value: { [secret]: secret } } };
    const uses = [
      "[int(parameters('p'))]",
      "[json(parameters('p'))]",
      "[parameters('o')[parameters('p')].x]",
      "[parameters(parameters('p')).x]",
      "[base64ToString(parameters('p'))]",
      "[split(parameters('p'), 5)]",
      "[parameters('o')]",
      "[createArray(parameters('p'))]",
    ];
    for (const use of uses) {
      const resources = [groupResource(env(use))];
      const error = thrownBy(() =>
        readTemplate({ parameters: declared, resources }, { parameters: given }),
      );
      const told = [error.message, error.want, error.got, error.where, ...error.hints].join('\n');
      expect(told, use).not.toContain(secret);
    }
  });
});

describe('variables', () => {
  it.each([
    ["[variables('a')]", { a: "[variables('b')]", b: 'x' }, 'x'],
    ["[variables('a').b[1]]", { a: { b: ['x', "[toUpper('y')]"] } }, 'Y'],
    [
      "[join(variables('many'), ',')]",
      { copy: [{ name: 'many', count: 3, input: "[concat('v', copyIndex('many', 1))]" }] },
      'v1,v2,v3',
    ],
    [
      "[join(variables('o').inner, ',')]",
      { o: { copy: [{ name: 'inner', count: 2, input: "[string(copyIndex('inner'))]" }] } },
      '0,1',
    ],
  ])('%s of %j', (expression, variables, value) => {
    expect(resultOf(expression, { variables })).toBe(value);
  });

  it('are evaluated when they are used only', () => {
    expect(resultOf('x', { variables: { broken: "[int('x')]" } })).toBe('x');
  });

  it.each([
    [{ a: "[variables('a')]" }, 'variables(): variable a needs itself'],
    [
      { a: "[variables('b')]", b: "[concat(variables('A'))]" },
      'variables(): variable a needs itself',
    ],
  ])('in a circle are refused: %j', (variables, message) => {
    const error = thrownBy(() => resultOf("[variables('a')]", { variables }));
    expect(error.code).toBe('ARM_EXPRESSION');
    expect(error.message).toContain(message);
    expect(error.where).toMatch(/template\.json:\d+:\d+ variables\.[ab]/);
  });
});

describe('functions of a template', () => {
  const functions = [
    {
      namespace: 'my',
      members: {
        greet: {
          parameters: [{ name: 'who', type: 'string' }],
          output: { type: 'string', value: "[concat('hi ', parameters('WHO'))]" },
        },
        twice: {
          parameters: [{ name: 'x', type: 'string' }],
          output: { type: 'string', value: "[my.greet(my.greet(parameters('x')))]" },
        },
        loop: { output: { type: 'string', value: '[my.loop()]' } },
        peek: { output: { type: 'string', value: "[variables('v')]" } },
        outer: { output: { type: 'string', value: "[parameters('p')]" } },
      },
    },
  ];
  const template = {
    functions,
    parameters: { p: { type: 'string', defaultValue: 'd' } },
    variables: { v: 'x' },
  };

  it('see their parameters and each other', () => {
    expect(resultOf("[my.greet('you')]", template)).toBe('hi you');
    expect(resultOf("[MY.Twice(parameters('p'))]", template)).toBe('hi hi d');
  });

  it.each([
    ['[my.peek()]', 'ARM_EXPRESSION', 'functions of a template cannot use variables'],
    ['[my.outer()]', 'ARM_EXPRESSION', 'there is no parameter p'],
    ['[my.greet()]', 'ARM_EXPRESSION', 'my.greet(): the number of arguments is wrong'],
    ['[my.loop()]', 'LIMIT_EXCEEDED', 'the evaluation of the template nests too deeply'],
  ])('%s is refused', (expression, code, message) => {
    const error = thrownBy(() => resultOf(expression, template));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });
});

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
