/** A pod that uses whatever a guest can see of a manifest. */
import type { KataFamily } from '../../src/policy/kata/guests.js';
import type { Value } from './manifest-values.js';

/** Fields of a pod that only these guests take. */
const ONLY: Readonly<Record<string, string>> = {
  runAsGroup: 'MU',
  fsGroup: 'MU',
  sysctls: 'VMU',
  volumeDevices: 'VMU',
};

/** A pod with every field that a guest can see. */
export function fullPod(family: KataFamily): Value {
  const exec = { exec: { command: ['cat', '/ok'] } };
  const container = {
    name: 'main',
    image: 'busybox:1.36',
    command: ['sh', '-c'],
    args: ['echo', '$(VAR)'],
    env: [{ name: 'VAR', value: 'text' }],
    tty: true,
    terminationMessagePath: '/end',
    securityContext: {
      privileged: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: true,
      runAsUser: 7,
      runAsGroup: 6,
      capabilities: { add: ['NET_ADMIN'] },
    },
    livenessProbe: exec,
    readinessProbe: exec,
    startupProbe: exec,
    lifecycle: { postStart: exec, preStop: exec },
    volumeDevices: [{ name: 'raw', devicePath: '/dev/xvda' }],
    volumeMounts: [
      { name: 'host', mountPath: '/host', readOnly: true },
      { name: 'empty', mountPath: '/empty' },
    ],
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'full', namespace: 'space', annotations: { note: 'text' } },
    spec: {
      hostNetwork: false,
      shareProcessNamespace: false,
      securityContext: {
        runAsUser: 5,
        runAsGroup: 6,
        fsGroup: 9,
        sysctls: [{ name: 'net.core.somaxconn', value: '12' }],
      },
      initContainers: [{ ...container, name: 'init' }],
      containers: [container],
      volumes: [
        { name: 'host', hostPath: { path: '/h' } },
        { name: 'empty', emptyDir: {} },
      ],
    },
  };
  const isTaken = (key: string) => (ONLY[key] ?? family).includes(family);
  const text = JSON.stringify(pod, (key, value: unknown) => (isTaken(key) ? value : undefined));
  return JSON.parse(text) as Value;
}
