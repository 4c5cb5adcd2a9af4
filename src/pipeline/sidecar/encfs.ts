/**
 * Encrypted filesystems, opened one after the other and closed in reverse (secure key release, section 12). The header is
 * copied and judged, then the key released and used on that very copy. A failure half way, or a signal, undoes all that was
 * done before.
 */
import { ToolError } from '../../core/error.js';
import type { FilesystemPlan, PlannedCommand, RemotePlan } from '../../keyrelease/encfs-plan.js';
import { filesystemKey } from '../../keyrelease/filesystem-key.js';
import { readLuksHeader } from '../../keyrelease/luks-header.js';
import type { ReleaseOrder } from './release.js';

/** How a program ended. */
export interface ProgramEnd {
  readonly status: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export interface EncfsFiles {
  /** Copies the head of a file or block device into a new private file; gives its size. Throws ENCFS_IMAGE_INVALID. */
  copyHead(from: string, to: string, bytes: number): Promise<number>;
  /** Removes a file if it is there. */
  remove(path: string): Promise<void>;
  /** Throws ENCFS_CONFIG_INVALID if something is there. */
  assertFree(path: string): Promise<void>;
  /** Makes a folder to mount on; none of those above it may be a link. Throws ENCFS_CONFIG_INVALID. */
  makeFolder(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  /** Makes a symbolic link. Throws ENCFS_CONFIG_INVALID if something is there. */
  link(target: string, path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  isMounted(folder: string): Promise<boolean>;
}

export interface EncfsPorts {
  readonly files: EncfsFiles;
  /** Runs a program with `input` on its standard input. Throws ENCFS_COMMAND_FAILED if it cannot run or takes too long. */
  readonly run: (argv: readonly string[], input?: Uint8Array) => Promise<ProgramEnd>;
  /** Shows a blob as the file `data` of a folder; gives what ends that once it is unmounted. */
  readonly show: (remote: RemotePlan, writable: boolean) => Promise<() => Promise<void>>;
  /** The released key as JSON text. */
  readonly release: (order: ReleaseOrder) => Promise<string>;
  /** True when the user ended the program. */
  readonly stopped: () => boolean;
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly story: (event: string, fields: Readonly<Record<string, string | boolean>>) => void;
}

/** Undoes one thing. Gives what is left to happen by itself, if anything. */
type Undo = () => Promise<string | undefined>;

export interface OpenFilesystems {
  /** Closes all in reverse. Throws ENCFS_CLOSE_FAILED when something was still in use. */
  close(): Promise<void>;
}

/** Tries to unmount a filesystem in use, and milliseconds between them. */
const UNMOUNT_TRIES = 5;
const UNMOUNT_PAUSE_MS = 1_000;

/**
 * Opens all, or none. Throws INTERRUPTED (ENCFS_CLOSE_FAILED if something stayed open), ENCFS_IMAGE_INVALID,
 * ENCFS_HEADER_REFUSED, ENCFS_KEY_REFUSED, ENCFS_COMMAND_FAILED, and what the release throws.
 */
export async function openFilesystems(
  ports: EncfsPorts,
  plans: readonly FilesystemPlan[],
): Promise<OpenFilesystems> {
  const undos: Undo[] = [];
  const close = () => undoAll(ports, undos);
  try {
    for (const { filesystem, device } of plans) {
      await ports.files.assertFree(filesystem.mountPoint);
      await ports.files.assertFree(device);
    }
    for (const plan of plans) await openOne(ports, plan, undos);
  } catch (error) {
    // What went wrong first is what the user has to know; what cannot be undone is in the log. A stop is no mistake:
    // then it is what stayed open.
    const left = await close().then(
      () => undefined,
      (failure: unknown) => failure,
    );
    const stopped = error instanceof ToolError && error.code === 'INTERRUPTED';
    throw stopped && left !== undefined ? left : error;
  }
  return { close };
}

async function openOne(ports: EncfsPorts, plan: FilesystemPlan, undos: Undo[]): Promise<void> {
  const { files, story } = ports;
  const { filesystem } = plan;
  const { mountPoint, writable } = filesystem;
  const image = plan.name;
  await showImage(ports, plan, undos);
  undos.push(done(() => files.remove(plan.header)));
  const { cipher, integrity = 'none' } = await checkHeader(ports, plan);
  story('header-checked', { image, cipher, integrity });
  await openDevice(ports, plan, undos);
  await files.remove(plan.header);
  stopIfAsked(ports);
  await files.makeFolder(plan.folder);
  undos.push(done(() => files.removeFolder(plan.folder)));
  await mountDevice(ports, plan, undos);
  await files.link(plan.link, mountPoint);
  undos.push(done(() => files.remove(mountPoint)));
  story('mounted', { image, mountPoint, writable });
}

/** A blob becomes a file. */
async function showImage(ports: EncfsPorts, plan: FilesystemPlan, undos: Undo[]): Promise<void> {
  const { remote } = plan;
  if (remote === undefined) return;
  stopIfAsked(ports);
  const end = await ports.show(remote, plan.filesystem.writable);
  undos.push(async () => {
    const left = await unmount(ports, { ...remote, what: plan.name });
    await end();
    return left;
  });
  ports.story('shown', { image: plan.name });
}

/** The header, copied to where nobody else writes, and judged there. */
async function checkHeader(ports: EncfsPorts, plan: FilesystemPlan) {
  stopIfAsked(ports);
  const image = plan.name;
  const size = await ports.files.copyHead(plan.image, plan.header, plan.headerBytes);
  const { status, stdout, stderr } = await ports.run(plan.dump.argv);
  if (status === 0) return readLuksHeader(stdout, image, size);
  throw new ToolError('ENCFS_IMAGE_INVALID', `${image} is no LUKS2 image`, {
    got: complaintOf(stderr),
    hints: ['it is made by `cryptsetup luksFormat --type luks2 IMAGE --key-file FILE`'],
  });
}

async function openDevice(ports: EncfsPorts, plan: FilesystemPlan, undos: Undo[]): Promise<void> {
  stopIfAsked(ports);
  const image = plan.name;
  const { key: order } = plan.filesystem;
  const jwk = await ports.release(order);
  stopIfAsked(ports);
  ports.story('key-released', { kid: order.kid, vault: order.vault });
  const key = filesystemKey(jwk, plan.filesystem);
  const undo = () => closeDevice(ports, plan);
  try {
    const { status, stderr } = await ports.run(plan.open.argv, key);
    if (status !== 0) throw openRefusal(status, complaintOf(stderr, key), image);
    undos.push(undo);
  } catch (error) {
    // A program that was stopped may have come as far as that.
    if (await ports.files.exists(plan.device)) undos.push(undo);
    throw error;
  } finally {
    key.fill(0);
  }
  ports.story('opened', { image, device: plan.device });
}

/** Statuses of cryptsetup (cryptsetup(8)). */
function openRefusal(status: number, complaint: string, image: string): ToolError {
  const got = `status ${status}: ${complaint}`;
  if (status === 2) {
    return new ToolError('ENCFS_KEY_REFUSED', `the released key does not open ${image}`, {
      got,
      hints: [
        'the image must have been made with this key: for an RSA key with what HKDF gives for the same salt and label',
      ],
    });
  }
  return new ToolError('ENCFS_COMMAND_FAILED', `cryptsetup does not open ${image}`, {
    got,
    hints: [
      status === 5
        ? 'a run that was killed may have left the device: unmount what is on it, then `cryptsetup close` its name'
        : 'it needs a privileged container, and a kernel with device mapper, dm-crypt and (for integrity) dm-integrity',
    ],
  });
}

async function mountDevice(ports: EncfsPorts, plan: FilesystemPlan, undos: Undo[]): Promise<void> {
  const undo = () => unmount(ports, { ...plan, what: plan.filesystem.mountPoint });
  try {
    const { status, stderr } = await ports.run(plan.mount.argv);
    if (status !== 0) throw mountRefusal(status, complaintOf(stderr), plan);
    undos.push(undo);
  } catch (error) {
    if (await ports.files.isMounted(plan.folder)) undos.push(undo);
    throw error;
  }
}

function mountRefusal(status: number, complaint: string, plan: FilesystemPlan): ToolError {
  return new ToolError('ENCFS_COMMAND_FAILED', `the filesystem in ${plan.name} cannot be mounted`, {
    got: `status ${status}: ${complaint}`,
    hints: [
      'the image must hold ext4; mounting needs a privileged container',
      'an image that is to be written to must be writable (a page blob), and read_write true',
    ],
  });
}

/** Unmounts; a filesystem that stays in use is cut off, and goes when its last user ends. */
async function unmount(
  ports: EncfsPorts,
  plan: Pick<FilesystemPlan, 'folder' | 'unmount' | 'unmountLater'> & { readonly what: string },
): Promise<string | undefined> {
  for (let tries = 1; tries <= UNMOUNT_TRIES; tries += 1) {
    if (await succeeds(ports, plan.unmount)) return undefined;
    if (!(await ports.files.isMounted(plan.folder))) return undefined;
    if (tries < UNMOUNT_TRIES) await ports.pause(UNMOUNT_PAUSE_MS);
  }
  await succeeds(ports, plan.unmountLater);
  return `${plan.what} is still in use`;
}

async function closeDevice(ports: EncfsPorts, plan: FilesystemPlan): Promise<string | undefined> {
  if (await succeeds(ports, plan.close)) {
    ports.story('closed', { image: plan.name });
    return undefined;
  }
  if (!(await ports.files.exists(plan.device))) return undefined;
  await succeeds(ports, plan.closeLater);
  return `${plan.device} is still in use`;
}

async function succeeds(ports: EncfsPorts, { argv }: PlannedCommand): Promise<boolean> {
  const { status } = await ports.run(argv);
  return status === 0;
}

/** Undoes all in reverse, whatever fails. Throws ENCFS_CLOSE_FAILED. */
async function undoAll(ports: EncfsPorts, undos: Undo[]): Promise<void> {
  const left: string[] = [];
  for (const undo of undos.splice(0).toReversed()) {
    const problem = await undo().catch((error: unknown) =>
      error instanceof ToolError ? error.message : String(error),
    );
    if (problem === undefined) continue;
    left.push(problem);
    ports.story('close-failed', { problem });
  }
  if (left.length === 0) return;
  throw new ToolError('ENCFS_CLOSE_FAILED', 'not all filesystems could be closed', {
    got: left.join('; '),
    hints: ['end the containers that use them first; they go when their last user ends'],
  });
}

const done =
  (act: () => Promise<void>): Undo =>
  async () => {
    await act();
    return undefined;
  };

function stopIfAsked({ stopped }: EncfsPorts): void {
  if (stopped()) throw new ToolError('INTERRUPTED', 'interrupted; all filesystems were closed');
}

/** The last line of what a program complained about; nothing if the key that it was given is in it. */
function complaintOf(stderr: Uint8Array, key?: Buffer): string {
  const bytes = Buffer.from(stderr);
  if (key !== undefined && holdsKey(bytes, key))
    return 'what it wrote is not shown: the key is in it';
  const lines = bytes.toString('utf8').split('\n');
  const last = lines.map((line) => line.trim()).findLast((line) => line !== '');
  return (last ?? 'nothing').slice(0, 300);
}

function holdsKey(bytes: Buffer, key: Buffer): boolean {
  const forms = [key.toString('base64').replace(/=+$/, ''), key.toString('base64url')];
  const text = bytes.toString('latin1');
  const folded = text.toLowerCase();
  return (
    bytes.includes(key) ||
    folded.includes(key.toString('hex')) ||
    forms.some((form) => text.includes(form))
  );
}
