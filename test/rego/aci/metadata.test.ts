import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.js';
import {
  applyOperations,
  initialMetadata,
  metadataDocument,
} from '../../../src/rego/aci/metadata.js';

const START = initialMetadata('linux');
const OS = { operatingsystem: { ostype: 'linux' } };
const stateAfter = (operations: JsonValue) => {
  const { metadata, fault } = applyOperations(START, operations);
  return { state: metadataDocument(metadata), fault };
};

describe('state of the guest', () => {
  it('adds, updates and removes keys of maps', () => {
    const add = { name: 'm', action: 'add', key: 'a', value: 1 };
    expect(stateAfter([add]).state).toEqual({ ...OS, m: { a: 1 } });
    expect(stateAfter([add, { ...add, action: 'update', value: 2 }]).state).toEqual({
      ...OS,
      m: { a: 2 },
    });
    const remove = { name: 'm', action: 'remove', key: 'a' };
    expect(stateAfter([add, remove, remove])).toEqual({
      state: { ...OS, m: {} },
      fault: undefined,
    });
  });

  it('keeps one of equal values in a set, in the order of adding', () => {
    const add = (value: JsonValue) => ({ name: 's', type: 'set', action: 'add', value });
    const all = [add({ a: 1, b: 2 }), add(2), add({ b: 2, a: 1 })];
    expect(stateAfter(all).state).toEqual({ ...OS, s: [{ a: 1, b: 2 }, 2] });
    expect(stateAfter([...all, { ...add(2), action: 'remove' }]).state).toEqual({
      ...OS,
      s: [{ a: 1, b: 2 }],
    });
  });

  it.each<[JsonValue, string]>([
    [{}, 'error loading metadata array: invalid type'],
    [[1], 'error loading metadata operation: unable to load metadata object'],
    [
      [{ action: 'add', key: 'a', value: 1 }],
      'error loading metadata operation: unable to load metadata name',
    ],
    [
      [{ name: 'm', key: 'a', value: 1 }],
      'error loading metadata operation: unable to load metadata action',
    ],
    [
      [{ name: 'm', action: 'add', type: 1, key: 'a', value: 1 }],
      'error loading metadata operation: unable to load metadata type',
    ],
    [
      [{ name: 'm', action: 'add', value: 1 }],
      'error loading metadata operation: missing metadata key',
    ],
    [
      [{ name: 'm', action: 'add', key: 1, value: 1 }],
      'error loading metadata operation: unable to load metadata key',
    ],
    [
      [{ name: 'm', action: 'add', key: 'a' }],
      'error loading metadata operation: missing metadata value',
    ],
    [
      [{ name: 's', type: 'set', action: 'remove' }],
      'error loading metadata operation: missing metadata value',
    ],
    [
      [{ name: 'm', action: 'put', key: 'a', value: 1 }],
      'error applying metadata operations: unrecognized metadata action: put for map',
    ],
    [
      [{ name: 's', type: 'set', action: 'update', value: 1 }],
      'error applying metadata operations: unrecognized metadata action: update for set',
    ],
    [
      [{ name: 's', type: 'list', action: 'add', value: 1 }],
      'error applying metadata operations: unrecognized metadata type: list',
    ],
  ])('%j: %s', (operations, fault) => {
    expect(stateAfter(operations)).toEqual({ state: OS, fault });
  });

  it('keeps what stood in front of an operation that fails', () => {
    const add = { name: 'm', action: 'add', key: 'a', value: 1 };
    expect(stateAfter([add, add])).toEqual({
      state: { ...OS, m: { a: 1 } },
      fault:
        'error applying metadata operations: cannot add metadata value, key m[a] already exists',
    });
    expect(stateAfter([add, { name: 'm', type: 'set', action: 'add', value: 1 }]).fault).toMatch(
      'wrong type',
    );
  });
});
