/**
 * A real image of several hundred megabytes, made of the files of installed Debian packages: as blobs for a registry,
 * as an OCI layout and as a docker archive. Same machine, same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  linkSync,
  lstatSync,
  mkdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export interface StoredBlob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  /** Where its bytes are. */
  readonly file: string;
}

export interface DebianImage {
  readonly config: StoredBlob;
  readonly layers: readonly StoredBlob[];
  readonly manifest: StoredBlob;
  /** OCI layout with the tag `v1`. */
  readonly layout: string;
  /** Docker archive with the name `debian-image:v1`. */
  readonly archive: string;
  /** Bytes of all uncompressed layers. */
  readonly uncompressedSize: number;
}

const OCI = 'application/vnd.oci.image';
const REPRODUCIBLE = [
  '--no-recursion',
  '--format=gnu',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--mtime=@1700000000',
  '--null',
  '--verbatim-files-from',
];

/** Builds the image below `folder`: three layers of about `totalBytes` together and a small one on top. */
export async function buildDebianImage(folder: string, totalBytes: number): Promise<DebianImage> {
  const blobs = join(folder, 'layout', 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const tars: { tar: string; diffId: string }[] = [];
  const layers: StoredBlob[] = [];
  const lists = [...chooseFiles(totalBytes, 3), ['/etc', '/etc/passwd', '/etc/group']];
  for (const [index, files] of lists.entries()) {
    const tar = join(folder, `layer${index}.tar`);
    writeFileSync(join(folder, 'list'), files.map((file) => `${file.slice(1)}\0`).join(''));
    const args = [...REPRODUCIBLE, `--files-from=${join(folder, 'list')}`, '-cf', tar];
    execFileSync('tar', ['-C', '/', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    tars.push({ tar, diffId: await digestOfFile(tar) });
    // One layer stays uncompressed: registries hold such ones too.
    const isPlain = index === 1;
    const stored = isPlain ? tar : await gzip(tar);
    const digest = isPlain ? tars.at(-1)!.diffId : await digestOfFile(stored);
    const mediaType = `${OCI}.layer.v1.tar${isPlain ? '' : '+gzip'}`;
    layers.push(keep(blobs, stored, digest, mediaType));
  }
  const config = putJson(blobs, `${OCI}.config.v1+json`, {
    os: 'linux',
    architecture: 'amd64',
    config: { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: tars.map(({ diffId }) => diffId) },
  });
  const manifest = putJson(blobs, `${OCI}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: descriptor(config),
    layers: layers.map(descriptor),
  });
  return {
    config,
    layers,
    manifest,
    layout: writeLayout(join(folder, 'layout'), manifest),
    archive: writeArchive(
      folder,
      config,
      tars.map(({ tar }) => tar),
    ),
    uncompressedSize: tars.reduce((sum, { tar }) => sum + statSync(tar).size, 0),
  };
}

/** Files of installed packages, largest packages first, spread over `count` lists of about the same size. */
function chooseFiles(totalBytes: number, count: number): string[][] {
  const query = execFileSync('dpkg-query', ['-W', '-f', `\${Installed-Size} \${Package}\n`], {
    encoding: 'utf8',
  });
  const packages = query
    .trim()
    .split('\n')
    .map((line) => ({ kib: Number(line.split(' ')[0]), name: line.split(' ')[1]! }))
    .filter(({ kib }) => kib < 100 * 1024)
    .sort((a, b) => b.kib - a.kib || (a.name < b.name ? -1 : 1));
  const lists = Array.from({ length: count }, () => ({ files: new Set<string>(), bytes: 0 }));
  for (const { name } of packages) {
    const list = lists.reduce((least, one) => (one.bytes < least.bytes ? one : least));
    if (list.bytes >= totalBytes / count) break;
    const owned = execFileSync('dpkg-query', ['-L', name], { encoding: 'utf8' }).trim().split('\n');
    for (const path of owned) {
      const found = path.startsWith('/') ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
      if (found === undefined || path === '/.' || list.files.has(path)) continue;
      list.files.add(path);
      list.bytes += found.isFile() ? found.size : 512;
    }
  }
  return lists.map(({ files }) => [...files].sort());
}

/** Fast and with nothing in its header that changes from run to run. */
async function gzip(file: string): Promise<string> {
  await pipeline(
    createReadStream(file, { highWaterMark: 1 << 20 }),
    createGzip({ level: 1, chunkSize: 1 << 20 }),
    createWriteStream(`${file}.gz`),
  );
  return `${file}.gz`;
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return `sha256:${hash.digest('hex')}`;
}

function keep(blobs: string, file: string, digest: string, mediaType: string): StoredBlob {
  const name = join(blobs, digest.slice('sha256:'.length));
  linkSync(file, name);
  return { mediaType, digest, size: statSync(file).size, file: name };
}

function putJson(blobs: string, mediaType: string, document: unknown): StoredBlob {
  const text = JSON.stringify(document);
  const hex = createHash('sha256').update(text).digest('hex');
  const file = join(blobs, hex);
  writeFileSync(file, text);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text), file };
}

const descriptor = ({ mediaType, digest, size }: StoredBlob) => ({ mediaType, digest, size });

function writeLayout(folder: string, manifest: StoredBlob): string {
  const annotations = { 'org.opencontainers.image.ref.name': 'v1' };
  const manifests = [{ ...descriptor(manifest), annotations }];
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return folder;
}

/** As `docker save` writes it: uncompressed layers, a config and manifest.json. */
function writeArchive(folder: string, config: StoredBlob, tars: readonly string[]): string {
  const hex = config.digest.slice('sha256:'.length);
  linkSync(config.file, join(folder, `${hex}.json`));
  const names = tars.map((tar) => tar.slice(folder.length + 1));
  const entry = { Config: `${hex}.json`, RepoTags: ['debian-image:v1'], Layers: names };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify([entry]));
  const archive = join(folder, 'image.tar');
  execFileSync('tar', ['-C', folder, '-cf', archive, `${hex}.json`, ...names, 'manifest.json']);
  return archive;
}
