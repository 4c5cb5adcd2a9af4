import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import { type EtcFiles, resolveUser } from '../../../src/rego/aci/resolve-user.js';
import { vectorsDir } from '../../support/vectors.js';

const ETC = {
  passwd:
    '# x\nroot:x:0:0::/:/bin/sh\nbroken\nweb:x:7:8::/:/bin/sh\ntwin:x:9:9::/:\ntwin:x:10:9::/:\n',
  group: 'root:x:0:\nwww:x:8:web\nmore:x:11:\n',
};

describe('users as a guest tells them', () => {
  it.each([
    [{ user: 'web' }, '7 web', '8 www'],
    [{ user: '7' }, '7 web', '8 www'],
    [{ user: '12' }, '12 ', '0 root'],
    [{ user: '12:13' }, '12 ', '13 '],
    [{ user: 'web:more', additionalGids: [8] }, '7 web', '11 more,8 www'],
    [{ uid: 7, gid: 8 }, '7 web', '8 www'],
    [{}, '0 root', '0 root'],
  ])('%j', (user, name, groups) => {
    const resolved = resolveUser(user, ETC);
    if (resolved.kind === 'refused') throw new Error(resolved.reason);
    const text = ({ id, name: word }: { id: string; name: string }) => `${id} ${word}`;
    expect(text(resolved.identity.user)).toBe(name);
    expect(resolved.identity.groups.map(text).join(',')).toBe(groups);
    expect(resolved.identity.umask).toBe('0022');
  });

  it.each([
    [{ user: 'nobody' }, 'user "nobody" does not exist'],
    [{ user: 'web:none' }, 'group "none" does not exist'],
    [{ user: 'a:b:c' }, 'more than one colon'],
    [{ user: ':' }, 'user "" does not exist'],
    [{ user: 'twin' }, 'more than one entry for "twin"'],
    [{ user: '4294967296' }, 'does not fit in 32 bits'],
    [{ uid: 99 }, 'user 99 does not exist'],
    [{ user: 'web', additionalGids: [99] }, 'group 99 does not exist'],
  ])('%j is refused', (user, reason) => {
    expect(resolveUser(user, ETC)).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining(reason),
    });
  });

  it('go by numbers alone where the files are not there', () => {
    expect(resolveUser({ uid: 5, additionalGids: [6], umask: 0o77 }, {})).toEqual({
      kind: 'resolved',
      identity: {
        user: { id: '5', name: '' },
        groups: [
          { id: '0', name: '' },
          { id: '6', name: '' },
        ],
        umask: '0077',
      },
    });
    expect(resolveUser({ user: '5', additionalGids: [6] }, {}).kind).toBe('refused');
  });

  it('have a limit of the files', () => {
    const passwd = `root:x:0:0::/:\n${'#'.repeat(LIMITS.userFileBytes)}`;
    expect(resolveUser({}, { passwd })).toMatchObject({ reason: 'a user file is too large' });
  });
});

interface Recorded {
  readonly passwd: string;
  readonly group: string;
  readonly cases: readonly {
    readonly etc: 'both' | 'none' | 'passwd-only';
    readonly user: string;
    readonly additional_gids: readonly number[];
    readonly expect: object;
  }[];
}

const root = vectorsDir('aci-enforcement');
const { cases, passwd, group }: Recorded =
  root === undefined
    ? { cases: [], passwd: '', group: '' }
    : JSON.parse(readFileSync(join(root, 'user-resolution.json'), 'utf8'));

describe.runIf(cases.length > 0)('recorded users', () => {
  const files: Readonly<Record<string, EtcFiles>> = {
    both: { passwd, group },
    'passwd-only': { passwd },
    none: {},
  };
  it.each(cases.map((one) => [one.etc, one.user, one.additional_gids, one] as const))(
    '%s %j %j',
    (_etc, user, additionalGids, one) => {
      const resolved = resolveUser({ user, additionalGids }, files[one.etc] ?? {});
      const seen = resolved.kind === 'refused' ? { error: true } : resolved.identity;
      expect(seen).toEqual(one.expect);
    },
  );
});
