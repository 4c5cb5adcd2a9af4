/** Templates made to exhaust memory or time, and damaged ones: a clear error within the limits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { parseExpression } from '../../../src/manifest/arm/expression.js';
import { parseArmFile, parseArmFileAsReference } from '../../../src/manifest/arm/parse.js';
import { readArmGroupsAsReference } from '../../../src/manifest/arm/reference.js';
import { aciCases, aciVectors } from '../../support/aci-vectors.js';
import { evaluate, groupResource, readTemplate } from '../../support/arm.js';
import { thrownBy } from '../../support/failure.js';
import { mutate, mutation } from '../../support/text-mutations.js';

const env = (value: unknown) => ({ environmentVariables: [{ name: 'V', value }] });
const readAsReference = (text: string) =>
  readArmGroupsAsReference({
    template: parseArmFileAsReference(text, 'template.json'),
    approve: () => true,
    notices: () => undefined,
  });

describe('hostile templates', () => {
  const group = (value: string, more: object = {}) => groupResource(env(value), more);
  const chain = (length: number, step: (name: string) => string) =>
    Object.fromEntries(
      Array.from({ length }, (_value, i) => [`v${i}`, i === 0 ? 'x' : step(`v${i - 1}`)]),
    );
  const nested = (levels: number): object =>
    levels === 0
      ? groupResource()
      : {
          type: 'Microsoft.Resources/deployments',
          properties: { template: { resources: [nested(levels - 1)] } },
        };
  const loop = (count: number) => [{ name: 'l', count, input: 'x' }];

  it.each<readonly [string, object]>([
    [
      'copy of a resource, 10^9',
      { resources: [group('x', { copy: { name: 'l', count: 10 ** 9 } })] },
    ],
    [
      'copy of a variable, 10^9',
      { variables: { copy: loop(10 ** 9) }, resources: [group("[string(variables('l'))]")] },
    ],
    ['copy of a property, 10^9', { resources: [groupResource({ copy: loop(10 ** 9) })] }],
    ['count beyond 64 bits', { resources: [group('x', { copy: { name: 'l', count: 1e19 } })] }],
    [
      'loops within loops',
      {
        variables: {
          copy: [
            {
              name: 'a',
              count: 800,
              input: {
                copy: [
                  { name: 'b', count: 800, input: { copy: [{ name: 'c', count: 800, input: 1 }] } },
                ],
              },
            },
          ],
        },
        resources: [group("[string(variables('a'))]")],
      },
    ],
    [
      'values that double',
      {
        variables: chain(60, (name) => `[concat(variables('${name}'), variables('${name}'))]`),
        resources: [group("[variables('v59')]")],
      },
    ],
    [
      'arrays that double',
      {
        variables: {
          ...chain(60, (name) => `[createArray(variables('${name}'), variables('${name}'))]`),
        },
        resources: [group("[string(variables('v59'))]")],
      },
    ],
    [
      'a long chain of variables',
      {
        variables: chain(5000, (name) => `[variables('${name}')]`),
        resources: [group("[variables('v4999')]")],
      },
    ],
    [
      'a value that nests deeper with each step',
      {
        resources: [
          group(
            "[string(reduce(range(0, 10000), null(), lambda('a', 'b', createArray(lambdaVariables('a')))))]",
          ),
        ],
      },
    ],
    [
      'a value that nests deeper, not evaluated further',
      {
        resources: [
          groupResource({
            command:
              "[reduce(range(0, 10000), null(), lambda('a', 'b', createArray(lambdaVariables('a'))))]",
          }),
        ],
      },
    ],
    ['a pad of 10^12', { resources: [group("[padLeft('a', 1000000000000)]")] }],
    [
      'a width of a format',
      {
        resources: [
          group("[join(map(range(0, 10000), lambda('i', format('{0,999999}', 1))), '')]"),
        ],
      },
    ],
    ['templates within templates', { resources: [nested(LIMITS.armTemplateDepth + 1)] }],
    [
      'too many groups',
      {
        resources: Array.from({ length: 2 }, () => group('x', { copy: { name: 'l', count: 800 } })),
      },
    ],
  ])('%s', (_name, template) => {
    const error = thrownBy(() => readTemplate(template));
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(error.where ?? error.want).toBeDefined();
  });

  it('are read up to the limits', () => {
    expect(readTemplate({ resources: [nested(LIMITS.armTemplateDepth)] }).groups).toHaveLength(1);
    const most = { copy: { name: 'l', count: LIMITS.armCopyCount } };
    expect(readTemplate({ resources: [group('x', most)] }).groups).toHaveLength(800);
    const more = { copy: { name: 'l', count: LIMITS.armCopyCount + 1 } };
    expect(thrownBy(() => readTemplate({ resources: [group('x', more)] }))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      got: '801',
    });
    const variables = chain(100, (name) => `[variables('${name}')]`);
    expect(
      readTemplate({ variables, resources: [group("[variables('v99')]")] }).groups,
    ).toHaveLength(1);
  });

  it('have expressions of limited length and depth', () => {
    const long = (length: number) => `['${'x'.repeat(length - 4)}']`;
    expect(evaluate(long(LIMITS.armExpressionChars))).toHaveLength(LIMITS.armExpressionChars - 4);
    const deep = (levels: number) => `[${'createArray('.repeat(levels)}1${')'.repeat(levels)}]`;
    expect(evaluate(deep(LIMITS.armExpressionDepth))).toBeDefined();
    const access = (links: number) => `[null()${'.?a'.repeat(links)}]`;
    expect(evaluate(access(LIMITS.armExpressionDepth))).toBeNull();
    for (const expression of [
      long(LIMITS.armExpressionChars + 1),
      deep(LIMITS.armExpressionDepth + 1),
      access(LIMITS.armExpressionDepth + 1),
    ]) {
      expect(thrownBy(() => evaluate(expression)).code).toBe('LIMIT_EXCEEDED');
    }
  });

  it('cost the partial evaluation of the reference little', () => {
    const text = (value: string) => JSON.stringify({ resources: [group(value)] });
    const many = "[parameters('".repeat(70_000);
    expect(readAsReference(text(many))).toHaveLength(1);
    expect(readAsReference(text(`${' '.repeat(900_000)}[`))).toHaveLength(1);
    expect(readAsReference(text(`[${' '.repeat(900_000)}`))).toHaveLength(1);
    const long = many.padEnd(LIMITS.armReplacedChars + 1);
    expect(thrownBy(() => readAsReference(text(long))).code).toBe('LIMIT_EXCEEDED');
    expect(readAsReference(text('x'.repeat(2 * LIMITS.armReplacedChars)))).toHaveLength(1);
  }, 20_000);

  it('in Bicep are refused with the remedy', () => {
    const bicep = '// my group\n@secure()\nparam password string\n';
    for (const [text, file, remedy] of [
      [bicep, 'main.bicep', 'az bicep build --file main.bicep'],
      [bicep, 'main.json', 'az bicep build --file main.json'],
      ['{}', 'main.BICEP', 'az bicep build --file main.BICEP'],
      ["using 'main.bicep'\n", 'main.bicepparam', 'az bicep build-params --file main.bicepparam'],
    ] as const) {
      const error = thrownBy(() => parseArmFile(text, file));
      expect(error).toMatchObject({ code: 'MANIFEST_UNSUPPORTED', where: file });
      expect(error.hints[0]).toContain(remedy);
    }
  });
});

/** The result, or the error if it is one that users are told; bugs and crashes pass through. */
function attempt<T>(work: () => T): T | ToolError {
  try {
    return work();
  } catch (error) {
    if (error instanceof ToolError && error.code !== 'INTERNAL') return error;
    throw error;
  }
}

describe('fuzzing', () => {
  const names = [
    'concat',
    'parameters',
    'if',
    'createArray',
    'map',
    'lambda',
    'format',
    'split',
    'union',
    'reduce',
    'copyIndex',
    'string',
    'json',
    'a.b',
    'tryGet',
    'range',
    'sort',
    'items',
  ];
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(
        "'a'",
        "''''",
        '1',
        '-1',
        '0',
        "'{0}'",
        'true()',
        'null()',
        "lambdaVariables('x')",
      ),
      fc
        .tuple(fc.constantFrom(...names), fc.array(tie('expression'), { maxLength: 3 }))
        .map(([name, args]) => `${name}(${args.join(', ')})`),
      tie('expression').map((inner) => `lambda('x', ${inner})`),
      fc
        .tuple(tie('expression'), fc.constantFrom('.a', '.?b', "['a']", '[0]', '[?1]'))
        .map(([of, key]) => of + key),
    ),
  }));

  it('of expressions gives a value or an error', () => {
    fc.assert(
      fc.property(expression, (text) => {
        attempt(() =>
          evaluate(`[${text}]`, { parameters: { a: { defaultValue: [1, { a: 'x' }] } } }),
        );
      }),
      { seed: 0xc0de, numRuns: 3000 },
    );
  });

  it('of damaged expressions gives a tree or an error', () => {
    const sample =
      "[if(equals(parameters('a'), 'it''s'), concat(variables('b')[0].c, -5), my.fn(1, 2).?d)]";
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const text = `[${mutations.reduce(mutate, sample.slice(1, -1))}]`;
        const tree = attempt(() => parseExpression(text));
        if (tree instanceof ToolError) expect(tree.code).toBe('ARM_EXPRESSION');
      }),
      { seed: 0xc0de, numRuns: 3000 },
    );
  });

  const samples = [
    JSON.stringify({
      parameters: { p: { type: 'string', defaultValue: 'x' } },
      variables: { copy: [{ name: 'l', count: 2, input: "[copyIndex('l')]" }] },
      resources: [
        groupResource(env("[concat(parameters('p'), string(variables('l')))]"), {
          copy: { name: 'r', count: 2 },
        }),
      ],
    }),
    ...aciCases('edge.json')
      .flatMap(({ input }) => input.template ?? [])
      .slice(0, 40),
  ];

  it('of damaged templates gives groups or an error with a place', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (sample, mutations) => {
          const text = mutations.reduce(mutate, sample);
          for (const read of [readTemplate, readAsReference]) {
            const result = attempt(() => read(text));
            if (result instanceof ToolError) expect(result.where).toMatch(/^template\.json/);
          }
        },
      ),
      { seed: 0xc0de, numRuns: aciVectors === undefined ? 500 : 1500 },
    );
  });
});
