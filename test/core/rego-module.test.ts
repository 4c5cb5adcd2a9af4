import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import type { JsonValue } from '../../src/core/json.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  evaluateTerm,
  leavesOf,
  parseRegoModule,
  plainStatements,
} from '../../src/core/rego-module.js';

const read = (body: string) => parseRegoModule(`package p\n${body}`, 't');
const constantOf = (body: string): JsonValue | undefined => {
  const [statement] = read(body).statements;
  return statement?.term && evaluateTerm(statement.term, () => undefined);
};
const caught = (work: () => unknown): ToolError => {
  try {
    work();
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('a Rego module as data', () => {
  it.each<[string, JsonValue]>([
    ['x := 1', 1],
    ['x = -1.5e3', -1500],
    ['x :=\n  "a\\u00e9\\n"', 'aé\n'],
    ['x := `a\\b\n"c"`', 'a\\b\n"c"'],
    ['x := [1, [true, false], null,]', [1, [true, false], null]],
    ['x := {"a": {"b": [],}, "c": {}}', { a: { b: [] }, c: {} }],
    ['x := "a" # := 2\n', 'a'],
  ])('%j is a constant', (body, want) => {
    expect(constantOf(body)).toEqual(want);
  });

  it.each([
    'x := 1 if true',
    'x if { true }',
    'default x := 1',
    'x := 1 + 2',
    'x := [y | y := 1]',
    'x := {"a", "b"}',
    'x := {"a": 1, "a": 2}',
    'x := {y: 1}',
    'x := input.a',
    'x := data.a[0]',
    'x := count([1])',
    'x contains "a"',
    'x["a"] := 1',
    'f(y) := 1',
    'x := 12345678901234567890',
    'x := 0x10',
    'x := - 1',
    'x := data',
    'x := "\\ud800"',
    'x := "\\q"',
    'x := parameter(y)',
    'x := other("y")',
    'x := 1\nelse := 2 if true',
    'x := 1 y := 2',
    'x',
    '[1]',
    'x := {"a":1,"a":2}',
    'x := [12345678901234567890]',
    'x := [9007199254740992]',
    'x := ["\\ud800"]',
    'x := ["\\ud83d\\ude00", 1.0] if true',
    'x := [1]\n  + [2]',
    'x := {}\nelse := {} if true',
    'x := [1]y := [2]',
  ])('%j is a rule of its own', (body) => {
    expect(read(body).statements[0]?.term).toBeUndefined();
    expect(plainStatements(read(body))).toHaveProperty('problem');
  });

  it('goes on with the statement behind one that is no data', () => {
    const { statements } = read('a if {\n x := 1\n}\nb := 2\n\n# c := 3\nd := 4');
    expect(statements.map(({ name, term }) => [name, term !== undefined])).toEqual([
      ['a', false],
      ['b', true],
      ['d', true],
    ]);
  });

  it('keeps paths and calls', () => {
    const { statements } = read('x := {"e": data.framework.errors, "p": [parameter("a").b]}');
    const term = statements[0]?.term;
    expect(term && leavesOf(term)).toEqual([
      { kind: 'reference', path: ['data', 'framework', 'errors'] },
      { kind: 'parameter', name: 'a', path: ['b'] },
    ]);
    expect(term && evaluateTerm(term, ({ kind }) => kind)).toEqual({
      e: 'reference',
      p: ['parameter'],
    });
    expect(term && evaluateTerm(term, () => undefined)).toBeUndefined();
  });

  it('tells imports and names that stand there twice', () => {
    const plain = parseRegoModule(
      'package p\nimport future.keywords.every\nimport rego.v1 # x\nx := 1',
      't',
    );
    expect(plain.imports).toEqual(['future.keywords.every', 'rego.v1']);
    expect(plainStatements(plain)).toBeInstanceOf(Map);
    expect(plainStatements(read('import data.q as r\nx := 1'))).toMatchObject({
      problem: 'it imports data.q as r',
    });
    expect(plainStatements(read('x := 1\nx := 1'))).toMatchObject({
      problem: 'x is defined twice',
      offset: 17,
    });
  });

  it.each([
    '',
    'x := 1',
    'package',
    'package p x := 1',
    'package "p"',
    '\ufeffpackage p',
    'package p\nx := [',
  ])('%j is no module', (text) => {
    expect(caught(() => parseRegoModule(text, 't')).code).toBe('POLICY_UNREADABLE');
  });

  it('has limits', () => {
    const nested = (levels: number) => `x := ${'['.repeat(levels)}${']'.repeat(levels)}`;
    expect(constantOf(nested(LIMITS.jsonDepth))).toBeDefined();
    expect(caught(() => read(nested(LIMITS.jsonDepth + 2))).code).toBe('LIMIT_EXCEEDED');
    const long = `package p\nx := "${'a'.repeat(LIMITS.policyTextBytes)}"`;
    expect(caught(() => parseRegoModule(long, 't')).code).toBe('LIMIT_EXCEEDED');
  });

  it('reads every JSON value as itself', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        const isExact = !/e\+|\d{16}/.test(text) && !text.includes('-0');
        if (isExact) expect(constantOf(`x := ${text}`)).toEqual(JSON.parse(text));
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  it('reads what JSON.stringify prints as anything else', () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(2 ** 53, -0, 1e300));
    const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\u{1f600}', '\ud800') });
    const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        number,
        text,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(text, fc.constantFrom('1', '__proto__')), tie('value'), {
          maxKeys: 3,
        }),
      ),
    }));
    fc.assert(
      fc.property(value, (one) => {
        const line = JSON.stringify(one);
        const [alone, , commented] = read(
          `x := ${line}\ny := 1\nx := ${line} # by token`,
        ).statements;
        expect(alone?.term).toEqual(commented?.term);
        const [known, found] = [alone, commented].map(
          (row) => row?.term && evaluateTerm(row.term, () => undefined),
        );
        expect(JSON.stringify(known)).toBe(JSON.stringify(found));
        if (alone?.term !== undefined) expect(leavesOf(alone.term)).toEqual([]);
      }),
      { seed: 6, numRuns: 1_000 },
    );
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    for (const levels of [LIMITS.jsonDepth + 2, 100_000]) {
      expect(caught(() => read(`x := ${nested(levels)}`)).code).toBe('LIMIT_EXCEEDED');
    }
  });

  it('any text is a module or a refusal', () => {
    const words = [
      'package p',
      '\n',
      'x',
      ':=',
      '[',
      ']',
      '{',
      '}',
      '"a"',
      ':',
      ',',
      'data.a',
      '`',
      '-',
      '1',
      '(',
      '#',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (parts) => {
        const text = `package p\n${parts.join(' ')}`;
        try {
          parseRegoModule(text, 't');
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { seed: 5, numRuns: 1000 },
    );
  });
});
