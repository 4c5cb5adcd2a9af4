import { afterEach, describe, expect, it } from 'vitest';
import type { Digest } from '../../src/core/digest.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  FRAGMENT_ARTIFACT_TYPE,
  FRAGMENT_MEDIA_TYPE,
  referrersTag,
} from '../../src/fragment/artifact.js';
import {
  attachFragment,
  discoverFragments,
  pullFragment,
  pushFragment,
} from '../../src/fragment/registry.js';
import { openRegistryArtifacts, type RegistryArtifacts } from '../../src/io/registry/artifacts.js';
import {
  type ArtifactRegistry,
  type ArtifactRegistryOptions,
  digestOf,
  openArtifactRegistry,
} from '../support/artifact-registry.js';
import { failureOf, NO_CREDENTIALS } from '../support/registry-bench.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const FILE = { bytes: Buffer.from('signed'), name: 'contoso.rego.cose' };
const OTHER = { bytes: Buffer.from('signed too'), name: 'other.rego.cose' };

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

interface Setting {
  readonly registry: ArtifactRegistry;
  readonly store: RegistryArtifacts;
  readonly image: string;
  readonly subject: Digest;
}

async function start(options: ArtifactRegistryOptions = {}): Promise<Setting> {
  const registry = await openArtifactRegistry(options);
  const clock = { now: () => 0, random: () => 0, sleep: async () => undefined };
  const store = openRegistryArtifacts({ env: {}, credentials: NO_CREDENTIALS, clock });
  open.push(registry, store);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, layers: [] }));
  registry.content.set('manifests/v1', { bytes, mediaType: MANIFEST });
  registry.content.set(`manifests/${digestOf(bytes)}`, { bytes, mediaType: MANIFEST });
  const image = `${registry.host}/team/app:v1`;
  return { registry, store, image, subject: digestOf(bytes) as Digest };
}

const digests = (entries: readonly { digest: string }[]) => entries.map(({ digest }) => digest);

describe.each([
  ['with the referrers API', true, 'api'],
  ['with the tag of older registries', false, 'tag'],
])('a registry %s', (_what, referrers, listedBy) => {
  it('takes fragments that are attached to an image, and gives them back', async () => {
    const { registry, store, image, subject } = await start({ referrers });
    expect(await discoverFragments(store, image)).toEqual([]);
    const first = await attachFragment(store, image, FILE);
    expect(first).toEqual({ digest: first.digest, subject, listedBy });
    const again = await attachFragment(store, image, FILE);
    expect(again.digest).toBe(first.digest);
    const second = await attachFragment(store, `${registry.host}/team/app@${subject}`, OTHER);
    const found = await discoverFragments(store, image);
    expect(digests(found)).toEqual([first.digest, second.digest]);
    expect(await pullFragment(store, image, found[0]!.digest)).toEqual(FILE);
    expect(await pullFragment(store, image, found[1]!.digest)).toEqual(OTHER);
    const manifest = JSON.parse(
      registry.content.get(`manifests/${first.digest}`)!.bytes.toString(),
    ) as Record<string, unknown>;
    expect(manifest).toMatchObject({
      mediaType: MANIFEST,
      artifactType: FRAGMENT_ARTIFACT_TYPE,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', size: 2, data: 'e30=' },
      layers: [
        {
          mediaType: FRAGMENT_MEDIA_TYPE,
          digest: digestOf(FILE.bytes),
          annotations: { 'org.opencontainers.image.title': FILE.name },
        },
      ],
      subject: { mediaType: MANIFEST, digest: subject },
    });
    expect(registry.content.has(`manifests/${referrersTag(subject)}`)).toBe(!referrers);
  });
});

describe('attachFragment', () => {
  it('asks for the rights that each request needs', async () => {
    const { registry, store, image } = await start({ tokens: true });
    await attachFragment(store, image, FILE);
    expect(new Set(registry.scopes)).toEqual(
      new Set(['repository:team/app:pull', 'repository:team/app:pull,push']),
    );
    await discoverFragments(store, image);
    expect(registry.scopes).toHaveLength(2);
  });

  it('stores nothing twice', async () => {
    const { registry, store, image } = await start({ referrers: true });
    await attachFragment(store, image, FILE);
    await attachFragment(store, image, FILE);
    expect(registry.log.filter((line) => line.startsWith('POST'))).toHaveLength(2);
  });

  it('keeps what else is in the list of an older registry', async () => {
    const { registry, store, image, subject } = await start();
    const kept = {
      schemaVersion: 2,
      mediaType: INDEX,
      annotations: { a: 'b' },
      manifests: [
        { mediaType: MANIFEST, digest: `sha256:${'a'.repeat(64)}`, size: 1, artifactType: 'x/y' },
      ],
    };
    const path = `manifests/${referrersTag(subject)}`;
    registry.content.set(path, { bytes: Buffer.from(JSON.stringify(kept)), mediaType: INDEX });
    const { digest } = await attachFragment(store, image, FILE);
    const list = JSON.parse(registry.content.get(path)!.bytes.toString()) as typeof kept;
    expect(list).toMatchObject({
      annotations: { a: 'b' },
      manifests: [kept.manifests[0], { digest }],
    });
    expect(digests(await discoverFragments(store, image))).toEqual([digest]);
  });

  it('chooses the image of one platform', async () => {
    const { registry, store, image, subject } = await start({ referrers: true });
    const entry = (os: string, architecture: string, digest: string) => ({
      mediaType: MANIFEST,
      digest,
      size: 70,
      platform: { os, architecture },
    });
    const putIndex = (...manifests: readonly object[]) => {
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
      registry.content.set('manifests/v1', { bytes, mediaType: INDEX });
    };
    const amd = entry('linux', 'amd64', subject);
    const attestation = entry('unknown', 'unknown', `sha256:${'c'.repeat(64)}`);
    putIndex(amd, attestation);
    expect((await attachFragment(store, image, FILE)).subject).toBe(subject);
    putIndex(amd, entry('linux', 'arm64', `sha256:${'b'.repeat(64)}`), attestation);
    expect((await attachFragment(store, image, FILE, 'linux/amd64')).subject).toBe(subject);
    expect(await discoverFragments(store, image)).toHaveLength(1);
    expect(await discoverFragments(store, image, 'linux/amd64')).toHaveLength(1);
    expect(await discoverFragments(store, image, 'linux/arm64')).toHaveLength(0);
    const variants = (count: number) =>
      putIndex(
        ...Array.from({ length: count }, (_each, i) =>
          entry('linux', `a${i}`, `sha256:${String(i).padStart(64, '0')}`),
        ),
      );
    variants(LIMITS.referrerSubjects - 1);
    expect(await discoverFragments(store, image)).toEqual([]);
    variants(LIMITS.referrerSubjects);
    await failureOf(discoverFragments(store, image), 'LIMIT_EXCEEDED');
    putIndex(amd, entry('linux', 'arm64', `sha256:${'b'.repeat(64)}`), attestation);
    const many = await failureOf(attachFragment(store, image, FILE), 'IMAGE_PLATFORM_MISSING');
    expect(many.got).toBe('linux/amd64, linux/arm64');
    await failureOf(attachFragment(store, image, FILE, 'windows/amd64'), 'IMAGE_PLATFORM_MISSING');
    putIndex(attestation);
    await failureOf(attachFragment(store, image, FILE), 'IMAGE_PLATFORM_MISSING');
  });

  it('reads all pages of the referrers API, up to a limit', async () => {
    const { registry, store, image } = await start({ referrers: true, pageSize: 1 });
    const made: string[] = [];
    for (let count = 0; count < LIMITS.referrerPages; count += 1) {
      const file = { bytes: Buffer.from(`fragment ${count}`), name: 'x' };
      made.push((await attachFragment(store, image, file)).digest);
    }
    expect(digests(await discoverFragments(store, image))).toEqual(made);
    await attachFragment(store, image, OTHER);
    await failureOf(discoverFragments(store, image), 'LIMIT_EXCEEDED');
    expect(registry.log.length).toBeGreaterThan(0);
  });
});

describe('pushFragment', () => {
  it('stores a fragment under a tag', async () => {
    const { registry, store } = await start();
    const reference = `${registry.host}/team/app:frag`;
    const { digest } = await pushFragment(store, reference, FILE);
    expect(await pullFragment(store, reference)).toEqual(FILE);
    expect(await pullFragment(store, `${registry.host}/team/app@${digest}`)).toEqual(FILE);
  });

  it('has no digest to push to', async () => {
    const { registry, store, subject } = await start();
    const reference = `${registry.host}/team/app@${subject}`;
    await failureOf(pushFragment(store, reference, FILE), 'IMAGE_REFERENCE_INVALID');
  });
});

describe('a registry that cannot be trusted', () => {
  it('cannot change a fragment or its manifest', async () => {
    const { registry, store, image } = await start();
    const { digest } = await attachFragment(store, image, FILE);
    const blob = registry.content.get(`blobs/${digestOf(FILE.bytes)}`)!;
    blob.bytes = Buffer.from('Signed');
    await failureOf(pullFragment(store, image, digest), 'DIGEST_MISMATCH');
    const manifest = registry.content.get(`manifests/${digest}`)!;
    manifest.bytes = Buffer.from(manifest.bytes.toString().replace('contoso', 'Contoso'));
    await failureOf(pullFragment(store, image, digest), 'DIGEST_MISMATCH');
  });

  it('cannot hand over something that is no fragment', async () => {
    const { store, image } = await start();
    await failureOf(pullFragment(store, image), 'ARTIFACT_INVALID');
  });

  it('cannot confirm another digest', async () => {
    const { registry, store, image } = await start();
    registry.before = (request, response) => {
      if (request.method !== 'PUT') return false;
      response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` });
      response.end();
      return true;
    };
    await failureOf(attachFragment(store, image, FILE), 'DIGEST_MISMATCH');
  });

  it.each([
    ['another host', 'http://localhost:1/upload', 'REGISTRY_REDIRECT_REFUSED'],
    ['a user', 'USER', 'REGISTRY_REDIRECT_REFUSED'],
    ['no place', '', 'REGISTRY_PROTOCOL'],
  ] as const)('cannot send an upload to %s', async (_what, location, code) => {
    const { registry, store, image } = await start();
    registry.before = (request, response) => {
      if (request.method !== 'POST') return false;
      const place = location === 'USER' ? `http://me@${registry.host}/upload` : location;
      response.writeHead(202, { location: place });
      response.end();
      return true;
    };
    await failureOf(attachFragment(store, image, FILE), code);
    expect(registry.log.filter((line) => line.startsWith('PUT'))).toEqual([]);
  });

  it('cannot redirect an upload', async () => {
    const { registry, store, image } = await start();
    registry.before = (request, response) => {
      if (request.method !== 'PUT') return false;
      response.writeHead(307, { location: '/elsewhere' });
      response.end();
      return true;
    };
    const error = await failureOf(attachFragment(store, image, FILE), 'REGISTRY_REDIRECT_REFUSED');
    expect(error.message).toContain('redirects an upload');
    expect(registry.log.filter((line) => line.includes('elsewhere'))).toEqual([]);
  });

  it('cannot make us read a blob of any size', async () => {
    const { registry, store } = await start();
    const layers = [
      {
        mediaType: FRAGMENT_MEDIA_TYPE,
        digest: digestOf(FILE.bytes),
        size: LIMITS.artifactBytes + 1,
      },
    ];
    const bytes = Buffer.from(JSON.stringify({ artifactType: FRAGMENT_ARTIFACT_TYPE, layers }));
    registry.content.set('manifests/big', { bytes, mediaType: MANIFEST });
    await failureOf(pullFragment(store, `${registry.host}/team/app:big`), 'LIMIT_EXCEEDED');
  });

  it('is asked again when it is overloaded', async () => {
    const { registry, store, image } = await start();
    let failures = 2;
    registry.before = (request, response) => {
      if (request.method !== 'PUT' || failures === 0) return false;
      failures -= 1;
      response.writeHead(503);
      response.end();
      return true;
    };
    expect((await attachFragment(store, image, FILE)).listedBy).toBe('tag');
  });

  it('says that it may not be written', async () => {
    const { registry, store, image } = await start();
    registry.before = (request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(403);
      response.end();
      return true;
    };
    const error = await failureOf(attachFragment(store, image, FILE), 'REGISTRY_UNAUTHORIZED');
    expect(error.message).toContain('may not be written');
  });
});
