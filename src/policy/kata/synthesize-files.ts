/** The files that the runtime copies into the guest where the two share no file system (spec kata-policy-rules 11.2). */
import type { JsonObject } from '../../core/json.js';
import type { MountData } from './data.js';
import { fillPath } from './synthesize-names.js';
import type { ContainerScope } from './synthesize-volumes.js';

const REGULAR = 0o100644;
const DIRECTORY = 0o040755;
const LINK = 0o120777;
/** Folder with one version of a projected volume, as kubelet names it. */
const VERSION = '..2024_05_06_07_08_09.1234567890';

/** Mounts of single files; the others are volumes, which kubelet fills by way of links. */
const FILE_MOUNTS: readonly string[] = [
  '/etc/hosts',
  '/etc/hostname',
  '/etc/resolv.conf',
  '/dev/termination-log',
];

/** CopyFileRequests of all mounts of the container that lie below the shared directory. */
export function synthesizeFiles(scope: ContainerScope): readonly JsonObject[] {
  const shared = (scope.container.OCI.Mounts ?? []).filter(({ source }) =>
    source.startsWith('$(sfprefix)'),
  );
  const requests = shared.flatMap((mount) => copiesOf(mount, scope));
  return [...new Map(requests.map((request) => [String(request.path), request])).values()];
}

function copiesOf(mount: MountData, { data, names }: ContainerScope): readonly JsonObject[] {
  const path = fillPath(mount.source, data, names);
  const isRegular = FILE_MOUNTS.includes(mount.destination) || !mount.options.includes('ro');
  if (isRegular) return [copy(path, REGULAR)];
  return [
    copy(path, DIRECTORY),
    copy(`${path}/${VERSION}`, DIRECTORY),
    copy(`${path}/${VERSION}/token`, REGULAR),
    copy(`${path}/..data`, LINK, VERSION),
    copy(`${path}/token`, LINK, '..data/token'),
  ];
}

function copy(path: string, mode: number, content = ''): JsonObject {
  const data = [...Buffer.from(content)];
  return {
    path,
    file_size: data.length,
    file_mode: mode,
    dir_mode: 0o750,
    uid: 0,
    gid: 0,
    offset: 0,
    data,
  };
}
