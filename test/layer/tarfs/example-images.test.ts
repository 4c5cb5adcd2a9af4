import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convert } from './convert.js';
import { readTarfs } from './guest-reader.js';

const EXAMPLE = resolve(import.meta.dirname, '../../../fixtures/example');
const LAYOUT_BYTES_MAX = 64 * 1024;

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const readJson = (...path: string[]) =>
  JSON.parse(readFileSync(join(EXAMPLE, ...path), 'utf8')) as unknown;

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

/** Config and layers of an image, as its index leads to them. */
function readImage(name: string) {
  const blob = ({ digest, size }: Descriptor) => {
    const bytes = readFileSync(join(EXAMPLE, 'images', name, 'blobs/sha256', digest.slice(7)));
    expect(digest).toBe(`sha256:${sha256(bytes)}`);
    expect(size).toBe(bytes.length);
    return bytes;
  };
  const index = readJson('images', name, 'index.json') as { manifests: Descriptor[] };
  const manifest = JSON.parse(blob(index.manifests[0]!).toString('utf8')) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  const config = JSON.parse(blob(manifest.config).toString('utf8')) as {
    config: Readonly<Record<string, unknown>>;
    rootfs: { diff_ids: string[] };
  };
  return { config, layers: manifest.layers.map((layer) => gunzipSync(blob(layer))) };
}

describe('images of the example', () => {
  let made = '';
  beforeAll(() => {
    made = mkdtempSync(join(tmpdir(), 'example-'));
    execFileSync(process.execPath, [join(EXAMPLE, 'make-images.mjs'), made]);
  });
  afterAll(() => rmSync(made, { recursive: true }));

  it('are what their script makes', () => {
    const committed = join(EXAMPLE, 'images');
    expect(filesBelow(made)).toEqual(filesBelow(committed));
    for (const name of filesBelow(made))
      expect(readFileSync(join(made, name)).equals(readFileSync(join(committed, name))), name).toBe(
        true,
      );
  });

  it.each([
    ['skr', 2, { Cmd: ['/skr.sh'] }, ['bin/skr', 'skr.sh']],
    ['consumer', 1, { Entrypoint: ['/consume'] }, ['consume', 'etc/passwd', 'etc/group']],
    ['pause', 1, { User: '65535:65535', Entrypoint: ['/pause'] }, ['pause']],
  ])('%s is whole and can be mounted without surprises', (name, layerCount, config, paths) => {
    const image = readImage(name);
    expect(image.layers).toHaveLength(layerCount);
    expect(image.config.config).toMatchObject(config);
    expect(image.config.rootfs.diff_ids).toEqual(
      image.layers.map((layer) => `sha256:${sha256(layer)}`),
    );
    const guest = image.layers.flatMap((layer) => {
      const { image: bytes, notices } = convert(layer);
      expect(notices).toEqual([]);
      return [...readTarfs(bytes).keys()];
    });
    expect(guest).toEqual(expect.arrayContaining(paths));
    const folder = join(EXAMPLE, 'images', name);
    const sizes = filesBelow(folder).map((file) => statSync(join(folder, file)).size);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(LAYOUT_BYTES_MAX);
  });
});

describe('manifest of the example', () => {
  const documents = loadAll(readFileSync(join(EXAMPLE, 'consumer.yaml'), 'utf8')) as {
    kind: string;
    spec: {
      runtimeClassName?: string;
      containers?: { image: string; env: { name: string; value: string }[] }[];
    };
  }[];
  const containers = documents[0]?.spec.containers ?? [];

  it('is a confidential pod and a service', () => {
    expect(documents.map(({ kind }) => kind)).toEqual(['Pod', 'Service']);
    expect(documents[0]?.spec.runtimeClassName).toBe('kata-cc-isolation');
  });

  it('uses images that the map lists', () => {
    const map = readJson('images.json') as Record<string, string>;
    for (const { image } of containers) expect(map).toHaveProperty([image]);
    for (const [image, location] of Object.entries(map)) {
      const [, name, tag] = /^oci:images\/(\w+):([\d.]+)$/.exec(location) ?? [];
      expect(image.endsWith(`:${tag}`)).toBe(true);
      const index = readJson('images', `${name}`, 'index.json');
      expect(index).toMatchObject({
        manifests: [{ annotations: { 'org.opencontainers.image.ref.name': tag } }],
      });
    }
  });

  it('gives the side-car arguments that can be read', () => {
    const args = containers[0]?.env.find(({ name }) => name === 'SkrSideCarArgs')?.value ?? '';
    expect(JSON.parse(Buffer.from(args, 'base64').toString('utf8'))).toEqual({
      certcache: {
        endpoint_type: 'LocalTHIM',
        endpoint: '169.254.169.254/metadata/THIM/amd/certification',
      },
    });
  });
});
