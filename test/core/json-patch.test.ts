import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.js';
import { applyJsonPatch } from '../../src/core/json-patch.js';

const PLACE = { code: 'SETTINGS_INVALID', what: 'patch', path: '' } as const;

const apply = (document: JsonValue, ...patch: JsonValue[]) =>
  JSON.parse(JSON.stringify(applyJsonPatch(document, patch, PLACE)));

describe('applyJsonPatch', () => {
  it.each<[string, JsonValue, JsonValue, JsonValue]>([
    ['adds a field', { a: 1 }, { op: 'add', path: '/b', value: 2 }, { a: 1, b: 2 }],
    ['replaces by add', { a: 1 }, { op: 'add', path: '/a', value: null }, { a: null }],
    ['inserts into an array', [1, 3], { op: 'add', path: '/1', value: 2 }, [1, 2, 3]],
    ['appends to an array', [1], { op: 'add', path: '/-', value: 2 }, [1, 2]],
    ['adds the document', { a: 1 }, { op: 'add', path: '', value: 3 }, 3],
    ['removes a field', { a: 1, b: 2 }, { op: 'remove', path: '/a' }, { b: 2 }],
    ['removes an element', [1, 2, 3], { op: 'remove', path: '/1' }, [1, 3]],
    ['replaces', { a: { b: 1 } }, { op: 'replace', path: '/a/b', value: [2] }, { a: { b: [2] } }],
    ['replaces the document', { a: 1 }, { op: 'replace', path: '', value: {} }, {}],
    ['moves', { a: { b: 1 } }, { op: 'move', from: '/a/b', path: '/c' }, { a: {}, c: 1 }],
    ['moves onto itself', { a: 1 }, { op: 'move', from: '/a', path: '/a' }, { a: 1 }],
    ['copies', { a: [1] }, { op: 'copy', from: '/a', path: '/b' }, { a: [1], b: [1] }],
    [
      'tests',
      { a: [1, { b: null }] },
      { op: 'test', path: '/a', value: [1, { b: null }] },
      { a: [1, { b: null }] },
    ],
    [
      'unescapes pointers',
      { 'a/b~': 1 },
      { op: 'replace', path: '/a~1b~0', value: 2 },
      { 'a/b~': 2 },
    ],
    ['takes the empty key', { '': 1 }, { op: 'replace', path: '/', value: 2 }, { '': 2 }],
  ])('%s', (_, document, operation, want) => {
    expect(apply(document, operation)).toEqual(want);
  });

  it.each<[string, JsonValue, JsonValue]>([
    ['a removed field that is not there', {}, { op: 'remove', path: '/a' }],
    ['a replaced field that is not there', {}, { op: 'replace', path: '/a', value: 1 }],
    ['a parent that is not there', {}, { op: 'add', path: '/a/b', value: 1 }],
    ['a parent that is a scalar', { a: 1 }, { op: 'add', path: '/a/b', value: 1 }],
    ['an inherited name', {}, { op: 'remove', path: '/constructor' }],
    ['an index beyond the end', [1], { op: 'add', path: '/2', value: 1 }],
    ['an index with a leading zero', [1, 2], { op: 'remove', path: '/01' }],
    ['a test of another value', { a: 1 }, { op: 'test', path: '/a', value: '1' }],
    ['a value moved into itself', { a: {} }, { op: 'move', from: '/a', path: '/a/b' }],
    ['the whole document removed', {}, { op: 'remove', path: '' }],
    ['an unknown operation', {}, { op: 'toString', path: '' }],
    ['a pointer without slash', { a: 1 }, { op: 'remove', path: 'a' }],
    ['a bad escape', { a: 1 }, { op: 'remove', path: '/~2' }],
    ['a missing value', {}, { op: 'add', path: '/a' }],
    ['no object', {}, 'add'],
  ])('refuses %s', (_, document, operation) => {
    expect(() => apply(document, operation)).toThrow(expect.objectContaining({ code: PLACE.code }));
  });

  it('applies all operations or none, and leaves the document alone', () => {
    const document = Object.freeze({ a: Object.freeze([1]) });
    const patch = [
      { op: 'add', path: '/a/-', value: 2 },
      { op: 'remove', path: '/none' },
    ];
    expect(() => applyJsonPatch(document, patch, PLACE)).toThrow('patch: [1].path names nothing');
    expect(document).toEqual({ a: [1] });
  });

  it('gives back the document when an added field is removed again', () => {
    const law = fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string(),
      (fields, key) => {
        const document = Object.fromEntries(
          Object.entries(fields).filter(([name]) => name !== key),
        );
        const path = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        const json = JSON.parse(JSON.stringify(document));
        expect(apply(json, { op: 'add', path, value: 1 }, { op: 'remove', path })).toEqual(json);
      },
    );
    fc.assert(law, { seed: 7, numRuns: 200 });
  });
});
