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

describe('names that differ by case only', () => {
  const resources = [groupResource()];
  const p = { defaultValue: 'x' };

  it.each<readonly [object, object, string]>([
    [{ parameters: { p, P: p }, resources }, {}, 'P and p are the same name'],
    [{ variables: { v: 1, V: 2 }, resources }, {}, 'V and v are the same name'],
    [{ resources, Resources: [] }, {}, 'Resources and resources are the same name'],
    [
      { parameters: { p }, resources },
      { p: { value: 'a' }, P: { value: 'b' } },
      'P and p are the same name',
    ],
  ])('%j with %j are refused', (template, parameters, message) => {
    const error = thrownBy(() => readTemplate(template, { parameters }));
    expect(error).toMatchObject({ code: 'MANIFEST_INVALID', message });
    expect(error.where).toMatch(/\.json:\d+:\d+$/);
  });

  it('may be members of values', () => {
    const { groups } = readTemplate({ variables: { v: { a: 1, A: 2 } }, resources });
    expect(groups).toHaveLength(1);
  });
});
