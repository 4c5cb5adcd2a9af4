import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DiffId, Digest, RootHash } from '../../src/core/digest.js';
import { LIMITS } from '../../src/core/limits.js';
import { parseReference } from '../../src/core/reference.js';
import {
  buildImageFacts,
  findImageFacts,
  type ImageFacts,
  mergeImageFacts,
  parseImageFacts,
  printImageFacts,
  requireFacts,
} from '../../src/image/facts.js';
import { parsePlatform } from '../../src/image/platform.js';
import { failureOf } from '../support/images.js';

const hex = (digit: string) => digit.repeat(64);
const digest = (digit: string) => `sha256:${hex(digit)}` as Digest;
const FORMAT = 'podseal.image-facts/v1';
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(
  JSON.parse(
    readFileSync(join(import.meta.dirname, '../../src/image/image-facts.schema.json'), 'utf8'),
  ),
);
const linux = { os: 'linux', architecture: 'amd64' };

/** As a person would write it: nothing but what a policy needs. */
const bare = {
  references: ['busybox:1.36'],
  platform: 'linux/amd64',
  config: { Env: ['PATH=/bin'], Cmd: null, User: '' },
  layers: [{ rootHashes: { ext4: hex('a') } }],
};
const full = {
  references: ['app:1', `registry.example/app@${digest('1')}`],
  platform: 'linux/arm64/v8',
  manifestDigest: digest('1'),
  indexDigest: digest('2'),
  configDigest: digest('3'),
  config: {
    User: 'app',
    Env: ['A=b'],
    Entrypoint: ['/app'],
    Cmd: [],
    WorkingDir: '/srv',
    StopSignal: 'SIGTERM',
    Tty: false,
    Volumes: { '/data': {} },
    Labels: { a: 'b' },
  },
  layers: [
    {
      digest: digest('4'),
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      size: 10,
      diffId: digest('5'),
      uncompressedSize: 2048,
      rootHashes: { ext4: hex('b'), tarfs: hex('c') },
      userFiles: [
        { file: 'passwd', exactName: true, kind: 'text', text: 'root:x:0:0::/:/bin/sh\n' },
        { file: 'group', exactName: false, kind: 'whiteout' },
      ],
    },
  ],
  windows: { layers: [hex('d')], mountedCim: [hex('e'), hex('f')] },
};
const textOf = (...images: unknown[]) => JSON.stringify({ format: FORMAT, images });
const parse = (...images: unknown[]) => parseImageFacts(textOf(...images), 'f.json');
const index = (...images: unknown[]) => mergeImageFacts([parse(...images)]);

describe('parseImageFacts', () => {
  it('reads facts written by hand', () => {
    expect(parse(bare).images).toEqual([
      {
        references: ['busybox:1.36'],
        platform: linux,
        config: { ...linux, env: ['PATH=/bin'], user: '' },
        layers: [{ rootHashes: { ext4: hex('a') } }],
      },
    ]);
  });

  it('prints what it reads, in one form', () => {
    const text = printImageFacts(parse(full, bare).images);
    expect(text).toBe(
      `${JSON.stringify({ format: FORMAT, images: [full, { ...bare, config: { User: '', Env: ['PATH=/bin'] } }] }, null, 2)}\n`,
    );
    expect(printImageFacts(parse(bare, full).images)).toBe(text);
    expect(printImageFacts(parseImageFacts(text, 'x').images)).toBe(text);
  });

  const set = (path: string, value: unknown) => {
    const image = structuredClone(full) as Record<string, unknown>;
    const keys = path.split('.');
    const parent = keys
      .slice(0, -1)
      .reduce((object, key) => object[key] as Record<string, unknown>, image);
    if (value === undefined) delete parent[keys.at(-1)!];
    else parent[keys.at(-1)!] = value;
    return image;
  };

  it.each([
    ['references', undefined, 'is missing'],
    ['references', [], 'is empty'],
    ['references', 'app:1', 'wrong type'],
    ['references', ['a b'], 'holds white space'],
    ['platform', undefined, 'is missing'],
    ['platform', 'linux', 'is not os/architecture'],
    ['platform', { os: 'linux' }, 'wrong type'],
    ['manifestDigest', hex('1'), 'is not valid'],
    ['indexDigest', 'sha256:1', 'is not valid'],
    ['configDigest', `sha256:${hex('A')}`, 'is not valid'],
    ['config', undefined, 'is missing'],
    ['config.Hostname', 'x', 'is not a known field'],
    ['config.env', ['x'], 'is not a known field'],
    ['config.Env', 'PATH=/bin', 'wrong type'],
    ['config.Tty', 1, 'wrong type'],
    ['config.Labels', { a: null }, 'is missing'],
    ['layers', undefined, 'is missing'],
    ['layers', [], 'is empty'],
    ['layers.0', 'x', 'wrong type'],
    ['layers.0.rootHash', hex('a'), 'is not a known field'],
    ['layers.0.digest', 'x', 'is not valid'],
    ['layers.0.size', -1, 'wrong type'],
    ['layers.0.size', 1.5, 'wrong type'],
    ['layers.0.size', 2 ** 53, 'wrong type'],
    ['layers.0.diffId', 5, 'is not valid'],
    ['layers.0.rootHashes', hex('a'), 'wrong type'],
    ['layers.0.rootHashes.erofs', hex('a'), 'is not a known field'],
    ['layers.0.rootHashes.ext4', `sha256:${hex('a')}`, 'is not valid'],
    ['layers.0.rootHashes.tarfs', '', 'is not valid'],
    ['layers.0.userFiles.0.file', 'shadow', 'is unknown'],
    ['layers.0.userFiles.0.kind', 'file', 'is unknown'],
    ['layers.0.userFiles.0.text', undefined, 'is missing'],
    ['layers.0.userFiles.1.text', 'root', 'is not empty'],
    ['layers.0.userFiles.0.exactName', undefined, 'is missing'],
    ['layers.0.userFiles.0.mode', 1, 'is not a known field'],
    ['windows', [], 'wrong type'],
    ['windows.layers', [], 'is empty'],
    ['windows.mountedCim', undefined, 'is missing'],
    ['windows.mountedCim.0', 'x', 'is not valid'],
    ['windows.cim', [], 'is not a known field'],
    ['comment', 'x', 'is not a known field'],
  ])('refuses %s = %j, and so does the schema', async (path, value, problem) => {
    const image = set(path, value);
    const error = await failureOf(() => parse(image));
    expect(error.code).toBe('IMAGE_FACTS_INVALID');
    expect(error.message).toContain(problem);
    expect(error.where).toMatch(/^f\.json images\[0\]/);
    expect(validate(JSON.parse(textOf(image)))).toBe(false);
  });

  it.each([
    ['config.User', null],
    ['windows', null],
    ['config.Volumes', null],
    ['layers.0.size', null],
    ['layers.0.rootHashes', undefined],
    ['layers.0.rootHashes.ext4', null],
    ['layers.0.userFiles', []],
    ['layers.0.userFiles.1.text', ''],
    ['indexDigest', undefined],
  ])('takes %s = %j, and so does the schema', (path, value) => {
    const image = set(path, value);
    expect(parse(image).images).toHaveLength(1);
    expect(validate(JSON.parse(textOf(image))), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    ['another format', '{"format":"podseal.image-facts/v2","images":[]}', 'IMAGE_FACTS_INVALID'],
    ['no format', '{"images":[]}', 'IMAGE_FACTS_INVALID'],
    ['no images', `{"format":"${FORMAT}"}`, 'IMAGE_FACTS_INVALID'],
    ['an unknown top field', `{"format":"${FORMAT}","images":[],"x":1}`, 'IMAGE_FACTS_INVALID'],
    ['an array', '[]', 'IMAGE_FACTS_INVALID'],
    ['a key twice', `{"format":"${FORMAT}","images":[],"images":[]}`, 'JSON_SYNTAX'],
    ['no JSON', 'format: x', 'JSON_SYNTAX'],
  ])('refuses %s', async (_name, text, code) => {
    expect((await failureOf(() => parseImageFacts(text, 'f.json'))).code).toBe(code);
  });

  it('refuses a reference whose digest is not that of the facts', async () => {
    const image = set('references', [`app@${digest('9')}`]);
    expect((await failureOf(() => parse(image))).message).toContain('names another image');
    expect(parse(set('references', [`app@${digest('2')}`])).images).toHaveLength(1);
  });

  it('takes as many layers as an image may have', async () => {
    const layers = (count: number) => parse({ ...bare, layers: Array(count).fill({}) });
    expect(layers(LIMITS.imageLayers).images).toHaveLength(1);
    const error = await failureOf(() => layers(LIMITS.imageLayers + 1));
    expect(error.code).toBe('LIMIT_EXCEEDED');
  });
});

describe('printImageFacts', () => {
  const sha = fc.stringMatching(/^[0-9a-f]{64}$/);
  const anyDigest = sha.map((text) => `sha256:${text}` as Digest);
  const text = fc.string({ unit: 'grapheme', maxLength: 12 });
  const layer = fc
    .record(
      {
        digest: anyDigest,
        mediaType: text,
        size: fc.maxSafeNat(),
        diffId: anyDigest,
        uncompressedSize: fc.maxSafeNat(),
        userFiles: fc.array(
          fc.record({
            file: fc.constantFrom('passwd' as const, 'group' as const),
            exactName: fc.boolean(),
            kind: fc.constant('text' as const),
            text,
          }),
          { maxLength: 2 },
        ),
      },
      { requiredKeys: [] },
    )
    .chain((fields) =>
      fc
        .record({ ext4: sha, tarfs: sha }, { requiredKeys: [] })
        .map((rootHashes) => ({ ...fields, rootHashes })),
    );
  const name = fc.stringMatching(/^[a-z]{1,8}:[a-z0-9]{1,8}$/);
  const image = fc.record(
    {
      references: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }).map((all) => all.sort()),
      platform: fc.constantFrom(linux, { ...linux, architecture: 'arm64', variant: 'v8' }),
      manifestDigest: anyDigest,
      configDigest: anyDigest,
      config: fc.record(
        { user: text, env: fc.array(text), cmd: fc.array(text), tty: fc.boolean() },
        { requiredKeys: [] },
      ),
      layers: fc.array(layer, { minLength: 1, maxLength: 4 }),
    },
    { requiredKeys: ['references', 'platform', 'config', 'layers'] },
  );

  it('gives what parseImageFacts reads back, and what the schema allows', () => {
    fc.assert(
      fc.property(image, (made) => {
        const facts = {
          ...made,
          config: { ...made.platform, ...made.config },
        } as unknown as ImageFacts;
        const printed = printImageFacts([facts]);
        expect(parseImageFacts(printed, 'x').images).toEqual([facts]);
        const isValid = validate(JSON.parse(printed));
        expect(isValid, JSON.stringify(validate.errors)).toBe(true);
      }),
      { seed: 0x5ea1, numRuns: 300 },
    );
  });
});

describe('findImageFacts', () => {
  const amd64 = parsePlatform('linux/amd64');
  const find = (facts: ReturnType<typeof index>, reference: string, platform = amd64) =>
    findImageFacts(facts, parseReference(reference), platform)?.references[0];
  const named = (references: string[], more: object = {}) => ({ ...bare, references, ...more });

  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['docker.io/library/busybox', 'busybox'],
    [`busybox:1@${digest('7')}`, `busybox@${digest('7')}`],
  ])('finds %s under %s', (wanted, written) => {
    expect(find(index(named([written])), wanted)).toBe(written);
  });

  it('finds a digest by the digests of manifest and index, whatever the name', () => {
    const facts = index(named(['x:1'], { manifestDigest: digest('7'), indexDigest: digest('8') }));
    expect(find(facts, `mirror.example/x:1@${digest('7')}`)).toBe('x:1');
    expect(find(facts, `x@${digest('8')}`)).toBe('x:1');
    expect(find(facts, `x:1@${digest('9')}`)).toBeUndefined();
  });

  it('does not take facts of one tag or digest for another', () => {
    const facts = index(named(['x:1']), named([`y@${digest('7')}`]));
    for (const wanted of ['x', 'x:2', 'z:1', `x:1@${digest('7')}`, 'y:latest']) {
      expect(find(facts, wanted), wanted).toBeUndefined();
    }
  });

  it('takes the facts of the platform', () => {
    const facts = index(
      named(['x:1', 'x:arm'], { platform: 'linux/arm64' }),
      named(['x:amd', 'x:1']),
    );
    expect(find(facts, 'x:1')).toBe('x:amd');
    expect(find(facts, 'x:1', parsePlatform('linux/arm64'))).toBe('x:1');
    expect(find(facts, 'x:arm')).toBeUndefined();
  });
});

describe('mergeImageFacts', () => {
  const file = (name: string, ...images: unknown[]) => parseImageFacts(textOf(...images), name);
  const tarfs = { ...bare, layers: [{ rootHashes: { tarfs: hex('d') }, diffId: digest('6') }] };

  it('joins what two files know of one image', () => {
    const { images } = mergeImageFacts([
      file('a.json', bare),
      file('b.json', { ...tarfs, references: ['docker.io/library/busybox:1.36', 'other:1'] }),
    ]);
    expect(images).toHaveLength(1);
    expect(images[0]!.references).toEqual([
      'busybox:1.36',
      'docker.io/library/busybox:1.36',
      'other:1',
    ]);
    expect(images[0]!.layers).toEqual([
      { rootHashes: { ext4: hex('a'), tarfs: hex('d') }, diffId: digest('6') },
    ]);
  });

  it('joins three files pair by pair, and takes equal facts twice', () => {
    const files = [file('a.json', bare), file('b.json', tarfs), file('c.json', bare)];
    expect(mergeImageFacts(files).images).toHaveLength(1);
  });

  it.each([
    ['layers[0].rootHashes.ext4', { ...bare, layers: [{ rootHashes: { ext4: hex('e') } }] }],
    ['number of layers', { ...bare, layers: [{}, {}] }],
    ['config', { ...bare, config: { Env: ['PATH=/other'], User: '' } }],
  ])('refuses a different %s', async (what, other) => {
    const error = await failureOf(() => mergeImageFacts([file('a', bare), file('b', other)]));
    expect(error.code).toBe('IMAGE_FACTS_INVALID');
    expect(error.message).toContain(`different ${what}`);
    expect(error.where).toBe('a and b');
  });

  it('refuses an image twice in one file', async () => {
    const twice = file('a', bare, { ...bare, references: ['docker.io/busybox:1.36'] });
    expect((await failureOf(() => mergeImageFacts([twice]))).message).toContain('twice');
  });

  it('keeps platforms apart', () => {
    const { images } = mergeImageFacts([file('a', bare, { ...bare, platform: 'linux/arm64' })]);
    expect(images).toHaveLength(2);
  });
});

describe('requireFacts', () => {
  const needs = { formats: [], diffIds: false, userFiles: false };
  const facts = parse({ ...full, layers: [...full.layers, { rootHashes: { ext4: hex('f') } }] })
    .images[0]!;

  it('is content with what is needed', () => {
    expect(requireFacts(facts, { ...needs, formats: ['ext4'] })).toBeUndefined();
  });

  it.each([
    [{ ...needs, formats: ['tarfs'] as const }, 'tarfs root hash', 'rootHashes.tarfs', 'aks'],
    [{ ...needs, diffIds: true }, 'diff ID', 'diffId', 'aks'],
    [{ ...needs, userFiles: true }, 'list of user files', 'userFiles', 'aks'],
  ])('names image, layer and remedy of what is missing', async (wanted, what, field, target) => {
    const error = await failureOf(() => requireFacts(facts, wanted));
    expect(error).toMatchObject({
      code: 'IMAGE_FACTS_INVALID',
      message: `facts of app:1: layer 2 of 2 has no ${what}`,
      where: `layers[1].${field}`,
    });
    expect(error.hints[0]).toBe(`podseal layers app:1 --for ${target} gives it`);
  });
});

describe('buildImageFacts', () => {
  it('says what was resolved and hashed, and not what was not searched for', () => {
    const blob = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: digest('4'),
      size: 3,
    };
    const image = {
      reference: 'oci:dir',
      manifestDigest: digest('1'),
      configDigest: digest('3'),
      config: { ...linux, user: 'app' },
      layers: [{ blob, diffId: digest('5') as string as DiffId }],
    };
    const rootHashes = { ext4: hex('a') as RootHash };
    const facts = buildImageFacts(['x:1'], image, [{ uncompressedSize: 7, rootHashes }]);
    expect(facts).toEqual({
      references: ['x:1'],
      platform: linux,
      manifestDigest: digest('1'),
      configDigest: digest('3'),
      config: image.config,
      layers: [{ ...blob, diffId: digest('5'), uncompressedSize: 7, rootHashes }],
    });
    expect(parseImageFacts(printImageFacts([facts]), 'x').images).toEqual([facts]);
  });
});
