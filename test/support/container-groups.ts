/** Container groups for tests of what comes behind their readers. */
import type { Notice } from '../../src/core/notice.js';
import type { AciPorts, AciRequest } from '../../src/pipeline/aci/generate.js';
import type { AciOptions, GroupImage } from '../../src/policy/aci/container.js';
import { findAciGuest } from '../../src/policy/aci/guests.js';
import type { ContainerGroup, GroupContainer } from '../../src/workload/container-group.js';

export const SIDECAR = 'mcr.microsoft.com/aci/sc-proxy:1';

export const groupContainer = (change: Partial<GroupContainer> = {}): GroupContainer => ({
  name: 'app',
  id: change.image ?? 'example.org/app:1',
  image: 'example.org/app:1',
  writtenImage: change.image ?? 'example.org/app:1',
  command: [],
  args: [],
  env: [],
  execProcesses: [],
  mounts: [],
  security: {
    privileged: false,
    allowPrivilegeEscalation: true,
    addCapabilities: [],
    dropCapabilities: [],
    seccompSha256: '',
  },
  at: 'g.json containers[0]',
  ...change,
});

export const containerGroup = (change: Partial<ContainerGroup> = {}): ContainerGroup => ({
  source: 'arm',
  kind: 'group',
  os: 'linux',
  defaults: 'aci',
  containers: [groupContainer()],
  fragments: [],
  standaloneFragments: [],
  excludesInfrastructure: false,
  at: 'g.json',
  ...change,
});

export const groupImage = (config: GroupImage['config'] = {}): GroupImage => ({
  config,
  layers: ['a'.repeat(64)],
});

export const aciOptions = (
  change: Partial<AciOptions> = {},
  notices: Notice[] = [],
): AciOptions => ({
  guest: findAciGuest(),
  debugMode: false,
  stdio: true,
  omitId: false,
  notices: (notice) => notices.push(notice),
  ...change,
});

/** Groups with the default options. */
export const aciRequest = (...groups: ContainerGroup[]): AciRequest => ({
  groups,
  guest: findAciGuest(),
  debugMode: false,
  stdio: true,
  omitId: false,
  fragments: { imports: [], excludeInfrastructure: false },
});

/** Ports that know every image; what is asked for and said is added to the lists. */
export function plainAciPorts(asked: string[] = [], notices: Notice[] = []): AciPorts {
  return {
    obtain: async (reference) => {
      asked.push(reference);
      const layers = [{ rootHashes: { ext4: 'a'.repeat(64) as never }, userFiles: [] }];
      return {
        image: { reference, config: { os: 'linux', architecture: 'amd64' }, layers: [] },
        layers,
        identity: { reference, from: 'facts' },
      };
    },
    notices: (notice) => notices.push(notice),
  };
}
