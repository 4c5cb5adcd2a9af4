/**
 * What each guest decides about one change of a request, by the rules' text (spec kata-policy-rules sections 8 to 12):
 * the allowed boundary, what lies just beyond it, and fields that do not count. A letter per guest, in the order azl3,
 * aks-3.15, msft-main, kata-4.1: `a` allows, `d` refuses.
 */
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { applyJsonPatch } from '../../src/core/json-patch.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { openWasmEngine } from '../../src/io/rego-wasm.js';
import { createPolicySession } from '../../src/rego/session.js';
import { policyText } from '../support/kata-requests.js';
import { loadingOnce, nativeAddon } from '../support/native.js';
import { readRuleCases, rulesText } from '../support/rule-cases.js';

const GUESTS = ['azl3', 'aks-3.15', 'msft-main', 'kata-4.1'];

type Row = readonly [what: string, decisions: string, patch: readonly JsonObject[]];

const set = (path: string, value: JsonValue) => ({ op: 'replace', path, value });
const add = (path: string, value: JsonValue) => ({ op: 'add', path, value });
const remove = (path: string) => ({ op: 'remove', path });

const annotation = (key: string, value: string) =>
  add(`/OCI/Annotations/${key.replaceAll('/', '~1')}`, value);
const variable = (text: string) => add('/OCI/Process/Env/-', text);
const namespaces = (...types: string[]) =>
  set(
    '/OCI/Linux/Namespaces',
    types.map((Type) => ({ Type, Path: '' })),
  );
const device = (path: string) => ({
  id: '',
  type_: '',
  vm_path: '',
  container_path: path,
  options: [],
});
const node = (Path: string) => ({
  Path,
  Type: 'c',
  Major: 1,
  Minor: 1,
  FileMode: 0,
  UID: 0,
  GID: 0,
});

/** Changes of the request that creates a container which the policy has. */
const CREATE: readonly Row[] = [
  ['as it is', 'aaaa', []],
  // Section 9.1: preconditions, and what no rule looks at.
  ['shared mounts', 'dddd', [set('/shared_mounts', [{}])]],
  ['a user by text', 'dddd', [set('/string_user', {})]],
  ['empty hooks', 'dddd', [set('/OCI/Hooks', {})]],
  ['an empty Solaris part', 'dddd', [set('/OCI/Solaris', {})]],
  ['an empty Windows part', 'dddd', [set('/OCI/Windows', {})]],
  ['a mount label', 'dddd', [set('/OCI/Linux/MountLabel', 'x')]],
  ['a propagation', 'dddd', [set('/OCI/Linux/RootfsPropagation', 'rprivate')]],
  ['no resources', 'dddd', [set('/OCI/Linux/Resources', null)]],
  ['a bound on processes', 'dddd', [set('/OCI/Linux/Resources/Pids', {})]],
  ['a bound on block devices', 'dddd', [set('/OCI/Linux/Resources/BlockIO', {})]],
  ['a bound on memory', 'aaaa', [set('/OCI/Linux/Resources/Memory', { Limit: 1 })]],
  ['an empty seccomp part', 'dddd', [set('/OCI/Linux/Seccomp', {})]],
  ['an empty RDT part', 'dddd', [set('/OCI/Linux/IntelRdt', {})]],
  ['a SELinux label', 'dddd', [set('/OCI/Process/SelinuxLabel', 'x')]],
  ['an AppArmor profile', 'aaaa', [set('/OCI/Process/ApparmorProfile', 'x')]],
  ['another OOM score', 'aaaa', [set('/OCI/Process/OOMScoreAdj', -1000)]],
  ['a console', 'aaaa', [set('/OCI/Process/ConsoleSize', { Height: 1, Width: 1 })]],
  ['another host name', 'aaaa', [set('/OCI/Hostname', 'x')]],
  ['another cgroup', 'aaaa', [set('/OCI/Linux/CgroupsPath', '/x')]],
  ['ports', 'aaaa', [set('/stdin_port', 1), set('/stdout_port', 2)]],
  // Section 9: version, root, process namespace.
  ['a longer version', 'dddd', [set('/OCI/Version', '1.1.0.0')]],
  ['another process namespace', 'dddd', [set('/sandbox_pidns', true)]],
  // Section 9.3: annotations.
  ['an annotation of the runtime', 'aaaa', [annotation('io.kubernetes.cri.', 'x')]],
  ['one that almost is', 'dddd', [annotation('io.kubernetes.crio', 'x')]],
  ['one in capitals', 'dddd', [annotation('IO.kubernetes.cri.x', 'x')]],
  ['a message path', 'ddda', [annotation('io.kubernetes.container.terminationMessagePath', '/')]],
  [
    'a message path that is relative',
    'dddd',
    [annotation('io.kubernetes.container.terminationMessagePath', 'x/')],
  ],
  [
    'a message policy',
    'ddda',
    [annotation('io.kubernetes.container.terminationMessagePolicy', 'FallbackToLogsOnError')],
  ],
  [
    'a message policy with more',
    'dddd',
    [annotation('io.kubernetes.container.terminationMessagePolicy', 'FileX')],
  ],
  [
    'a message annotation with more',
    'dddd',
    [annotation('io.kubernetes.container.terminationMessagePolicyX', 'File')],
  ],
  // Section 9.4: sandbox ID.
  ['a sandbox ID of 63', 'dddd', [annotation('io.kubernetes.cri.sandbox-id', 'a'.repeat(63))]],
  ['a sandbox ID of 65', 'dddd', [annotation('io.kubernetes.cri.sandbox-id', 'a'.repeat(65))]],
  [
    'a sandbox ID in capitals',
    'dddd',
    [annotation('io.kubernetes.cri.sandbox-id', 'A'.repeat(64))],
  ],
  // Section 9.5: process.
  ['an empty argument more', 'dddd', [add('/OCI/Process/Args/-', '')]],
  ['no argument', 'dddd', [set('/OCI/Process/Args', [])]],
  ['a directory with a slash', 'dddd', [set('/OCI/Process/Cwd', '/srv/')]],
  ['a terminal', 'dddd', [set('/OCI/Process/Terminal', true)]],
  ['no new privileges', 'dddd', [set('/OCI/Process/NoNewPrivileges', true)]],
  ['another user', 'dddd', [set('/OCI/Process/User/UID', 0)]],
  ['another group', 'aadd', [set('/OCI/Process/User/GID', 0)]],
  ['no groups', 'aadd', [set('/OCI/Process/User/AdditionalGids', [])]],
  ['another group beside', 'aadd', [add('/OCI/Process/User/AdditionalGids/-', 4242)]],
  ['a name of the user', 'dddd', [set('/OCI/Process/User/Username', 'x')]],
  ['an ambient capability', 'dddd', [add('/OCI/Process/Capabilities/Ambient/-', 'CAP_KILL')]],
  ['a capability less', 'dddd', [remove('/OCI/Process/Capabilities/Bounding/0')]],
  ['a capability twice', 'ddda', [add('/OCI/Process/Capabilities/Bounding/-', 'CAP_CHOWN')]],
  ['a capability without prefix', 'ddda', [set('/OCI/Process/Capabilities/Bounding/0', 'CHOWN')]],
  [
    'a capability in small letters',
    'dddd',
    [set('/OCI/Process/Capabilities/Bounding/0', 'cap_chown')],
  ],
  // Section 9.5: variables.
  ['HOSTNAME without value', 'aaaa', [variable('HOSTNAME=')]],
  ['HOSTNAME with an equals sign', 'dddd', [variable('HOSTNAME=a=b')]],
  ['HOSTNAME alone', 'dddd', [variable('HOSTNAME')]],
  ['TERM', 'aaaa', [variable('TERM=xterm')]],
  ['TERM of more colours', 'dddd', [variable('TERM=xterm-256color')]],
  ['an index of a job', 'ddda', [variable('JOB_COMPLETION_INDEX=0')]],
  ['an index below zero', 'dddd', [variable('JOB_COMPLETION_INDEX=-1')]],
  ['a TCP service', 'aaaa', [variable('DB_PORT_5432_TCP=tcp://10.0.0.1:5432')]],
  ['a UDP service', 'ddda', [variable('DNS_PORT_53_UDP=udp://10.0.0.1:53')]],
  ['a service of both', 'ddda', [variable('DNS_PORT_53_UDP=tcp://10.0.0.1:53')]],
  ['a port of five digits', 'aaaa', [variable('DB_SERVICE_PORT=99999')]],
  ['a port of six digits', 'dddd', [variable('DB_SERVICE_PORT=100000')]],
  ['no port', 'dddd', [variable('DB_SERVICE_PORT=')]],
  ['a service with a digit', 'adaa', [variable('DB2_SERVICE_HOST=10.0.0.1')]],
  ['a service that begins with a digit', 'addd', [variable('2DB_SERVICE_HOST=10.0.0.1')]],
  ['a service with a dot', 'aadd', [variable('DB.A_SERVICE_HOST=10.0.0.1')]],
  ['a service that ends with a line', 'aadd', [variable('DB__SERVICE_HOST=10.0.0.1')]],
  ['a service of 63 letters', 'aaaa', [variable(`${'A'.repeat(63)}_SERVICE_HOST=10.0.0.1`)]],
  ['a service of 64 letters', 'aadd', [variable(`${'A'.repeat(64)}_SERVICE_HOST=10.0.0.1`)]],
  ['a service in small letters', 'dddd', [variable('db_SERVICE_HOST=10.0.0.1')]],
  ['a host of 255', 'aaaa', [variable('DB_SERVICE_HOST=255.255.255.255')]],
  ['a host of 256', 'dddd', [variable('DB_SERVICE_HOST=10.0.0.256')]],
  ['a host with a zero in front', 'dddd', [variable('DB_SERVICE_HOST=10.0.0.01')]],
  ['a host of three parts', 'dddd', [variable('DB_SERVICE_HOST=10.0.1')]],
  ['a host with a port', 'dddd', [variable('DB_SERVICE_HOST=10.0.0.1:80')]],
  ['a named port', 'aaaa', [variable('DB_SERVICE_PORT_A.b-c_1=80')]],
  ['a named port without name', 'dddd', [variable('DB_SERVICE_PORT_=80')]],
  ['a client without ID', 'aaaa', [variable('AZURE_CLIENT_ID=')]],
  ['a client ID that is none', 'dddd', [variable('AZURE_CLIENT_ID=g')]],
  ['the authority', 'aaaa', [variable('AZURE_AUTHORITY_HOST=https://login.microsoftonline.com/')]],
  [
    'another authority',
    'dddd',
    [variable('AZURE_AUTHORITY_HOST=https://login-microsoftonline.com/')],
  ],
  // Section 9.11: the Linux part.
  ['no network', 'aaaa', [namespaces('ipc', 'uts', 'mount')]],
  ['a network', 'daaa', [namespaces('ipc', 'uts', 'mount', 'network')]],
  ['two networks', 'dddd', [namespaces('network', 'ipc', 'uts', 'mount', 'network')]],
  ['a cgroup namespace', 'ddda', [namespaces('ipc', 'uts', 'mount', 'cgroup')]],
  ['a mount namespace by its short name', 'ddda', [namespaces('ipc', 'uts', 'mnt')]],
  ['another order', 'dddd', [namespaces('uts', 'ipc', 'mount')]],
  ['a namespace less', 'dddd', [namespaces('ipc', 'mount')]],
  ['a namespace twice', 'dddd', [namespaces('ipc', 'uts', 'mount', 'mount')]],
  ['a masked path more', 'aaaa', [add('/OCI/Linux/MaskedPaths/-', '/x')]],
  ['a masked path less', 'dddd', [remove('/OCI/Linux/MaskedPaths/0')]],
  ['a read-only path more', 'aaaa', [add('/OCI/Linux/ReadonlyPaths/-', '/x')]],
  ['a read-only path less', 'dddd', [remove('/OCI/Linux/ReadonlyPaths/0')]],
  [
    'a kernel setting',
    'daaa',
    [set('/OCI/Linux/Sysctl', { 'net.ipv4.ip_unprivileged_port_start': '0' })],
  ],
  [
    'a kernel setting of another value',
    'dddd',
    [set('/OCI/Linux/Sysctl', { 'net.ipv4.ip_unprivileged_port_start': '1' })],
  ],
  ['another kernel setting', 'dddd', [set('/OCI/Linux/Sysctl', { 'kernel.shmmax': '1' })]],
  ['no kernel settings', 'aaaa', [set('/OCI/Linux/Sysctl', {})]],
  ['a device', 'addd', [add('/devices/-', device('/dev/zz'))]],
  ['a device node', 'addd', [add('/OCI/Linux/Devices/-', node('/dev/zz'))]],
  // Sections 9.7 to 9.9: mounts and storages.
  ['no mounts', 'aaaa', [set('/OCI/Mounts', [])]],
  ['a mount less', 'aaaa', [remove('/OCI/Mounts/0')]],
  [
    'an empty mount',
    'dddd',
    [add('/OCI/Mounts/-', { destination: '', source: '', type_: '', options: [] })],
  ],
  ['a mount of another kind', 'dddd', [set('/OCI/Mounts/0/type_', 'bind')]],
  ['a mount elsewhere', 'dddd', [set('/OCI/Mounts/0/destination', '/proc/')]],
  ['a mount with an option more', 'dddd', [add('/OCI/Mounts/0/options/-', 'ro')]],
  ['no storages', 'dddd', [set('/storages', [])]],
  ['a storage less', 'dddd', [remove('/storages/1')]],
];

const BEFORE = '/run/kata-containers/shared/containers';
const FILE = `${BEFORE}/${'b'.repeat(64)}-0123456789abcdef-conf`;

const file = (path: string, mode = 0o100644, data = '') => ({
  path,
  file_mode: mode,
  file_type: { 49: 'Regular', 63: 'Symlink', 28: 'Directory' }[mode >> 9] ?? 'Unknown',
  symlink_target: mode >> 9 === 0o120 ? data : null,
  data: [...Buffer.from(data)],
});

const route = (fields: JsonObject) => ({ routes: { Routes: [{ device: 'eth0', ...fields }] } });
const link = (fields: JsonObject) => ({
  interface: { device: 'eth0', name: 'eth0', hwAddr: '02:00:00:00:00:01', ...fields },
});
const neighbour = (fields: JsonObject, address: JsonObject | null = { address: '10.0.0.1' }) => ({
  neighbors: {
    ARPNeighbors: [{ device: 'eth0', state: 128, flags: 0, toIPAddress: address, ...fields }],
  },
});

/** Whole messages. */
const MESSAGES: readonly (readonly [kind: string, decisions: string, message: JsonValue])[] = [
  // Section 11.2.
  ['CopyFileRequest', 'aaaa', file(FILE)],
  ['CopyFileRequest', 'aaaa', file(`${FILE}/abc`)],
  ['CopyFileRequest', 'aaaa', file(`${FILE}/..x`)],
  ['CopyFileRequest', 'daaa', file(`${FILE}/x../y`)],
  ['CopyFileRequest', 'dddd', file(`${FILE}/..`)],
  ['CopyFileRequest', 'dddd', file(`${FILE}/../abc`)],
  ['CopyFileRequest', 'dddd', file(`x${FILE}`)],
  ['CopyFileRequest', 'dddd', file(FILE.replace('b-', '-'))],
  ['CopyFileRequest', 'dddd', file(FILE.replace('f-', '-'))],
  ['CopyFileRequest', 'dddd', file(FILE.replace('-conf', ''))],
  ['CopyFileRequest', 'aaaa', file(FILE.replace('-conf', '-'))],
  ['CopyFileRequest', 'ddda', file(FILE.replace(BEFORE, `${BEFORE}/watchable`))],
  ['CopyFileRequest', 'ddda', file(FILE.replace(BEFORE, `${BEFORE}/passthrough`))],
  ['CopyFileRequest', 'dddd', file(FILE.replace(BEFORE, `${BEFORE}/other`))],
  ['CopyFileRequest', 'aaaa', file(FILE, 0o040755)],
  ['CopyFileRequest', 'aaad', file(FILE, 0o010644)],
  // Section 11.3.
  ['UpdateInterfaceRequest', 'aaaa', link({})],
  ['UpdateInterfaceRequest', 'aaaa', link({ raw_flags: 128 })],
  ['UpdateInterfaceRequest', 'addd', link({ raw_flags: 129 })],
  ['UpdateInterfaceRequest', 'addd', link({ raw_flags: 256 })],
  ['UpdateInterfaceRequest', 'addd', link({ name: 'lo' })],
  ['UpdateInterfaceRequest', 'aaaa', link({ name: 'LO', device: 'lo' })],
  ['UpdateInterfaceRequest', 'addd', link({ hwAddr: '00:00:00:00:00:00' })],
  ['UpdateInterfaceRequest', 'aaaa', link({ hwAddr: '' })],
  ['UpdateInterfaceRequest', 'addd', { interface: null }],
  // Section 11.4.
  ['UpdateRoutesRequest', 'aaaa', { routes: { Routes: [] } }],
  ['UpdateRoutesRequest', 'addd', { routes: null }],
  ['UpdateRoutesRequest', 'aaaa', route({ dest: '127.0.0.1', gateway: '127.0.0.1' })],
  ['UpdateRoutesRequest', 'addd', route({ device: 'lo' })],
  ['UpdateRoutesRequest', 'aaaa', route({ device: 'lo0' })],
  ['UpdateRoutesRequest', 'addd', route({ source: '127.255.0.9' })],
  ['UpdateRoutesRequest', 'aaaa', route({ source: '127.0.0.1/8' })],
  ['UpdateRoutesRequest', 'aaaa', route({ source: '128.0.0.1' })],
  ['UpdateRoutesRequest', 'addd', route({ source: '::1' })],
  ['UpdateRoutesRequest', 'addd', route({ source: '0:0:0:0:0:0:0:1' })],
  ['UpdateRoutesRequest', 'aaaa', route({ source: '::2' })],
  // Section 11.5.
  ['AddARPNeighborsRequest', 'ddda', neighbour({})],
  ['AddARPNeighborsRequest', 'ddda', { neighbors: { ARPNeighbors: [] } }],
  ['AddARPNeighborsRequest', 'dddd', { neighbors: null }],
  ['AddARPNeighborsRequest', 'ddda', neighbour({ state: 2 })],
  ['AddARPNeighborsRequest', 'dddd', neighbour({ state: 130 })],
  ['AddARPNeighborsRequest', 'ddda', neighbour({ flags: 136 })],
  ['AddARPNeighborsRequest', 'dddd', neighbour({ flags: 4 })],
  ['AddARPNeighborsRequest', 'dddd', neighbour({ flags: -1 })],
  ['AddARPNeighborsRequest', 'dddd', neighbour({ device: 'lo' })],
  ['AddARPNeighborsRequest', 'dddd', neighbour({}, null)],
  ['AddARPNeighborsRequest', 'dddd', neighbour({}, { address: '10.0.0.1', mask: '24' })],
  ['AddARPNeighborsRequest', 'dddd', neighbour({}, { address: '127.9.9.9' })],
  ['AddARPNeighborsRequest', 'ddda', neighbour({}, { address: '::1' })],
  // Section 4: nothing is there that could be removed.
  ['RemoveContainerRequest', 'aadd', { container_id: 'unknown' }],
  // Section 11.6: off in the settings of these policies, or on.
  ['SetPolicyRequest', 'dddd', { policy: 'package agent_policy' }],
  ['SignalProcessRequest', 'aaaa', { signal: 9 }],
];

/** Changes of the request that creates the sandbox (section 11.1). */
const SANDBOX: readonly Row[] = [
  ['as it is', 'aaaa', []],
  ['another host name', 'aaaa', [set('/hostname', 'x')]],
  ['name servers', 'aaaa', [set('/dns', ['1.1.1.1'])]],
  ['no storages', 'aaaa', [set('/storages', [])]],
  ['a hook', 'dddd', [set('/guest_hook_path', '/x')]],
  ['a process namespace', 'dddd', [set('/sandbox_pidns', true)]],
  ['a kernel module', 'dddd', [set('/kernel_modules', [{ name: 'x', parameters: [] }])]],
  ['a larger storage', 'dddd', [set('/storages/0/options/4', 'size=67108865')]],
  ['a storage with an option less', 'dddd', [remove('/storages/0/options/0')]],
  ['a storage elsewhere', 'dddd', [set('/storages/0/mount_point', '/run')]],
];

const engines = [
  ['WebAssembly', loadingOnce(openWasmEngine())] as const,
  ...(nativeAddon() === undefined ? [] : [['native', loadingOnce(openNativeEngine())] as const]),
];

describe.each(engines)('requests of every kind, %s', (_name, engine) => {
  /** The letters of all guests; `web` and `sandbox` are requests of the rule cases. */
  async function decisions(
    ask: (
      session: Awaited<ReturnType<typeof createPolicySession>>,
      bases: ReadonlyMap<string, JsonValue>,
    ) => string,
  ): Promise<string> {
    const letters = [];
    for (const guest of GUESTS) {
      const cases = readRuleCases(guest);
      const data = cases.find(({ id }) => id === 'web')?.data ?? null;
      const bases = new Map(cases.map(({ id, input }) => [id, input]));
      const session = await createPolicySession(engine, policyText(rulesText(guest), data), guest);
      letters.push(ask(session, bases) === 'allow' ? 'a' : 'd');
    }
    return letters.join('');
  }

  const changed = (base: string, kind: string, patch: readonly JsonObject[]) =>
    decisions((session, bases) => {
      const place = { code: 'INTERNAL', what: base, path: '' } as const;
      const input = applyJsonPatch(bases.get(base) ?? null, patch as JsonValue, place);
      return session.decide(kind, input).verdict;
    });

  it.each(CREATE)('a container with %s: %s', async (_what, want, patch) => {
    expect(await changed('web', 'CreateContainerRequest', patch)).toBe(want);
  });

  it.each(SANDBOX)('a sandbox with %s: %s', async (_what, want, patch) => {
    expect(await changed('sandbox', 'CreateSandboxRequest', patch)).toBe(want);
  });

  it.each(MESSAGES)('%s: %s %j', async (kind, want, message) => {
    expect(await decisions((session) => session.receive(kind, message).verdict)).toBe(want);
  });
});
