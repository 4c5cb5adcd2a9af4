import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseReference } from '../../src/core/reference.js';
import { parsePlatform } from '../../src/image/platform.js';
import { resolveImage } from '../../src/image/resolve.js';
import {
  openImageMap,
  openLocalImage,
  openLocations,
  parseImageLocation,
} from '../../src/io/image-map.js';
import {
  failureOf,
  layoutFiles,
  MemorySource,
  makeImage,
  tagged,
  tarOf,
  temporaryFolder,
  writeFiles,
} from '../support/images.js';
import { vectorsDir } from '../support/vectors.js';

const root = temporaryFolder();
const one = makeImage();
const two = makeImage({ layers: ['other'] });
const options = { platform: parsePlatform('linux/amd64'), notices: () => undefined };
const layout = layoutFiles(
  [
    [one.manifest, tagged('v1')],
    [two.manifest, tagged('v2')],
  ],
  [...one.blobs, ...two.blobs],
);
let folder = '';
let count = 0;

beforeEach(async () => {
  count += 1;
  folder = join(root, `${count}`);
  writeFiles(join(folder, 'images/app'), layout);
  writeFileSync(join(folder, 'app.tar'), await tarOf(layout));
});

const mapFile = (content: unknown): string => {
  const file = join(folder, 'map.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};
const manifestOf = async (source: Awaited<ReturnType<typeof openImageMap>>, text: string) =>
  (await resolveImage(parseReference(text), source, options)).manifestDigest;

describe('parseImageLocation', () => {
  it.each([
    ['oci:dir', { kind: 'oci', path: 'dir' }],
    ['oci:a/b:v1', { kind: 'oci', path: 'a/b', name: 'v1' }],
    ['oci:/a/b:docker.io/x:1', { kind: 'oci', path: '/a/b', name: 'docker.io/x:1' }],
    ['oci:dir:sha256:abc', { kind: 'oci', path: 'dir', name: 'sha256:abc' }],
    ['oci-archive:x.tar', { kind: 'oci-archive', path: 'x.tar' }],
    ['docker-archive:./x.tar:app:1', { kind: 'docker-archive', path: './x.tar', name: 'app:1' }],
    ['docker-archive:-', { kind: 'docker-archive', path: '-' }],
    ['oci:C:\\layouts\\x:v1', { kind: 'oci', path: 'C:\\layouts\\x', name: 'v1' }],
  ])('%s', (text, location) => {
    expect(parseImageLocation(text)).toEqual(location);
  });

  it('takes anything else for a reference', () => {
    expect(parseImageLocation('busybox:1')).toEqual({
      kind: 'registry',
      reference: parseReference('busybox:1'),
    });
    expect(parseImageLocation('oci')).toMatchObject({ kind: 'registry' });
  });

  it.each(['oci:', 'oci:dir:', 'oci::v1', 'oci-archive:', 'Bad Name'])(
    'refuses %j',
    async (text) => {
      const error = await failureOf(() => parseImageLocation(text));
      expect(error).toMatchObject({ code: 'IMAGE_REFERENCE_INVALID', got: text });
    },
  );
});

describe('openLocalImage', () => {
  it.each([
    ['oci', 'images/app'],
    ['oci-archive', 'app.tar'],
    ['docker-archive', 'app.tar'],
  ] as const)('opens %s', async (kind, path) => {
    const source = await openLocalImage({ kind, path: join(folder, path), name: 'v2' });
    expect((await resolveImage({ text: 'x' }, source, options)).manifestDigest).toBe(
      two.manifest.digest,
    );
  });
});

describe('openImageMap', () => {
  it('finds images by any form of their reference, at paths relative to the map', async () => {
    const source = await openImageMap(
      mapFile({
        'app:1': 'oci:images/app:v1',
        'docker.io/library/app': `oci-archive:${folder}/app.tar:v2`,
      }),
    );
    expect(await manifestOf(source, 'docker.io/library/app:1')).toBe(one.manifest.digest);
    expect(await manifestOf(source, 'app:latest')).toBe(two.manifest.digest);
  });

  it('finds a reference with tag and digest by its tag, and holds it to its digest', async () => {
    const source = await openImageMap(mapFile({ 'app:1': 'oci:images/app:v1' }));
    expect(await manifestOf(source, `app:1@${one.manifest.digest}`)).toBe(one.manifest.digest);
    const error = await failureOf(() => manifestOf(source, `app:1@${two.manifest.digest}`));
    expect(error.code).toBe('DIGEST_MISMATCH');
    const untagged = await failureOf(() => manifestOf(source, `app@${one.manifest.digest}`));
    expect(untagged.code).toBe('IMAGE_NOT_FOUND');
  });

  it('finds a digest that is listed, in a layout of several images', async () => {
    const source = await openImageMap(
      mapFile({ [`app@${two.manifest.digest}`]: 'oci:images/app', 'app:1': 'oci:images/app:v1' }),
    );
    expect(await manifestOf(source, `app:1@${two.manifest.digest}`)).toBe(two.manifest.digest);
  });

  it('names the map and what is near where an image is not listed', async () => {
    const file = mapFile({ 'reg.example/team/app:2': 'oci:images/app', 'other:1': 'oci:x' });
    const error = await failureOf(async () => manifestOf(await openImageMap(file), 'app:3'));
    expect(error).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      where: file,
      want: 'app:3',
      got: 'reg.example/team/app:2',
    });
    const far = await failureOf(async () => manifestOf(await openImageMap(file), 'zzz'));
    expect(far.got).toBeUndefined();
  });

  it('asks the other source for what is not listed, and only for that', async () => {
    const fallback = new MemorySource(two.manifest, two.blobs);
    const source = await openImageMap(mapFile({ 'app:1': 'oci:images/app:v1' }), fallback);
    expect(await manifestOf(source, 'app:1')).toBe(one.manifest.digest);
    expect(fallback.asked).toEqual([]);
    expect(await manifestOf(source, 'reg.example/app:1')).toBe(two.manifest.digest);
  });

  it('opens a location only when it is asked for', async () => {
    const source = await openImageMap(mapFile({ 'app:1': 'oci:images/app:v1', 'x:1': 'oci:none' }));
    expect(await manifestOf(source, 'app:1')).toBe(one.manifest.digest);
    expect((await failureOf(() => manifestOf(source, 'x:1'))).code).toBe('FILE_NOT_FOUND');
  });

  it.each([
    ['an array', '[]', 'IMAGE_MAP_INVALID'],
    ['a location that is a registry', '{"app:1": "docker.io/app:1"}', 'IMAGE_MAP_INVALID'],
    ['a location without path', '{"app:1": "oci:"}', 'IMAGE_MAP_INVALID'],
    ['a location that is an object', '{"app:1": {}}', 'IMAGE_MAP_INVALID'],
    ['a null location', '{"app:1": null}', 'IMAGE_MAP_INVALID'],
    ['a key that is no reference', '{"App": "oci:x"}', 'IMAGE_MAP_INVALID'],
    [
      'one image twice',
      '{"app": "oci:x", "docker.io/library/app:latest": "oci:y"}',
      'IMAGE_MAP_INVALID',
    ],
    ['one key twice', '{"app": "oci:x", "app": "oci:y"}', 'JSON_SYNTAX'],
    ['no JSON', 'app: oci:x', 'JSON_SYNTAX'],
  ])('refuses %s', async (_name, text, code) => {
    expect((await failureOf(() => openImageMap(mapFile(text)))).code).toBe(code);
  });

  it('says where the fault stands', async () => {
    const file = mapFile({ 'app:1': 'oci:x', 'app:2': 'registry.example/x' });
    const error = await failureOf(() => openImageMap(file));
    expect(error).toMatchObject({ where: `${file} "app:2"`, got: 'registry.example/x' });
  });
});

describe('openLocations', () => {
  it('opens local texts itself and leaves references to the named source', async () => {
    const named = new MemorySource(two.manifest, two.blobs);
    const source = openLocations(named);
    const local = { text: `oci:${folder}/images/app:v1` };
    expect((await resolveImage(local, source, options)).manifestDigest).toBe(one.manifest.digest);
    expect(named.asked).toEqual([]);
    expect(await manifestOf(source, 'app:1')).toBe(two.manifest.digest);
  });
});

describe('a map made from the table of the vectors', () => {
  const kata = vectorsDir('kata-golden');
  it.runIf(kata !== undefined)('serves every reference', async () => {
    const table = JSON.parse(readFileSync(join(kata!, 'images.json'), 'utf8')) as {
      references: Record<string, string>;
      images: Record<string, { layout: string; tag: string; manifest_digest: string }>;
    };
    const rows = Object.entries(table.references).map(([reference, name]) => {
      const { layout: path, tag } = table.images[name]!;
      return [reference, `oci:${join(kata!, path)}:${tag}`] as const;
    });
    mkdirSync(folder, { recursive: true });
    const file = mapFile(Object.fromEntries(rows));
    expect(existsSync(dirname(file))).toBe(true);
    const source = await openImageMap(file);
    for (const [reference, name] of Object.entries(table.references)) {
      expect(await manifestOf(source, reference)).toBe(table.images[name]!.manifest_digest);
    }
  });
});
