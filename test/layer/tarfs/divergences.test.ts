import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import { LongLinks } from '../../../src/layer/tarfs/long-links.js';
import { Tree } from '../../../src/layer/tarfs/tree.js';
import { createUserFileScanner } from '../../../src/layer/tarfs/user-files.js';
import { archive, dir, type Entry, file, gnuLong, hardLink, headerOf } from './archive.js';
import { convert } from './convert.js';

const FIXTURES = resolve(import.meta.dirname, '../../../fixtures');

interface Divergence {
  readonly id: string;
  readonly area: string;
  readonly case: string;
  readonly reference: string;
  readonly ours: string;
  readonly reason: string;
}

const rows = (
  JSON.parse(readFileSync(resolve(FIXTURES, 'divergences.json'), 'utf8')) as Divergence[]
).filter(({ area }) => area === 'tarfs');

const refusal = (code: string) => expect.objectContaining({ code });

function vector(name: string): Buffer {
  return gunzipSync(readFileSync(resolve(FIXTURES, `layers/tarfs/${name}.tar.gz`)));
}

function scan(tar: Uint8Array) {
  const scanner = createUserFileScanner(() => undefined);
  scanner.write(tar);
  return scanner.end();
}

/** What still has to be so for a row to be true. */
const CHECKS: Readonly<Record<string, () => void>> = {
  'tarfs-hard-link-circle': () => {
    expect(() => convert(archive(file('a'), hardLink('a/b', 'a')))).toThrow(
      refusal('LAYER_INVALID'),
    );
  },
  'tarfs-shared-directories': () => {
    const entries: Entry[] = [file('n')];
    for (let path = ''; path.length < 60; path += 'n/')
      entries.push(file(`${path}n`), hardLink(`${path}m`, `${path}n`), dir(`${path}n`));
    expect(() => convert(archive(...entries))).toThrow(refusal('LIMIT_EXCEEDED'));
  },
  'tarfs-extension-size': () => {
    const name = 'n'.repeat(LIMITS.tarExtensionBytes);
    expect(() => convert(archive(gnuLong('L', name), file('x')))).toThrow(
      refusal('LIMIT_EXCEEDED'),
    );
  },
  'tarfs-sparse-user-file': () => {
    const sparse: Entry = { name: 'etc/passwd', type: 'S', kind: 'gnu' };
    const tar = headerOf({ ...sparse, patches: { 483: Buffer.from('00000000000') } });
    expect(() => convert(tar)).not.toThrow();
    expect(() => scan(tar)).toThrow(refusal('LAYER_INVALID'));
  },
  'tarfs-user-files-non-utf8-name': () => {
    expect(scan(vector('non-utf8-name'))).toEqual([]);
  },
  'tarfs-user-files-without-end-block': () => {
    expect(scan(vector('no-end-marker'))).toEqual([]);
    expect(scan(vector('zero-length-stream'))).toEqual([]);
  },
  'tarfs-entries': () => {
    const tree = new Tree();
    tree.count = LIMITS.tarEntries + 1;
    expect(() => tree.child(tree.root, 'n')).toThrow(refusal('LIMIT_EXCEEDED'));
  },
  'tarfs-name-bytes': () => {
    const links = new LongLinks();
    const mib = 'n'.repeat(1 << 20);
    for (let bytes = 0; bytes < LIMITS.tarNameBytes; bytes += mib.length) links.add(mib, '');
    expect(() => links.add('', 'n')).toThrow(refusal('LIMIT_EXCEEDED'));
  },
  'tarfs-user-file-bytes': () => {
    const passwd = file('etc/passwd', '', { size: LIMITS.userFileBytes + 1 });
    expect(() => scan(headerOf(passwd))).toThrow(refusal('LIMIT_EXCEEDED'));
  },
  'tarfs-user-file-entries': () => {
    const list = Array.from({ length: LIMITS.userFileEntries + 1 }, () => file('etc/.wh.passwd'));
    expect(() => scan(archive(...list))).toThrow(refusal('LIMIT_EXCEEDED'));
  },
};

describe('differences from the platform', () => {
  it('are all written down, and all rows are checked here', () => {
    expect(rows.map(({ id }) => id).sort()).toEqual(Object.keys(CHECKS).sort());
  });

  it.each(rows.map((row) => [row.id, row] as const))('%s', (id, row) => {
    for (const field of [row.case, row.reference, row.ours, row.reason])
      expect(field).toMatch(/\S/);
    CHECKS[id]?.();
    expect.hasAssertions();
  });
});
