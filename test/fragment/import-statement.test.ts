import { describe, expect, it } from 'vitest';
import { parseJsonData, printPretty } from '../../src/core/data-json.js';
import {
  appendImports,
  expectedFrom,
  importAsData,
  importOf,
  readImports,
} from '../../src/fragment/import-statement.js';
import { compareSvn, isSameSvn } from '../../src/fragment/svn.js';
import { assertNamespace, assertSvn, printFragment } from '../../src/fragment/text.js';
import { thrownBy } from '../support/failure.js';
import { FEED, issuerOf, makeSigner, makeStatement } from '../support/statements.js';

const signer = makeSigner();
const signed = (text: string) => makeStatement({ ...signer, payload: Buffer.from(text) });
const ENTRY = { feed: 'f', issuer: 'i', includes: ['containers'], minimumSvn: '1' };
const data = (text: string) => parseJsonData(text, 'x');

describe('importOf', () => {
  it.each([
    ['containers := []\nfragments := []', ['containers', 'fragments']],
    ['fragments := []\ncontainers := []', ['containers', 'fragments']],
    ['fragments := []', ['fragments']],
    ['containers = []', []],
  ])('knows what %j offers', (text, includes) => {
    expect(importOf(signed(`package a\n${text}\n`), 'x', '7')).toEqual({
      feed: FEED,
      issuer: issuerOf(signer.chain),
      includes,
      minimumSvn: '7',
    });
  });

  it('refuses what no guest would unpack', () => {
    expect(thrownBy(() => importOf(Buffer.from('x'), 'x', '1')).code).toBe('COSE_INVALID');
  });
});

describe('appendImports', () => {
  it('makes a document and adds to one, whatever else is in it', () => {
    const entry = printPretty(importAsData(ENTRY));
    expect(printPretty(appendImports(undefined, [ENTRY], 'x'))).toBe(
      printPretty(data(`{"fragments":[${entry}]}`)),
    );
    const added = appendImports(data('{"version":"1.0","fragments":[{"a":1}]}'), [ENTRY], 'x');
    expect(printPretty(added)).toBe(
      printPretty(data(`{"version":"1.0","fragments":[{"a":1},${entry}]}`)),
    );
    const single = appendImports(data('{"fragments":{"a":1}}'), [ENTRY], 'x');
    expect(printPretty(single)).toBe(printPretty(data(`{"fragments":[{"a":1},${entry}]}`)));
  });

  it.each(['[]', '"x"', '{"fragments":"x"}'])('refuses %s', (text) => {
    expect(thrownBy(() => appendImports(data(text), [ENTRY], 'x')).code).toBe('FRAGMENT_INVALID');
  });
});

describe('readImports', () => {
  const good = '{"feed":"f","issuer":"i","minimum_svn":"1","includes":["containers"],"path":"p"}';
  it('joins both lists, or takes a plain one', () => {
    expect(
      readImports(data(`{"fragments":[${good}],"standaloneFragments":[${good}]}`), 'x'),
    ).toHaveLength(2);
    expect(readImports(data(`[${good}]`), 'x')).toHaveLength(1);
    expect(readImports(data('{}'), 'x')).toEqual([]);
    expect(readImports(data(`[null,{},${good}]`), 'x')).toHaveLength(1);
    const [entry] = readImports(
      data(`[${good.replace('"path"', '"required_receipts":["*"],"path"')}]`),
      'x',
    );
    expect(expectedFrom(entry!)).toEqual({
      issuer: 'i',
      feed: 'f',
      minimumSvn: '1',
      requiredReceipts: ['*'],
    });
  });

  it.each([
    ['"feed":"f"', '"feed":1', 'feed'],
    ['"issuer":"i"', '"other":"i"', 'issuer'],
    ['"minimum_svn":"1"', '"minimum_svn":1', 'minimum_svn'],
    ['"minimum_svn":"1"', '"minimum_svn":"-1"', 'minimum_svn'],
    ['"minimum_svn":"1"', '"minimum_svn":""', 'minimum_svn'],
    ['["containers"]', '"containers"', 'includes'],
    ['["containers"]', '[1]', 'includes'],
  ])('refuses %s as %s', (from, to, key) => {
    const error = thrownBy(() => readImports(data(`[${good.replace(from, to)}]`), 'x'));
    expect(error).toMatchObject({ code: 'FRAGMENT_INVALID', where: `x: [0].${key}` });
  });

  it.each(['{"fragments":{}}', '"x"', '[1]'])('refuses %s', (text) => {
    expect(thrownBy(() => readImports(data(text), 'x')).code).toBe('FRAGMENT_INVALID');
  });
});

describe('printFragment', () => {
  const document = {
    namespace: 'contoso',
    svn: '1',
    frameworkVersion: '0.2.3',
    fragments: [],
    containers: [
      new Map<string, bigint | string>([
        ['b', 1n],
        ['a', 'é'],
      ]),
    ],
  };
  it('writes containers pretty or compact', () => {
    const head =
      'package contoso\n\nsvn := "1"\nframework_version := "0.2.3"\n\nfragments := []\n\n';
    expect(printFragment(document, true)).toBe(`${head}containers := [{"a":"\\u00e9","b":1}]\n`);
    expect(printFragment(document, false)).toBe(
      `${head}containers := [\n  {\n    "a": "\\u00e9",\n    "b": 1\n  }\n]\n`,
    );
  });

  it('refuses names and numbers that a guest or the reference would not take', () => {
    for (const name of [
      'policy',
      'data',
      'input',
      'framework',
      'metadata',
      'api',
      'default',
      'a.b',
      '1a',
      '',
      'a b',
    ]) {
      expect(thrownBy(() => assertNamespace(name)).code).toBe('USAGE_CONFLICT');
    }
    for (const svn of ['-1', '1.2', '', 'x', '1'.repeat(19)]) {
      expect(thrownBy(() => assertSvn(svn)).code).toBe('USAGE_CONFLICT');
    }
    expect(() => assertNamespace('contoso_1')).not.toThrow();
    expect(() => assertSvn('007')).not.toThrow();
  });
});

describe('compareSvn', () => {
  it.each([
    ['10', '9', 'at-least'],
    [1, '1', 'at-least'],
    ['1', 1n, 'at-least'],
    ['-1', '-2', 'at-least'],
    ['0', '1', 'below'],
    [1.5, '1', 'at-least'],
    ['1.2.3', '1.2.3', 'at-least'],
    ['1.2.3-rc.1', '1.2.3', 'below'],
    ['1.2.3', '1', 'different-types'],
    ['1', '1.2.3', 'different-types'],
    ['one', '1', 'unreadable'],
    ['01', '1', 'at-least'],
    ['+2', '02', 'at-least'],
    ['-5', '-05', 'at-least'],
    ['1', '02', 'below'],
    [' 2', '1', 'unreadable'],
    ['9007199254740993', '9007199254740992', 'at-least'],
    ['9007199254740992', '9007199254740993', 'below'],
  ] as const)('%s against %s is %s', (svn, minimum, expected) => {
    expect(compareSvn(svn, minimum)).toBe(expected);
  });

  it('equal numbers may be written differently', () => {
    expect([isSameSvn('1', 1n), isSameSvn('1', '2'), isSameSvn('1.0.0', '1.0.0')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
