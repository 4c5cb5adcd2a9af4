import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { KATA_GUESTS, type KataFamily } from '../../../src/policy/kata/guests.js';
import { parseSettings } from '../../../src/policy/kata/settings.js';
import { guestOf, ownSettingsText } from '../../support/kata-golden.js';
import { settingsOf } from '../../support/pod-models.js';
import { vectorsDir } from '../../support/vectors.js';

const FAMILIES: readonly KataFamily[] = ['C', 'V', 'M', 'U'];

const errorOf = (run: () => unknown): ToolError => {
  try {
    run();
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('no error');
};

describe('our settings', () => {
  it.each(KATA_GUESTS)('of $id are read', (guest) => {
    const settings = parseSettings(ownSettingsText(guest), guest.settingsFile, guest);
    expect(settings.capabilities.standard).toHaveLength(14);
    expect(settings.mountDestinations).toHaveLength(8);
  });

  it('decide the versions, pause images and namespaces of the guests', () => {
    expect(FAMILIES.map((family) => settingsOf(family).ociVersion)).toEqual([
      '1.1.0-rc.1',
      '1.2.0',
      '1.1.0',
      '1.1.0',
    ]);
    expect(settingsOf('C').pauseImage).toBe('mcr.microsoft.com/oss/v2/kubernetes/pause:3.6');
    expect(settingsOf('U').pauseImage).toBe('mcr.microsoft.com/oss/kubernetes/pause:3.6');
    expect(FAMILIES.map((family) => settingsOf(family).defaultNamespace)).toEqual([
      'default',
      '',
      '',
      '',
    ]);
    expect(FAMILIES.map((family) => settingsOf(family).verifiesLayers)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  describe.runIf(vectorsDir('kata-golden'))('against the reference', () => {
    it.each(FAMILIES)('family %s: are read as the reference settings are', (family) => {
      const file = join(vectorsDir('kata-golden') ?? '', 'settings', `settings-${family}.json`);
      const theirs = parseSettings(readFileSync(file, 'utf8'), file, guestOf(family));
      expect(settingsOf(family)).toEqual(theirs);
    });
  });
});

describe('a settings file', () => {
  it.each([
    ['C', 'common.cpath'],
    ['C', 'kata_config.confidential_guest'],
    ['C', 'cluster_config.default_namespace'],
    ['C', 'common.smb_storage_classes'],
    ['V', 'kata_config.oci_version'],
    ['V', 'volumes.confidential_emptyDir'],
    ['V', 'request_defaults.CreateContainerRequest.allow_env_regex_map'],
    ['M', 'cluster_config.guest_pull'],
    ['M', 'common.image_layer_verification'],
    ['U', 'devices.vfio.device_path'],
    ['U', 'kata_config.enable_configmap_secret_storages'],
    ['U', 'volumes.emptyDir_plain.shared'],
    ['U', 'request_defaults.AddARPNeighborsRequest'],
    ['U', 'sandbox.storages[0].fs_group'],
    ['U', 'pause_container.Root.Path'],
  ] as const)('family %s without %s is refused with its path', (family, path) => {
    const pointer = `/${path.replace(/\[(\d+)\]/g, '/$1').replaceAll('.', '/')}`;
    const error = errorOf(() => settingsOf(family, [{ op: 'remove', path: pointer }]));
    expect(error.code).toBe('SETTINGS_INVALID');
    expect(error.where).toBe(`${guestOf(family).settingsFile} ${path}`);
  });

  it.each(['Process', 'Linux'])('may leave out %s of a container, but not null it', (name) => {
    const at = (op: string, value?: unknown) => [{ op, path: `/pause_container/${name}`, value }];
    for (const family of FAMILIES) {
      expect(() => settingsOf(family, [...at('add', {}), ...at('remove')])).not.toThrow();
      expect(errorOf(() => settingsOf(family, at('add', null))).code).toBe('SETTINGS_INVALID');
    }
  });

  it.each(['MaskedPaths', 'ReadonlyPaths'])('of family C has %s where it has Linux', (name) => {
    const remove = [{ op: 'remove', path: `/pause_container/Linux/${name}` }];
    const error = errorOf(() => settingsOf('C', remove));
    expect(error.where).toBe(`${guestOf('C').settingsFile} pause_container.Linux.${name}`);
    for (const family of ['V', 'M', 'U'] as const) {
      expect(() => settingsOf(family, remove)).not.toThrow();
    }
  });

  it.each([
    ['/common/cpath', 1],
    ['/common/default_caps', 'CAP_CHOWN'],
    ['/request_defaults/CloseStdinRequest', 'false'],
    ['/request_defaults/UpdateInterfaceRequest/allow_raw_flags', -1],
    ['/pause_container/Annotations', []],
    ['/cluster_config/emptydir_type', 'tmpfs'],
    ['/cluster_config/emptydir_type', '__proto__'],
  ])('with a wrong type or value at %s is refused', (path, value) => {
    expect(errorOf(() => settingsOf('U', [{ op: 'replace', path, value }])).code).toBe(
      'SETTINGS_INVALID',
    );
  });

  it('may hold unknown fields', () => {
    const changed = settingsOf('C', [
      { op: 'add', path: '/unknown', value: { x: 1 } },
      { op: 'add', path: '/common/unknown', value: 1 },
    ]);
    expect(changed).toEqual(settingsOf('C'));
  });

  it.each(['V', 'M', 'U'] as const)('family %s: commands must be empty, and stay', (family) => {
    const path = '/request_defaults/ExecProcessRequest/commands';
    const error = errorOf(() => settingsOf(family, [{ op: 'add', path, value: ['ls'] }]));
    expect(error.code).toBe('SETTINGS_INVALID');
    expect(error.want).toContain('allowed_commands');
    const { requestDefaults } = settingsOf(family, [{ op: 'add', path, value: [] }]);
    expect(Object.entries(requestDefaults.ExecProcessRequest ?? {})[0]).toEqual(['commands', []]);
    const absent = settingsOf(family, [{ op: 'add', path, value: null }]);
    expect(Object.values(absent.requestDefaults.ExecProcessRequest ?? {})[0]).toBeUndefined();
  });

  it('refuses ids beyond 32 bits', () => {
    const user = (UID: number) => [
      { op: 'replace', path: '/pause_container/Process/User/UID', value: UID },
    ];
    expect(settingsOf('M', user(0xffff_ffff)).pauseContainer.user?.UID).toBe(0xffff_ffff);
    expect(errorOf(() => settingsOf('M', user(0x1_0000_0000))).code).toBe('SETTINGS_INVALID');
  });

  it('gives an absent cgroup list as empty, and takes the first of two classes of one name', () => {
    const cluster = settingsOf('U', [
      { op: 'remove', path: '/cluster_config/cgroup_mount_extras_allowed' },
    ]).clusterConfig;
    expect(cluster?.cgroup_mount_extras_allowed).toEqual([]);
    const classes = settingsOf('C', [
      {
        op: 'replace',
        path: '/common/smb_storage_classes',
        value: [
          { name: 'a', mount_options: ['first'] },
          { name: 'a', mount_options: ['second'] },
        ],
      },
    ]).storageClasses;
    expect(classes?.smb.get('a')).toEqual(['first']);
  });

  it('that is not JSON says where', () => {
    const error = errorOf(() => parseSettings('{"a": 1,}', 'my.json', guestOf('C')));
    expect([error.code, error.where]).toEqual(['JSON_SYNTAX', 'my.json:1:9']);
  });
});
