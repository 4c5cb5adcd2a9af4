import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { type JsonNode, type JsonTreeOptions, parseJsonTree } from '../../src/core/json-tree.js';
import { LIMITS } from '../../src/core/limits.js';
import { locate } from '../../src/core/locate.js';
import { thrownBy } from '../support/failure.js';
import { mutate, mutation } from '../support/text-mutations.js';

const parse = (text: string, duplicates: JsonTreeOptions['duplicates'] = 'refuse') =>
  parseJsonTree(text, 't.json', { duplicates });

/** The plain value of a tree; keys that are numbers are kept apart by the arrays of pairs. */
function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case 'null':
      return null;
    case 'boolean':
    case 'string':
      return node.value;
    case 'number':
      return Number(node.text);
    case 'array':
      return node.items.map(plain);
    case 'object':
      return Object.fromEntries(node.members.map(({ key, value }) => [key, plain(value)]));
  }
}

describe('parseJsonTree', () => {
  it('keeps the order of keys that look like numbers, and the texts of numbers', () => {
    const { root } = parse('{"b": 1e3, "2": 10000000000000000001, "1": 1.0}');
    expect(root.kind === 'object' && root.members.map(({ key }) => key)).toEqual(['b', '2', '1']);
    const texts = root.kind === 'object' ? root.members.map(({ value }) => value) : [];
    expect(texts.map((node) => node.kind === 'number' && node.text)).toEqual([
      '1e3',
      '10000000000000000001',
      '1.0',
    ]);
  });

  it('says where nodes stand', () => {
    const text = '// c\r\n{ "a" : [ true , "x" ] }';
    const document = parse(text);
    const { root } = document;
    const [member] = root.kind === 'object' ? root.members : [];
    const items = member?.value.kind === 'array' ? member.value.items : [];
    expect(text.slice(member?.start, member?.value.end)).toBe('"a" : [ true , "x" ]');
    expect(items.map(({ start, end }) => text.slice(start, end))).toEqual(['true', '"x"']);
    expect(locate(document, items[1]?.start ?? 0)).toBe('t.json:2:18');
  });

  it('skips comments and a byte order mark', () => {
    expect(plain(parse('\ufeff{}').root)).toEqual({});
    expect(plain(parse('/* a\n*/ [1, // b\n 2 /**/]// c').root)).toEqual([1, 2]);
  });

  it.each([
    ['\ufeff{}', 'it holds a byte order mark'],
    ['[1 // b\n]', 'it holds a comment'],
    ['[1]/* c */', 'it holds a comment'],
    ['["a\tb"]', 'it holds a control character in a string'],
    ['["a\u0000b"]', 'it holds a control character in a string'],
  ])('refuses %j where nothing but plain JSON is allowed', (text, problem) => {
    const strict = () => parseJsonTree(text, 't.json', { duplicates: 'last', strict: true });
    expect(thrownBy(strict)).toMatchObject({
      code: 'JSON_SYNTAX',
      message: `t.json is not valid JSON: ${problem}`,
    });
  });

  it('marks strings over several lines', () => {
    const { root } = parse('["a\n b", "a\\n b"]');
    const items = root.kind === 'array' ? root.items : [];
    expect(items).toMatchObject([
      { value: 'a\n b', multiLine: true },
      { value: 'a\n b', multiLine: false },
    ]);
  });

  it('refuses doubled keys, or takes the last value at the place of the first', () => {
    expect(thrownBy(() => parse('{"a": 1,\n "a": 2}'))).toMatchObject({
      code: 'JSON_SYNTAX',
      where: 't.json:2:2',
    });
    const { root } = parse('{"a": 1, "b": 2, "a": 3}', 'last');
    expect(Object.entries(plain(root) as object)).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
  });

  it.each([
    ['', 't.json:1:1'],
    ['{', 't.json:1:2'],
    ['{"a"}', 't.json:1:5'],
    ['{"a":1,}', 't.json:1:8'],
    ['[1,]', 't.json:1:4'],
    ['[1 2]', 't.json:1:4'],
    ['nul', 't.json:1:1'],
    ['nulll', 't.json:1:1'],
    ['01', 't.json:1:1'],
    ['1.', 't.json:1:1'],
    ['+1', 't.json:1:1'],
    ['NaN', 't.json:1:1'],
    ['"a', 't.json:1:1'],
    ['"\\x"', 't.json:1:2'],
    ['"\\u12"', 't.json:1:2'],
    ['"\u0001"', 't.json:1:2'],
    ["'a'", 't.json:1:1'],
    ['1 // x\n2', 't.json:2:1'],
    ['/* x', 't.json:1:1'],
    ['/ x', 't.json:1:1'],
  ])('refuses %j', (text, where) => {
    expect(thrownBy(() => parse(text))).toMatchObject({ code: 'JSON_SYNTAX', where });
  });

  it('has limits on depth, values, digits and size', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(parse(nested(LIMITS.jsonTreeDepth)).root.kind).toBe('array');
    const digits = (count: number) => '1'.repeat(count);
    expect(parse(digits(LIMITS.jsonNumberChars)).root.kind).toBe('number');
    const values = (count: number) => `[${'0,'.repeat(count - 2)}0]`;
    expect(parse(values(LIMITS.jsonTreeNodes)).root.kind).toBe('array');
    for (const text of [
      nested(LIMITS.jsonTreeDepth + 1),
      nested(100_000),
      digits(LIMITS.jsonNumberChars + 1),
      values(LIMITS.jsonTreeNodes + 1),
      ' '.repeat(LIMITS.textFileBytes + 1),
    ]) {
      expect(thrownBy(() => parse(text)).code).toBe('LIMIT_EXCEEDED');
    }
  });

  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ noUnicodeString: false }),
        fc.constantFrom(0, 2),
        (value, indent) => {
          const text = JSON.stringify(value, null, indent);
          expect(plain(parse(text).root)).toEqual(JSON.parse(text));
        },
      ),
      { seed: 0x5eed, numRuns: 500 },
    );
  });

  it('reads damaged texts as JSON.parse does, or refuses them as it does', () => {
    const sample = `{ "a": [1, -2.5e3, {"b": null}], "e": "x\\u00e9\\n", "f": true, "": [[], "]"] }`;
    const read = (work: () => unknown): { value?: unknown } => {
      try {
        return { value: work() };
      } catch (error) {
        if (!(error instanceof SyntaxError)) expect(error).toBeInstanceOf(ToolError);
        return {};
      }
    };
    let readable = 0;
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const text = mutations.reduce(mutate, sample);
        const ours = read(() => plain(parse(text, 'last').root));
        // Line breaks within strings and a byte order mark are read here only.
        const strict = text
          .replace(/^\ufeff/, '')
          .replaceAll(/[\n\r\t](?=[^"]*"(?:[^"]*"[^"]*")*[^"]*$)/g, '');
        if (strict !== text) return;
        expect(ours).toEqual(read(() => JSON.parse(text)));
        if ('value' in ours) readable += 1;
      }),
      { seed: 0xc0de, numRuns: 3000 },
    );
    expect(readable).toBeGreaterThan(100);
  });
});
