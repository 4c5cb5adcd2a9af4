import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/core/json.js';
import {
  arrayOf,
  below,
  type JsonPlace,
  oneOf,
  optionalField,
  readBoolean,
  readCount,
  readObject,
  readString,
  refuseKeyVariants,
  refuseUnknownKeys,
  requiredField,
} from '../../src/core/json-read.js';
import { failureOf } from '../support/images.js';

const place: JsonPlace = { code: 'IMAGE_INVALID', what: 'doc', path: '' };

describe('readers', () => {
  it.each([
    [readString, '"a"', 'a'],
    [readBoolean, 'false', false],
    [readCount, '9007199254740991', 9007199254740991],
    [readCount, '1e3', 1000],
    [arrayOf(readString), '["a","b"]', ['a', 'b']],
    [oneOf(['x', 'y']), '"y"', 'y'],
  ])('%# read their type', (read, text, value) => {
    expect(read(parseJson(text, 'doc'), place)).toEqual(value);
  });

  it.each([
    [readString, '1', '1'],
    [readString, 'null', 'null'],
    [readObject, '[]', 'an array'],
    [readObject, 'null', 'null'],
    [readBoolean, '"true"', 'a string'],
    [readCount, '-1', '-1'],
    [readCount, '1.5', '1.5'],
    [readCount, '9007199254740993', '9007199254740992'],
    [readCount, '"1"', 'a string'],
    [arrayOf(readString), '{}', 'an object'],
    [oneOf(['x', 'y']), '"z"', 'z'],
  ])('%# refuse another', async (read, text, got) => {
    const error = await failureOf(() => read(parseJson(text, 'doc'), place));
    expect(error).toMatchObject({ code: 'IMAGE_INVALID', got });
  });

  it('name the path of what is wrong', async () => {
    const value = readObject(parseJson('{"a b": {"c": ["x", 1]}}', 'doc'), place);
    const error = await failureOf(() =>
      requiredField(value, 'a b', place, (inner, at) =>
        requiredField(readObject(inner, at), 'c', at, arrayOf(readString)),
      ),
    );
    expect(error.where).toBe('doc "a b".c[1]');
  });

  it('take null for absent', async () => {
    const object = readObject(parseJson('{"a": null}', 'doc'), place);
    expect(optionalField(object, 'a', place, readString)).toBeUndefined();
    expect(optionalField(object, 'b', place, readString)).toBeUndefined();
    const error = await failureOf(() => requiredField(object, 'a', place, readString));
    expect(error.message).toBe('doc: a is missing');
  });
});

describe('keys', () => {
  it('refuses unknown ones', async () => {
    const object = readObject(parseJson('{"a": 1, "b": 2}', 'doc'), place);
    const error = await failureOf(() => refuseUnknownKeys(object, ['a'], below(place, 0)));
    expect(error.message).toBe('doc: [0].b is not a known field');
  });

  it.each(['Digest', 'DIGEST', 'di\u0067esT'])(
    'refuses %s, which Go reads as digest',
    async (key) => {
      const object = readObject(parseJson(JSON.stringify({ [key]: 1 }), 'doc'), place);
      const error = await failureOf(() => refuseKeyVariants(object, ['digest'], place));
      expect(error.code).toBe('IMAGE_INVALID');
    },
  );

  it('folds the long s and the Kelvin sign like Go', async () => {
    const object = readObject(parseJson('{"o\u017f": 1}', 'doc'), place);
    expect((await failureOf(() => refuseKeyVariants(object, ['os'], place))).got).toBe('o\u017f');
  });

  it('lets exact and foreign keys pass', () => {
    const object = readObject(parseJson('{"digest": 1, "other": 2}', 'doc'), place);
    expect(refuseKeyVariants(object, ['digest'], place)).toBeUndefined();
  });
});
