/** Changes of the requests of a start that every policy of ours refuses, whatever pod it was made of. */
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { applyJsonPatch } from '../../src/core/json-patch.js';
import type { ContainerData } from '../../src/policy/kata/data.js';

/** A request that was allowed, and the container of the policy that it is for. */
export interface AllowedRequest {
  readonly kind: string;
  readonly request: JsonObject;
  readonly container?: ContainerData | undefined;
}

export interface StartMutation {
  readonly name: string;
  /** Letters of the guests that refuse it. */
  readonly families: string;
  readonly kind: string;
  /** JSON Patches, each of which makes a request to refuse. */
  readonly patches: (allowed: AllowedRequest) => readonly (readonly JsonObject[])[];
}

const CREATE = 'CreateContainerRequest';
const EXEC = 'ExecProcessRequest';
const ALL = 'CVMU';
/** No guest has a capability, group or device of that name. */
const NO_CAPABILITY = 'CAP_NONE';
const NO_GROUP = 4242;

const replace = (path: string, value: JsonValue) => [{ op: 'replace', path, value }];
const add = (path: string, value: JsonValue) => [{ op: 'add', path, value }];
const remove = (path: string) => [{ op: 'remove', path }];
const pointer = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

const valueAt = (value: JsonValue, path: string): JsonValue | undefined =>
  path
    .split('/')
    .slice(1)
    .reduce<JsonValue | undefined>(
      (part, key) => (part as JsonObject | undefined)?.[key.replaceAll('~1', '/')],
      value,
    );
const listAt = (value: JsonValue, path: string) => (valueAt(value, path) ?? []) as JsonValue[];

type Patches = StartMutation['patches'];

const always =
  (...patch: readonly JsonObject[]): Patches =>
  () => [patch];
/** The text with one character more. */
const longer =
  (path: string): Patches =>
  ({ request }) => {
    const text = valueAt(request, path);
    return typeof text === 'string' ? [replace(path, `${text}x`)] : [];
  };
const flipped =
  (path: string): Patches =>
  ({ request }) => [replace(path, valueAt(request, path) !== true)];
const next =
  (path: string): Patches =>
  ({ request }) => [replace(path, Number(valueAt(request, path)) + 1)];
/** One patch or several for each element of a list. */
const each =
  (
    path: string,
    change: (at: string, element: JsonValue, index: number) => readonly (readonly JsonObject[])[],
  ): Patches =>
  ({ request }) =>
    listAt(request, path).flatMap((element, index) => change(`${path}/${index}`, element, index));

const PROCESS = '/OCI/Process';
const LINUX = '/OCI/Linux';
const CRI = 'io.kubernetes.cri.';
const annotation = (key: string) => `/OCI/Annotations/${pointer(key)}`;
const CAPABILITIES = ['Ambient', 'Bounding', 'Effective', 'Inheritable', 'Permitted'];
const STORAGE = {
  driver: 'local',
  driver_options: [],
  source: 'local',
  fstype: 'local',
  options: [],
  mount_point: '/evil',
  fs_group: null,
};
const DEVICE = { id: '', type_: '', vm_path: '', container_path: '/dev/evil', options: [] };
const MOUNT = { destination: '/evil', source: '/', type_: 'bind', options: ['rbind', 'rw'] };

const isPulledImage = (storage: JsonValue) => (storage as JsonObject).driver === 'image_guest_pull';

/** Variables that stand in the policy as they are: their values are not free. */
function fixedVariables(path: string): Patches {
  return ({ request, container }) => {
    const fixed = new Set(container?.OCI.Process.Env ?? []);
    return listAt(request, path).flatMap((variable, index) =>
      fixed.has(String(variable)) ? [replace(`${path}/${index}`, `${String(variable)}x`)] : [],
    );
  };
}

type Row = readonly [name: string, families: string, patches: Patches];

const CREATE_ROWS: readonly Row[] = [
  ['version', ALL, longer('/OCI/Version')],
  ['process namespace', ALL, flipped('/sandbox_pidns')],
  ['string user', ALL, always(...replace('/string_user', {}))],
  ['shared mounts', ALL, always(...add('/shared_mounts/-', {}))],
  ...['Hooks', 'Solaris', 'Windows'].map(
    (name): Row => [name, ALL, always(...replace(`/OCI/${name}`, {}))],
  ),
  ...['UIDMappings', 'GIDMappings'].map(
    (name): Row => [name, ALL, always(...add(`${LINUX}/${name}/-`, {}))],
  ),
  ...['MountLabel', 'RootfsPropagation'].map(
    (name): Row => [name, ALL, longer(`${LINUX}/${name}`)],
  ),
  ...['IntelRdt', 'Seccomp'].map(
    (name): Row => [name, ALL, always(...replace(`${LINUX}/${name}`, {}))],
  ),
  ['no resources', ALL, always(...replace(`${LINUX}/Resources`, null))],
  ['device rules', ALL, always(...add(`${LINUX}/Resources/Devices/-`, {}))],
  ...['BlockIO', 'Network', 'Pids'].map(
    (name): Row => [name, ALL, always(...replace(`${LINUX}/Resources/${name}`, {}))],
  ),
  ['root path', ALL, longer('/OCI/Root/Path')],
  ['read-only root', ALL, flipped('/OCI/Root/Readonly')],
  ['working directory', ALL, longer(`${PROCESS}/Cwd`)],
  ['privilege escalation', ALL, flipped(`${PROCESS}/NoNewPrivileges`)],
  ['terminal', ALL, flipped(`${PROCESS}/Terminal`)],
  ['label', ALL, longer(`${PROCESS}/SelinuxLabel`)],
  ['user id', ALL, next(`${PROCESS}/User/UID`)],
  ['group id', 'MU', next(`${PROCESS}/User/GID`)],
  ['one more group', 'MU', always(...add(`${PROCESS}/User/AdditionalGids/-`, NO_GROUP))],
  ['user name', ALL, longer(`${PROCESS}/User/Username`)],
  ['argument', ALL, each(`${PROCESS}/Args`, (at, word) => [replace(at, `${String(word)}x`)])],
  ['argument left out', ALL, each(`${PROCESS}/Args`, (at) => [remove(at)])],
  ['argument more', ALL, always(...add(`${PROCESS}/Args/-`, 'x'))],
  ['variable more', ALL, always(...add(`${PROCESS}/Env/-`, 'EVIL=1'))],
  ['variable without a value', ALL, always(...add(`${PROCESS}/Env/-`, 'EVIL'))],
  ['value of a variable', ALL, fixedVariables(`${PROCESS}/Env`)],
  [
    'capability more',
    ALL,
    () => CAPABILITIES.map((name) => add(`${PROCESS}/Capabilities/${name}/-`, NO_CAPABILITY)),
  ],
  [
    'capability left out',
    ALL,
    ({ request }) =>
      CAPABILITIES.flatMap((name) => {
        const path = `${PROCESS}/Capabilities/${name}`;
        return listAt(request, path).length > 0 ? [remove(`${path}/0`)] : [];
      }),
  ],
  ['mount more', ALL, always(...add('/OCI/Mounts/-', MOUNT))],
  ['mount twice', 'MU', each('/OCI/Mounts', (_at, mount) => [add('/OCI/Mounts/-', mount)])],
  [
    'mount',
    ALL,
    each('/OCI/Mounts', (at, mount) =>
      ['destination', 'source', 'type_'].map((name) =>
        replace(`${at}/${name}`, `${String((mount as JsonObject)[name])}x`),
      ),
    ),
  ],
  ['mount option', ALL, each('/OCI/Mounts', (at) => [add(`${at}/options/-`, 'evil')])],
  ['storage more', ALL, always(...add('/storages/-', STORAGE))],
  [
    'storage',
    ALL,
    each('/storages', (at, storage) =>
      ['driver', 'mount_point'].map((name) =>
        replace(`${at}/${name}`, `${String((storage as JsonObject)[name])}x`),
      ),
    ),
  ],
  [
    'storage list',
    ALL,
    each('/storages', (at) => [
      add(`${at}/options/-`, 'evil'),
      replace(`${at}/fs_group`, { group_id: NO_GROUP, group_change_policy: 0 }),
    ]),
  ],
  ['storage twice', ALL, each('/storages', (_at, storage) => [add('/storages/-', storage)])],
  [
    'storage left out',
    ALL,
    each('/storages', (at, storage) => (isPulledImage(storage) ? [] : [remove(at)])),
  ],
  ['namespace more', ALL, always(...add(`${LINUX}/Namespaces/-`, { Type: 'pid', Path: '' }))],
  ['path of a namespace', ALL, always(...replace(`${LINUX}/Namespaces/0/Path`, '/proc/1/ns/ipc'))],
  ['namespace left out', ALL, always(...remove(`${LINUX}/Namespaces/0`))],
  [
    'network namespace more',
    ALL,
    () => [
      [1, 2].flatMap(() => add(`${LINUX}/Namespaces/-`, { Type: 'network', Path: '/run/netns/x' })),
    ],
  ],
  ['shown path', ALL, each(`${LINUX}/MaskedPaths`, (at) => [remove(at)])],
  ['writable path', ALL, each(`${LINUX}/ReadonlyPaths`, (at) => [remove(at)])],
  ['kernel setting', ALL, always(...add(`${LINUX}/Sysctl/evil`, '1'))],
  ['device node', 'VMU', always(...add(`${LINUX}/Devices/-`, { Path: '/dev/evil' }))],
  ['device', 'VMU', always(...add('/devices/-', DEVICE))],
  ['annotation more', ALL, always(...add('/OCI/Annotations/evil', 'x'))],
  ...['container-type', 'container-name', 'sandbox-namespace', 'sandbox-id'].map(
    (name): Row => [name, ALL, longer(annotation(CRI + name))],
  ),
  ['sandbox name', 'VMU', longer(annotation(`${CRI}sandbox-name`))],
  ['kata type', ALL, longer(annotation('io.katacontainers.pkg.oci.container_type'))],
  ['bundle', 'CVM', longer(annotation('io.katacontainers.pkg.oci.bundle_path'))],
  ['log directory', ALL, longer(annotation(`${CRI}sandbox-log-directory`))],
  ['network annotation', ALL, longer(annotation('nerdctl/network-namespace'))],
  ['no sandbox name', ALL, always(...remove(annotation(`${CRI}sandbox-name`)))],
  ['no namespace', ALL, always(...remove(annotation(`${CRI}sandbox-namespace`)))],
];

const EXEC_ROWS: readonly Row[] = [
  ['word', ALL, each('/process/Args', (at, word) => [replace(at, `${String(word)}x`)])],
  ['word more', ALL, always(...add('/process/Args/-', 'x'))],
  ['working directory', ALL, longer('/process/Cwd')],
  ['privilege escalation', ALL, flipped('/process/NoNewPrivileges')],
  ['terminal', ALL, flipped('/process/Terminal')],
  ['user id', ALL, next('/process/User/UID')],
  ['group id', 'MU', next('/process/User/GID')],
  ['one more group', 'MU', always(...add('/process/User/AdditionalGids/-', NO_GROUP))],
  ['capabilities', ALL, always(...replace('/process/Capabilities', {}))],
  ['variable more', ALL, always(...add('/process/Env/-', 'EVIL=1'))],
  ['label', 'MU', longer('/process/SelinuxLabel')],
  ['profile', 'MU', longer('/process/ApparmorProfile')],
  ['string user', 'MU', always(...replace('/string_user', {}))],
  ['unknown container', 'VMU', longer('/container_id')],
];

const SANDBOX_ROWS: readonly Row[] = [
  ['hooks', ALL, always(...replace('/guest_hook_path', '/x'))],
  ['kernel module', ALL, always(...add('/kernel_modules/-', { name: 'x' }))],
  ['process namespace', ALL, always(...replace('/sandbox_pidns', true))],
  ['storage more', ALL, always(...add('/storages/-', STORAGE))],
  [
    'storage',
    ALL,
    each('/storages', (at, storage) =>
      ['driver', 'source', 'fstype', 'mount_point'].map((name) =>
        replace(`${at}/${name}`, `${String((storage as JsonObject)[name])}x`),
      ),
    ),
  ],
  ['storage option', ALL, each('/storages', (at) => [add(`${at}/options/-`, 'evil')])],
];

const COPY_ROWS: readonly Row[] = [
  ['elsewhere', ALL, always(...replace('/path', '/etc/passwd'))],
  [
    'path',
    ALL,
    ({ request }) => {
      const path = String(request.path);
      return [`${path}/../x`, `${path}/..`, `/x${path}`, path.slice(0, 60)].map((other) =>
        replace('/path', other),
      );
    },
  ],
];

const NETWORK_ROWS: Readonly<Record<string, readonly Row[]>> = {
  UpdateInterfaceRequest: [
    ['loopback', 'VMU', always(...replace('/interface/name', 'lo'))],
    ['flags', 'VMU', always(...replace('/interface/raw_flags', 64))],
    ['no address', 'VMU', always(...replace('/interface/hwAddr', '00:00:00:00:00:00'))],
    ['no interface', 'VMU', always(...replace('/interface', null))],
  ],
  UpdateRoutesRequest: [
    ['loopback', 'VMU', each('/routes/Routes', (at) => [replace(`${at}/device`, 'lo')])],
    ['own source', 'VMU', each('/routes/Routes', (at) => [replace(`${at}/source`, '127.0.0.1')])],
    ['no routes', 'VMU', always(...replace('/routes', null))],
  ],
  AddARPNeighborsRequest: [
    ['loopback', 'U', each('/neighbors/ARPNeighbors', (at) => [replace(`${at}/device`, 'lo')])],
    ['state', 'U', each('/neighbors/ARPNeighbors', (at) => [replace(`${at}/state`, 1)])],
    ['flags', 'U', each('/neighbors/ARPNeighbors', (at) => [replace(`${at}/flags`, 1)])],
  ],
};

const rows = (kind: string, list: readonly Row[]): readonly StartMutation[] =>
  list.map(([name, families, patches]) => ({ name, families, kind, patches }));

export const START_MUTATIONS: readonly StartMutation[] = [
  ...rows(CREATE, CREATE_ROWS),
  ...rows(EXEC, EXEC_ROWS),
  ...rows('CreateSandboxRequest', SANDBOX_ROWS),
  ...rows('CopyFileRequest', COPY_ROWS),
  ...Object.entries(NETWORK_ROWS).flatMap(([kind, list]) => rows(kind, list)),
];

/** The requests that a mutation makes of an allowed one. */
export function mutatedRequests(
  mutation: StartMutation,
  allowed: AllowedRequest,
): readonly JsonValue[] {
  const place = { code: 'INTERNAL', what: mutation.name, path: '' } as const;
  return mutation
    .patches(allowed)
    .map((patch) => applyJsonPatch(allowed.request, [...patch], place));
}
