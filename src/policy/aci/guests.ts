/** Versions of the ACI policy generator as data (aci policy 2): nothing else differs between them. */
import { ToolError } from '../../core/error.js';

export interface AciGuest {
  readonly id: string;
  readonly apiVersion: string;
  readonly frameworkVersion: string;
  /** minimum_svn of the infrastructure fragment. */
  readonly infrastructureSvn: string;
  /** Of policies of Windows groups; absent where there are none. */
  readonly windowsFrameworkVersion?: string;
  /** The policy hands rw_mount_device to the framework. */
  readonly rwMountDevice: boolean;
  /** Variables are sorted by pattern, in code-point order. */
  readonly sortsEnvRules: boolean;
  /** A default mount gives way to a mount of the input with the same path. */
  readonly mergesDefaultMounts: boolean;
  /** A comparison with a policy that is missing, or has no containers, is an error and no difference. */
  readonly diffNeedsContainers: boolean;
}

const RELEASE_1_3_1: AciGuest = {
  id: 'confcom-1.3.1',
  apiVersion: '0.10.0',
  frameworkVersion: '0.2.3',
  infrastructureSvn: '1',
  rwMountDevice: false,
  sortsEnvRules: false,
  mergesDefaultMounts: false,
  diffNeedsContainers: true,
};

/** The default first. */
const ACI_GUESTS: readonly AciGuest[] = [
  {
    ...RELEASE_1_3_1,
    id: 'confcom-2.0.1',
    apiVersion: '0.11.0',
    windowsFrameworkVersion: '0.4.1',
    infrastructureSvn: '4',
    rwMountDevice: true,
    diffNeedsContainers: false,
  },
  RELEASE_1_3_1,
  {
    ...RELEASE_1_3_1,
    id: 'confcom-fork-1.2.8',
    sortsEnvRules: true,
    mergesDefaultMounts: true,
  },
];

/** Names of all versions, the default first. */
export const ACI_GUEST_IDS: readonly string[] = ACI_GUESTS.map(({ id }) => id);

/** True for the name of a version. */
export function isAciGuest(id: string): boolean {
  return ACI_GUEST_IDS.includes(id);
}

/** The version with this name; the default without a name. Throws USAGE_CONFLICT. */
export function findAciGuest(id: string = ACI_GUEST_IDS[0]!): AciGuest {
  const guest = ACI_GUESTS.find((one) => one.id === id);
  if (guest !== undefined) return guest;
  throw new ToolError('USAGE_CONFLICT', 'there is no such guest of aci and vn2', {
    want: ACI_GUEST_IDS.join(', '),
    got: id,
  });
}
