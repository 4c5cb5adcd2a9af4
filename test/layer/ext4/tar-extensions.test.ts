import { expect, it } from 'vitest';
import { buildRefusal, type Refuse } from '../../../src/layer/ext4/refusal.js';
import { PendingExtensions } from '../../../src/layer/ext4/tar-extensions.js';
import { TarEntry, TYPE } from '../../../src/layer/ext4/tar-header.js';
import { paxData } from './archive.js';

const refuse: Refuse = (rule, detail) =>
  buildRefusal(rule, { index: 1, name: undefined, headerOffset: 0 }, detail);
const named = (): TarEntry => Object.assign(new TarEntry(), { name: 'n', linkname: 'l' });

it('applies what is pending once', () => {
  const pending = new PendingExtensions();
  expect(
    pending.add(
      TYPE.pax,
      paxData([
        ['path', 'p'],
        ['uid', '5'],
      ]),
      refuse,
    ),
  ).toBe(false);
  expect(pending.add(TYPE.gnuLongName, 'long\0', refuse)).toBe(false);
  const entry = named();
  pending.apply(entry, refuse);
  expect(entry).toMatchObject({ name: 'long', linkname: 'l', uid: 5 });
  const next = named();
  pending.apply(next, refuse);
  expect(next).toMatchObject({ name: 'n', linkname: 'l', uid: 0 });
  expect(next.records.size).toBe(0);
});

it('says what is lost', () => {
  const pending = new PendingExtensions();
  expect(pending.drop()).toBe(false);
  pending.add(TYPE.gnuLongLink, 'target', refuse);
  expect(pending.drop()).toBe(true);
  pending.add(TYPE.pax, '', refuse);
  expect(pending.add(TYPE.pax, '', refuse)).toBe(true);
  expect(pending.drop()).toBe(true);
  expect(pending.drop()).toBe(false);
});
