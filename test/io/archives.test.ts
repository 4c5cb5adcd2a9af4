import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { parseReference } from '../../src/core/reference.js';
import { parsePlatform } from '../../src/image/platform.js';
import { type ImageName, resolveImage } from '../../src/image/resolve.js';
import type { Descriptor } from '../../src/image/types.js';
import { type ArchiveKind, openImageArchive } from '../../src/io/archives.js';
import { openOciLayout } from '../../src/io/oci-layout.js';
import {
  blobOf,
  failureOf,
  layoutFiles,
  makeImage,
  sha256,
  tagged,
  tarOf,
  temporaryFolder,
} from '../support/images.js';
import { collect } from '../support/streams.js';
import { vectorsDir } from '../support/vectors.js';

const folder = temporaryFolder();
const one = makeImage();
const two = makeImage({ layers: ['other'] });
const options = { platform: parsePlatform('linux/amd64'), notices: () => undefined };
type Members = Parameters<typeof tarOf>[0];
let file = '';
let count = 0;

beforeEach(() => {
  count += 1;
  file = join(folder, `${count}.tar`);
});

async function archive(members: Members): Promise<void> {
  writeFileSync(file, await tarOf(members));
}

async function resolve(kind: ArchiveKind, name?: string, image: ImageName = { text: 'x' }) {
  const source = await openImageArchive(file, kind, name);
  return { source, image: await resolveImage(image, source, options) };
}

const textOf = async (kind: ArchiveKind, blob: Descriptor) =>
  (await collect(await (await openImageArchive(file, kind)).openBlob('x', blob))).toString();

/** Changes the first header and makes its checksum right again. */
function withChecksum(bytes: Buffer, change: (header: Buffer) => void): Buffer {
  change(bytes);
  bytes.fill(0x20, 148, 156);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return bytes;
}

describe('an OCI archive', () => {
  const files = layoutFiles([[one.manifest, tagged('v1')]], one.blobs);

  it.each(['', './', './/'])('is read with member names that begin with "%s"', async (prefix) => {
    await archive([...files].map(([name, bytes]) => [prefix + name, bytes] as const));
    const { source, image } = await resolve('oci-archive', 'v1');
    expect(image.manifestDigest).toBe(one.manifest.digest);
    const bytes = await collect(await source.openBlob('x', image.layers[1]!.blob));
    expect(bytes.toString()).toBe('two');
  });

  it('is read with names too long for a plain header', async () => {
    const long = `${'a'.repeat(180)}/${'b'.repeat(180)}`;
    await archive([[long, 'x'], ...files]);
    expect((await resolve('oci-archive')).image.manifestDigest).toBe(one.manifest.digest);
  });

  it('fails where a blob has another size or other bytes', async () => {
    const name = `blobs/sha256/${one.config.digest.slice(7)}`;
    for (const [bytes, code] of [
      [Buffer.alloc(one.config.size), 'DIGEST_MISMATCH'],
      [Buffer.alloc(1), 'SIZE_MISMATCH'],
    ] as const) {
      await archive(new Map([...files, [name, bytes]]));
      expect((await failureOf(() => resolve('oci-archive'))).code).toBe(code);
    }
  });

  const kata = vectorsDir('kata-golden');
  it.runIf(kata !== undefined)('of a layout of the vectors gives the same image', async () => {
    for (const name of readdirSync(join(kata!, 'images'))) {
      const layout = join(kata!, 'images', name);
      const names = readdirSync(layout, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(relative(layout, entry.parentPath), entry.name));
      await archive(names.map((path) => [path, readFileSync(join(layout, path))] as const));
      const expected = await resolveImage({ text: 'x' }, await openOciLayout(layout), options);
      const { source, image } = await resolve('oci-archive', 'latest');
      expect(image).toEqual(expected);
      for (const { blob } of image.layers) {
        expect(sha256(await collect(await source.openBlob('x', blob)))).toBe(blob.digest);
      }
    }
  });
});

/** What docker save wrote before version 25: one folder per layer, repeated layers as links. */
const oldForm = (images = [one], repoTags: (string[] | null)[] = [['app:1']]): Members => {
  const members: [string, Uint8Array | string | { symlink: string }][] = [];
  const table = images.map((image, i) => {
    const layers = image.layers.map(({ digest, bytes }, j) => {
      const name = `${i}${j}${digest.slice(9)}/layer.tar`;
      const first = members.find(([, content]) => content === bytes)?.[0];
      members.push([name, first === undefined ? bytes : { symlink: `../${first}` }]);
      return name;
    });
    const config = `${image.config.digest.slice(7)}.json`;
    members.push([config, image.config.bytes]);
    return { Config: config, RepoTags: repoTags[i], Layers: layers };
  });
  return [...members, ['manifest.json', JSON.stringify(table)]];
};

describe('an archive of docker save in its old form', () => {
  it('gives config, diff IDs and plain layers', async () => {
    await archive(oldForm());
    const { source, image } = await resolve('docker-archive', 'docker.io/library/app:1');
    expect(image.configDigest).toBe(one.config.digest);
    expect(image.layers).toEqual(
      one.layers.map(({ mediaType, digest, size }) => ({
        blob: { mediaType, digest, size },
        diffId: digest,
      })),
    );
    for (const [i, { blob }] of image.layers.entries()) {
      const bytes = await collect(await source.openBlob('x', blob));
      expect(bytes.equals(one.layers[i]!.bytes)).toBe(true);
    }
  });

  it('follows the links of repeated layers', async () => {
    const repeated = makeImage({ layers: ['same', 'mid', 'same'] });
    const bytes = repeated.layers[0]!.bytes;
    const layers = repeated.layers.map((layer, i) => (i === 2 ? { ...layer, bytes } : layer));
    const members = oldForm([{ ...repeated, layers }]);
    expect(
      [...members].some(([, content]) => typeof content === 'object' && 'symlink' in content),
    ).toBe(true);
    await archive(members);
    const { source, image } = await resolve('docker-archive');
    expect((await collect(await source.openBlob('x', image.layers[2]!.blob))).toString()).toBe(
      'same',
    );
  });

  it('chooses by name, and lists the names otherwise', async () => {
    await archive(oldForm([one, two], [['app:1', 'reg.example/a/app:1'], ['app:2']]));
    const second = await resolve('docker-archive', 'app:2');
    expect(second.image.configDigest).toBe(two.config.digest);
    for (const name of [undefined, 'app', 'app:3']) {
      const error = await failureOf(() => resolve('docker-archive', name));
      expect(error).toMatchObject({
        code: 'IMAGE_NOT_FOUND',
        got: 'app:1, reg.example/a/app:1, app:2',
      });
    }
  });

  it('serves an image without a name', async () => {
    await archive(oldForm([one], [null]));
    expect((await resolve('docker-archive')).image.configDigest).toBe(one.config.digest);
    const error = await failureOf(() => resolve('docker-archive', 'app:1'));
    expect(error.got).toBe('images without tags');
  });

  it('hashes compressed layers, which other tools write', async () => {
    const layer = Buffer.from('a tar');
    const config = blobOf(
      { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [sha256(layer)] } },
      'x',
    );
    const zipped = gzipSync(layer);
    await archive([
      [config.digest, config.bytes],
      ['1.tar.gz', zipped],
      ['manifest.json', JSON.stringify([{ Config: config.digest, Layers: ['1.tar.gz'] }])],
    ]);
    const { image } = await resolve('docker-archive');
    expect(image.layers[0]).toEqual({
      blob: {
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: sha256(zipped),
        size: zipped.length,
      },
      diffId: sha256(layer),
    });
  });

  it('cannot prove the digest of a reference', async () => {
    await archive(oldForm());
    const reference = parseReference(`app@${one.manifest.digest}`);
    const error = await failureOf(() => resolve('docker-archive', undefined, reference));
    expect(error).toMatchObject({ code: 'IMAGE_UNSUPPORTED', want: one.manifest.digest });
  });

  const table = (more: object) =>
    JSON.stringify([{ Config: 'config.json', Layers: ['1/layer.tar', '2/layer.tar'], ...more }]);
  const plain = (more: object = {}): [string, string | Uint8Array][] => [
    ['config.json', one.config.bytes],
    ['1/layer.tar', 'one'],
    ['2/layer.tar', 'two'],
    ['manifest.json', table(more)],
  ];

  it.each([
    [
      'a config that is not the one it is named after',
      [
        [`${two.config.digest.slice(7)}.json`, one.config.bytes],
        ...plain({ Config: `${two.config.digest.slice(7)}.json` }),
      ],
      'DIGEST_MISMATCH',
    ],
    ['no config', plain({ Config: 'none.json' }), 'IMAGE_INVALID'],
    ['no layer', plain({ Layers: ['1/layer.tar', 'none'] }), 'IMAGE_INVALID'],
    ['fewer layers than diff IDs', plain({ Layers: ['1/layer.tar'] }), 'IMAGE_INVALID'],
    ['more layers than diff IDs', plain({ Layers: Array(3).fill('1/layer.tar') }), 'IMAGE_INVALID'],
    ['a config outside', plain({ Config: '../../etc/passwd' }), 'IMAGE_INVALID'],
    ['an absolute layer', plain({ Layers: ['/etc/passwd', '2/layer.tar'] }), 'IMAGE_INVALID'],
    ['layers that are text', plain({ Layers: '1/layer.tar' }), 'IMAGE_INVALID'],
    [
      'a manifest.json that is an object',
      [...plain().slice(0, 3), ['manifest.json', '{}']],
      'IMAGE_INVALID',
    ],
    [
      'a manifest.json that is not JSON',
      [...plain().slice(0, 3), ['manifest.json', '[']],
      'JSON_SYNTAX',
    ],
    ['no image', [['manifest.json', '[]']], 'IMAGE_NOT_FOUND'],
    ['no manifest.json', plain().slice(0, 3), 'IMAGE_INVALID'],
  ] as [string, [string, string | Uint8Array][], string][])(
    'is refused with %s',
    async (_name, members, code) => {
      await archive(members);
      expect((await failureOf(() => resolve('docker-archive'))).code).toBe(code);
    },
  );
});

describe('an archive of docker save in its new form', () => {
  it('is read as the layout that it is', async () => {
    const name = {
      annotations: {
        'io.containerd.image.name': 'docker.io/library/app:1',
        'org.opencontainers.image.ref.name': '1',
      },
    };
    const files = layoutFiles(
      [
        [one.manifest, name],
        [two.manifest, tagged('2')],
      ],
      [...one.blobs, ...two.blobs],
    );
    await archive([...files, ['manifest.json', '[{"Config":"wrong","Layers":[]}]']]);
    const { image } = await resolve('docker-archive', 'app:1');
    expect(image.manifestDigest).toBe(one.manifest.digest);
    const reference = parseReference(`app@${two.manifest.digest}`);
    const other = await resolve('docker-archive', undefined, reference);
    expect(other.image.manifestDigest).toBe(two.manifest.digest);
  });
});

describe('what an archive must be', () => {
  it('has the kind that is said', async () => {
    await archive(oldForm());
    const error = await failureOf(() => resolve('oci-archive'));
    expect(error).toMatchObject({ code: 'IMAGE_INVALID', hints: [`docker-archive:${file}`] });
    await archive([['etc/passwd', 'x']]);
    expect((await failureOf(() => resolve('oci-archive'))).got).toContain('neither');
  });

  it.each([
    ['gunzip', '1f8b08000000'],
    ['unzstd', '28b52ffd0000'],
    ['unxz', 'fd377a585a00'],
    ['bunzip2', '425a68390000'],
  ])('is plain: %s', async (tool, start) => {
    writeFileSync(file, Buffer.from(start, 'hex'));
    expect(await failureOf(() => resolve('docker-archive'))).toMatchObject({
      code: 'IMAGE_UNSUPPORTED',
      hints: [`${tool} ${file}`],
    });
  });

  it('is a file that can be read at any place', async () => {
    const stdin = await failureOf(() => openImageArchive('-', 'docker-archive'));
    expect(stdin.code).toBe('IMAGE_UNSUPPORTED');
    expect((await failureOf(() => resolve('oci-archive'))).code).toBe('FILE_NOT_FOUND');
    const inFolder = await failureOf(() => openImageArchive(folder, 'oci-archive'));
    expect(inFolder.code).toBe('FILE_NOT_FOUND');
  });

  it('does not wait on a pipe with a writer', async () => {
    spawnSync('mkfifo', [file]);
    const opening = failureOf(() => resolve('docker-archive'));
    writeFileSync(file, 'x');
    expect((await opening).code).toBe('IMAGE_UNSUPPORTED');
  });

  it.each([
    ['../../etc/passwd', 'x'],
    ['/etc/passwd', 'x'],
    ['a/../../b', 'x'],
    ['blobs/sha256/..', 'x'],
    ['link', { symlink: '/etc/passwd' }],
    ['a/link', { symlink: '../../etc/passwd' }],
    ['link', { link: '../x' }],
    ['link', { link: '/etc/passwd' }],
  ] as const)('has no member outside of it: %s %j', async (name, content) => {
    await archive([...layoutFiles([[one.manifest, {}]], one.blobs), [name, content]]);
    const error = await failureOf(() => resolve('oci-archive'));
    expect(error.code).toBe('IMAGE_INVALID');
    expect(error.message).toContain('outside of the archive');
  });

  it('has no loop of links and no link to nothing', async () => {
    const config: [string, string] = ['manifest.json', '[{"Config":"a","Layers":[]}]'];
    await archive([['a', { symlink: 'b' }], ['b', { symlink: 'a' }], config]);
    expect((await failureOf(() => resolve('docker-archive'))).message).toContain('loop');
    await archive([['a', { symlink: 'none' }], config]);
    expect((await failureOf(() => resolve('docker-archive'))).message).toContain('lacks a member');
  });

  it('has each name once', async () => {
    await archive([...oldForm(), ['./manifest.json', '[]']]);
    expect((await failureOf(() => resolve('docker-archive'))).message).toContain('two members');
  });

  it('hides no members behind its end', async () => {
    const [first, second] = [await tarOf([['a', 'x']]), await tarOf(oldForm())];
    writeFileSync(file, Buffer.concat([first, second]));
    expect((await failureOf(() => resolve('docker-archive'))).message).toContain('behind its end');
  });

  it('is whole', async () => {
    const bytes = await tarOf(oldForm());
    const end = 512 + 100;
    for (const cut of [end, 512 + 512 + 100]) {
      writeFileSync(file, bytes.subarray(0, cut));
      const error = await failureOf(() => resolve('docker-archive'));
      expect(error).toMatchObject({
        code: 'IMAGE_INVALID',
        message: `${file} is not a whole tar archive`,
      });
    }
  });

  it('is a tar', async () => {
    writeFileSync(file, 'x'.repeat(2000));
    expect((await failureOf(() => resolve('docker-archive'))).code).toBe('IMAGE_INVALID');
    writeFileSync(file, '');
    expect((await failureOf(() => resolve('docker-archive'))).code).toBe('IMAGE_INVALID');
  });

  it('has as many members as the limit, and no more', async () => {
    const files = await tarOf(layoutFiles([[one.manifest, {}]], one.blobs));
    const folderHeader = withChecksum(
      Buffer.from(await tarOf([['d/', '']])).subarray(0, 512),
      (header) => {
        header.write('5', 156, 'ascii');
      },
    );
    const rest = LIMITS.archiveMembers - layoutFiles([[one.manifest, {}]], one.blobs).size;
    writeFileSync(file, Buffer.concat([Buffer.alloc(rest * 512, folderHeader), files]));
    expect((await resolve('oci-archive')).image.manifestDigest).toBe(one.manifest.digest);
    writeFileSync(file, Buffer.concat([folderHeader, readFileSync(file)]));
    expect((await failureOf(() => resolve('oci-archive'))).code).toBe('LIMIT_EXCEEDED');
  });

  it('tells no member larger than itself', async () => {
    const bytes = withChecksum(Buffer.from(await tarOf([['index.json', 'x']])), (header) => {
      header.write('77777777777', 124, 'ascii');
    });
    writeFileSync(file, bytes);
    expect((await failureOf(() => resolve('oci-archive'))).code).toBe('IMAGE_INVALID');
  });

  it('is not changed between two reads', async () => {
    await archive(oldForm());
    const { source, image } = await resolve('docker-archive');
    writeFileSync(file, Buffer.alloc(statSync(file).size, 0x41));
    const bytes = await collect(await source.openBlob('x', image.layers[0]!.blob));
    expect(sha256(bytes)).not.toBe(image.layers[0]!.blob.digest);
    expect(await failureOf(() => resolveImage({ text: 'x' }, source, options))).toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });

  it('serves its config under its digest only', async () => {
    await archive(oldForm());
    expect(await textOf('docker-archive', one.config)).toBe(
      Buffer.from(one.config.bytes).toString(),
    );
    const error = await failureOf(() => textOf('docker-archive', two.config));
    expect(error.code).toBe('IMAGE_NOT_FOUND');
  });
});
