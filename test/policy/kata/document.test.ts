import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { requiredFacts, requiredImages } from '../../../src/policy/kata/document.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import { printPolicyData } from '../../../src/policy/kata/print.js';
import { guestOf } from '../../support/kata-golden.js';
import {
  buildPolicy,
  containerOf,
  GROUP,
  imageOf,
  mountOf,
  PASSWD,
  PATH,
  podOf,
  settingsOf,
  userFile,
  variable,
  volume,
} from '../../support/pod-models.js';

const PAUSE = 'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6';
const FILES = [userFile('passwd', PASSWD), userFile('group', GROUP)];

describe('a minimal pod of family C (worked example)', () => {
  const web = containerOf({
    name: 'web',
    command: ['/bin/sh', '-c'],
    args: ['echo $(GREETING); sleep 1000'],
    env: [
      variable('GREETING', 'hello $(POD_NAME)'),
      variable('POD_NAME', { kind: 'field', fieldPath: 'metadata.name' }),
    ],
  });
  const pod = podOf({ containers: [web] }, { name: 'demo' });
  const images = { 'busybox:1.36': imageOf('busybox:1.36', { cmd: ['sh'], workingDir: '/' }) };
  const { data, codes } = buildPolicy('C', pod, { images });
  const printed = JSON.parse(printPolicyData(data));

  it('has the entry of the specification', () => {
    const entry = printed.containers[1];
    expect(entry.OCI.Process).toEqual({
      Terminal: false,
      User: { UID: 0, GID: 0, AdditionalGids: [], Username: '' },
      Args: ['/bin/sh', '-c', 'echo hello $(sandbox-name); sleep 1000'],
      Env: [
        PATH,
        'HOSTNAME=$(host-name)',
        'GREETING=hello $(sandbox-name)',
        'POD_NAME=$(sandbox-name)',
      ],
      Cwd: '/',
      Capabilities: {
        Ambient: [],
        Bounding: ['$(default_caps)'],
        Effective: ['$(default_caps)'],
        Inheritable: [],
        Permitted: ['$(default_caps)'],
      },
      NoNewPrivileges: false,
    });
    expect(entry.OCI.Annotations).toEqual({
      'io.katacontainers.pkg.oci.bundle_path':
        '/run/containerd/io.containerd.runtime.v2.task/k8s.io/$(bundle-id)',
      'io.katacontainers.pkg.oci.container_type': 'pod_container',
      'io.kubernetes.cri.container-name': 'web',
      'io.kubernetes.cri.container-type': 'container',
      'io.kubernetes.cri.image-name': 'busybox:1.36',
      'io.kubernetes.cri.sandbox-id': '^[a-z0-9]{64}$',
      'io.kubernetes.cri.sandbox-name': 'demo',
      'io.kubernetes.cri.sandbox-namespace': 'default',
    });
    expect(entry.OCI.Version).toBe('1.1.0-rc.1');
    expect([entry.sandbox_pidns, entry.exec_commands]).toEqual([false, []]);
  });

  it('has fields in the order of the format', () => {
    expect(Object.keys(printed)).toEqual(['containers', 'common', 'sandbox', 'request_defaults']);
    expect(Object.keys(printed.containers[1])).toEqual([
      'OCI',
      'storages',
      'sandbox_pidns',
      'exec_commands',
    ]);
    expect(Object.keys(printed.containers[1].OCI)).toEqual([
      'Version',
      'Process',
      'Root',
      'Mounts',
      'Annotations',
      'Linux',
    ]);
    expect(Object.keys(printed.common).slice(0, 4)).toEqual([
      'cpath',
      'sfprefix',
      'spath',
      'ipv4_a',
    ]);
  });

  it('has a pause container that differs as the specification says', () => {
    const pause = printed.containers[0];
    expect(pause.OCI.Process).toMatchObject({
      User: { UID: 65535, GID: 65535, AdditionalGids: [], Username: '' },
      Args: ['/pause'],
      Env: [PATH],
      NoNewPrivileges: true,
    });
    expect(pause.OCI.Root.Readonly).toBe(true);
    expect(pause.OCI.Linux.MaskedPaths).toHaveLength(10);
    expect(pause.storages).toHaveLength(2);
  });

  it('gives no notice', () => {
    expect(codes).toEqual([]);
  });
});

describe('a deployment of family U (worked example)', () => {
  const context = { securityContext: { runAsUser: 1002, fsGroup: 2000, supplementalGroups: [5] } };
  const setup = containerOf({ name: 'setup', command: ['sh', '-c', 'true'] });
  const app = containerOf({
    name: 'app',
    image: 'app:1',
    args: ['--port=$(PORT)'],
    env: [
      variable('PORT', '8080'),
      variable('TIER', { kind: 'field', fieldPath: "metadata.labels['tier']" }),
    ],
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
    },
    execCommands: [['cat', '/tmp/ok']],
    volumeMounts: [mountOf('cache', '/cache')],
  });
  const workload = podOf(
    {
      ...context,
      shareProcessNamespace: true,
      initContainers: [setup],
      containers: [app],
      volumes: [volume('cache', { kind: 'empty-dir', medium: 'Memory' })],
    },
    {
      kind: 'Deployment',
      name: 'web',
      namespace: 'prod',
      annotations: new Map([['team', 'blue']]),
      labels: new Map([['tier', 'front']]),
    },
  );
  const config = {
    user: 'app',
    entrypoint: ['/app'],
    cmd: ['--serve'],
    workingDir: '/srv',
    volumes: ['//var/cache', '/data'],
  };
  const { data } = buildPolicy('U', workload, {
    images: { 'app:1': imageOf('app:1', config, [FILES]) },
    patch: [{ op: 'replace', path: '/cluster_config/guest_pull', value: false }],
  });
  const rows = data.containers.map(({ OCI, ...entry }) => ({
    user: `${OCI.Process.User.UID}:${OCI.Process.User.GID} [${OCI.Process.User.AdditionalGids}]`,
    args: OCI.Process.Args?.join(' '),
    env: OCI.Process.Env?.slice(2),
    bounding: OCI.Process.Capabilities.Bounding,
    locked: OCI.Process.NoNewPrivileges,
    readonly: OCI.Root.Readonly,
    pidns: entry.sandbox_pidns,
    exec: entry.exec_commands,
    storages: entry.storages,
  }));

  it('has pause, the init container and the container of the specification', () => {
    expect(rows[0]).toMatchObject({
      user: '1002:0 [0]',
      args: '/pause',
      locked: true,
      pidns: false,
    });
    expect(rows[1]).toMatchObject({
      user: '1002:0 [0,5,2000]',
      args: 'sh -c true',
      locked: false,
      readonly: false,
      pidns: true,
      storages: [],
    });
    expect(rows[2]).toMatchObject({
      user: '1002:1003 [5,10,1003,2000]',
      args: '/app --port=8080',
      env: ['PORT=8080', 'TIER=front'],
      bounding: ['CAP_NET_BIND_SERVICE'],
      locked: true,
      readonly: true,
      exec: [['cat', '/tmp/ok']],
    });
    const memory = '^/run/kata-containers/sandbox/ephemeral/cache$';
    expect(rows[2]?.storages).toEqual([
      {
        driver: 'ephemeral',
        driver_options: [],
        source: 'tmpfs',
        fstype: 'tmpfs',
        options: ['fsgid=2000'],
        mount_point: memory,
        fs_group: null,
        shared: false,
      },
    ]);
    const mounts = data.containers[2]?.OCI.Mounts?.slice(-3);
    expect(mounts?.map(({ destination, source }) => [destination, source])).toEqual([
      ['/cache', memory],
      ['/var/cache', '$(sfprefix)cache$'],
      ['/data', '$(sfprefix)data$'],
    ]);
  });

  it('has the parts that only family U has', () => {
    const printed = JSON.parse(printPolicyData(data));
    expect(Object.keys(printed).slice(-2)).toEqual(['devices', 'cluster_config']);
    expect(printed.devices).toEqual({
      vfio: { device_path: '/dev/vfio/devices/vfio', nvidia: {} },
    });
    expect(Object.keys(printed.cluster_config)).toEqual([
      'pause_container_image',
      'guest_pull',
      'emptydir_type',
      'cgroup_mount_extras_allowed',
    ]);
    expect(printed.sandbox.storages[0].shared).toBe(false);
  });
});

describe('what a policy needs', () => {
  it('are the pause image, then the others in order, each once', () => {
    const pod = podOf({
      initContainers: [containerOf({ image: 'i1' }), containerOf({ image: 'i2' })],
      containers: [containerOf({ image: 'c' }), containerOf({ image: 'i1' })],
    });
    expect(requiredImages(pod, settingsOf('C'))).toEqual([PAUSE, 'i2', 'i1', 'c']);
    const same = podOf({ containers: [containerOf({ image: PAUSE })] });
    expect(requiredImages(same, settingsOf('C'))).toEqual([PAUSE]);
  });

  it('are root hashes and user files where the guest has them', () => {
    const facts = (family: KataFamily, patch: readonly object[] = []) =>
      Object.values(requiredFacts(settingsOf(family, patch), guestOf(family)));
    const guestPull = [{ op: 'replace', path: '/cluster_config/guest_pull', value: true }];
    expect(facts('C')).toEqual([true, false]);
    expect(facts('V')).toEqual([true, true]);
    expect(facts('M')).toEqual([false, true]);
    expect(facts('M', guestPull)).toEqual([false, false]);
    expect(facts('U', guestPull)).toEqual([false, true]);
  });
});

describe('errors', () => {
  it('of all containers are reported together', () => {
    const bad = (name: string) =>
      containerOf({
        name,
        at: name,
        volumeMounts: [mountOf('v', '/v', { subPath: 'x', at: name })],
      });
    try {
      buildPolicy('C', podOf({ containers: [bad('a'), containerOf(), bad('b')] }));
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      expect([error.where, ...error.also.map((other) => other.where)]).toEqual(['a', 'b']);
    }
  });

  it('that are none of ours are passed on', () => {
    const settings = settingsOf('C');
    expect(settings.pauseImage).toBe(PAUSE);
    const images = new Proxy(
      {},
      {
        get: () => {
          throw new RangeError('bug');
        },
      },
    );
    expect(() => buildPolicy('C', podOf({}), { images })).toThrow(RangeError);
  });

  it.each<[string, Parameters<typeof podOf>[0], readonly KataFamily[]]>([
    ['runAsGroup of the pod', { securityContext: { runAsGroup: 1 } }, ['C', 'V']],
    ['supplementalGroups', { securityContext: { supplementalGroups: [] } }, ['C', 'V']],
    ['sysctls', { securityContext: { sysctls: [] } }, ['C']],
    ['an ephemeral volume', { volumes: [volume('v', { kind: 'ephemeral' })] }, ['M', 'U']],
  ])('%s is refused where the guest has no place for it', (name, pod, refusing) => {
    for (const family of ['C', 'V', 'M', 'U'] as const) {
      const build = () => buildPolicy(family, podOf(pod));
      if (refusing.includes(family)) {
        expect(build).toThrow(
          expect.objectContaining({
            code: 'MANIFEST_UNSUPPORTED',
            message: expect.stringContaining(name),
          }),
        );
      } else expect(build).not.toThrow();
    }
  });
});
