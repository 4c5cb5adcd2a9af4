/**
 * What is run for each encrypted filesystem, as data (secure key release, section 12): the programs with their arguments,
 * and where their input comes from. Keys go through standard input; no argument, variable or file ever holds one.
 */
import { LIMITS } from '../core/limits.js';
import { type EncryptedFilesystem, nameOfImage } from './encfs-config.js';

/** A program run. */
export interface PlannedCommand {
  /** Program and arguments. */
  readonly argv: readonly string[];
  /** The released key of the filesystem is its standard input; absent: nothing is. */
  readonly stdin?: 'key';
}

/** A blob that is shown as a file. */
export interface RemotePlan {
  /** May hold a shared access signature: secret. */
  readonly url: string;
  /** Audience of the access token that it is read with; absent: none. */
  readonly resource?: string;
  /** Where the file appears. */
  readonly folder: string;
  readonly unmount: PlannedCommand;
  readonly unmountLater: PlannedCommand;
}

export interface FilesystemPlan {
  readonly filesystem: EncryptedFilesystem;
  /** For people. */
  readonly name: string;
  /** Path of the file or block device that is opened. */
  readonly image: string;
  readonly remote?: RemotePlan;
  /** Private copy of the header: what is checked is what is used, whatever the host does to the image meanwhile. */
  readonly header: string;
  readonly headerBytes: number;
  /** Block device of the decrypted data. */
  readonly device: string;
  /** Where it is mounted: beside the mount point. */
  readonly folder: string;
  /** Target of the symbolic link at the mount point, which appears when all is there. */
  readonly link: string;
  /** Prints the metadata of the header. */
  readonly dump: PlannedCommand;
  readonly open: PlannedCommand;
  readonly mount: PlannedCommand;
  readonly unmount: PlannedCommand;
  /** For a filesystem in use: it goes when its last user ends. */
  readonly unmountLater: PlannedCommand;
  readonly close: PlannedCommand;
  readonly closeLater: PlannedCommand;
}

/** Plans in the order of the configuration. `workFolder` is private and in memory; it holds the copies of headers. */
export function buildEncfsPlan(
  filesystems: readonly EncryptedFilesystem[],
  workFolder: string,
): readonly FilesystemPlan[] {
  return filesystems.map((filesystem, index) => planOf(filesystem, index, workFolder));
}

function planOf(
  filesystem: EncryptedFilesystem,
  index: number,
  workFolder: string,
): FilesystemPlan {
  const { mountPoint, writable } = filesystem;
  const mapped = `remote-crypt-${index}`;
  const device = `/dev/mapper/${mapped}`;
  const link = `.filesystem-${index}`;
  const folder = `${mountPoint.slice(0, mountPoint.lastIndexOf('/'))}/${link}`;
  const header = `${workFolder}/header-${index}`;
  const remote = remoteOf(filesystem, `${workFolder}/blob-${index}`);
  const image =
    filesystem.image.kind === 'local' ? filesystem.image.path : `${workFolder}/blob-${index}/data`;
  return {
    filesystem,
    name: nameOfImage(filesystem.image),
    image,
    ...(remote === undefined ? {} : { remote }),
    header,
    headerBytes: LIMITS.luksHeaderBytes,
    device,
    folder,
    link,
    dump: run('cryptsetup', 'luksDump', '--dump-json-metadata', header),
    open: {
      argv: [
        ...['cryptsetup', 'open', '--type', 'luks2', '--key-file', '-', '--header', header],
        // No journal of integrity tags: the image is its own.
        '--integrity-no-journal',
        ...(writable ? [] : ['--readonly']),
        ...[image, mapped],
      ],
      stdin: 'key',
    },
    mount: run('mount', '-t', 'ext4', '-o', mountOptions(writable), device, folder),
    unmount: run('umount', folder),
    unmountLater: run('umount', '--lazy', folder),
    close: run('cryptsetup', 'close', mapped),
    closeLater: run('cryptsetup', 'close', '--deferred', mapped),
  };
}

const run = (...argv: readonly string[]): PlannedCommand => ({ argv });

function remoteOf({ image }: EncryptedFilesystem, folder: string): RemotePlan | undefined {
  if (image.kind === 'local') return undefined;
  return {
    url: image.url,
    ...(image.isPrivate ? { resource: `https://${new URL(image.url).hostname}` } : {}),
    folder,
    unmount: run('umount', folder),
    unmountLater: run('umount', '--lazy', folder),
  };
}

/** Read-only filesystems replay no journal: that would write. Neither kind brings devices or programs with privileges. */
function mountOptions(writable: boolean): string {
  return writable ? 'rw,nosuid,nodev' : 'ro,noload,nosuid,nodev';
}

/** The plan for people: each command as a shell would take it, keys by their names only. */
export function printEncfsPlan(plans: readonly FilesystemPlan[]): string {
  const blocks = plans.map((plan, index) =>
    [
      `# ${index}: ${plan.name} -> ${plan.filesystem.mountPoint} (${modeOf(plan)})`,
      ...openingLines(plan, index),
      '',
    ].join('\n'),
  );
  const closing = plans.toReversed().flatMap(closingLines);
  return [...blocks, '# at the end, or when one of the steps fails', ...closing, ''].join('\n');
}

function openingLines(plan: FilesystemPlan, index: number): readonly string[] {
  const { filesystem, header, remote } = plan;
  return [
    ...(remote === undefined ? [] : [`# show ${plan.name} as ${plan.image} (FUSE)`]),
    `head -c ${plan.headerBytes} ${quote(plan.image)} > ${quote(header)}`,
    `${shellText(plan.dump)}   # must be strong encryption`,
    `# release ${describeKey(filesystem)}`,
    `${shellText(plan.open)} < KEY-${index}`,
    `rm ${quote(header)}`,
    `mkdir -p ${quote(plan.folder)}`,
    shellText(plan.mount),
    `ln -s ${plan.link} ${quote(filesystem.mountPoint)}`,
  ];
}

function closingLines(plan: FilesystemPlan): readonly string[] {
  return [
    `rm ${quote(plan.filesystem.mountPoint)}`,
    `${shellText(plan.unmount)} || ${shellText(plan.unmountLater)}`,
    `rmdir ${quote(plan.folder)}`,
    `${shellText(plan.close)} || ${shellText(plan.closeLater)}`,
    ...(plan.remote === undefined ? [] : [shellText(plan.remote.unmount)]),
  ];
}

const modeOf = ({ filesystem }: FilesystemPlan) =>
  filesystem.writable ? 'read-write' : 'read-only';

/** Which key it is and what is made of it, without anything secret. */
export function describeKey({ key, derivation }: EncryptedFilesystem): string {
  const { salt, label } = derivation;
  const made = `HKDF-SHA256, salt of ${salt.length} bytes, label ${JSON.stringify(label)}`;
  const use = { oct: 'used as it is', RSA: made, either: `an RSA key: ${made}` };
  return `${key.kid} of ${key.vault} by ${key.attestationService} (${use[key.type ?? 'either']})`;
}

const shellText = ({ argv }: PlannedCommand) => argv.map(quote).join(' ');
const quote = (word: string) =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The plan for programs, `podseal.encfs-plan/v1`. */
export function encfsPlanJson(plans: readonly FilesystemPlan[]): object {
  return {
    format: 'podseal.encfs-plan/v1',
    filesystems: plans.map((plan) => ({
      image: plan.name,
      mountPoint: plan.filesystem.mountPoint,
      readWrite: plan.filesystem.writable,
      key: describeKey(plan.filesystem),
      open: [plan.dump, plan.open, plan.mount],
      close: [plan.unmount, plan.close],
    })),
  };
}
