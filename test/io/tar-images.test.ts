import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { parsePlatform } from '../../src/image/platform.js';
import { resolveImage } from '../../src/image/resolve.js';
import type { ImageSource } from '../../src/image/types.js';
import { openTarImages } from '../../src/io/tar-images.js';
import {
  failureOf,
  layoutFiles,
  makeImage,
  tagged,
  tarOf,
  temporaryFolder,
} from '../support/images.js';

const folder = temporaryFolder();
const one = makeImage();
const two = makeImage({ layers: ['other'] });
const options = { platform: parsePlatform('linux/amd64'), notices: () => undefined };
const file = (name: string) => join(folder, name);

/** Says that it was asked, and for what. */
const elsewhere: ImageSource = {
  fetchManifest: async (reference) => {
    throw new ToolError('REGISTRY_NOT_FOUND', `asked elsewhere for ${reference}`);
  },
  openBlob: async () => {
    throw new ToolError('REGISTRY_NOT_FOUND', 'asked elsewhere for a blob');
  },
};

async function manifestOf(tar: string, reference: string) {
  const source = await openTarImages(tar, elsewhere);
  return (await resolveImage({ text: reference }, source, options)).manifestDigest;
}

beforeEach(async () => {
  const write = async (name: string, image: typeof one, reference: string) => {
    const files = layoutFiles([[image.manifest, tagged(reference)]], image.blobs);
    writeFileSync(file(name), await tarOf([...files]));
  };
  await write('one.tar', one, 'example.org/one:1');
  await write('two.tar', two, 'example.org/two:latest');
});

describe('openTarImages', () => {
  it('takes the image of one tar; others come from elsewhere', async () => {
    expect(await manifestOf(file('one.tar'), 'example.org/one:1')).toBe(one.manifest.digest);
    const other = await failureOf(() => manifestOf(file('one.tar'), 'example.org/two:1'));
    expect(other.message).toBe('asked elsewhere for example.org/two:1');
  });

  it('takes images of a map, with and without the tag latest; paths are relative to it', async () => {
    writeFileSync(
      file('map.json'),
      JSON.stringify({ 'example.org/one:1': 'one.tar', 'example.org/two': 'two.tar' }),
    );
    expect(await manifestOf(file('map.json'), 'example.org/one:1')).toBe(one.manifest.digest);
    expect(await manifestOf(file('map.json'), 'example.org/two')).toBe(two.manifest.digest);
    expect(await manifestOf(file('map.json'), 'example.org/two:latest')).toBe(two.manifest.digest);
    const other = await failureOf(() => manifestOf(file('map.json'), 'example.org/two:2'));
    expect(other.code).toBe('REGISTRY_NOT_FOUND');
  });

  it.each([
    ['["x"]', 'IMAGE_MAP_INVALID'],
    ['{"a": 1}', 'IMAGE_MAP_INVALID'],
    ['{"a": "none.tar"}', 'IMAGE_MAP_INVALID'],
    ['{', 'JSON_SYNTAX'],
  ])('refuses the map %s', async (text, code) => {
    writeFileSync(file('bad.json'), text);
    expect((await failureOf(() => openTarImages(file('bad.json'), elsewhere))).code).toBe(code);
  });

  it('refuses a reference with a digest', async () => {
    const reference = `example.org/one@${one.manifest.digest}`;
    const error = await failureOf(() => manifestOf(file('one.tar'), reference));
    expect(error.code).toBe('IMAGE_REFERENCE_INVALID');
  });

  it('fails at a damaged tar instead of looking elsewhere', async () => {
    writeFileSync(file('bad.tar'), 'no tar');
    const error = await failureOf(() => manifestOf(file('bad.tar'), 'example.org/one:1'));
    expect(error.message).not.toContain('elsewhere');
  });
});
