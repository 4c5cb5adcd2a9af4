import { describe, expect, it } from 'vitest';
import type { ContainerData } from '../../../src/policy/kata/data.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import type { Container } from '../../../src/workload/pod.js';
import { buildOne, buildPolicy, containerOf, mountOf, podOf } from '../../support/pod-models.js';

const find = (entry: ContainerData | undefined, destination: string) =>
  entry?.OCI.Mounts?.find((mount) => mount.destination === destination);
const privileged = { securityContext: { privileged: true } };

describe('base mounts', () => {
  it('of pause lack the cgroups, and /dev/shm is that of the sandbox', () => {
    const [pause, container] = buildPolicy('C', podOf({})).data.containers;
    const base = ['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys'];
    expect(pause?.OCI.Mounts?.map(({ destination }) => destination)).toEqual([
      ...base,
      '/etc/resolv.conf',
    ]);
    expect(container?.OCI.Mounts?.map(({ destination }) => destination)).toEqual([
      ...base,
      '/sys/fs/cgroup',
      '/etc/hosts',
      '/dev/termination-log',
      '/etc/hostname',
      '/etc/resolv.conf',
      '/var/run/secrets/kubernetes.io/serviceaccount',
      '/var/run/secrets/azure/tokens',
    ]);
    expect(find(pause, '/dev/shm')).toEqual({
      destination: '/dev/shm',
      source: '/run/kata-containers/sandbox/shm',
      type_: 'bind',
      options: ['rbind'],
    });
  });

  it('of /sys can be written by privileged containers; in family U also by their pause', () => {
    const sysOf = (family: KataFamily, init: Partial<Container>) => {
      const pod = podOf({ initContainers: [containerOf(init)] });
      return buildPolicy(family, pod).data.containers.map((entry) =>
        find(entry, '/sys')?.options.at(-1),
      );
    };
    expect(sysOf('C', privileged)).toEqual(['ro', 'rw', 'ro']);
    expect(sysOf('M', privileged)).toEqual(['ro', 'rw', 'ro']);
    expect(sysOf('U', privileged)).toEqual(['rw', 'rw', 'ro']);
    expect(sysOf('U', {})).toEqual(['ro', 'ro', 'ro']);
    expect(find(buildOne('C', privileged), '/sys/fs/cgroup')?.options.at(-1)).toBe('rw');
  });
});

describe('settings mounts', () => {
  it('of name files follow the access of the root file system', () => {
    const options = (container: Partial<Container>, path: string) =>
      find(buildOne('C', container), path)?.options.join();
    const readOnly = { securityContext: { readOnlyRootFilesystem: true } };
    for (const path of ['/etc/hostname', '/etc/resolv.conf']) {
      expect(options({}, path)).toBe('rbind,rprivate,rw');
      expect(options(readOnly, path)).toBe('rbind,rprivate,ro');
    }
    expect(options(readOnly, '/etc/hosts')).toBe('rbind,rprivate,rw');
  });

  it('of the termination log move with terminationMessagePath', () => {
    const entry = buildOne('C', { terminationMessagePath: '/var/log/end' });
    expect(find(entry, '/dev/termination-log')).toBeUndefined();
    expect(find(entry, '/var/log/end')?.source).toBe('$(sfprefix)end$');
    expect(find(buildOne('C', { terminationMessagePath: '/' }), '/')?.source).toBe('');
  });

  it('are left out unless their place is listed or the container mounts something there', () => {
    const mount = { destination: '/extra', type_: 'bind', options: ['rbind'] };
    const patch = [{ op: 'add', path: '/other_container/Mounts/-', value: mount }];
    expect(find(buildOne('C', {}, { patch }), '/extra')).toBeUndefined();
    const volumeMounts = [mountOf('none', '/extra')];
    expect(find(buildOne('C', { volumeMounts }, { patch }), '/extra')?.source).toBe(
      '$(sfprefix)extra$',
    );
    const listed = [...patch, { op: 'add', path: '/mount_destinations/-', value: '/extra' }];
    expect(find(buildOne('C', {}, { patch: listed }), '/extra')?.options).toEqual(['rbind']);
  });

  it('that are listed twice: the second replaces the first, without access of the root', () => {
    const again = (destination: string) => {
      const mount = { destination, type_: 'bind', options: ['again'] };
      return { patch: [{ op: 'add', path: '/other_container/Mounts/-', value: mount }] };
    };
    const hostname = buildOne('C', {}, again('/etc/hostname'));
    expect(find(hostname, '/etc/hostname')?.options).toEqual(['again']);
    const log = buildOne('C', { terminationMessagePath: '/end' }, again('/dev/termination-log'));
    const ends = log.OCI.Mounts?.filter(({ destination }) => destination === '/end');
    expect(ends?.map(({ options }) => options[0])).toEqual(['rbind', 'again']);
  });

  it('replace base mounts in their place', () => {
    const mount = { destination: '/sys', source: 's', type_: 't', options: [] };
    const patch = [
      { op: 'add', path: '/other_container/Mounts/-', value: mount },
      { op: 'add', path: '/mount_destinations/-', value: '/sys' },
    ];
    expect(buildOne('C', {}, { patch }).OCI.Mounts?.[5]).toEqual(mount);
  });
});

describe('subPath', () => {
  it('is refused, also without a volume', () => {
    const volumeMounts = [mountOf('none', '/x', { subPath: '' })];
    expect(() => buildOne('C', { volumeMounts })).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_UNSUPPORTED',
        where: 'pod.yaml:12:7 volumeMounts.none',
      }),
    );
  });
});

describe('root', () => {
  it('is where the settings say, read-only if asked for', () => {
    const rootOf = (family: KataFamily, readOnlyRootFilesystem: boolean) =>
      buildOne(family, { securityContext: { readOnlyRootFilesystem } }).OCI.Root;
    expect(rootOf('C', true)).toEqual({ Path: '$(cpath)/$(bundle-id)', Readonly: true });
    expect(rootOf('M', false)).toEqual({ Path: '$(cpath)/$(bundle-id)/rootfs', Readonly: false });
    expect(rootOf('U', false).Path).toBe('$(root_path)');
  });
});
