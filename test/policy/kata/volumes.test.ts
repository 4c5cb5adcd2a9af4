import { describe, expect, it } from 'vitest';
import type { MountData, StorageData } from '../../../src/policy/kata/data.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import type { PodSpec, VolumeMount, VolumeSource } from '../../../src/workload/pod.js';
import {
  type BuildOptions,
  buildOne,
  buildPolicy,
  containerOf,
  imageOf,
  mountOf,
  podOf,
  volume,
} from '../../support/pod-models.js';

const DEST = '/mnt/da.ta';
const FAMILIES = ['C', 'V', 'M', 'U'] as const;

interface Options extends BuildOptions {
  readonly mount?: Partial<VolumeMount>;
  readonly pod?: Partial<PodSpec>;
}

/** Mounts and storages that a volume `v-1.x`, mounted at /mnt/da.ta, adds. */
function volumeOf(family: KataFamily, source: VolumeSource, options: Options = {}) {
  const entry = buildOne(
    family,
    { volumeMounts: [mountOf('v-1.x', DEST, options.mount)] },
    { ...options, pod: { ...options.pod, volumes: [volume('v-1.x', source)] } },
  );
  const path = options.mount?.mountPath ?? DEST;
  return {
    mounts: (entry.OCI.Mounts ?? []).filter(({ destination }) => destination === path),
    storages: entry.storages.filter(
      ({ driver, fstype }) => fstype !== 'tar' && driver !== 'overlayfs',
    ),
  };
}

const brief = ({ source, type_, options }: MountData) => [type_, source, options.join(',')];
const mountText = (family: KataFamily, source: VolumeSource, options: Options = {}) =>
  volumeOf(family, source, options).mounts.flatMap(brief).join(' ');
const storage = (fields: Partial<StorageData>) => ({
  driver: '',
  driver_options: [],
  source: '',
  fstype: '',
  options: [],
  fs_group: null,
  ...fields,
});
const type = (value: string) => [{ op: 'replace', path: '/cluster_config/emptydir_type', value }];

describe('emptyDir', () => {
  const dir: VolumeSource = { kind: 'empty-dir' };

  it('is a local directory in families C, V and M', () => {
    const paths = ['local', 'local', 'rootfs/local'];
    for (const [index, family] of (['C', 'V', 'M'] as const).entries()) {
      const path = `^$(cpath)/$(sandbox-id)/${paths[index]}/v-1.x$`;
      const { mounts, storages } = volumeOf(family, dir);
      expect(mounts.map(brief)).toEqual([['local', path, 'rbind,rprivate,rw']]);
      const local = { driver: 'local', source: 'local', fstype: 'local', options: ['mode=0777'] };
      expect(storages).toEqual([storage({ ...local, mount_point: path, shared: undefined })]);
    }
  });

  it('follows confidential_guest in families V and M', () => {
    const patch = [{ op: 'replace', path: '/kata_config/confidential_guest', value: false }];
    expect(mountText('V', dir, { patch })).toContain('/rootfs/local/v-1.x$');
    expect(volumeOf('V', dir, { patch }).storages[0]?.mount_point).toBe(
      '^$(cpath)/$(sandbox-id)/local/v-1.x$',
    );
  });

  it('is a block device in family U', () => {
    const { mounts, storages } = volumeOf('U', dir, {
      pod: { securityContext: { fsGroup: 2000 } },
    });
    expect(mounts.map(brief)).toEqual([['bind', '', 'rbind,rprivate,rw']]);
    const encrypted = {
      driver_options: ['encryption_key=ephemeral', 'create_filesystem'],
      fstype: 'ext4',
      mount_point: '$(spath)/$(b64_device_id)',
      shared: true,
    };
    const fs_group = { group_id: 2000, group_change_policy: 0 };
    expect(storages).toEqual([storage({ ...encrypted, fs_group })]);
    expect(volumeOf('U', dir).storages).toEqual([storage(encrypted)]);
    const root = volumeOf('U', dir, { pod: { securityContext: { fsGroup: 0 } } });
    expect(root.storages[0]?.fs_group).toBeNull();
    expect(volumeOf('U', dir, { patch: type('block-plain') }).storages[0]?.options).toEqual([
      'discard',
    ]);
  });

  it('of family U has its name in paths with room for it, of the others always', () => {
    const patch = (setting: string, mount_source: string, mount_point: string) => [
      { op: 'replace', path: `/volumes/${setting}/mount_source`, value: mount_source },
      { op: 'replace', path: `/volumes/${setting}/mount_point`, value: mount_point },
    ];
    const paths = (family: KataFamily, setting: string, source: string, point: string) => {
      const { mounts, storages } = volumeOf(family, dir, { patch: patch(setting, source, point) });
      return [mounts[0]?.source, storages[0]?.mount_point];
    };
    expect(paths('U', 'emptyDir_encrypted', '^x/', '^y/')).toEqual(['^x/v-1.x$', '^y/v-1.x$']);
    expect(paths('U', 'emptyDir_encrypted', '^x', '^y')).toEqual(['^xv-1.x$', '^y']);
    expect(paths('U', 'emptyDir_encrypted', '', '')).toEqual(['', '']);
    expect(paths('C', 'emptyDir', '', '^y')).toEqual(['v-1.x$', '^yv-1.x$']);
  });

  it('is two mounts on a shared file system', () => {
    const { mounts, storages } = volumeOf('U', dir, {
      patch: type('shared-fs'),
      mount: { readOnly: true, subPathExpr: '$(X)' },
    });
    expect(mounts.map(brief)).toEqual([
      ['bind', '^$(cpath)/sandbox-[0-9a-f]{16}-v\\-1\\.x$', 'rbind,rprivate,ro'],
      ['bind', '$(sfprefix)da\\.ta$', 'rbind,rprivate,ro'],
    ]);
    expect(storages).toEqual([]);
  });

  it('in memory is the same everywhere but for readOnly and the group', () => {
    const memory: VolumeSource = { kind: 'empty-dir', medium: 'Memory' };
    const path = '^/run/kata-containers/sandbox/ephemeral/v-1.x$';
    for (const family of FAMILIES) {
      const { mounts, storages } = volumeOf(family, memory, {
        patch: [],
        mount: { readOnly: true },
      });
      const access = family === 'C' ? 'rw' : 'ro';
      expect(mounts.map(brief)).toEqual([['bind', path, `rbind,rprivate,${access}`]]);
      expect(storages.map(({ driver, mount_point }) => [driver, mount_point])).toEqual([
        ['ephemeral', path],
      ]);
    }
    const options = (family: KataFamily, fsGroup: number) =>
      volumeOf(family, memory, { pod: { securityContext: { fsGroup } } }).storages[0]?.options;
    expect(options('U', 2000)).toEqual(['fsgid=2000']);
    expect(options('U', 0)).toEqual([]);
    expect(options('M', 2000)).toEqual([]);
    expect(mountText('U', memory, { patch: type('shared-fs') })).toContain('ephemeral');
    expect(mountText('U', { kind: 'empty-dir', medium: 'HugePages' })).toBe(
      'bind  rbind,rprivate,rw',
    );
  });

  it('with subPathExpr is a shared mount without storage', () => {
    for (const family of FAMILIES) {
      const { mounts, storages } = volumeOf(family, dir, { mount: { subPathExpr: '$(X)' } });
      expect(mounts.map(brief)).toEqual([['bind', '$(sfprefix)da.ta$', 'rbind,rprivate,rw']]);
      expect(storages).toEqual([]);
    }
  });
});

describe('configMap and secret', () => {
  it('are mounted from the guest where it is confidential, without storage', () => {
    for (const family of ['C', 'V', 'U'] as const) {
      for (const kind of ['config-map', 'secret'] as const) {
        const { mounts, storages } = volumeOf(family, { kind });
        expect(mounts.map(brief)).toEqual([['bind', '$(sfprefix)da.ta$', 'rbind,rprivate,ro']]);
        expect(storages).toEqual([]);
      }
    }
  });

  it('are watched by storages where it is not', () => {
    const path = '^$(cpath)/watchable/$(bundle-id)-[a-z0-9]{16}-da.ta$';
    const { mounts, storages } = volumeOf('M', { kind: 'secret' });
    expect(mounts.map(brief)).toEqual([['bind', path, 'rbind,rprivate,ro']]);
    expect(storages).toEqual([
      storage({
        driver: 'watchable-bind',
        source: '$(sfprefix)v-1.x$',
        fstype: 'bind',
        options: ['rbind', 'rprivate', 'ro'],
        mount_point: path,
        shared: undefined,
      }),
    ]);
    const patch = [
      { op: 'replace', path: '/kata_config/enable_configmap_secret_storages', value: true },
    ];
    const u = volumeOf('U', { kind: 'config-map' }, { patch });
    expect(u.storages[0]?.source).toBe('$(sfprefix)da.ta$');
    expect(u.storages[0]?.shared).toBe(false);
  });

  it('end with the last part of the path that is not empty', () => {
    expect(mountText('C', { kind: 'secret' }, { mount: { mountPath: '/etc/x/' } })).toContain('x$');
    for (const family of FAMILIES) {
      expect(() => volumeOf(family, { kind: 'secret' }, { mount: { mountPath: '/' } })).toThrow(
        expect.objectContaining({
          code: 'MANIFEST_UNSUPPORTED',
          where: 'pod.yaml:12:7 volumeMounts.v-1.x',
        }),
      );
    }
  });
});

describe('shared volumes', () => {
  const claim: VolumeSource = { kind: 'persistent-volume-claim', claimName: 'x' };
  const host = (path: string): VolumeSource => ({ kind: 'host-path', path });
  const asked = { readOnly: true, mountPropagation: 'Bidirectional' };

  it.each<[string, VolumeSource, string, string]>([
    ['claim', claim, 'rbind,rshared,ro', 'rbind,rprivate,rw'],
    ['azureFile', { kind: 'azure-file' }, 'rbind,rshared,ro', 'rbind,rprivate,rw'],
    ['hostPath', host('/tmp/results'), 'rbind,rshared,ro', 'rbind,rshared,ro'],
    ['projected', { kind: 'projected' }, 'rbind,rprivate,ro', 'rbind,rprivate,ro'],
  ])('%s', (_name, source, cv, mu) => {
    expect(FAMILIES.map((family) => mountText(family, source, { mount: asked }))).toEqual([
      `bind $(sfprefix)da.ta$ ${cv}`,
      `bind $(sfprefix)da.ta$ ${cv}`,
      `bind $(sfprefix)da.ta$ ${mu}`,
      `bind $(sfprefix)da\\.ta$ ${mu}`,
    ]);
  });

  it('downwardAPI is escaped nowhere', () => {
    for (const family of FAMILIES) {
      expect(mountText(family, { kind: 'downward-api' })).toBe(
        'bind $(sfprefix)da.ta$ rbind,rprivate,ro',
      );
    }
  });

  it.each(['/dev/ttyS0', '/dev', '//dev/x', '/sys/fs', '/dev/'])(
    'host path %s is that of the guest',
    (path) => {
      for (const family of FAMILIES) {
        expect(mountText(family, host(path))).toBe(`bind ${path} rbind,rprivate,rw`);
      }
    },
  );

  it.each(['/devices', '/system', 'dev/x', '/x/dev'])('host path %s is shared', (path) => {
    expect(mountText('C', host(path))).toBe('bind $(sfprefix)da.ta$ rbind,rprivate,rw');
  });

  it('at a path with a trailing slash', () => {
    const mount = { mountPath: '/a/b/' };
    const sources = FAMILIES.map(
      (family) => volumeOf(family, host('/x'), { mount }).mounts[0]?.source,
    );
    expect(sources).toEqual([...Array(3).fill('$(sfprefix)$'), '$(sfprefix)b$']);
    expect(mountText('U', { kind: 'downward-api' }, { mount })).toContain('$(sfprefix)$');
  });

  it('at / are refused in family U only', () => {
    const mount = { mountPath: '/' };
    expect(volumeOf('C', host('/x'), { mount }).mounts[0]?.source).toBe('$(sfprefix)$');
    expect(() => volumeOf('U', host('/x'), { mount })).toThrow(
      expect.objectContaining({ code: 'MANIFEST_UNSUPPORTED' }),
    );
  });

  it('replace a mount that is there', () => {
    for (const source of [host('/x'), claim]) {
      const { mounts } = volumeOf('C', source, { mount: { mountPath: '/etc/hosts' } });
      expect(mounts.map(brief)).toEqual([['bind', '$(sfprefix)hosts$', 'rbind,rprivate,rw']]);
    }
    const dir = volumeOf('C', { kind: 'empty-dir' }, { mount: { mountPath: '/etc/hosts' } });
    expect(dir.mounts).toHaveLength(2);
  });
});

describe('storage classes', () => {
  const claims = [
    { name: 'block', inList: false, storageClassName: 'cc-managed-csi' },
    { name: 'smb', inList: false, storageClassName: 'azurefile-csi-kata-cc' },
    { name: 'other', inList: false, storageClassName: 'other' },
  ];
  const claim = (claimName: string): VolumeSource => ({
    kind: 'persistent-volume-claim',
    claimName,
  });
  const options = { attachments: { claims } };
  const SMB = 'dir_mode=0777,file_mode=0777,mfsymlinks,cache=strict,nosharesock,actimeo=30,nobrl';

  it.each([
    ['C', 'block', 'blk $(direct-vol-path) $(fs-type) '],
    ['C', 'smb', `smb $(direct-vol-path) $(fs-type) ${SMB}`],
    ['V', 'block', 'blk  ext4 '],
    ['V', 'smb', `smb  cifs ${SMB}`],
  ] as const)('family %s, class of %s', (family, name, expected) => {
    const { mounts, storages } = volumeOf(family, claim(name), options);
    const path = '$(spath)/$(b64-direct-vol-path)';
    expect(mounts.map(brief)).toEqual([['bind', path, 'rbind,rprivate,rw']]);
    expect(
      storages.map((s) => [s.driver, s.source, s.fstype, s.options.join(',')].join(' ')),
    ).toEqual([expected]);
    expect(storages[0]?.mount_point).toBe(path);
    const [{ storageClassName = '' } = {}] = claims.filter((entry) => entry.name === name);
    expect(volumeOf(family, { kind: 'ephemeral', storageClassName }).storages).toEqual(storages);
  });

  it('that are not known make shared mounts, with a notice', () => {
    expect(mountText('C', claim('other'), options)).toContain('$(sfprefix)da.ta$');
    const pod = podOf({
      containers: [containerOf({ volumeMounts: [mountOf('v', '/v')] })],
      volumes: [volume('v', claim('other'))],
    });
    expect(buildPolicy('C', pod, options).codes).toEqual(['storage-class-unknown']);
    expect(buildPolicy('U', pod, options).codes).toEqual([]);
  });

  it.each(['M', 'U'] as const)('family %s has no ephemeral volumes', (family) => {
    expect(() => volumeOf(family, { kind: 'ephemeral' })).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_UNSUPPORTED',
        where: 'pod.yaml:20:5 volumes.v-1.x',
      }),
    );
  });
});

describe('order', () => {
  const mounts = (family: KataFamily) => {
    const container = containerOf({
      image: 'volumes',
      volumeMounts: [mountOf('claim', '/claim/www/', { readOnly: true }), mountOf('dir', '/dir')],
    });
    const workload = podOf(
      { containers: [container], volumes: [volume('dir', { kind: 'projected' })] },
      { kind: 'StatefulSet', claimTemplates: [{ name: 'claim' }] },
    );
    const images = { volumes: imageOf('volumes', { volumes: ['//image//a/', '/dir'] }) };
    const entry = buildPolicy(family, workload, { images }).data.containers[1];
    const names = ['/claim/www/', '/dir', '/image/a/'];
    return (entry?.OCI.Mounts ?? []).filter(({ destination }) => names.includes(destination));
  };

  it('of claim templates, volumes and image volumes', () => {
    const order = (family: KataFamily) => mounts(family).map(({ destination }) => destination);
    expect(order('C')).toEqual(['/dir', '/claim/www/']);
    expect(order('V')).toEqual(['/dir', '/image/a/', '/claim/www/']);
    expect(order('M')).toEqual(['/claim/www/', '/dir', '/image/a/']);
    expect(order('U')).toEqual(['/claim/www/', '/dir', '/image/a/']);
  });

  it('leaves the options and names of claim templates and image volumes', () => {
    expect(mounts('C').map(brief)[1]).toEqual(['bind', '$(sfprefix)$', 'rbind,rprivate,ro']);
    expect(mounts('U').map(brief)[0]).toEqual([
      'bind',
      '^/run/kata-containers/shared/containers/$(bundle-id)-[a-z0-9]{16}-www$',
      'rbind,rprivate,rw',
    ]);
    expect(mounts('U').map(brief)[2]).toEqual(['bind', '$(sfprefix)a$', 'rbind,rprivate,rw']);
  });
});

describe('image volumes', () => {
  it('have a storage in family V', () => {
    const images = { i: imageOf('i', { volumes: ['/data'] }) };
    const { storages } = buildOne('V', { image: 'i' }, { images });
    expect(storages.at(-1)).toMatchObject({
      driver: 'local',
      source: 'local',
      fstype: 'bind',
      options: ['rbind', 'rprivate', 'rw'],
      mount_point: '/data',
    });
    expect(buildOne('M', { image: 'i' }, { images }).storages).toEqual([]);
  });

  it('without a name are refused', () => {
    const images = { i: imageOf('i', { volumes: ['//'] }) };
    expect(() => buildOne('U', { image: 'i' }, { images })).toThrow(
      expect.objectContaining({ code: 'IMAGE_UNSUPPORTED' }),
    );
  });
});
