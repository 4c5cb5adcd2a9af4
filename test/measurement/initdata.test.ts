import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildInitdata, encodeInitdata, printInitdata } from '../../src/measurement/initdata.js';
import { readInitdata } from '../../src/measurement/read-initdata.js';

const POLICY = 'package agent_policy\n\npolicy_data := {"a": "\\\\d"}';
const printed = (data: Record<string, string>) =>
  printInitdata({ version: '0.1.0', algorithm: 'sha256', data: new Map(Object.entries(data)) });
const textOf = (text: string) => /^k = ([\s\S]*)\n$/m.exec(printed({ k: text }))?.[1];

describe('initdata', () => {
  it('holds the policy as a literal of several lines', () => {
    expect(printInitdata(buildInitdata(POLICY))).toBe(
      `version = "0.1.0"\nalgorithm = "sha256"\n\n[data]\n"policy.rego" = '''\n${POLICY}'''\n`,
    );
  });

  it('keeps the algorithm and other data of a file, with sorted keys', () => {
    const toml = [
      'algorithm = "sha384"',
      'version = "0.1.0"',
      '[data]',
      '"z.toml" = "z"',
      '"policy.rego" = "old"',
      'aa-_1 = "a"',
    ].join('\n');
    const base = readInitdata(Buffer.from(toml), 'initdata.toml');
    expect(printInitdata(buildInitdata('new', base))).toBe(
      'version = "0.1.0"\nalgorithm = "sha384"\n\n[data]\naa-_1 = "a"\n"policy.rego" = "new"\n"z.toml" = "z"\n',
    );
  });

  it.each([
    ['plain', '"plain"'],
    ['', '""'],
    ["it's", '"it\'s"'],
    ['a\tb', '"a\\tb"'],
    ['say "x"', `'say "x"'`],
    ['back\\slash', `'back\\slash'`],
    [`both ' and "`, `"""both ' and """"`],
    ['two\nlines', '"""\ntwo\nlines"""'],
    ['two\n\tlines ""', '"""\ntwo\n\\tlines """""'],
    ['three """\nlines', `'''\nthree """\nlines'''`],
    ['back\\slash\n', `'''\nback\\slash\n'''`],
    [`back\\slash'`, `'''back\\slash''''`],
    [`back\\slash\n'''`, `"""\nback\\\\slash\n'''"""`],
    [`"""'''\n`, `"""\n""\\"'''\n"""`],
    [`"""""'''\n`, `"""\n""\\"""'''\n"""`],
    ['\u007f"', '"\\u007F\\""'],
    ['\u007f"\n', '"""\n\\u007F"\n"""'],
    ['\r\n\u0001\b\f', '"""\n\\r\n\\u0001\\b\\f"""'],
    [`\\'''`, `"\\\\'''"`],
  ])('prints %j', (text, expected) => {
    expect(textOf(text)).toBe(expected);
    expect(readInitdata(Buffer.from(printed({ k: text })), 'x').data.get('k')).toBe(text);
  });

  it.each([
    ['a b', '"a b"'],
    ['', '""'],
    ['a"b', `'a"b'`],
    [`'"`, `"'\\""`],
    ['a\nb', '"a\\nb"'],
  ])('prints the key %j', (key, expected) => {
    expect(printed({ [key]: 'v' })).toContain(`[data]\n${expected} = "v"\n`);
    expect(readInitdata(Buffer.from(printed({ [key]: 'v' })), 'x').data.get(key)).toBe('v');
  });

  it('is read back by a TOML reader', () => {
    const text = fc.string({
      unit: fc.constantFrom('"', "'", '\\', '\n', '\t', '\r', 'a', '\u0001', '\u007f', 'é', '😀'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }), (data) => {
        const read = readInitdata(Buffer.from(printed(data)), 'x').data;
        expect(new Map(read)).toEqual(new Map(Object.entries(data)));
      }),
      { seed: 0x5eed, numRuns: 500 },
    );
  });
});

describe('the annotation value', () => {
  it('is base64 of gzip without name, time and system', () => {
    const value = encodeInitdata('x = 1\n');
    const bytes = Buffer.from(value, 'base64');
    expect(bytes.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
    expect(gunzipSync(bytes).toString()).toBe('x = 1\n');
    expect(encodeInitdata('x = 1\n')).toBe(value);
  });
});
