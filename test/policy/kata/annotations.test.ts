import { describe, expect, it } from 'vitest';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import type { PodWorkload, PodWorkloadKind } from '../../../src/workload/pod.js';
import { buildPolicy, containerOf, podOf } from '../../support/pod-models.js';

const S = '[bcdfghjklmnpqrstvwxz2456789]+';
const CRI = 'io.kubernetes.cri.';

function annotationsOf(family: KataFamily, fields: Partial<PodWorkload>, image = 'busybox:1.36') {
  const { data, codes } = buildPolicy(
    family,
    podOf({ containers: [containerOf({ image })] }, fields),
  );
  const [pause, container] = data.containers.map(({ OCI }) => OCI.Annotations);
  return { pause, container, codes };
}

const nameOf = (family: KataFamily, fields: Partial<PodWorkload>) =>
  annotationsOf(family, fields).container?.get(`${CRI}sandbox-name`);

/** The sandbox name of a workload that has no name of its own. */
function nameOfUnnamed(family: KataFamily, kind: PodWorkloadKind, generateName?: string) {
  const { name: _name, ...unnamed } = podOf({}, { kind });
  const workload: PodWorkload = generateName === undefined ? unnamed : { ...unnamed, generateName };
  const [, container] = buildPolicy(family, workload).data.containers;
  return container?.OCI.Annotations?.get(`${CRI}sandbox-name`);
}

describe('sandbox name', () => {
  it('of a Pod is its name or a pattern of it', () => {
    const names = (['C', 'V', 'M', 'U'] as const).map((family) => nameOf(family, { name: 'n.x' }));
    expect(names).toEqual(['n.x', '^n\\.x$', '^n\\.x$', '^n.x$']);
  });

  it('of a generated name', () => {
    const names = (['C', 'V', 'M', 'U'] as const).map((family) =>
      nameOfUnnamed(family, 'Pod', 'gen.n-'),
    );
    const pattern = '^gen\\.n\\-[a-z0-9.-]*[a-z0-9]$';
    expect(names).toEqual(['$(generated-name)', pattern, pattern, `^gen\\.n\\-${S}$`]);
    expect(nameOf('C', { name: 'n', generateName: 'g' })).toBe('n');
  });

  it('must exist for a Pod in families C, V and M', () => {
    for (const family of ['C', 'V', 'M'] as const) {
      expect(() => nameOfUnnamed(family, 'Pod')).toThrow(
        expect.objectContaining({ code: 'MANIFEST_INVALID', where: 'pod.yaml:1:1' }),
      );
      expect(nameOfUnnamed(family, 'Deployment')).toBeUndefined();
    }
    expect(nameOfUnnamed('U', 'Pod')).toBeUndefined();
  });

  it.each<[PodWorkloadKind, string]>([
    ['Deployment', `^n.x-${S}-${S}$`],
    ['DaemonSet', `^n.x-${S}$`],
    ['ReplicaSet', `^n.x-${S}$`],
    ['ReplicationController', `^n.x-${S}$`],
    ['StatefulSet', '^n.x-[0-9]+$'],
    ['Job', `^n.x(-[0-9]+)?-${S}$`],
    ['CronJob', `^n.x-[0-9]+(-[0-9]+)?-${S}$`],
  ])('of a %s is a pattern in family U only', (kind, pattern) => {
    expect(nameOf('U', { kind, name: 'n.x' })).toBe(pattern);
    expect(nameOf('M', { kind, name: 'n.x' })).toBeUndefined();
    expect(nameOfUnnamed('U', kind, 'g.')).toBe(pattern.replace('n.x', `g\\.${S}`));
  });
});

describe('annotations', () => {
  it('of a container and of pause hold what the runtime sets', () => {
    const { pause, container } = annotationsOf('C', { namespace: 'ns' });
    expect(container?.get(`${CRI}container-name`)).toBe('c');
    expect(container?.get(`${CRI}container-type`)).toBe('container');
    expect(container?.get(`${CRI}sandbox-namespace`)).toBe('ns');
    expect(container?.has('nerdctl/network-namespace')).toBe(false);
    expect(pause?.has(`${CRI}container-name`)).toBe(false);
    expect(pause?.has(`${CRI}image-name`)).toBe(false);
    expect(pause?.get('nerdctl/network-namespace')).toMatch(/^\^\/var\/run\/netns\/cni-/);
  });

  it('name the network namespace of the host differently', () => {
    const { data } = buildPolicy('C', podOf({ hostNetwork: true }));
    expect(data.containers[0]?.OCI.Annotations?.get('nerdctl/network-namespace')).toMatch(
      /^\^\/var\/run\/netns\/cnitest-/,
    );
    expect(data.containers[0]?.OCI.Linux.Namespaces.map(({ Type }) => Type)).toEqual([
      'ipc',
      'mount',
    ]);
    expect(data.containers[1]?.OCI.Linux.Namespaces).toHaveLength(3);
  });

  it.each([
    ['nginx', 'nginx:latest'],
    ['nginx:1', 'nginx:1'],
    ['host:5000/x', 'host:5000/x'],
    ['x@sha256:00', 'x@sha256:00'],
  ])('name image %s as %s', (image, expected) => {
    expect(annotationsOf('C', {}, image).container?.get(`${CRI}image-name`)).toBe(expected);
  });

  it('of the pod win over those of the policy, but for the namespace, with a notice each', () => {
    const annotations = new Map([
      [`${CRI}sandbox-id`, 'zzz'],
      [`${CRI}sandbox-namespace`, 'mine'],
      [`${CRI}container-name`, 'n'],
      ['team', 'blue'],
    ]);
    const { container, codes } = annotationsOf('C', { annotations });
    expect(container?.get(`${CRI}sandbox-id`)).toBe('zzz');
    expect(container?.get(`${CRI}sandbox-namespace`)).toBe('default');
    expect(container?.get(`${CRI}container-name`)).toBe('n');
    expect(container?.get('team')).toBe('blue');
    expect(codes).toEqual(['annotation-replaces-check', 'annotation-replaces-check']);
  });

  it('lose the policy of the guest itself; that of another kind of guest stays, with a notice', () => {
    const policy = 'io.katacontainers.config.agent.policy';
    const initdata = 'io.katacontainers.config.hypervisor.cc_init_data';
    const annotations = new Map([
      [policy, 'old'],
      [initdata, 'old'],
    ]);
    const c = annotationsOf('C', { annotations });
    expect([c.container?.has(policy), c.container?.get(initdata)]).toEqual([false, 'old']);
    const u = annotationsOf('U', { annotations });
    expect([u.container?.get(policy), u.container?.has(initdata)]).toEqual(['old', false]);
    expect([...c.codes, ...u.codes]).toEqual(['policy-in-policy', 'policy-in-policy']);
  });
});
