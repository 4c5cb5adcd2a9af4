import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import type { ContainerSecurityContext, PodSecurityContext } from '../../../src/workload/pod.js';
import {
  buildPolicy,
  containerOf,
  GROUP,
  imageOf,
  PASSWD,
  podOf,
  userFile,
} from '../../support/pod-models.js';

const NO_GUEST_PULL = [{ op: 'add', path: '/cluster_config/guest_pull', value: false }];
const FILES = [userFile('passwd', `${PASSWD}\n`), userFile('group', `${GROUP}\n`)];

/** `UID:GID [groups]` of the pause container and of a container of an image with the given User. */
function usersOf(
  family: KataFamily,
  user: string | undefined,
  pod?: PodSecurityContext,
  own?: ContainerSecurityContext,
  files = FILES,
): readonly string[] {
  const container = containerOf({
    image: 'app',
    ...(own === undefined ? {} : { securityContext: own }),
  });
  const { data } = buildPolicy(
    family,
    podOf({ containers: [container], ...(pod === undefined ? {} : { securityContext: pod }) }),
    {
      images: { app: imageOf('app', user === undefined ? {} : { user }, [files]) },
      patch: NO_GUEST_PULL,
    },
  );
  return data.containers.map(({ OCI }) => {
    const { UID, GID, AdditionalGids } = OCI.Process.User;
    return `${UID}:${GID} [${AdditionalGids.join(',')}]`;
  });
}

function outcome(...args: Parameters<typeof usersOf>): string | undefined {
  try {
    return usersOf(...args)[1];
  } catch (error) {
    if (error instanceof ToolError) return error.code;
    throw error;
  }
}

const REFUSED = 'MANIFEST_UNSUPPORTED';

describe('user of a container', () => {
  it.each<
    [
      string | undefined,
      PodSecurityContext | undefined,
      ContainerSecurityContext | undefined,
      string,
      string,
      string,
      string?,
    ]
  >([
    [undefined, undefined, undefined, '0:0 []', '0:0 []', '0:0 [0]'],
    ['', undefined, undefined, '0:0 []', '0:0 []', '0:0 [0]'],
    ['1000', undefined, undefined, '1000:0 []', '1000:0 []', '1000:1001 [10,63,1001]'],
    ['+1000', undefined, undefined, '1000:0 []', '1000:0 []', '1000:1001 [10,63,1001]'],
    ['1000:63', undefined, undefined, '1000:63 []', '1000:63 []', '1000:1001 [10,63,1001]'],
    ['app', undefined, undefined, '0:0 []', '1000:1001 []', '1000:1001 [10,63,1001]'],
    [
      'app:wheel',
      undefined,
      undefined,
      'IMAGE_USER_UNRESOLVED',
      '0:0 []',
      '1000:1001 [10,63,1001]',
    ],
    [
      '1000:wheel',
      undefined,
      undefined,
      'IMAGE_USER_UNRESOLVED',
      '1000:0 []',
      '1000:1001 [10,63,1001]',
    ],
    ['app:63', undefined, undefined, '0:63 []', '0:63 []', '1000:1001 [10,63,1001]'],
    ['ghost', undefined, undefined, '0:0 []', '0:0 []', '0:0 [0]'],
    ['5000:7', undefined, undefined, '5000:7 []', '5000:7 []', '5000:0 [0]'],
    ['5000:7:9', undefined, undefined, '5000:7 []', '0:0 []', '0:0 [0]'],
    ['4294967296', undefined, undefined, '0:0 []', '0:0 []', '0:0 [0]'],
    ['app', { runAsUser: 1002 }, undefined, '1002:0 []', '1002:1001 []', '1002:1003 [10,1003]'],
    ['app', { runAsUser: 7777 }, undefined, '7777:0 []', '7777:1001 []', '7777:0 [0]'],
    ['app', { runAsUser: 0 }, undefined, '0:0 []', '0:1001 []', '0:0 [0]'],
    ['app', { runAsGroup: 42 }, undefined, REFUSED, REFUSED, '1000:42 [10,42,63]'],
    ['app', { runAsUser: 1002, runAsGroup: 42 }, undefined, REFUSED, REFUSED, '1002:42 [10,42]'],
    ['app', { fsGroup: 2000 }, undefined, REFUSED, REFUSED, '1000:1001 [10,63,1001,2000]'],
    [
      'app',
      { runAsUser: 1002, fsGroup: 2000, supplementalGroups: [5] },
      undefined,
      REFUSED,
      REFUSED,
      '1002:1003 [5,10,1003,2000]',
    ],
    [
      'app',
      undefined,
      { runAsUser: 1002 },
      '1002:0 []',
      '1002:1001 []',
      '1002:1003 [10,1003]',
      '1002:1003 [10,1001,1003]',
    ],
    ['app', undefined, { runAsUser: 7777 }, '7777:0 []', '7777:1001 []', '7777:1001 [1001]'],
    [
      'app',
      undefined,
      { runAsGroup: 42 },
      REFUSED,
      REFUSED,
      '1000:42 [10,42,63]',
      '1000:42 [10,42,63,1001]',
    ],
    [
      'app',
      undefined,
      { runAsUser: 1002, runAsGroup: 42 },
      REFUSED,
      REFUSED,
      '1002:42 [10,42]',
      '1002:42 [10,42,1001,1003]',
    ],
    [
      'app',
      { runAsUser: 1000, runAsGroup: 50, fsGroup: 60 },
      { runAsUser: 1002 },
      REFUSED,
      REFUSED,
      '1002:1003 [10,60,1003]',
      '1002:1003 [10,50,60,1003]',
    ],
    [
      undefined,
      { runAsUser: 1000 },
      { runAsGroup: 9 },
      REFUSED,
      REFUSED,
      '1000:9 [9,10,63]',
      '1000:9 [9,10,63,1001]',
    ],
  ])('image %s, pod %j, container %j', (user, pod, own, c, v, m, u = m) => {
    const families = ['C', 'V', 'M', 'U'] as const;
    expect(families.map((family) => outcome(family, user, pod, own))).toEqual([c, v, m, u]);
  });

  it.each<[PodSecurityContext | undefined, string, string]>([
    [undefined, '65535:65535 []', '65535:65535 [65535]'],
    [{ runAsUser: 1002 }, '1002:65535 []', '1002:0 [0]'],
    [{ runAsGroup: 42 }, REFUSED, '65535:42 [42]'],
    [{ runAsUser: 1002, runAsGroup: 42 }, REFUSED, '1002:42 [42]'],
    [{ fsGroup: 7, supplementalGroups: [8] }, REFUSED, '65535:65535 [65535]'],
  ])('of the pause image with pod %j', (pod, cv, mu) => {
    for (const family of ['M', 'U'] as const) expect(usersOf(family, undefined, pod)[0]).toBe(mu);
    if (cv === REFUSED) return;
    for (const family of ['C', 'V'] as const) expect(usersOf(family, undefined, pod)[0]).toBe(cv);
  });

  it('of the settings fills what is 0, and gives groups and name', () => {
    const user = { UID: 77, GID: 78, AdditionalGids: [9, 8, 9], Username: 'set' };
    const patch = [
      ...NO_GUEST_PULL,
      { op: 'add', path: '/other_container/Process', value: { User: user } },
    ];
    const of = (family: KataFamily) =>
      buildPolicy(family, podOf({}), { patch }).data.containers[1]?.OCI.Process.User;
    expect(of('C')).toEqual(user);
    expect(of('M')).toEqual({ UID: 77, GID: 78, AdditionalGids: [8, 9, 78], Username: 'set' });
    expect(of('U')).toEqual({ UID: 0, GID: 0, AdditionalGids: [0], Username: '' });
  });

  it('that is a name counts as root where names are not resolved, with a notice', () => {
    const { codes } = buildPolicy('C', podOf({ containers: [containerOf({ image: 'app' })] }), {
      images: { app: imageOf('app', { user: 'app' }) },
    });
    expect(codes).toEqual(['image-user-is-root']);
  });

  it.each<[string, PodSecurityContext | undefined, string]>([
    ['5000:10', undefined, '5000:10 [10]'],
    ['app:wheel', undefined, '1000:10 [10,63]'],
    ['5000:ghosts', undefined, '5000:0 []'],
    ['5000', undefined, '5000:0 []'],
    ['app', undefined, '1000:1001 [10,63,1001]'],
    ['', { fsGroup: 7 }, '0:0 [7]'],
    ['', { fsGroup: 7, runAsUser: 5 }, '5:0 [0]'],
    ['5000:10', { fsGroup: 7 }, '5000:10 [10]'],
  ])('of a pause image with user %s and pod %j in family U', (user, pod, expected) => {
    const { data } = buildPolicy('U', podOf(pod === undefined ? {} : { securityContext: pod }), {
      images: { own: imageOf('own', { user }, [FILES]) },
      patch: [{ op: 'replace', path: '/cluster_config/pause_container_image', value: 'own' }],
    });
    const pause = data.containers[0]?.OCI.Process.User;
    expect(`${pause?.UID}:${pause?.GID} [${pause?.AdditionalGids.join(',')}]`).toBe(expected);
  });
});

describe('/etc/passwd and /etc/group over layers', () => {
  const layersOf = (family: KataFamily, layers: Parameters<typeof imageOf>[2]) =>
    buildPolicy(family, podOf({ containers: [containerOf({ image: 'app' })] }), {
      images: { app: imageOf('app', { user: 'app' }, layers) },
      patch: NO_GUEST_PULL,
    });
  const uidOf = (family: KataFamily, layers: Parameters<typeof imageOf>[2]) =>
    layersOf(family, layers).data.containers[1]?.OCI.Process.User.UID;
  const passwd = (uid: number) => userFile('passwd', `app:x:${uid}:1::/:/bin/sh\n`);
  const removed = userFile('passwd', '', { kind: 'whiteout' });
  const empty = userFile('passwd', '');

  it.each([
    ['the upper layer wins', [[passwd(5)], [passwd(6)]], 6, 6, 6],
    ['a layer without the file keeps it', [[passwd(5)], []], 5, 5, 5],
    ['an empty file keeps it', [[passwd(5)], [empty]], 5, 5, 5],
    ['a link keeps it', [[passwd(5)], [userFile('passwd', '', { kind: 'link' })]], 5, 5, 5],
    ['a removal forgets it', [[passwd(5)], [removed]], 0, 0, 0],
    ['a file after the removal counts', [[passwd(5)], [removed], [passwd(7)]], 7, 7, 7],
    ['the first match of a layer', [[passwd(5), passwd(6)]], 5, 5, 5],
    ['a removal before a file in one layer spoils it', [[removed, passwd(6)]], 0, 0, 0],
    [
      'other spellings count for U only',
      [[userFile('passwd', passwd(5).text, { exactName: false })]],
      0,
      0,
      5,
    ],
    [
      'a line with other fields spoils the file',
      [[userFile('passwd', `x\n${passwd(5).text}`)]],
      0,
      0,
      0,
    ],
    ['an empty line spoils the file', [[userFile('passwd', `${passwd(5).text}\n`)]], 0, 0, 0],
    ['line ends may be CRLF', [[userFile('passwd', 'app:x:5:1::/:/bin/sh\r\n')]], 5, 5, 5],
  ])('%s', (_name, layers, v, m, u) => {
    expect([uidOf('V', layers), uidOf('M', layers), uidOf('U', layers)]).toEqual([v, m, u]);
  });

  it('a second file is read until the group was met', () => {
    const group = userFile('group', 'g:x:1:app\n');
    const early = layersOf('M', [[passwd(5), group, userFile('passwd', 'broken')]]);
    expect(early.data.containers[1]?.OCI.Process.User.UID).toBe(5);
    const late = layersOf('M', [[passwd(5), userFile('passwd', 'b:x:6:1::/:\n'), group]]);
    expect(late.data.containers[1]?.OCI.Process.User.UID).toBe(5);
    const broken = layersOf('M', [[passwd(5), userFile('passwd', 'broken'), group]]);
    expect(broken.data.containers[1]?.OCI.Process.User.UID).toBe(0);
    expect(broken.codes).toContain('user-file-unusable');
  });

  it('bytes that are not UTF-8 are refused where the guest reads them', () => {
    const bad = [[userFile('passwd', '', { kind: 'not-utf8' })]];
    for (const family of ['V', 'M', 'U'] as const) {
      expect(() => uidOf(family, bad)).toThrow(
        expect.objectContaining({ code: 'IMAGE_USER_UNRESOLVED', where: 'app layer 1' }),
      );
    }
    expect(uidOf('C', bad)).toBe(0);
    const guestPull = [{ op: 'replace', path: '/cluster_config/guest_pull', value: true }];
    const images = { app: imageOf('app', { user: '5' }, bad) };
    const { data } = buildPolicy('M', podOf({ containers: [containerOf({ image: 'app' })] }), {
      images,
      patch: guestPull,
    });
    expect(data.containers[1]?.OCI.Process.User.UID).toBe(5);
  });

  it('an id that is no number is refused', () => {
    const bad = [[userFile('passwd', 'app:x:me:1::/:/bin/sh\n')]];
    expect(() => uidOf('U', bad)).toThrow(
      expect.objectContaining({
        code: 'IMAGE_USER_UNRESOLVED',
        got: 'me',
        where: 'app /etc/passwd',
      }),
    );
    expect(() => uidOf('V', bad)).toThrow(ToolError);
  });

  it('a group of the name of the user is left out', () => {
    const files = [
      userFile('passwd', 'app:x:5:1::/:/bin/sh\n'),
      userFile('group', 'app:x:1:app\nx:x:2:app,y\ny:x:3:y,app2\n'),
    ];
    expect(layersOf('U', [files]).data.containers[1]?.OCI.Process.User.AdditionalGids).toEqual([
      1, 2,
    ]);
  });
});
