/** `podseal sidecar encfs`: opens encrypted images with released keys and mounts them for the containers of a pod. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { environment } from '../io/machine.js';
import type { Log, LogLevel } from '../io/services/log.js';
import type { EncfsConfig } from '../keyrelease/encfs-config.js';
import type { FilesystemPlan, RemotePlan } from '../keyrelease/encfs-plan.js';
import type { EncfsPorts, OpenFilesystems } from '../pipeline/sidecar/encfs.js';
import { aborted, addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import {
  addGuestOptions,
  addLogOptions,
  type GuestOptions,
  type LogOptions,
  listedHostsOf,
  type OpenGuest,
  openGuest,
} from './guest-options.js';

interface EncfsOptions extends GuestOptions, LogOptions {
  readonly config?: string;
  readonly dryRun?: boolean;
}

/** Events that are more than progress. */
const LEVELS: Readonly<Record<string, LogLevel>> = { 'close-failed': 'error' };

/** Adds `encfs` to `sidecar`. */
export function addSidecarEncfs(parent: Command, context: CommandContext): void {
  const command = parent
    .command('encfs')
    .summary('open encrypted images with released keys and mount them')
    .description(
      'Open encrypted images (LUKS2: dm-crypt, with dm-integrity where the header has it) with keys that are released to this guest, and mount them for the containers of the pod, until SIGTERM. The header of an image comes from storage that the host controls: it is copied, checked for strong encryption, and only the copy is used. Keys go to cryptsetup through a pipe, never into a file, an argument or the log.',
    )
    .optionsGroup('Input:')
    .option('--config <file>', 'configuration as JSON, or - for stdin (instead of --base64)')
    .option('--dry-run', 'check the configuration, print what would be run, and change nothing');
  addGuestOptions(command, 'EncfsSideCarArgs');
  addLogOptions(command);
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Configuration:
  {"azure_filesystems": [{
    "azure_url": "https://ACCOUNT.blob.core.windows.net/CONTAINER/data.img",
    "azure_url_private": true,             read with the identity of the container group
    "mount_point": "/mnt/remote/share",    appears as a link when all is there
    "read_write": false,
    "key": {"kid": "KEY", "kty": "RSA-HSM",
            "authority": {"endpoint": "sharedneu.neu.attest.azure.net"},
            "akv": {"endpoint": "NAME.vault.azure.net"}},
    "key_derivation": {"salt": "HEX", "label": "TEXT"}}],
   "azure_info": {"certcache": {...}, "identity": {"client_id": "ID"}}}
"image": "/PATH" names a local file or block device in place of azure_url.

An oct key of 32 bytes opens an image as it is; of an RSA key HKDF-SHA256 makes one, from key_derivation.
An image is made by:
  cryptsetup luksFormat --type luks2 data.img --key-file KEY --batch-mode --sector-size 4096 \\
    --cipher aes-xts-plain64 --pbkdf pbkdf2 --pbkdf-force-iterations 1000
Add --integrity hmac-sha256 where whoever stores it must not change or swap blocks unseen (old ones can be put back).

All filesystems are open, or none: a failure closes those that are. The exit status is 0 after SIGTERM, 10 if a key is
not released or does not open its image, 5 if a header asks for something else than strong encryption.
A blob is shown as a file by FUSE, in blocks of 512 KiB; read_write needs a page blob.
The container is privileged (cryptsetup and mount need that) and shares the folder of the mount points.

Examples:
  podseal sidecar encfs --config encfs.json --dry-run
  EncfsSideCarArgs="$(base64 -w0 encfs.json)" podseal sidecar encfs`,
    )
    .action((options: EncfsOptions) => run(options, context));
}

async function run(options: EncfsOptions, context: CommandContext): Promise<void> {
  const [{ buildEncfsPlan, ...print }, { makeWorkFolder }] = await Promise.all([
    import('../keyrelease/encfs-plan.js'),
    import('../io/mount-files.js'),
  ]);
  const config = await readConfig(options);
  if (options.dryRun === true) {
    const output = readOutputOptions(options as unknown as Record<string, unknown>);
    const plans = buildEncfsPlan(config.filesystems, 'WORK');
    await context
      .terminal(output)
      .product(
        output.json
          ? `${JSON.stringify(print.encfsPlanJson(plans), null, 2)}\n`
          : print.printEncfsPlan(plans),
      );
    return;
  }
  const work = await makeWorkFolder();
  try {
    await serve(options, config, buildEncfsPlan(config.filesystems, work.path), context);
  } finally {
    await work.remove();
  }
}

async function readConfig(options: EncfsOptions): Promise<EncfsConfig> {
  const { decodeEncfsArgs, readEncfsConfig } = await import('../keyrelease/encfs-config.js');
  const listed = listedHostsOf(options);
  if (options.config !== undefined) {
    const { readTextFile } = await import('../io/files.js');
    const text = await readTextFile(options.config, LIMITS.encfsConfigBytes);
    return readEncfsConfig(text, options.config, listed);
  }
  if (options.base64.trim() !== '') {
    return readEncfsConfig(decodeEncfsArgs(options.base64), 'EncfsSideCarArgs', listed);
  }
  throw new ToolError('USAGE_CONFLICT', 'sidecar encfs needs a configuration', {
    want: '--config FILE, --base64 TEXT, or the environment variable EncfsSideCarArgs',
  });
}

/** Opens all, waits for the signal, closes all. */
async function serve(
  options: EncfsOptions,
  config: EncfsConfig,
  plans: readonly FilesystemPlan[],
  context: CommandContext,
): Promise<void> {
  const [{ openLog }, { openKeyPool }, { holdSignals }, { openFilesystems }, { keepOutOfCore }] =
    await Promise.all([
      import('../io/services/log.js'),
      import('../io/services/key-pool.js'),
      import('../io/signals.js'),
      import('../pipeline/sidecar/encfs.js'),
      import('../io/crash.js'),
    ]);
  const log = openLog(options.logLevel, options.logFile);
  const letGo = holdSignals();
  const guest = await openGuest({ ...options, args: config.sidecar }, openKeyPool(0).take);
  try {
    if (guest.fake) {
      log('warning', 'fake-evidence', { hint: 'reports are made up: they prove nothing' });
    }
    const inCore = keepOutOfCore();
    if (inCore !== 'nothing') {
      log('warning', 'core-files', {
        hint: `a crash may write ${inCore}: set the limit of cores to 0`,
      });
    }
    const open = await openFilesystems(await openPorts(context, log, guest), plans);
    log('info', 'ready', { filesystems: plans.length });
    await aborted(context.signal);
    log('info', 'stopping');
    await close(open, context);
    log('info', 'stopped');
  } finally {
    await guest.close();
    letGo();
  }
}

/** What was still in use is in the log; it does not count as an interruption. */
async function close(open: OpenFilesystems, context: CommandContext): Promise<void> {
  try {
    await open.close();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    context.finish(error.exit);
  }
}

async function openPorts(
  { signal }: CommandContext,
  log: Log,
  guest: OpenGuest,
): Promise<EncfsPorts> {
  const [programs, files, { releaseKey }] = await Promise.all([
    import('../io/programs.js'),
    import('../io/mount-files.js'),
    import('../pipeline/sidecar/release.js'),
  ]);
  const path = environment().PATH ?? programs.SYSTEM_PATH;
  return {
    files: {
      copyHead: files.copyHead,
      remove: files.removeFile,
      assertFree: files.assertFree,
      makeFolder: files.makeMountFolder,
      removeFolder: files.removeFolder,
      link: files.makeLink,
      exists: files.pathExists,
      isMounted: files.isMounted,
    },
    run: (argv, input) =>
      programs.runProgram(argv, input, { path, outputBytes: LIMITS.luksMetadataBytes }),
    show: (remote, writable) => showBlob(remote, writable, { path, log, guest }),
    release: (order) => orStopped(releaseKey(guest.ports, order), signal),
    stopped: () => signal.aborted,
    pause: programs.pause,
    story: (event, fields) => log(LEVELS[event] ?? 'info', event, fields),
  };
}

async function showBlob(
  { url, resource, folder }: RemotePlan,
  writable: boolean,
  { path, log, guest }: { readonly path: string; readonly log: Log; readonly guest: OpenGuest },
): Promise<() => Promise<void>> {
  const [{ openBlob }, { withBlockCache }, { mountFile }] = await Promise.all([
    import('../io/blob/blob-client.js'),
    import('../io/blob/blob-cache.js'),
    import('../io/blob/fuse-mount.js'),
  ]);
  const { transfer, ports } = guest;
  const accessToken =
    resource === undefined ? {} : { accessToken: () => ports.accessToken(resource) };
  const blob = withBlockCache(await openBlob({ url, transfer, ...accessToken }));
  const failed = ({ code, message, got }: ToolError) =>
    log('error', 'block-failed', { code, problem: message, got });
  const mounted = await mountFile(blob, { folder, writable, path, failed });
  return mounted.close;
}

/** A release that the user does not wait for any longer leaves nothing behind. */
async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = aborted(signal).then(() => {
    throw new ToolError('INTERRUPTED', 'interrupted; all filesystems were closed');
  });
  return await Promise.race([work, stopped]);
}
