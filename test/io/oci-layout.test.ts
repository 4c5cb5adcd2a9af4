import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Digest } from '../../src/core/digest.js';
import { LIMITS } from '../../src/core/limits.js';
import { parsePlatform } from '../../src/image/platform.js';
import { resolveImage } from '../../src/image/resolve.js';
import { openOciLayout } from '../../src/io/oci-layout.js';
import {
  descriptorOf,
  failureOf,
  layoutFiles,
  makeImage,
  makeIndex,
  tagged,
  temporaryFolder,
  writeFiles,
} from '../support/images.js';
import { collect } from '../support/streams.js';
import { vectorsDir } from '../support/vectors.js';

const root = temporaryFolder();
const one = makeImage();
const two = makeImage({ layers: ['other'] });
const blobs = [...one.blobs, ...two.blobs];
let folder = '';
let count = 0;

/** Writes a layout over `entries` into a new folder. */
function layout(...entries: Parameters<typeof layoutFiles>[0]): string {
  writeFiles(folder, layoutFiles(entries, blobs));
  return folder;
}

beforeEach(() => {
  count += 1;
  folder = join(root, `${count}`);
  mkdirSync(folder);
});

const options = { platform: parsePlatform('linux/amd64'), notices: () => undefined };
const blobPath = (digest: string) => join(folder, 'blobs/sha256', digest.slice(7));
const manifestOf = async (tag?: string, reference = 'x') =>
  (await resolveImage({ text: reference }, await openOciLayout(folder, tag), options))
    .manifestDigest;

describe('openOciLayout', () => {
  it('serves the only image, with a tag and without', async () => {
    layout([one.manifest, tagged('v1')]);
    expect(await manifestOf()).toBe(one.manifest.digest);
    expect(await manifestOf('v1')).toBe(one.manifest.digest);
  });

  it('serves blobs whole and in order', async () => {
    layout([one.manifest, tagged('v1')]);
    const source = await openOciLayout(folder);
    const layer = one.layers[0]!;
    const bytes = await collect(await source.openBlob('x', descriptorOf(layer)));
    expect(bytes.equals(layer.bytes)).toBe(true);
  });

  it.each([
    ['v2', tagged('v2')],
    ['registry.example/app:2', tagged('registry.example/app:2')],
    ['app:2', tagged('docker.io/library/app:2')],
    [
      'docker.io/library/app:2',
      { annotations: { 'io.containerd.image.name': 'docker.io/library/app:2' } },
    ],
    [
      'app',
      {
        annotations: {
          'io.containerd.image.name': 'docker.io/library/app:latest',
          'org.opencontainers.image.ref.name': 'latest',
        },
      },
    ],
    [two.manifest.digest, {}],
  ])('finds %s among several', async (tag, more) => {
    layout([one.manifest, tagged('v1')], [two.manifest, more]);
    expect(await manifestOf(tag)).toBe(two.manifest.digest);
  });

  it('does not take a tag for an image name', async () => {
    layout([one.manifest, tagged('v1')], [two.manifest, tagged('app')]);
    expect((await failureOf(() => manifestOf('app:latest'))).code).toBe('IMAGE_NOT_FOUND');
  });

  it('takes one image under several names', async () => {
    layout([one.manifest, tagged('a')], [one.manifest, tagged('b')]);
    expect(await manifestOf()).toBe(one.manifest.digest);
  });

  it('lists the tags where several images are meant', async () => {
    layout([one.manifest, tagged('v1')], [two.manifest, tagged('v2')]);
    const error = await failureOf(() => manifestOf());
    expect(error).toMatchObject({ code: 'IMAGE_NOT_FOUND', got: 'v1, v2' });
  });

  it('lists the tags where none is the wanted one', async () => {
    layout([one.manifest, tagged('v1')]);
    expect(await failureOf(() => manifestOf('v2'))).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: `${folder} does not hold v2`,
      got: 'v1',
    });
    writeFiles(folder, layoutFiles([], []));
    expect((await failureOf(() => manifestOf())).got).toBe('an empty index.json');
  });

  it('takes the manifest of the digest in a reference, in an index as well', async () => {
    const index = makeIndex([[two.manifest, { platform: { os: 'linux', architecture: 'amd64' } }]]);
    writeFiles(
      folder,
      layoutFiles(
        [
          [one.manifest, tagged('v1')],
          [index, tagged('v2')],
        ],
        blobs,
      ),
    );
    expect(await manifestOf(undefined, `x@${one.manifest.digest}`)).toBe(one.manifest.digest);
    expect(await manifestOf(undefined, `x@${two.manifest.digest}`)).toBe(two.manifest.digest);
    const error = await failureOf(() => manifestOf(undefined, `x@sha256:${'0'.repeat(64)}`));
    expect(error.code).toBe('IMAGE_NOT_FOUND');
  });
});

describe('what a layout must be', () => {
  beforeEach(() => layout([one.manifest, tagged('v1')]));

  it.each([
    ['no folder', () => rmSync(folder, { recursive: true }), 'FILE_NOT_FOUND'],
    ['no oci-layout', () => rmSync(join(folder, 'oci-layout')), 'IMAGE_INVALID'],
    ['no index.json', () => rmSync(join(folder, 'index.json')), 'IMAGE_INVALID'],
    [
      'another version',
      () => writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}'),
      'IMAGE_UNSUPPORTED',
    ],
    [
      'an index that is not JSON',
      () => writeFileSync(join(folder, 'index.json'), '{'),
      'JSON_SYNTAX',
    ],
    [
      'an index without manifests',
      () => writeFileSync(join(folder, 'index.json'), '{}'),
      'IMAGE_INVALID',
    ],
    ['no manifest', () => rmSync(blobPath(one.manifest.digest)), 'IMAGE_NOT_FOUND'],
    ['no config', () => rmSync(blobPath(one.config.digest)), 'IMAGE_NOT_FOUND'],
    [
      'a manifest of another size',
      () => writeFileSync(blobPath(one.manifest.digest), '{}'),
      'SIZE_MISMATCH',
    ],
    [
      'a changed manifest',
      () => writeFileSync(blobPath(one.manifest.digest), Buffer.alloc(one.manifest.size)),
      'DIGEST_MISMATCH',
    ],
    [
      'a changed config',
      () => writeFileSync(blobPath(one.config.digest), Buffer.alloc(one.config.size)),
      'DIGEST_MISMATCH',
    ],
    [
      'a config of another size',
      () => writeFileSync(blobPath(one.config.digest), ''),
      'SIZE_MISMATCH',
    ],
    [
      'an index.json beyond the limit',
      () => writeFileSync(join(folder, 'index.json'), Buffer.alloc(LIMITS.manifestBytes + 1, 0x20)),
      'LIMIT_EXCEEDED',
    ],
    [
      'too many entries',
      () =>
        writeFileSync(
          join(folder, 'index.json'),
          makeIndex(Array(LIMITS.indexEntries + 1).fill([one.manifest, {}])).bytes,
        ),
      'LIMIT_EXCEEDED',
    ],
  ])('%s: %#', async (_name, damage, code) => {
    damage();
    expect((await failureOf(() => manifestOf())).code).toBe(code);
  });

  it('a layer of another size', async () => {
    const source = await openOciLayout(folder);
    const lie = { ...descriptorOf(one.layers[0]!), size: 9999 };
    const error = await failureOf(() => source.openBlob('x', lie));
    expect(error).toMatchObject({ code: 'SIZE_MISMATCH', want: '9999 bytes', got: '3 bytes' });
  });
});

describe('what a layout cannot reach', () => {
  beforeEach(() => layout([one.manifest, tagged('v1')]));

  it.each([
    'sha256:../../../../etc/passwd',
    'sha256:..',
    '../index.json',
    `sha256:${'a'.repeat(63)}/`,
    'sha512:x',
  ])('a path made from the digest %s', async (digest) => {
    const source = await openOciLayout(folder);
    const descriptor = { mediaType: 'x', digest: digest as Digest, size: 1 };
    expect((await failureOf(() => source.openBlob('x', descriptor))).code).toBe('IMAGE_INVALID');
    const index = { schemaVersion: 2, manifests: [{ ...descriptor }] };
    writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
    expect((await failureOf(() => openOciLayout(folder))).code).toBe('IMAGE_INVALID');
  });

  const moved = () => join(folder, '..', `${count}-moved`);
  it.each([
    ['a blob', () => blobPath(one.config.digest)],
    ['the manifest', () => blobPath(one.manifest.digest)],
    ['the folder of blobs', () => join(folder, 'blobs/sha256')],
    ['index.json', () => join(folder, 'index.json')],
  ])('%s through a symbolic link', async (_name, path) => {
    renameSync(path(), moved());
    symlinkSync(moved(), path());
    const error = await failureOf(() => manifestOf());
    expect(error.code).toBe('IMAGE_INVALID');
    expect(error.message).toContain('is not a regular file');
  });

  it('a pipe, on which reading would wait', async () => {
    rmSync(blobPath(one.config.digest));
    spawnSync('mkfifo', [blobPath(one.config.digest)]);
    expect((await failureOf(() => manifestOf())).code).toBe('IMAGE_INVALID');
  });

  it('but the layout itself may be named through a link', async () => {
    symlinkSync(folder, moved());
    folder = moved();
    expect(await manifestOf()).toBe(one.manifest.digest);
  });
});

describe('the layouts of the vectors', () => {
  const kata = vectorsDir('kata-golden');
  interface Expected {
    layout: string;
    tag: string;
    manifest_digest: string;
    index_digest?: string;
    config_digest: string;
    platform: string;
    layers: { digest: string; size: number; media_type: string; diff_id: string }[];
  }
  it.runIf(kata !== undefined)('resolve to what their table says', async () => {
    const { images } = JSON.parse(readFileSync(join(kata!, 'images.json'), 'utf8')) as {
      images: Record<string, Expected>;
    };
    expect(Object.keys(images)).toHaveLength(18);
    for (const [name, expected] of Object.entries(images)) {
      const source = await openOciLayout(join(kata!, expected.layout), expected.tag);
      const platform = parsePlatform(expected.platform);
      const image = await resolveImage({ text: name }, source, { ...options, platform });
      expect(image.manifestDigest).toBe(expected.manifest_digest);
      expect(image.indexDigest).toBe(expected.index_digest);
      expect(image.configDigest).toBe(expected.config_digest);
      expect(
        image.layers.map(({ blob, diffId }) => ({
          digest: blob.digest,
          size: blob.size,
          media_type: blob.mediaType,
          diff_id: diffId,
        })),
      ).toMatchObject(
        expected.layers.map(({ digest, size, media_type, diff_id }) => ({
          digest,
          size,
          media_type,
          diff_id,
        })),
      );
    }
  });
});
