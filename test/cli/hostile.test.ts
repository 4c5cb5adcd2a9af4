/** Inputs of an attacker, through the program: each has its own error and exit status, and nothing is written. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGzip, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { podseal, temporaryFolder } from '../support/cli.js';
import {
  demand,
  type FakeRegistry,
  type Logged,
  openFakeRegistry,
  reply,
  secretsSentTo,
} from '../support/fake-registry.js';
import { blobOf, layoutFiles, makeImage, TYPES, tagged, writeFiles } from '../support/images.js';
import { tarHeader, tarOf } from '../support/plain-tar.js';

const GIB = 1024 ** 3;

function fileWith(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), 'layer.tar.gz');
  writeFileSync(path, bytes);
  return path;
}

/** What is said on stderr must be for people: no stack, no path of the program. */
function expectClean(stderr: string) {
  expect(stderr).not.toMatch(/\n\s+at |node:internal|dist\/.*\.js/);
}

async function expectRefused(args: readonly string[], status: number, code: string) {
  const result = await podseal(args);
  expect(result.stderr).toContain(`[${code}]`);
  expect(result.status).toBe(status);
  expect(result.stdout).toBe('');
  expectClean(result.stderr);
  return result;
}

describe.each(['aci', 'aks'])('hostile layers for %s', (target) => {
  const layer = gzipSync(tarOf([{ name: 'a', content: Buffer.from('hello') }]));

  it('truncated gzip', () =>
    expectRefused(['layer', fileWith(layer.subarray(0, -9)), '--for', target], 3, 'LAYER_CORRUPT'));

  it('a flipped bit', () => {
    const bytes = Buffer.from(layer);
    bytes[bytes.length - 6]! ^= 1;
    return expectRefused(['layer', fileWith(bytes), '--for', target], 3, 'LAYER_CORRUPT');
  });

  it('a bomb by ratio', async () => {
    const size = 6 * GIB;
    const chunk = Buffer.alloc(1 << 20);
    async function* bytes() {
      yield tarHeader('big', 0o77777777777);
      for (let left = size; left > 0; left -= chunk.length) yield chunk;
    }
    const path = fileWith(Buffer.alloc(0));
    const { createWriteStream } = await import('node:fs');
    const { pipeline } = await import('node:stream/promises');
    await pipeline(Readable.from(bytes()), createGzip({ level: 1 }), createWriteStream(path));
    await expectRefused(['layer', path, '--for', target], 3, 'LIMIT_EXCEEDED');
  }, 300_000);

  it('an extension header of more than 1 MiB', async () => {
    const size = 1048577;
    const header = tarHeader('pax', size);
    header.write('x', 156, 'latin1');
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const record = `${size} path=${'a'.repeat(size - 14)}\n`;
    const body = Buffer.concat([Buffer.from(record), Buffer.alloc(512 - (record.length % 512))]);
    const tar = Buffer.concat([header, body, tarOf([{ name: 'a' }])]);
    expect(record.length).toBe(size);
    const result = await podseal(['layer', fileWith(gzipSync(tar)), '--for', target]);
    expect(result.status).toBe(3);
    expect(result.stderr).toMatch(/LIMIT_EXCEEDED|LAYER_INVALID/);
    expectClean(result.stderr);
  });
});

describe('hostile layouts', () => {
  const broken = (change: (files: Map<string, Uint8Array>, digest: string) => void) => {
    const image = makeImage({ layers: ['one'] });
    const files = layoutFiles([[image.manifest, tagged('v1')]], image.blobs);
    change(files, image.layers[0]!.digest.slice(7));
    const folder = temporaryFolder();
    writeFiles(folder, files);
    return ['layers', `oci:${folder}:v1`, '--for', 'aks'];
  };

  it('a layer with other bytes', () =>
    expectRefused(
      broken((files, hex) => files.set(`blobs/sha256/${hex}`, Buffer.from('two'))),
      5,
      'DIGEST_MISMATCH',
    ));

  it('a layer with more bytes', () =>
    expectRefused(
      broken((files, hex) => files.set(`blobs/sha256/${hex}`, Buffer.from('one and more'))),
      5,
      'SIZE_MISMATCH',
    ));

  it('a digest that is a path', async () => {
    const image = makeImage({
      manifest: {
        layers: [{ mediaType: TYPES.layer, digest: 'sha256:../../../../etc/passwd', size: 3 }],
      },
    });
    const folder = temporaryFolder();
    writeFiles(folder, layoutFiles([[image.manifest, tagged('v1')]], image.blobs));
    await expectRefused(['layers', `oci:${folder}:v1`, '--for', 'aks'], 3, 'IMAGE_INVALID');
  });
});

describe('hostile registries', () => {
  const log: Logged[] = [];
  let registry: FakeRegistry | undefined;

  async function open() {
    log.length = 0;
    registry = await openFakeRegistry({ log });
    const opened = registry;
    onTestFinished(() => opened.close());
    const layer = gzipSync(tarOf([{ name: 'a', content: Buffer.from('hello') }]));
    const blob = blobOf(layer, TYPES.layer);
    const image = makeImage({
      config: {
        rootfs: {
          type: 'layers',
          diff_ids: [blobOf(tarOf([{ name: 'a', content: Buffer.from('hello') }]), '').digest],
        },
      },
      manifest: {
        layers: [{ mediaType: TYPES.layer, digest: blob.digest, size: blob.bytes.length }],
      },
    });
    opened.putBlob(image.config.bytes);
    opened.putBlob(layer);
    opened.putManifest('v1', image.manifest.bytes, TYPES.manifest);
    return {
      registry: opened,
      image,
      blob,
      args: [
        'layers',
        `${opened.host}/team/app:v1`,
        '--for',
        'aks',
        '--no-cache',
        '--timeout',
        '1',
      ],
    };
  }

  afterEach(() => {
    registry = undefined;
  });

  it('the well-behaved one gives a hash', async () => {
    const { args } = await open();
    const result = await podseal(args);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toMatch(/^[0-9a-f]{64} {2}sha256:/);
  });

  it('stalls', async () => {
    const { registry: server, args } = await open();
    server.before((request) => request.url?.includes('/blobs/') === true);
    await expectRefused(args, 4, 'REGISTRY_TIMEOUT');
  }, 120_000);

  it('redirects to the metadata service', async () => {
    const { registry: server, blob, args } = await open();
    server.before((request, response) => {
      if (!request.url?.includes(blob.digest)) return false;
      return reply(
        response,
        307,
        {},
        { location: 'http://169.254.169.254/metadata/identity/oauth2/token' },
      );
    });
    await expectRefused(args, 4, 'REGISTRY_REDIRECT_REFUSED');
  });

  it('lies about Content-Length', async () => {
    const { registry: server, blob, args } = await open();
    server.before((request, response) => {
      if (!request.url?.includes(blob.digest)) return false;
      const bytes = Buffer.concat([blob.bytes, Buffer.alloc(1000)]);
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': String(bytes.length),
      });
      response.end(bytes);
      return true;
    });
    const result = await podseal(args);
    expect([4, 5]).toContain(result.status);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/SIZE_MISMATCH|REGISTRY_PROTOCOL/);
  });

  it('offers a realm on another domain', async () => {
    const { registry: server, args } = await open();
    server.before((_request, response) =>
      demand(response, 'Bearer realm="https://tokens.evil.example/token",service="registry"'),
    );
    const config = temporaryFolder();
    const auth = Buffer.from('alice:open-sesame').toString('base64');
    writeFileSync(
      join(config, 'config.json'),
      JSON.stringify({ auths: { [server.host]: { auth } } }),
    );
    const result = await podseal(args, { env: { DOCKER_CONFIG: config } });
    expect(result.stderr).toContain('[REGISTRY_REALM_REFUSED]');
    expect(result.status).toBe(4);
    expect(result.stderr).not.toContain('open-sesame');
    expect([...secretsSentTo(log, ['open-sesame', auth])]).toEqual([]);
  });

  it('offers the layer under another digest', async () => {
    const { registry: server, blob, args } = await open();
    server.before((request, response) => {
      if (!request.url?.includes(blob.digest)) return false;
      const bytes = Buffer.from(blob.bytes);
      bytes[20]! ^= 1;
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-length': String(bytes.length),
      });
      response.end(bytes);
      return true;
    });
    await expectRefused(args, 5, 'DIGEST_MISMATCH');
  });
});

describe('nothing is left behind', () => {
  it('by a failed run with -o', async () => {
    const folder = temporaryFolder();
    const args = [
      'release-policy',
      'create',
      '--authority',
      'http://x',
      '--measurement',
      'a'.repeat(64),
      '-o',
      join(folder, 'out.json'),
    ];
    const result = await podseal(args);
    expect(result.status).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('by Ctrl-C in the middle of a layer', async () => {
    const folder = temporaryFolder();
    const { registry: server, args } = await (async () => {
      const log: Logged[] = [];
      const opened = await openFakeRegistry({ log });
      onTestFinished(() => opened.close());
      const image = makeImage({ layers: ['one'] });
      for (const blob of image.blobs) opened.putBlob(blob.bytes);
      opened.putManifest('v1', image.manifest.bytes, TYPES.manifest);
      return {
        registry: opened,
        args: [
          'layers',
          `${opened.host}/team/app:v1`,
          '--for',
          'aks',
          '--facts',
          join(folder, 'facts.json'),
          '--no-cache',
        ],
      };
    })();
    let stop = () => undefined as undefined;
    const asked = new Promise<void>((resolve) => {
      server.before((request) => {
        if (!request.url?.includes('/blobs/')) return false;
        resolve();
        return true;
      });
    });
    void asked.then(() => stop());
    const running = podseal(args, {
      onStart: (child) => {
        stop = () => {
          child.kill('SIGINT');
          return undefined;
        };
      },
    });
    const result = await running;
    expect(result.status).toBe(130);
    expect(result.stderr).toContain('[INTERRUPTED]');
    expect(readdirSync(folder)).toEqual([]);
    expect(() => readFileSync(join(folder, 'facts.json'))).toThrow();
  });
});
