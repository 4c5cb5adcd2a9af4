import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { applyDropIns } from '../../../src/policy/kata/drop-ins.js';

const apply = (document: unknown, ...patches: readonly object[][]): unknown =>
  JSON.parse(
    applyDropIns(
      { file: 'base.json', text: JSON.stringify(document) },
      patches.map((patch, index) => ({ file: `${index}.json`, text: JSON.stringify(patch) })),
    ),
  );

function failure(document: unknown, patch: unknown): ToolError {
  try {
    apply(document, patch as object[]);
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('the patch applied');
}

describe('JSON Patch', () => {
  it.each([
    ['add a member', { a: 1 }, { op: 'add', path: '/b', value: null }, { a: 1, b: null }],
    ['add replaces a member', { a: 1 }, { op: 'add', path: '/a', value: 2 }, { a: 2 }],
    [
      'add before an element',
      { a: [1, 3] },
      { op: 'add', path: '/a/1', value: 2 },
      { a: [1, 2, 3] },
    ],
    ['add at the end', { a: [1] }, { op: 'add', path: '/a/-', value: 2 }, { a: [1, 2] }],
    ['add at the length', { a: [1] }, { op: 'add', path: '/a/1', value: 2 }, { a: [1, 2] }],
    ['add the whole document', { a: 1 }, { op: 'add', path: '', value: [1] }, [1]],
    ['remove a member', { a: 1, b: 2 }, { op: 'remove', path: '/a' }, { b: 2 }],
    ['remove an element', [1, 2, 3], { op: 'remove', path: '/1' }, [1, 3]],
    [
      'replace a member',
      { a: { b: 1 } },
      { op: 'replace', path: '/a/b', value: [] },
      { a: { b: [] } },
    ],
    ['replace an element', [1, 2], { op: 'replace', path: '/0', value: 9 }, [9, 2]],
    ['replace the whole document', { a: 1 }, { op: 'replace', path: '', value: {} }, {}],
    ['move a member', { a: 1, b: {} }, { op: 'move', from: '/a', path: '/b/c' }, { b: { c: 1 } }],
    ['move an element', [1, 2, 3], { op: 'move', from: '/0', path: '/2' }, [2, 3, 1]],
    ['move onto itself', { a: 1 }, { op: 'move', from: '/a', path: '/a' }, { a: 1 }],
    ['copy', { a: [1] }, { op: 'copy', from: '/a', path: '/b' }, { a: [1], b: [1] }],
    [
      'test',
      { a: { x: 1, y: [2] } },
      { op: 'test', path: '/a', value: { y: [2], x: 1 } },
      { a: { x: 1, y: [2] } },
    ],
    [
      'escapes in a path',
      { 'a/b': { '~': 1 } },
      { op: 'replace', path: '/a~1b/~0', value: 2 },
      { 'a/b': { '~': 2 } },
    ],
    ['an empty key', { '': 1 }, { op: 'replace', path: '/', value: 2 }, { '': 2 }],
    ['unknown members', { a: 1 }, { op: 'remove', path: '/a', comment: 'x' }, {}],
  ])('%s', (_name, document, operation, expected) => {
    expect(apply(document, [operation])).toEqual(expected);
  });

  it.each([
    ['remove what is not there', {}, { op: 'remove', path: '/a' }],
    ['replace what is not there', {}, { op: 'replace', path: '/a', value: 1 }],
    ['add below what is not there', {}, { op: 'add', path: '/a/b', value: 1 }],
    ['add into a text', { a: 'x' }, { op: 'add', path: '/a/b', value: 1 }],
    ['add beyond the end', { a: [] }, { op: 'add', path: '/a/1', value: 1 }],
    ['an index with leading zero', { a: [1, 2] }, { op: 'remove', path: '/a/01' }],
    ['the end of a list, removed', { a: [1] }, { op: 'remove', path: '/a/-' }],
    ['a failing test', { a: 1 }, { op: 'test', path: '/a', value: '1' }],
    ['a test of a shorter list', { a: [1, 2] }, { op: 'test', path: '/a', value: [1] }],
    ['a test of another object', { a: { x: 1 } }, { op: 'test', path: '/a', value: { y: 1 } }],
    ['move into itself', { a: { b: 1 } }, { op: 'move', from: '/a', path: '/a/b' }],
    ['remove the whole document', { a: 1 }, { op: 'remove', path: '' }],
    ['an unknown operation', {}, { op: 'merge', path: '/a', value: 1 }],
    ['an operation of Object.prototype', {}, { op: 'constructor', path: '/a', value: 1 }],
    ['a path without slash', {}, { op: 'add', path: 'a', value: 1 }],
    ['a bad escape', {}, { op: 'add', path: '/~2', value: 1 }],
    ['no value', {}, { op: 'add', path: '/a' }],
    ['no path', {}, { op: 'remove' }],
    ['no from', { a: 1 }, { op: 'copy', path: '/b' }],
    ['an inherited member', {}, { op: 'test', path: '/toString', value: null }],
  ])('refuses %s', (_name, document, operation) => {
    const error = failure(document, [operation]);
    expect(error.code).toBe('SETTINGS_INVALID');
    expect(error.where).toMatch(/^0\.json \[0\]/);
  });

  it('refuses a drop-in that is not a list', () => {
    expect(failure({}, { a: 1 }).code).toBe('SETTINGS_INVALID');
    expect(failure({}, 'x').code).toBe('SETTINGS_INVALID');
  });

  it('applies drop-ins one after the other', () => {
    const add = [{ op: 'add', path: '/a', value: 1 }];
    const rename = [{ op: 'move', from: '/a', path: '/b' }];
    expect(apply({}, add, rename)).toEqual({ b: 1 });
    expect(() => apply({}, rename, add)).toThrow(ToolError);
  });

  it('treats no key as special', () => {
    const text = applyDropIns({ file: 'b', text: '{"__proto__": {"x": 1}}' }, [
      { file: 'd', text: '[{"op": "add", "path": "/__proto__/y", "value": 2}]' },
    ]);
    expect(text).toBe('{"__proto__":{"x":1,"y":2}}');
  });
});
