/** What must hold of a CreateContainerRequest whichever container it is for (spec kata-policy-rules section 9.1). */
import type { JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import { type Check, type FailedCheck, type Repair, shown } from './check.js';
import { objectOf } from './view.js';

interface Fixed {
  readonly path: readonly string[];
  readonly wanted: JsonValue;
  readonly fix: string;
}

const RUNTIME =
  'nothing in the YAML asks for it: look at the configuration of the runtime on the node';
const SECCOMP =
  'remove securityContext.seccompProfile from the pod and its containers, or set disable_guest_seccomp for the runtime';
const SELINUX = 'remove securityContext.seLinuxOptions from the pod and its containers';
const LINUX = ['OCI', 'Linux'];

/** Parts that a request must have exactly so, in the order of the specification. */
const FIXED: readonly Fixed[] = [
  { path: ['shared_mounts'], wanted: [], fix: RUNTIME },
  { path: ['string_user'], wanted: null, fix: RUNTIME },
  { path: ['OCI', 'Hooks'], wanted: null, fix: RUNTIME },
  { path: ['OCI', 'Solaris'], wanted: null, fix: RUNTIME },
  { path: ['OCI', 'Windows'], wanted: null, fix: RUNTIME },
  { path: [...LINUX, 'GIDMappings'], wanted: [], fix: 'remove hostUsers: false from the pod' },
  { path: [...LINUX, 'UIDMappings'], wanted: [], fix: 'remove hostUsers: false from the pod' },
  { path: [...LINUX, 'MountLabel'], wanted: '', fix: SELINUX },
  { path: [...LINUX, 'RootfsPropagation'], wanted: '', fix: RUNTIME },
  { path: [...LINUX, 'Resources', 'Devices'], wanted: [], fix: RUNTIME },
  { path: [...LINUX, 'Resources', 'BlockIO'], wanted: null, fix: RUNTIME },
  { path: [...LINUX, 'Resources', 'Network'], wanted: null, fix: RUNTIME },
  { path: [...LINUX, 'Resources', 'Pids'], wanted: null, fix: RUNTIME },
  { path: [...LINUX, 'IntelRdt'], wanted: null, fix: RUNTIME },
  { path: [...LINUX, 'Seccomp'], wanted: null, fix: SECCOMP },
  { path: ['OCI', 'Process', 'SelinuxLabel'], wanted: '', fix: SELINUX },
  { path: ['OCI', 'Process', 'User', 'Username'], wanted: '', fix: RUNTIME },
];

const EMPTY_RESOURCES: JsonValue = {
  Devices: [],
  Memory: null,
  CPU: null,
  Pids: null,
  BlockIO: null,
  HugepageLimits: [],
  Network: null,
};

/** Parts of the request that no policy allows. */
export const checkRequest: Check = ({ message, rules }) => {
  const resources = objectOf(objectOf(message.OCI).Linux).Resources;
  const failed = FIXED.flatMap(({ path, wanted, fix }) => {
    if (path[2] === 'Resources' && resources === null) return [];
    const given = valueAt(message, path);
    return sameJson(given, wanted) ? [] : [fixedPart(path, wanted, given, fix)];
  });
  if (resources === null) {
    const path = [...LINUX, 'Resources'];
    failed.push(fixedPart(path, EMPTY_RESOURCES, null, RUNTIME));
  }
  return [...failed, ...(rules.sysctls === 'none' ? refuseSysctls(message) : [])];
};

function refuseSysctls(message: JsonValue): readonly FailedCheck[] {
  const path = [...LINUX, 'Sysctl'];
  const given = valueAt(message, path);
  if (sameJson(given, {})) return [];
  const fix = 'remove securityContext.sysctls from the pod: this guest takes none';
  return [fixedPart(path, {}, given, fix)];
}

function fixedPart(
  path: readonly string[],
  wanted: JsonValue,
  given: JsonValue | undefined,
  fix: string,
): FailedCheck {
  const repair: Repair = { path, value: wanted };
  return {
    id: 'request',
    path: path.join('.'),
    message: `${path.at(-1)} is set, which no policy allows`,
    policy: shown(wanted),
    request: shown(given),
    fix,
    repairs: [repair],
  };
}

function valueAt(value: JsonValue, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((part, key) => objectOf(part)[key], value);
}
