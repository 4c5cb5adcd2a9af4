import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { parseManifest } from '../../src/image/manifest.js';
import { LAYER_TYPES } from '../../src/image/media-types.js';
import { failureOf, TYPES } from '../support/images.js';
import { vectorsDir } from '../support/vectors.js';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const config = { mediaType: TYPES.config, digest: DIGEST, size: 2 };
const layer = { mediaType: LAYER_TYPES[1], digest: DIGEST, size: 3 };
const manifest = { schemaVersion: 2, mediaType: TYPES.manifest, config, layers: [layer] };
const entry = {
  mediaType: TYPES.manifest,
  digest: DIGEST,
  size: 4,
  platform: { os: 'linux', architecture: 'amd64' },
};
const index = { schemaVersion: 2, mediaType: TYPES.index, manifests: [entry] };
const untyped = ({ mediaType: _, ...rest }: Record<string, unknown>) => rest;

const parse = (body: unknown, mediaType?: string) =>
  parseManifest(
    {
      bytes: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
      ...(mediaType === undefined ? {} : { mediaType }),
    },
    'manifest of x',
  );

describe('parseManifest', () => {
  it('reads a manifest', () => {
    expect(parse(manifest)).toEqual({ kind: 'manifest', config, layers: [layer] });
  });

  it('reads an index', () => {
    expect(parse(index)).toEqual({
      kind: 'index',
      entries: [
        {
          descriptor: { mediaType: TYPES.manifest, digest: DIGEST, size: 4 },
          kind: 'manifest',
          platform: entry.platform,
        },
      ],
    });
  });

  it.each([
    ['its own type', manifest, undefined, 'manifest'],
    ['its own type, the source being vague', manifest, 'application/octet-stream', 'manifest'],
    [
      'its own Docker type',
      { ...manifest, mediaType: TYPES.dockerManifest },
      undefined,
      'manifest',
    ],
    ['its own list type', { ...index, mediaType: TYPES.dockerList }, TYPES.index, 'index'],
    ['the claimed type', untyped(manifest), `${TYPES.manifest}; charset=utf-8`, 'manifest'],
    ['the claimed index type', untyped(index), 'Application/vnd.oci.image.index.v1+JSON', 'index'],
    ['its shape', untyped(manifest), undefined, 'manifest'],
    ['its shape, the source being vague', untyped(index), 'text/plain; charset=utf-8', 'index'],
  ])('knows the kind by %s', (_name, body, claimed, kind) => {
    expect(parse(body, claimed).kind).toBe(kind);
  });

  it.each(LAYER_TYPES)('takes layers of type %s', (mediaType) => {
    const parsed = parse({ ...manifest, layers: [{ ...layer, mediaType }] });
    expect(parsed).toMatchObject({ layers: [{ mediaType }] });
  });

  it('leaves out attestations and artifacts of an index', () => {
    const attestation = { ...entry, platform: { os: 'unknown', architecture: 'unknown' } };
    const annotated = { ...entry, annotations: { 'vnd.docker.reference.type': 'x' } };
    const artifact = { mediaType: 'application/vnd.x+json', digest: DIGEST, size: 1 };
    const parsed = parse({ ...index, manifests: [attestation, annotated, artifact, entry] });
    expect(parsed).toMatchObject({ entries: [{ platform: entry.platform }] });
    expect(parsed.kind === 'index' && parsed.entries).toHaveLength(1);
  });

  it('ignores fields without effect', () => {
    const more = { annotations: { a: 'b' }, subject: entry, artifactType: 'x/y' };
    expect(parse({ ...manifest, ...more })).toEqual(parse(manifest));
  });

  const withLayer = (more: object) => ({ ...manifest, layers: [{ ...layer, ...more }] });
  const withConfig = (more: object) => ({ ...manifest, config: { ...config, ...more } });
  const withEntry = (more: object) => ({ ...index, manifests: [{ ...entry, ...more }] });

  it.each([
    ['schema 1 by version', { schemaVersion: 1, fsLayers: [] }, 'schema 1'],
    ['schema 1 that claims version 2', { schemaVersion: 2, fsLayers: [] }, 'schema 1'],
    [
      'an OCI artifact manifest',
      { ...manifest, mediaType: 'application/vnd.oci.artifact.manifest.v1+json' },
      'not a container image',
    ],
    [
      'a Helm chart',
      withConfig({ mediaType: 'application/vnd.cncf.helm.config.v1+json' }),
      'Helm chart',
    ],
    [
      'an empty config',
      withConfig({ mediaType: 'application/vnd.oci.empty.v1+json' }),
      'not a container image',
    ],
    [
      'a signature',
      withConfig({ mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' }),
      'attestation or signature',
    ],
    [
      'an encrypted layer',
      withLayer({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted' }),
      'encrypted',
    ],
    [
      'a non-distributable layer',
      withLayer({ mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' }),
      'foreign layer',
    ],
    [
      'a foreign layer',
      withLayer({ mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }),
      'foreign layer',
    ],
    [
      'an attestation layer',
      withLayer({ mediaType: 'application/vnd.in-toto+json' }),
      'attestation',
    ],
    [
      'an unknown layer',
      withLayer({ mediaType: 'application/x-tar' }),
      'not a layer that can be hashed',
    ],
    ['a layer by SHA-512', withLayer({ digest: `sha512:${'1'.repeat(128)}` }), 'not SHA-256'],
    ['no layers at all', { ...manifest, layers: [] }, 'no layers'],
    [
      'a platform entry of unknown type',
      withEntry({ mediaType: 'application/wasm' }),
      'not a container image',
    ],
  ])('does not support %s', async (_name, body, message) => {
    const error = await failureOf(() => parse(body));
    expect(error.code).toBe('IMAGE_UNSUPPORTED');
    expect(error.message).toContain(message);
  });

  it('does not support schema 1 by its claimed type', async () => {
    const claimed = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    const error = await failureOf(() => parse(untyped(manifest), claimed));
    expect(error).toMatchObject({ code: 'IMAGE_UNSUPPORTED' });
    expect(error.message).toContain('schema 1');
  });

  it.each([
    ['both kinds at once', { ...manifest, manifests: [] }, undefined, 'manifests does not belong'],
    ['an index with layers', { ...index, layers: [] }, undefined, 'layers does not belong'],
    ['a claim of the other kind', manifest, TYPES.index, 'mediaType is not what its source says'],
    ['neither kind', { schemaVersion: 2 }, undefined, 'neither an image manifest nor an index'],
    [
      'no version',
      untyped({ ...manifest, schemaVersion: undefined }),
      TYPES.manifest,
      'schemaVersion is missing',
    ],
    ['version 3', { ...manifest, schemaVersion: 3 }, undefined, 'schemaVersion is unknown'],
    ['an array', [], undefined, 'wrong type'],
    [
      'a mediaType that is a number',
      { ...manifest, mediaType: 1 },
      undefined,
      'mediaType has a wrong type',
    ],
    ['no config', { ...manifest, config: undefined }, undefined, 'config is missing'],
    [
      'layers that are an object',
      { ...manifest, layers: {} },
      undefined,
      'layers has a wrong type',
    ],
    [
      'a digest with a path',
      withLayer({ digest: 'sha256:../../../etc/passwd' }),
      undefined,
      'invalid digest',
    ],
    [
      'a digest in capitals',
      withLayer({ digest: `sha256:${'A'.repeat(64)}` }),
      undefined,
      'invalid digest',
    ],
    ['a digest with a line end', withLayer({ digest: `${DIGEST}\n` }), undefined, 'invalid digest'],
    ['a negative size', withLayer({ size: -1 }), undefined, 'layers[0].size has a wrong type'],
    ['a fractional size', withLayer({ size: 0.5 }), undefined, 'size has a wrong type'],
    ['a size beyond 2^53', withLayer({ size: 2 ** 53 }), undefined, 'size has a wrong type'],
    ['a size as text', withLayer({ size: '3' }), undefined, 'size has a wrong type'],
    ['no size', withLayer({ size: null }), undefined, 'size is missing'],
    [
      'a key in another case',
      withLayer({ Digest: DIGEST }),
      undefined,
      'is read as digest by some',
    ],
    [
      'a top key in another case',
      { ...manifest, Layers: [] },
      undefined,
      'is read as layers by some',
    ],
    [
      'a platform without os',
      withEntry({ platform: { architecture: 'amd64' } }),
      undefined,
      'os is missing',
    ],
  ])('refuses %s', async (_name, body, claimed, message) => {
    const error = await failureOf(() => parse(body, claimed));
    expect(error.code).toBe('IMAGE_INVALID');
    expect(error.message).toContain(message);
  });

  it('refuses duplicate keys', async () => {
    const text = JSON.stringify(manifest).replace('"layers"', '"layers":[],"layers"');
    expect((await failureOf(() => parse(text))).code).toBe('JSON_SYNTAX');
  });

  it('takes as many layers, entries and bytes as the limits say, and no more', async () => {
    const layers = (count: number) => parse({ ...manifest, layers: Array(count).fill(layer) });
    const entries = (count: number) => parse({ ...index, manifests: Array(count).fill(entry) });
    const padded = (bytes: number) => parse(JSON.stringify(manifest).padEnd(bytes));
    for (const [make, limit] of [
      [layers, LIMITS.imageLayers],
      [entries, LIMITS.indexEntries],
      [padded, LIMITS.manifestBytes],
    ] as const) {
      expect(make(limit)).toBeDefined();
      expect((await failureOf(() => make(limit + 1))).code).toBe('LIMIT_EXCEEDED');
    }
    const big = withConfig({ size: LIMITS.manifestBytes + 1 });
    expect((await failureOf(() => parse(big))).code).toBe('LIMIT_EXCEEDED');
  });

  const kata = vectorsDir('kata-golden');
  it.runIf(kata !== undefined)('reads the manifests of the vectors', () => {
    const { images } = JSON.parse(readFileSync(join(kata!, 'images.json'), 'utf8')) as {
      images: Record<string, { layout: string; manifest_digest: string }>;
    };
    for (const { layout, manifest_digest } of Object.values(images)) {
      const path = join(kata!, layout, 'blobs/sha256', manifest_digest.slice(7));
      expect(parseManifest({ bytes: readFileSync(path) }, path).kind).toBe('manifest');
    }
  });
});
