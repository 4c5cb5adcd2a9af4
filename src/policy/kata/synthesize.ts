/**
 * Policy document -> the requests that the runtime sends while the pod starts, runs its probes and ends, in order (spec
 * kata-policy-rules sections 2.1, 5 and 9 to 12). They are made from the policy alone: values that it leaves open are
 * made up as kubelet, containerd and the runtime would make them. What a guest does not know is left out by its agent.
 */
import type { JsonObject } from '../../core/json.js';
import type { KataPolicyData } from './data.js';
import { synthesizeContainer } from './synthesize-container.js';
import { synthesizeFiles } from './synthesize-files.js';
import { ANNOTATIONS, chooseNames, containerNames, type StartNames } from './synthesize-names.js';
import { commandsOf, synthesizeExec } from './synthesize-process.js';
import type { ContainerScope } from './synthesize-volumes.js';

export interface StartStep {
  /** Name of the message, e.g. CreateContainerRequest. */
  readonly kind: string;
  readonly request: JsonObject;
  /** What it is for: `sandbox`, or `container NAME`. */
  readonly subject: string;
  /** The pod has started when all requests of `start` were allowed; `probe` and `end` come later. */
  readonly phase: 'start' | 'probe' | 'end';
}

export interface StartOptions {
  /** How many of the containers behind the first are init containers; they stand in reverse order. */
  readonly initContainers?: number;
}

/** The requests of one pod. */
export function synthesizeStart(
  data: KataPolicyData,
  options: StartOptions = {},
): readonly StartStep[] {
  const names = chooseNames(data);
  const scopes = data.containers.map((container, index) => ({
    data,
    container,
    names: containerNames(names, index),
  }));
  const inits = 1 + Math.min(options.initContainers ?? 0, scopes.length - 1);
  const pause = scopes.slice(0, 1);
  const first = scopes.slice(1, inits).toReversed();
  const main = scopes.slice(inits);
  return [
    ...sandboxSteps(data, names),
    ...pause.flatMap(startSteps),
    ...first.flatMap((scope) => [...startSteps(scope), ...endSteps(scope, 'start')]),
    ...main.flatMap(startSteps),
    ...scopes.flatMap(probeSteps),
    ...[...main, ...pause].flatMap((scope) => endSteps(scope, 'end')),
    { kind: 'DestroySandboxRequest', request: {}, subject: 'sandbox', phase: 'end' },
  ];
}

/** Who a container is, in messages: `sandbox` or `container NAME`. */
export function subjectOf({ container }: Pick<ContainerScope, 'container'>): string {
  const name = container.OCI.Annotations?.get(ANNOTATIONS.containerName);
  return name === undefined ? 'sandbox' : `container ${name}`;
}

function sandboxSteps(data: KataPolicyData, names: StartNames): readonly StartStep[] {
  const asksNeighbors = data.request_defaults.AddARPNeighborsRequest !== undefined;
  const requests: readonly (readonly [string, JsonObject])[] = [
    ['UpdateInterfaceRequest', interfaceOf(names)],
    ['UpdateRoutesRequest', routesOf(names)],
    ...(asksNeighbors ? [['AddARPNeighborsRequest', NEIGHBORS] as const] : []),
    ['CreateSandboxRequest', createSandbox(data, names)],
    ['GuestDetailsRequest', { mem_block_size: true, mem_hotplug_probe: true }],
    ['GetOOMEventRequest', {}],
  ];
  return requests.map(([kind, request]) => ({ kind, request, subject: 'sandbox', phase: 'start' }));
}

function interfaceOf({ podIp }: StartNames): JsonObject {
  return {
    interface: {
      device: 'eth0',
      name: 'eth0',
      IPAddresses: [{ family: 0, address: podIp, mask: '24' }],
      mtu: 1500,
      hwAddr: '02:42:0a:f4:00:0c',
      devicePath: '',
      type_: '',
      raw_flags: 0,
    },
  };
}

function routesOf({ podIp }: StartNames): JsonObject {
  const route = { device: 'eth0', family: 0, flags: 0, mtu: 0 };
  return {
    routes: {
      Routes: [
        { ...route, dest: '', gateway: '10.244.0.1', source: '', scope: 0 },
        { ...route, dest: '10.244.0.0/24', gateway: '', source: podIp, scope: 253 },
      ],
    },
  };
}

const NEIGHBORS: JsonObject = {
  neighbors: {
    ARPNeighbors: [
      {
        toIPAddress: { family: 0, address: '10.244.0.1', mask: '' },
        device: 'eth0',
        lladdr: '02:42:0a:f4:00:01',
        state: 128,
        flags: 0,
      },
    ],
  },
};

function createSandbox(data: KataPolicyData, names: StartNames): JsonObject {
  return {
    hostname: names.hostName,
    dns: ['nameserver 10.0.0.10', `search ${names.namespace}.svc.cluster.local`],
    storages: data.sandbox.storages.map((storage) => ({
      ...storage,
      shared: storage.shared ?? false,
    })),
    sandbox_pidns: false,
    sandbox_id: names.sandboxId,
    guest_hook_path: '',
    kernel_modules: [],
  };
}

function startSteps(scope: ContainerScope): readonly StartStep[] {
  const id = { container_id: scope.names.containerId };
  const requests: readonly (readonly [string, JsonObject])[] = [
    ...synthesizeFiles(scope).map((request) => ['CopyFileRequest', request] as const),
    ['CreateContainerRequest', synthesizeContainer(scope)],
    ['StartContainerRequest', id],
    ['WaitProcessRequest', { ...id, exec_id: id.container_id }],
    ['StatsContainerRequest', id],
  ];
  return steps(requests, scope, 'start');
}

function probeSteps(scope: ContainerScope): readonly StartStep[] {
  const container_id = scope.names.containerId;
  const requests = commandsOf(scope.container).flatMap((words, i) => {
    const id = { container_id, exec_id: `probe-${i}` };
    const process = synthesizeExec(words, scope);
    return [
      ['ExecProcessRequest', { ...id, string_user: null, process }],
      ['WaitProcessRequest', id],
    ] as const;
  });
  return steps(requests, scope, 'probe');
}

function endSteps(scope: ContainerScope, phase: StartStep['phase']): readonly StartStep[] {
  const id = { container_id: scope.names.containerId };
  const requests: readonly (readonly [string, JsonObject])[] = [
    ['SignalProcessRequest', { ...id, exec_id: id.container_id, signal: 15 }],
    ['RemoveContainerRequest', { ...id, timeout: 0 }],
  ];
  return steps(requests, scope, phase);
}

function steps(
  requests: readonly (readonly [string, JsonObject])[],
  scope: ContainerScope,
  phase: StartStep['phase'],
): readonly StartStep[] {
  return requests.map(([kind, request]) => ({ kind, request, subject: subjectOf(scope), phase }));
}
