import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import type { Container } from '../../../src/workload/pod.js';
import { buildOne, buildPolicy, containerOf, podOf } from '../../support/pod-models.js';

const limits = (entries: Readonly<Record<string, string>>) => ({
  limits: new Map(Object.entries(entries)),
});
const gpu = (count: string) => limits({ 'nvidia.com/pgpu': count });

describe('paths', () => {
  it('are masked unless the container is privileged; those of the settings always', () => {
    const pathsOf = (container: Partial<Container>, patch: readonly object[] = []) => {
      const { MaskedPaths, ReadonlyPaths } = buildOne('C', container, { patch }).OCI.Linux;
      return [MaskedPaths.length, ReadonlyPaths.length];
    };
    const privileged = { securityContext: { privileged: true } };
    const masked = [
      {
        op: 'add',
        path: '/other_container/Linux',
        value: { MaskedPaths: ['/x'], ReadonlyPaths: [] },
      },
    ];
    expect(pathsOf({})).toEqual([9, 6]);
    expect(pathsOf(privileged)).toEqual([0, 0]);
    expect(pathsOf({}, masked)).toEqual([1, 6]);
    expect(pathsOf(privileged, masked)).toEqual([1, 0]);
  });
});

describe('sysctls', () => {
  const sysctls = [
    { name: 'net.core.somaxconn', value: '1' },
    { name: 'net.ipv4.ping_group_range', value: '1 2' },
  ];

  it('of the pod override those of the settings, in every container', () => {
    const { data } = buildPolicy('V', podOf({ securityContext: { sysctls } }));
    for (const { OCI } of data.containers) {
      expect([...(OCI.Linux.Sysctl ?? [])].sort()).toEqual([
        ['net.core.somaxconn', '1'],
        ['net.ipv4.ip_unprivileged_port_start', '0'],
        ['net.ipv4.ping_group_range', '1 2'],
      ]);
    }
  });

  it('are left out where there are none, and refused in family C', () => {
    const patch = [{ op: 'remove', path: '/other_container/Linux/Sysctl' }];
    expect(buildOne('U', {}, { patch }).OCI.Linux.Sysctl).toBeUndefined();
    expect(buildOne('C', {}).OCI.Linux.Sysctl).toBeUndefined();
    expect(() => buildPolicy('C', podOf({ securityContext: { sysctls } }))).toThrow(
      expect.objectContaining({ code: 'MANIFEST_UNSUPPORTED', where: 'pod.yaml:1:1' }),
    );
  });
});

describe('devices', () => {
  const volumeDevices = [
    { name: 'd', devicePath: '/dev/xvda' },
    { name: 'e', devicePath: '/dev/xvdb' },
  ];
  const device = (container_path: string, type_ = '') => ({
    id: '',
    type_,
    vm_path: '',
    container_path,
    options: [],
  });

  it.each<KataFamily>(['V', 'M', 'U'])('of volumes in family %s', (family) => {
    const patch = [
      { op: 'add', path: '/other_container/Linux/Devices', value: [{ Type: 'c', Path: '/dev/s' }] },
    ];
    const entry = buildOne(family, { volumeDevices }, { patch });
    expect(entry.devices).toEqual([device('/dev/xvda'), device('/dev/xvdb')]);
    expect(entry.OCI.Linux.Devices).toEqual([
      { Type: '', Path: '/dev/xvda' },
      { Type: '', Path: '/dev/xvdb' },
      { Type: 'c', Path: '/dev/s' },
    ]);
  });

  it('are none in family C', () => {
    expect(buildOne('C', {}).devices).toBeUndefined();
    expect(buildOne('C', {}).OCI.Linux.Devices).toBeUndefined();
    expect(() => buildOne('C', { volumeDevices })).toThrow(
      expect.objectContaining({ code: 'MANIFEST_UNSUPPORTED' }),
    );
  });

  it('may not have the path of GPUs in family U', () => {
    const reserved = [{ name: 'd', devicePath: '/dev/vfio/devices/vfio0' }];
    expect(() => buildOne('U', { volumeDevices: reserved })).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_UNSUPPORTED',
        where: 'pod.yaml:5:5 spec.containers[0]',
      }),
    );
    expect(buildOne('M', { volumeDevices: reserved }).devices).toHaveLength(1);
  });

  it('of GPUs follow the limits in family U', () => {
    const entry = buildOne('U', { ...gpu('2'), volumeDevices: volumeDevices.slice(0, 1) });
    const path = '/dev/vfio/devices/vfio';
    expect(entry.devices).toEqual([
      device('/dev/xvda'),
      device(path, 'vfio-pci-gk'),
      device(path, 'vfio-pci-gk'),
    ]);
    expect(entry.OCI.Linux.Devices).toHaveLength(1);
    expect(entry.runtime_anno_patterns?.get('^cdi\\.k8s\\.io/vfio[0-9]+$')).toBe(
      '^nvidia\\.com/gpu=[0-9]+$',
    );
    expect(buildOne('M', gpu('2')).devices).toEqual([]);
  });

  it('of GPUs: limits that are no integers count as none, for all keys', () => {
    const keys = ['a', 'b'];
    const patch = [{ op: 'replace', path: '/devices/vfio/nvidia/pgpu_resource_keys', value: keys }];
    const count = (entries: Readonly<Record<string, string>>) =>
      buildOne('U', limits(entries), { patch }).devices?.length;
    expect(count({ a: '1', b: '+2' })).toBe(3);
    expect(count({ a: '1', b: '1k' })).toBe(0);
    expect(count({ a: '1', c: '5' })).toBe(1);
    expect(buildOne('U', gpu('0')).runtime_anno_patterns?.size).toBe(2);
  });

  it('of GPUs are limited', () => {
    expect(buildOne('U', gpu(String(LIMITS.gpus))).devices).toHaveLength(LIMITS.gpus);
    expect(() => buildOne('U', gpu(String(LIMITS.gpus + 1)))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});

describe('runtime annotations', () => {
  it('are patterns in family U, none for pause', () => {
    const { data } = buildPolicy('U', podOf({}));
    expect(data.containers.map((entry) => entry.runtime_anno_patterns?.size)).toEqual([0, 2]);
    expect(buildOne('M', {}).runtime_anno_patterns).toBeUndefined();
  });
});

describe('process namespace', () => {
  it('is shared by all containers but pause', () => {
    const pod = podOf({ shareProcessNamespace: true, initContainers: [containerOf()] });
    const shared = buildPolicy('C', pod).data.containers.map((entry) => entry.sandbox_pidns);
    expect(shared).toEqual([false, true, true]);
  });
});
