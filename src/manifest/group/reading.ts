/** What readers of container groups get beside their text, and marks that several of them know. */
import type { NoticeSink } from '../../core/notice.js';
import type { GroupEnvRule, GroupMount, WildcardApproval } from '../../workload/container-group.js';

export interface GroupReading {
  readonly approve: WildcardApproval;
  readonly notices: NoticeSink;
}

/** Label of pods that use workload identity. */
export const WORKLOAD_IDENTITY_LABEL = 'azure.workload.identity/use';

/** Variables that workload identity sets; they stand before those of the container's own configuration or behind. */
export const WORKLOAD_IDENTITY_ENV: readonly GroupEnvRule[] = [
  'AZURE_CLIENT_ID',
  'AZURE_TENANT_ID',
  'AZURE_FEDERATED_TOKEN_FILE',
  'AZURE_AUTHORITY_HOST',
].map((name) => ({ pattern: `${name}=.+`, strategy: 're2' }));

export const WORKLOAD_IDENTITY_MOUNT: GroupMount = {
  type: 'emptyDir',
  destination: '/var/run/secrets/azure/tokens',
  readOnly: true,
};

/** Mounts of privileged containers on virtual nodes. */
export const PRIVILEGED_MOUNTS: readonly GroupMount[] = ['/sys/fs/cgroup', '/sys'].map(
  (destination) => ({ type: 'emptyDir', destination, readOnly: false }),
);

/** A rule that allows any value of a variable. */
export function wildcardRule(name: string): GroupEnvRule {
  return { pattern: `${name}=.*`, strategy: 're2' };
}
