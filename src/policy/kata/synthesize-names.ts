/**
 * What kubelet, containerd and the runtime make up when a pod starts, and how a policy's placeholders read with it (spec
 * kata-policy-rules section 8.3). The same names on each run: nothing here is random.
 */
import { sha256Hex } from '../../core/digest.js';
import { sampleRegex } from '../../core/sample-regex.js';
import type { KataPolicyData } from './data.js';

export interface StartNames {
  /** 64 hex digits; also the id of the pause container. */
  readonly sandboxId: string;
  readonly sandboxName: string;
  readonly namespace: string;
  readonly podUid: string;
  readonly hostName: string;
  readonly nodeName: string;
  readonly podIp: string;
  readonly hostIp: string;
}

/** Names of one container: its id is the name of its bundle. */
export interface ContainerNames extends StartNames {
  readonly containerId: string;
}

export const ANNOTATIONS = {
  containerName: 'io.kubernetes.cri.container-name',
  containerType: 'io.kubernetes.cri.container-type',
  imageName: 'io.kubernetes.cri.image-name',
  sandboxId: 'io.kubernetes.cri.sandbox-id',
  sandboxName: 'io.kubernetes.cri.sandbox-name',
  sandboxNamespace: 'io.kubernetes.cri.sandbox-namespace',
  sandboxUid: 'io.kubernetes.cri.sandbox-uid',
  logDirectory: 'io.kubernetes.cri.sandbox-log-directory',
  networkNamespace: 'nerdctl/network-namespace',
  bundlePath: 'io.katacontainers.pkg.oci.bundle_path',
  kataType: 'io.katacontainers.pkg.oci.container_type',
} as const;

/** Folder of the bundles, as annotations name it. */
export const BUNDLES = '/run/containerd/io.containerd.runtime.v2.task/k8s.io';

/** Name of a pod whose policy takes any. */
const ANY_NAME = 'rehearsal-5d8f7c9b4-x2k7q';
const GENERATED = '$(generated-name)';

/** Names for a start under this policy: those that it pins as it has them, the others made up. */
export function chooseNames(data: KataPolicyData): StartNames {
  const annotations = data.containers[0]?.OCI.Annotations;
  const sandboxName = nameFor(annotations?.get(ANNOTATIONS.sandboxName));
  const [a, b, c, d, e] = [8, 4, 4, 4, 12].map((length, i) => hexOf(`pod ${i}`).slice(0, length));
  return {
    sandboxId: hexOf('sandbox'),
    sandboxName,
    namespace: annotations?.get(ANNOTATIONS.sandboxNamespace) || 'default',
    podUid: `${a}-${b}-${c}-${d}-${e}`,
    hostName: sandboxName,
    nodeName: 'aks-nodepool1-12345678-vmss000000',
    podIp: '10.244.0.12',
    hostIp: '10.224.0.4',
  };
}

/** Names of the container at `index`; the one at 0 is the sandbox itself. */
export function containerNames(names: StartNames, index: number): ContainerNames {
  return { ...names, containerId: index === 0 ? names.sandboxId : hexOf(`container ${index}`) };
}

/** A pod name for a policy that holds a name, a pattern, or nothing. */
function nameFor(wanted: string | undefined): string {
  if (wanted === undefined || wanted.includes(GENERATED)) return ANY_NAME;
  return wanted.startsWith('^') ? (sampleRegex(wanted) ?? ANY_NAME) : wanted;
}

/** 64 hex digits that stand for a random id. */
function hexOf(what: string): string {
  return sha256Hex(`rehearsal of ${what}`);
}

/** A text with the values of the running pod; placeholders of other kinds stay. */
export function fillValues(text: string, names: StartNames): string {
  const values: Readonly<Record<string, string>> = {
    'sandbox-name': names.sandboxName,
    'sandbox-namespace': names.namespace,
    'host-name': names.hostName,
    'node-name': names.nodeName,
    'pod-uid': names.podUid,
    'pod-ip': names.podIp,
    'host-ip': names.hostIp,
    'resource-field': '1',
    'todo-annotation': 'value',
  };
  return replacePlaceholders(text, values);
}

/** Every `$(name)` that `values` knows, replaced. */
export function replacePlaceholders(
  text: string,
  values: Readonly<Record<string, string>>,
): string {
  return text.replace(/\$\(([^()]*)\)/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  );
}

/** Stands for the id of a container while a path is made up, so that one path serves all containers. */
const ANY_CONTAINER = '0'.repeat(64);

/** Paths made up for the paths of a policy and a sandbox id. */
const madeUp = new WeakMap<KataPolicyData, Map<string, string>>();

/**
 * The path that a path of the policy stands for: shared directories and ids filled in, and a pattern replaced by a path
 * that it matches.
 */
export function fillPath(text: string, data: KataPolicyData, names: ContainerNames): string {
  const known = madeUp.get(data) ?? new Map<string, string>();
  madeUp.set(data, known);
  const key = `${names.sandboxId} ${text}`;
  const path = known.get(key) ?? samplePath(text, data, names);
  known.set(key, path);
  return path.replaceAll(ANY_CONTAINER, names.containerId);
}

function samplePath(text: string, data: KataPolicyData, names: ContainerNames): string {
  const filled = pathPattern(text, data, { ...names, containerId: ANY_CONTAINER });
  const isPattern = filled.startsWith('^') || text.includes('$(cpath)');
  return isPattern ? (sampleRegex(filled) ?? filled) : filled;
}

/** A path of the policy with shared directories and ids filled in, still a pattern where it was one. */
export function pathPattern(text: string, data: KataPolicyData, names: ContainerNames): string {
  const {
    cpath,
    mount_source_cpath: mountPath,
    sfprefix,
    spath,
    root_path: rootPath,
  } = data.common;
  const values: Record<string, string> = {
    'bundle-id': names.containerId,
    'sandbox-id': names.sandboxId,
  };
  const shared = mountPath ?? cpath;
  if (typeof shared === 'string') values.cpath = shared;
  if (typeof spath === 'string') values.spath = spath;
  const prefixes: Record<string, string> = {};
  if (typeof sfprefix === 'string') prefixes.sfprefix = sfprefix;
  if (typeof rootPath === 'string') prefixes.root_path = rootPath;
  return replacePlaceholders(replacePlaceholders(text, prefixes), values);
}
