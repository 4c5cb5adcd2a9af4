import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rangeStart, sendAndCut, sendBlob } from '../../support/fake-registry.js';
import {
  type Bench,
  createBench,
  failureOf,
  layer,
  noise,
  readBlob,
} from '../../support/registry-bench.js';

const BYTES = noise(300_000);

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.close());

const isBlob = (url: string | undefined) => url?.includes('/blobs/') === true;
const ranges = () => bench.log.filter(({ path }) => isBlob(path)).map(({ range }) => range);

describe('openBlob', () => {
  it('streams the exact bytes', async () => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(BYTES), BYTES.length);
    expect(BYTES.equals(await readBlob(bench.source(), `${registry.host}/team/app:1`, blob))).toBe(
      true,
    );
  });

  it('streams an empty blob', async () => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(Buffer.alloc(0)), 0);
    expect(await readBlob(bench.source(), `${registry.host}/team/app:1`, blob)).toHaveLength(0);
    expect(ranges()).toHaveLength(1);
  });

  it('goes on where a connection broke, twice', async () => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(BYTES), BYTES.length);
    const cuts = [150_000, 1_000];
    registry.before((request, response) => {
      const cut = isBlob(request.url) ? cuts.shift() : undefined;
      return cut === undefined ? false : sendAndCut(request, response, BYTES, cut);
    });
    expect(BYTES.equals(await readBlob(bench.source(), `${registry.host}/team/app:1`, blob))).toBe(
      true,
    );
    expect(ranges()).toEqual([undefined, 'bytes=150000-', 'bytes=151000-']);
    expect(bench.slept).toEqual([500, 1000]);
  });

  it('skips what it has where a server knows no ranges', async () => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(BYTES), BYTES.length);
    let isFirst = true;
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      delete request.headers.range;
      if (!isFirst) return sendBlob(request, response, BYTES);
      isFirst = false;
      return sendAndCut(request, response, BYTES, 100_000);
    });
    expect(BYTES.equals(await readBlob(bench.source(), `${registry.host}/team/app:1`, blob))).toBe(
      true,
    );
  });

  it('gives up after three broken connections without progress', async () => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(BYTES), BYTES.length);
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      return sendAndCut(request, response, BYTES, rangeStart(request) === 0 ? 1000 : 0);
    });
    const work = readBlob(bench.source(), `${registry.host}/team/app:1`, blob);
    await failureOf(work, 'REGISTRY_UNREACHABLE');
    expect(ranges()).toEqual([undefined, 'bytes=1000-', 'bytes=1000-']);
  });

  it('has all its tries again after a megabyte of progress', async () => {
    const big = noise(5 * 1024 * 1024);
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(big), big.length);
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      return sendAndCut(request, response, big, 1024 * 1024);
    });
    expect(big.equals(await readBlob(bench.source(), `${registry.host}/team/app:1`, blob))).toBe(
      true,
    );
    expect(new Set(bench.slept)).toEqual(new Set([500]));
  });

  it.each([
    ['another start', 'bytes 5-299999/300000'],
    ['another end', 'bytes 1000-299998/300000'],
    ['another size', 'bytes 1000-299999/300001'],
    ['no range', ''],
  ])('refuses to go on with %s', async (_name, range) => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(BYTES), BYTES.length);
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      if (rangeStart(request) === 0) return sendAndCut(request, response, BYTES, 1000);
      response.writeHead(206, range === '' ? {} : { 'content-range': range });
      response.end(BYTES.subarray(1000));
      return true;
    });
    const work = readBlob(bench.source(), `${registry.host}/team/app:1`, blob);
    await failureOf(work, 'REGISTRY_PROTOCOL');
  });

  it.each([
    ['longer', 300_001],
    ['shorter', 299_999],
  ])('refuses a content-length that is %s than the descriptor', async (_name, size) => {
    const registry = await bench.registry();
    const digest = registry.putBlob(noise(size));
    const work = readBlob(
      bench.source(),
      `${registry.host}/team/app:1`,
      layer(digest, BYTES.length),
    );
    const error = await failureOf(work, 'SIZE_MISMATCH');
    expect(error.got).toBe(`content-length: ${size}`);
    expect(ranges()).toHaveLength(1);
  });

  it('refuses more bytes than the descriptor says, before they are handed over', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      response.writeHead(200);
      response.write(BYTES.subarray(0, 100_000));
      response.write(BYTES.subarray(100_000));
      response.end('x');
      return true;
    });
    let received = 0;
    const source = bench.source();
    const read = async () => {
      const blob = layer(`sha256:${'1'.repeat(64)}`, BYTES.length);
      for await (const chunk of await source.openBlob(`${registry.host}/team/app:1`, blob)) {
        received += chunk.length;
      }
    };
    await failureOf(read(), 'SIZE_MISMATCH');
    expect(received).toBeLessThanOrEqual(BYTES.length);
  });

  it('refuses fewer bytes than the descriptor says when every try ends early', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      const start = rangeStart(request);
      if (start === 0) response.writeHead(200);
      else response.writeHead(206, { 'content-range': `bytes ${start}-299999/300000` });
      response.end(BYTES.subarray(start, 1000));
      return true;
    });
    const blob = layer(`sha256:${'1'.repeat(64)}`, BYTES.length);
    const work = readBlob(bench.source(), `${registry.host}/team/app:1`, blob);
    await failureOf(work, 'SIZE_MISMATCH');
    expect(ranges()).toHaveLength(3);
  });

  it('takes the end of a connection behind the last byte for the end', async () => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(BYTES), BYTES.length);
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      response.writeHead(200);
      response.write(BYTES, () => response.socket?.destroy());
      return true;
    });
    expect(BYTES.equals(await readBlob(bench.source(), `${registry.host}/team/app:1`, blob))).toBe(
      true,
    );
    expect(ranges()).toHaveLength(1);
  });

  it.each([
    ['a web page', { 'content-type': 'text/html' }],
    ['compressed transfer', { 'content-encoding': 'gzip' }],
  ])('refuses %s', async (_name, headers) => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      response.writeHead(200, headers).end(BYTES);
      return true;
    });
    const blob = layer(`sha256:${'1'.repeat(64)}`, BYTES.length);
    const work = readBlob(bench.source(), `${registry.host}/team/app:1`, blob);
    await failureOf(work, 'REGISTRY_PROTOCOL');
  });

  it('holds the server back when the reader is slow', async () => {
    const registry = await bench.registry();
    const size = 64 * 1024 * 1024;
    let sent = 0;
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      response.writeHead(200, { 'content-length': size });
      const piece = Buffer.alloc(65536);
      const more = () => {
        while (sent < size && !response.destroyed) {
          sent += piece.length;
          if (!response.write(piece)) return;
        }
      };
      response.on('drain', more);
      more();
      return true;
    });
    const blob = layer(`sha256:${'1'.repeat(64)}`, size);
    const stream = await bench.source().openBlob(`${registry.host}/team/app:1`, blob);
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    // Nobody reads on: let every write that can still happen happen.
    let before = -1;
    while (before !== sent) {
      before = sent;
      for (let turn = 0; turn < 50; turn += 1) await new Promise((done) => setImmediate(done));
    }
    expect(sent).toBeLessThan(size / 2);
    await reader.return?.();
  });

  it('runs at most four downloads from a host at a time', async () => {
    const registry = await bench.registry();
    const waiting: (() => void)[] = [];
    let running = 0;
    let most = 0;
    registry.before((request, response) => {
      if (!isBlob(request.url)) return false;
      running += 1;
      most = Math.max(most, running);
      waiting.push(() => {
        running -= 1;
        response.writeHead(200, { 'content-length': 1 }).end('x');
      });
      return true;
    });
    const source = bench.source();
    const blob = layer(`sha256:${'1'.repeat(64)}`, 1);
    const all = Array.from({ length: 10 }, () =>
      readBlob(source, `${registry.host}/team/app:1`, blob),
    );
    const turns = async (count: number) => {
      for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done));
    };
    for (let answered = 0; answered < all.length; answered += 1) {
      while (waiting.length < Math.min(4, all.length - answered)) await turns(1);
      // Time enough for a fifth one to arrive.
      if (answered === 0) await turns(500);
      waiting.shift()?.();
    }
    await Promise.all(all);
    expect(most).toBe(4);
  });

  it('frees its place when a reader stops early', async () => {
    const registry = await bench.registry();
    const blob = layer(registry.putBlob(BYTES), BYTES.length);
    const source = bench.source();
    for (let time = 0; time < 6; time += 1) {
      for await (const _ of await source.openBlob(`${registry.host}/team/app:1`, blob)) break;
    }
    expect(BYTES.equals(await readBlob(source, `${registry.host}/team/app:1`, blob))).toBe(true);
  });
});
