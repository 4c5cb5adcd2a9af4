import { describe, expect, it } from 'vitest';
import type { GuestFamily } from '../../../src/manifest/kubernetes/field-rules.js';

import { codes, pod, problems, read, workloadOf } from '../../support/read-pods.js';

describe('unknown and unsupported fields', () => {
  it('are reported all together, for all documents and files, in order', () => {
    const broken = pod({ container: 'foo: 1\nworkingDir: /w', spec: 'hostPID: true' });
    const found = problems([
      { file: 'a.yaml', text: `${broken}---\napiVersion: v1\nkind: Foo\n` },
      { file: 'b.yaml', text: 'a: [' },
      { file: 'c.yaml', text: pod({ metadata: 'lables: {}' }) },
    ]);
    expect(found.map(({ code, where }) => `${code} ${where}`)).toEqual([
      'MANIFEST_UNKNOWN_FIELD a.yaml:9:5 spec.containers[0].foo',
      'MANIFEST_UNSUPPORTED a.yaml:10:5 spec.containers[0].workingDir',
      'MANIFEST_UNSUPPORTED a.yaml:11:3 spec.hostPID',
      'MANIFEST_UNSUPPORTED a.yaml:13:1',
      'MANIFEST_SYNTAX b.yaml:1:5',
      'MANIFEST_UNKNOWN_FIELD c.yaml:5:3 metadata.lables',
    ]);
    expect(found.at(-1)?.hints[0]).toBe('did you mean labels?');
    expect(found[1]).toMatchObject({
      message:
        'spec.containers[0].workingDir is not supported: the policy allows the working directory of the image only',
      want: 'a manifest for the guest kata-4.1',
    });
  });

  /** Field, guests that take it. */
  const guests: readonly (readonly [Parameters<typeof pod>[0], string])[] = [
    [{ spec: 'securityContext: {runAsGroup: 1}' }, 'MU'],
    [{ spec: 'securityContext: {fsGroup: 1}' }, 'MU'],
    [{ spec: 'securityContext: {sysctls: []}' }, 'VMU'],
    [{ container: 'securityContext: {runAsGroup: 1}' }, 'MU'],
    [{ container: 'volumeDevices: [{name: d, devicePath: /d}]' }, 'VMU'],
    [{ spec: 'volumes: [{name: e, ephemeral: {volumeClaimTemplate: {spec: {}}}}]' }, 'CV'],
    [{ container: 'volumeMounts: [{name: v, mountPath: /v, subPath: x}]' }, ''],
    [{ spec: 'volumes: [{name: v, csi: {driver: d}}]' }, ''],
    [{ spec: 'volumes: [{name: v, nfs: {}}]' }, ''],
    [{ spec: 'automountServiceAccountToken: false' }, ''],
    [{ spec: 'automountServiceAccountToken: true' }, 'CVMU'],
    [{ spec: 'hostIPC: false\nhostPID: ~\nhostUsers: true' }, 'CVMU'],
    [{ spec: 'hostIPC: "false"' }, ''],
    [{ spec: 'enableServiceLinks: false\nhostAliases: [{ip: 1.2.3.4}]\nsubdomain: s' }, 'CVMU'],
    [{ container: 'securityContext: {procMount: Default}' }, 'CVMU'],
    [{ container: 'securityContext: {procMount: Unmasked}' }, ''],
    [{ container: 'resources: {claims: []}' }, ''],
    [{ metadata: 'creationTimestamp: null\nmanagedFields: [{a: b}]' }, 'CVMU'],
  ];
  it.each(guests)('%j', (parts, known) => {
    const taken = [...'CVMU'].filter(
      (guest) => problems(pod(parts), { guest: guest as GuestFamily }).length === 0,
    );
    expect(taken.join('')).toBe(known);
  });

  it.each([
    'workingDir',
    'containers.workingDir',
    'spec.containers[0].workingDir',
    'spec.containers.3.workingDir',
    'spec.containers.?.workingDir',
    '*',
  ])('are left out on request, with a notice: %s', (entry) => {
    const text = pod({ container: 'workingDir: /w' });
    const { workloads, notices } = read(text, { ignoreUnsupported: [entry] });
    expect(workloads).toHaveLength(1);
    expect(notices).toMatchObject([
      { code: 'field-ignored', where: 'a.yaml:9:5 spec.containers[0].workingDir' },
    ]);
  });

  it('are not left out for the sake of a name that merely ends alike', () => {
    const text = pod({ container: 'workingDir: /w' });
    for (const entry of ['Dir', 'initContainers.workingDir', 'spec.workingDir', '']) {
      expect(codes(text, { ignoreUnsupported: [entry] })).toHaveLength(1);
    }
  });

  it('do not reach the policy of a guest that has no place for them', () => {
    const text = pod({ container: 'securityContext: {runAsGroup: 7, runAsUser: 6}' });
    const workload = workloadOf(text, { guest: 'C', ignoreUnsupported: ['runAsGroup'] });
    expect(workload.pod.containers[0]?.securityContext).toEqual({ runAsUser: 6 });
  });

  it('stay errors where no policy would fit', () => {
    const text = pod({ container: 'volumeMounts: [{name: v, mountPath: /v, subPath: x}]' });
    expect(codes(text, { ignoreUnsupported: ['*'] })).toHaveLength(1);
    const csi = pod({ spec: 'volumes: [{name: v, csi: {}}]' });
    expect(codes(csi, { ignoreUnsupported: ['*'] })).toEqual([
      'MANIFEST_UNSUPPORTED 9:13 spec.volumes[0]',
    ]);
  });

  it('are no members of the tables by inheritance', () => {
    expect(codes(pod({ spec: 'constructor: 1\n__proto__: 2' }))).toHaveLength(2);
  });
});

describe('missing and wrong fields', () => {
  const rows: readonly (readonly [Parameters<typeof pod>[0], string])[] = [
    [{ container: 'env: [{value: x}]' }, '9:11 spec.containers[0].env[0]'],
    [
      { container: 'env: [{name: a, value: x, valueFrom: {fieldRef: {fieldPath: a}}}]' },
      '9:11 spec.containers[0].env[0]',
    ],
    [{ container: 'env: [{name: A, valueFrom: {}}]' }, '9:32 spec.containers[0].env[0].valueFrom'],
    [
      { container: 'env: [{name: A, valueFrom: {secretKeyRef: {name: s}}}]' },
      '9:47 spec.containers[0].env[0].valueFrom.secretKeyRef',
    ],
    [
      {
        container:
          'env: [{name: A, valueFrom: {fieldRef: {fieldPath: a}, resourceFieldRef: {resource: b}}}]',
      },
      '9:32 spec.containers[0].env[0].valueFrom',
    ],
    [{ container: 'envFrom: [{}]' }, '9:15 spec.containers[0].envFrom[0]'],
    [
      { container: 'envFrom: [{configMapRef: {name: a}, secretRef: {name: b}}]' },
      '9:15 spec.containers[0].envFrom[0]',
    ],
    [{ container: 'volumeMounts: [{name: v}]' }, '9:20 spec.containers[0].volumeMounts[0]'],
    [{ container: 'livenessProbe: {exec: {}}' }, '9:27 spec.containers[0].livenessProbe.exec'],
    [{ container: 'command: sh' }, '9:14 spec.containers[0].command'],
    [{ container: 'command: [[sh]]' }, '9:15 spec.containers[0].command[0]'],
    [{ container: 'command: [~]' }, '9:15 spec.containers[0].command[0]'],
    [{ container: 'tty: "true"' }, '9:10 spec.containers[0].tty'],
    [{ container: 'env: {A: b}' }, '9:10 spec.containers[0].env'],
    [{ spec: 'hostNetwork: 1' }, '9:16 spec.hostNetwork'],
    [{ spec: 'securityContext: [1]' }, '9:20 spec.securityContext'],
    [{ spec: 'securityContext: {runAsUser: -1}' }, '9:32 spec.securityContext.runAsUser'],
    [{ spec: 'securityContext: {runAsUser: 4294967296}' }, '9:32 spec.securityContext.runAsUser'],
    [{ spec: 'securityContext: {runAsUser: 1.0}' }, '9:32 spec.securityContext.runAsUser'],
    [{ spec: 'securityContext: {runAsUser: "1"}' }, '9:32 spec.securityContext.runAsUser'],
    [
      { spec: 'securityContext: {supplementalGroups: [a]}' },
      '9:42 spec.securityContext.supplementalGroups[0]',
    ],
    [{ spec: 'volumes: [{name: v, emptyDir: {}, hostPath: {path: /h}}]' }, '9:13 spec.volumes[0]'],
    [{ spec: 'volumes: [{name: v, hostPath: {}}]' }, '9:33 spec.volumes[0].hostPath'],
    [{ metadata: 'annotations: [a]' }, '5:16 metadata.annotations'],
    [{ metadata: 'annotations: {a: {b: c}}' }, '5:20 metadata.annotations.a'],
    [{ metadata: 'annotations: {a: !!int x}' }, '5:26 metadata.annotations.a'],
    [{ metadata: 'labels: !own {a: b}' }, '5:16 metadata.labels'],
  ];
  it.each(rows)('%j', (parts, where) => {
    expect(codes(pod(parts))).toEqual([`MANIFEST_INVALID ${where}`]);
  });

  it('a pod without image, name or containers', () => {
    const text =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{}], initContainers: [{name: i}]}\n';
    expect(codes(text)).toEqual([
      'MANIFEST_INVALID 4:21 spec.containers[0]',
      'MANIFEST_INVALID 4:21 spec.containers[0]',
      'MANIFEST_INVALID 4:43 spec.initContainers[0]',
    ]);
    expect(codes('apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n')).toEqual([
      'MANIFEST_INVALID 1:1',
    ]);
  });

  it('a pod without a name is refused where the policy needs one', () => {
    const text = 'apiVersion: v1\nkind: Pod\nspec: {containers: []}\n';
    const refused = [...'CVMU'].filter(
      (guest) => problems(text, { guest: guest as GuestFamily }).length > 0,
    );
    expect(refused.join('')).toBe('CVM');
    expect(
      workloadOf(text.replace('spec', 'metadata: {generateName: g-}\nspec'), { guest: 'C' }),
    ).toMatchObject({
      generateName: 'g-',
    });
  });

  it('what the reference requires of sets', () => {
    const text = 'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec: {}\n';
    expect(codes(text)).toEqual(Array(3).fill('MANIFEST_INVALID 4:7 spec'));
  });
});
