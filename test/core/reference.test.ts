import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReference, printReference, referenceKey } from '../../src/core/reference.js';
import { failureOf } from '../support/images.js';
import { vectorsDir } from '../support/vectors.js';

const SEED = 0x5ea1;
const HEX = 'e338a8f54bea3cfcc8287c6f8aa0c7c40b0a1d4d9f537c8e9e53a6c1118305b1';
const DIGEST = `sha256:${HEX}`;
const kata = vectorsDir('kata-golden');
const aci = vectorsDir('aci');

describe('parseReference', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['team/app', 'docker.io/team/app:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['docker.io/library/busybox:latest', 'docker.io/library/busybox:latest'],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`],
    [`busybox:1@${DIGEST}`, `docker.io/library/busybox:1@${DIGEST}`],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/team/app', 'localhost:5000/team/app:latest'],
    ['registry:5000/app:v1', 'registry:5000/app:v1'],
    ['REGISTRY/app', 'REGISTRY/app:latest'],
    ['Host.Example/app', 'Host.Example/app:latest'],
    ['host.example/app', 'host.example/app:latest'],
    ['host/app', 'docker.io/host/app:latest'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['[fe80::1]/app', '[fe80::1]/app:latest'],
    ['10.0.0.1/app', '10.0.0.1/app:latest'],
    ['a__b/c---d/e.f_g', 'docker.io/a__b/c---d/e.f_g:latest'],
    ['app:_Tag.-9', 'docker.io/library/app:_Tag.-9'],
    ['localhost', 'docker.io/library/localhost:latest'],
    ['registry.example/a/b/c/d:1', 'registry.example/a/b/c/d:1'],
    [`x.example/${HEX}`, `x.example/${HEX}:latest`],
  ])('%s is %s', (text, canonical) => {
    const reference = parseReference(text);
    expect(printReference(reference)).toBe(canonical);
    expect(reference.text).toBe(text);
  });

  it.each([
    ['', 'is empty'],
    [' busybox', 'holds white space'],
    ['busybox\n', 'holds white space'],
    ['https://docker.io/busybox', 'URL scheme'],
    ['Busybox', 'upper-case repository'],
    ['docker.io/Team/app', 'upper-case repository'],
    ['a..b', 'invalid repository'],
    ['a___b', 'invalid repository'],
    ['-a', 'invalid repository'],
    ['a-', 'invalid repository'],
    ['a//b', 'invalid repository'],
    ['a/', 'invalid repository'],
    ['/a', 'invalid repository'],
    ['../etc/passwd', 'invalid registry'],
    ['x.example/../../etc/passwd', 'invalid repository'],
    ['x.example/a\u0000b', 'invalid repository'],
    ['bad_host.example:1/a', 'invalid registry'],
    ['-x.example/a', 'invalid registry'],
    ['x.example:/a', 'invalid registry'],
    ['x.example:port/a', 'invalid registry'],
    ['[::1/a', 'invalid registry'],
    ['busybox:', 'invalid tag'],
    ['busybox:-1', 'invalid tag'],
    ['busybox:a:b', 'invalid tag'],
    [`busybox:${'a'.repeat(129)}`, 'invalid tag'],
    ['busybox@', 'invalid digest'],
    ['busybox@latest', 'invalid digest'],
    [`busybox@sha256:${HEX.slice(1)}`, 'invalid digest'],
    [`busybox@sha256:${HEX.toUpperCase()}`, 'invalid digest'],
    [`busybox@${DIGEST}@${DIGEST}`, 'invalid digest'],
    [`busybox@sha512:${HEX}${HEX}`, 'digest of another algorithm'],
    [HEX, 'is an image identifier'],
    ['a'.repeat(1025), 'is too long'],
  ])('refuses %j', async (text, problem) => {
    const error = await failureOf(() => parseReference(text));
    expect(error.code).toBe('IMAGE_REFERENCE_INVALID');
    expect(error.message).toContain(problem);
    expect(error.got).toBeDefined();
    expect(error.hints).not.toEqual([]);
  });

  it('takes repositories of 255 characters, library/ included, and no longer ones', async () => {
    expect(parseReference(`x.example/${'a'.repeat(255)}`).repository).toHaveLength(255);
    expect(parseReference('a'.repeat(247)).repository).toHaveLength(255);
    for (const text of [`x.example/${'a'.repeat(256)}`, 'a'.repeat(248)]) {
      expect((await failureOf(() => parseReference(text))).message).toContain('too long');
    }
    expect(parseReference(`a:${'t'.repeat(128)}`).tag).toHaveLength(128);
  });

  it('parses what it prints', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    const separator = fc.constantFrom('.', '_', '__', '-', '--');
    const part = fc.tuple(word, fc.array(fc.tuple(separator, word), { maxLength: 2 }));
    const path = fc
      .array(part, { minLength: 1, maxLength: 3 })
      .map((parts) => parts.map(([first, more]) => first + more.flat().join('')).join('/'));
    const host = fc.constantFrom('', 'localhost/', 'reg.example:5000/', 'UPPER/', '[::1]/');
    const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/));
    const digest = fc.option(fc.stringMatching(/^[0-9a-f]{64}$/));
    fc.assert(
      fc.property(host, path, tag, digest, (h, p, t, d) => {
        // Without a registry, a first part with a dot would be one.
        fc.pre(h !== '' || !/^[^/]*\..*\//.test(p));
        const text = `${h}${p}${t === null ? '' : `:${t}`}${d === null ? '' : `@sha256:${d}`}`;
        const { text: _written, ...reference } = parseReference(text);
        const { text: _printed, ...again } = parseReference(
          printReference({ ...reference, text: '' }),
        );
        expect(again).toEqual(reference);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it.runIf(kata !== undefined && aci !== undefined)('takes every reference of the vectors', () => {
    const read = (folder: string) =>
      JSON.parse(readFileSync(join(folder, 'images.json'), 'utf8')) as {
        references: Record<string, string>;
        images: { references: string[] }[];
      };
    const texts = [
      ...Object.keys(read(kata!).references),
      ...read(aci!).images.flatMap(({ references }) => references),
    ];
    expect(texts.length).toBeGreaterThan(50);
    for (const text of texts) {
      const canonical = printReference(parseReference(text));
      expect(printReference(parseReference(canonical)), text).toBe(canonical);
    }
  });
});

describe('referenceKey, equal for the same image', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest', true],
    ['busybox', 'index.docker.io/library/busybox', true],
    ['busybox', 'busybox:1.36', false],
    ['busybox', 'registry.example/library/busybox', false],
    [`busybox:1@${DIGEST}`, `busybox@${DIGEST}`, true],
    [`busybox:1@${DIGEST}`, 'busybox:1', false],
    [`busybox@${DIGEST}`, `busybox@sha256:${'0'.repeat(64)}`, false],
    [`busybox@${DIGEST}`, `nginx@${DIGEST}`, false],
  ])('%s and %s: %s', (a, b, same) => {
    const [first, second] = [parseReference(a), parseReference(b)];
    expect(referenceKey(first) === referenceKey(second)).toBe(same);
  });
});
