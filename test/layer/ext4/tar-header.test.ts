import { describe, expect, it } from 'vitest';
import { buildRefusal, type Refuse } from '../../../src/layer/ext4/refusal.js';
import {
  HeaderBlock,
  NO_TIME_SECONDS,
  readTarHeader,
  TarEntry,
} from '../../../src/layer/ext4/tar-header.js';
import { GNU, header, type Member, sealed, USTAR, V7 } from './archive.js';

const refuse: Refuse = (rule, detail) =>
  buildRefusal(rule, { index: 1, name: undefined, headerOffset: 0 }, detail);

function read(block: Buffer): TarEntry {
  const copy = new HeaderBlock();
  block.copy(copy.bytes);
  const entry = new TarEntry();
  readTarHeader(copy.bytes, copy.sum(), entry, refuse);
  return entry;
}

const readMember = (member: Member): TarEntry => read(header(member));

describe('header', () => {
  it('has the fields of its places', () => {
    const entry = readMember({
      name: 'a/b',
      type: '3',
      linkname: 'target',
      size: 0o1234567,
      mode: 0o4755,
      uid: 1000,
      gid: 2000,
      mtime: 1700000000,
      devmajor: 8,
      devminor: 1,
    });
    expect({ ...entry, records: entry.records.size }).toEqual({
      type: 0x33,
      name: 'a/b',
      linkname: 'target',
      size: 0o1234567,
      mode: 0o4755,
      uid: 1000,
      gid: 2000,
      devmajor: 8,
      devminor: 1,
      mtimeSeconds: 1700000000,
      mtimeNanoseconds: 0,
      atimeSeconds: NO_TIME_SECONDS,
      atimeNanoseconds: 0,
      ctimeSeconds: NO_TIME_SECONDS,
      ctimeNanoseconds: 0,
      records: 0,
    });
  });

  it('reads names of all 100 bytes, as bytes', () => {
    const name = `\xff\x80${'n'.repeat(98)}`;
    expect(readMember({ name, raw: { 0: name } }).name).toBe(name);
  });

  it.each([
    ['ustar', USTAR, 'pre/fix', 'pre/fix/n'],
    ['ustar of any version', 'ustar\0zz', 'p', 'p/n'],
    ['gnu with times', GNU, '00000000012\x0000000000034\0', 'n'],
    ['gnu with an old prefix', GNU, 'not a time', 'not a time/n'],
    ['gnu with a prefix that is not ASCII', GNU, 'caf\xe9', 'n'],
    ['gnu of another version', 'ustar 00', 'p', 'n'],
    ['v7', V7, 'p', 'n'],
  ])('%s: takes the prefix that the format has', (_, magic, prefix, name) => {
    expect(readMember({ name: 'n', magic, raw: { 345: prefix } }).name).toBe(name);
  });

  it('joins a prefix even to an empty name', () => {
    expect(readMember({ name: '', raw: { 345: 'p' } }).name).toBe('p/');
  });

  it('reads the times of GNU headers, one by one', () => {
    const both = readMember({ magic: GNU, raw: { 345: '00000000012\x0000000000034\0' } });
    expect([both.atimeSeconds, both.ctimeSeconds]).toEqual([0o12, 0o34]);
    const second = readMember({ magic: GNU, raw: { 357: '00000000034\0' } });
    expect([second.atimeSeconds, second.ctimeSeconds]).toEqual([NO_TIME_SECONDS, 0o34]);
  });

  it('reads the times of STAR headers, which are never absent', () => {
    const raw = { 345: 'star', 476: '00000000007\0', 508: 'tar\0' };
    const entry = readMember({ name: 'n', raw });
    expect([entry.name, entry.atimeSeconds, entry.ctimeSeconds]).toEqual(['star/n', 7, 0]);
    const long = readMember({ raw: { 345: 'p'.repeat(155), 476: '\0'.repeat(24), 508: 'tar\0' } });
    expect(long.name).toBe(`${'p'.repeat(131)}/`);
  });

  it('ignores device numbers of V7 headers, even malformed ones', () => {
    const entry = readMember({ magic: V7, raw: { 329: 'zzzzzzz\0', 337: '0000005\0' } });
    expect([entry.devmajor, entry.devminor]).toEqual([0, 0]);
  });

  it('keeps the low bits of numbers that are too large', () => {
    const raw = {
      100: '\x80\0\0\0\x01\0\x81\xff',
      108: '\xff\xff\xff\xff\xff\xff\xff\xff',
      116: '\x80\x7f\xff\xff\x80\0\0\x05',
    };
    const entry = readMember({ raw });
    expect([entry.mode, entry.uid, entry.gid]).toEqual([0x010081ff, 0xffffffff, 0x80000005]);
  });

  it.each([
    ['mode', 100],
    ['uid', 108],
    ['gid', 116],
    ['size', 124],
    ['mtime', 136],
    ['devmajor', 329],
    ['devminor', 337],
  ])('refuses a %s that is not a number', (field, at) => {
    expect(() => readMember({ raw: { [at]: '9' } })).toThrow(
      expect.objectContaining({ got: `field ${field} is not a number` }),
    );
  });
});

describe('checksum', () => {
  const block = header({ name: '\xe9\xe8', raw: { 0: '\xe9\xe8' } });

  it('may count bytes as signed', () => {
    const signed = Buffer.from(block);
    const sum = Number.parseInt(block.toString('latin1', 148, 154), 8) - 2 * 256;
    signed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(read(signed).name).toBe('\xe9\xe8');
  });

  it.each([['\0\0\0\0\0\0\0\0'], ['0000000\0'], ['zzzzzzzz'], ['777777\0 ']])(
    'refuses %j',
    (text) => {
      const damaged = Buffer.from(block);
      damaged.write(text, 148, 'latin1');
      expect(() => read(damaged)).toThrow('[tar-header]');
    },
  );

  it('notices any flipped bit outside its padding', () => {
    for (let at = 0; at < 148; at++) {
      const damaged = Buffer.from(block);
      damaged[at]! ^= 4;
      expect(() => read(damaged)).toThrow('[tar-header]');
    }
  });

  it('sums blocks of high bytes without overflow', () => {
    expect(read(sealed(Buffer.alloc(512, 0)))).toBeDefined();
    const high = new HeaderBlock();
    high.bytes.fill(0xff);
    expect(high.sum()).toBe(512 * 255);
    high.bytes.fill(0);
    expect(high.sum()).toBe(0);
    high.bytes[511] = 1;
    expect(high.sum()).toBe(1);
  });
});
