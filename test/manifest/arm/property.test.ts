/** Laws of the template language and of injection, on made-up values, templates and damage. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { setTemplatePolicies } from '../../../src/manifest/arm/inject.js';
import { parseArmFile } from '../../../src/manifest/arm/parse.js';
import type { ContainerGroup } from '../../../src/workload/container-group.js';
import { aciCases } from '../../support/aci-vectors.js';
import { evaluate, groupResource, readTemplate } from '../../support/arm.js';
import { mutate, mutation } from '../../support/text-mutations.js';

const text = fc.string({ unit: 'binary', maxLength: 30 });
const value = fc.letrec((tie) => ({
  leaf: fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
  any: fc.oneof(
    { maxDepth: 3 },
    tie('leaf'),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 6 }), tie('any'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).any;

/** The value of an expression over parameters a and b. */
const over = (expression: string, a: unknown, b: unknown = '') =>
  evaluate(
    expression,
    { parameters: { a: { nullable: true }, b: { nullable: true } } },
    { a: { value: a }, b: { value: b } },
  );
const check = <T>(property: fc.IProperty<T>) => fc.assert(property, { seed: 0x5eed, numRuns: 300 });

describe('laws of functions', () => {
  it.each([
    ['base64', "[base64ToString(base64(parameters('a')))]"],
    ['data URI', "[dataUriToString(dataUri(parameters('a')))]"],
    ['URI component', "[uriComponentToString(uriComponent(parameters('a')))]"],
    ['format', "[format('{0}', parameters('a'))]"],
    ['skip and take', "[concat(take(parameters('a'), 3), skip(parameters('a'), 3))]"],
  ])('%s gives the same string back', (_name, expression) => {
    check(
      fc.property(text, (a) => {
        expect(over(expression, a)).toBe(a);
      }),
    );
  });

  it('json gives back what string printed', () => {
    const collection = fc.oneof(
      fc.array(value),
      fc.dictionary(text, value, { noNullPrototype: true }),
    );
    check(
      fc.property(collection, (a) => {
        expect(over("[json(string(parameters('a')))]", a)).toEqual(a);
      }),
    );
  });

  it('split undoes join', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '.', '[', '\\'), maxLength: 5 });
    check(
      fc.property(
        fc.array(part, { minLength: 1 }),
        fc.constantFrom(',', '--', '|', '^$'),
        (a, b) => {
          expect(
            over("[split(join(parameters('a'), parameters('b')), parameters('b'))]", a, b),
          ).toEqual(a);
        },
      ),
    );
  });

  it('union holds each item once, intersection the shared ones', () => {
    const list = fc.array(fc.nat(5));
    check(
      fc.property(list, list, (a, b) => {
        expect(over("[union(parameters('a'), parameters('b'))]", a, b)).toEqual([
          ...new Set([...a, ...b]),
        ]);
        const shared = [...new Set(a)].filter((item) => b.includes(item));
        expect(over("[intersection(parameters('a'), parameters('b'))]", a, b)).toEqual(shared);
      }),
    );
  });

  it('equals says yes to the same value only', () => {
    check(
      fc.property(value, value, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(over("[equals(parameters('a'), parameters('a'))]", a)).toBe(true);
        if (same) expect(over("[equals(parameters('a'), parameters('b'))]", a, b)).toBe(true);
      }),
    );
  });

  it('literals that are escaped mean themselves', () => {
    const escaped = (any: unknown): unknown => {
      if (typeof any === 'string') return /^\[[\s\S]*\]$/.test(any) ? `[${any}` : any;
      if (Array.isArray(any)) return any.map(escaped);
      if (typeof any !== 'object' || any === null) return any;
      return Object.fromEntries(Object.entries(any).map(([key, one]) => [key, escaped(one)]));
    };
    const bracketed = fc.oneof(
      text,
      text.map((one) => `[${one}]`),
      fc.constant('[[a]'),
    );
    check(
      fc.property(fc.array(fc.oneof(value, bracketed)), (any) => {
        expect(evaluate("[variables('v')]", { variables: { v: escaped(any) } })).toEqual(any);
      }),
    );
  });
});

const BASE = [
  JSON.stringify(
    {
      parameters: { p: { type: 'string', defaultValue: 'x' } },
      resources: [
        groupResource({ command: ["[parameters('p')]"] }, { name: 'one' }),
        groupResource({}, { name: 'two', tags: { a: 'b' } }),
      ],
    },
    null,
    2,
  ),
  `{ // c
  "resources": { "sym": /* d */ {
      "type": "Microsoft.ContainerInstance/containerGroups",
      "properties": { "containers": [ { "properties": {"image": "i"} } ], "confidentialComputeProperties": {} // e
      }
  } } }`,
];

/** Groups without what tells their place and policy. */
const essence = (groups: readonly ContainerGroup[]) =>
  JSON.stringify(
    groups.map(({ at: _at, existingPolicy: _policy, containers, ...rest }) => ({
      ...rest,
      containers: containers.map(({ at: _place, ...container }) => container),
    })),
    (_key, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one),
  );

describe('injection into damaged templates', () => {
  const samples = [
    ...BASE,
    ...aciCases('edge.json')
      .flatMap(({ input }) => input.template ?? [])
      .slice(0, 30),
  ];

  it('changes the policies of all groups that can be read, and nothing else', () => {
    let written = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(mutation, { maxLength: 2 }),
        (sample, mutations) => {
          const template = mutations.reduce(mutate, sample);
          try {
            const { groups } = readTemplate(template);
            const edits = groups.flatMap(({ placement }, i) =>
              placement?.kind === 'template'
                ? [{ path: placement.path, value: Buffer.from(`${i}`).toString('base64') }]
                : [],
            );
            const result = setTemplatePolicies(parseArmFile(template, 'template.json'), edits);
            const again = readTemplate(result).groups;
            expect(again.map(({ existingPolicy }) => existingPolicy)).toEqual(
              edits.map((edit) => edit.value),
            );
            expect(essence(again)).toBe(essence(groups));
            written += 1;
          } catch (error) {
            if (!(error instanceof ToolError) || error.code === 'INTERNAL') throw error;
          }
        },
      ),
      { seed: 0xc0de, numRuns: 2000 },
    );
    expect(written).toBeGreaterThan(300);
  });
});
