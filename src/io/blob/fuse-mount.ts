/**
 * Shows a remote file as a local one, for programs that take files only: a filesystem in user space with the one file `data`.
 * dd reads the kernel's questions, since a read of that device blocks, and nothing here may; when it ends, the kernel
 * fails all further use at once.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ToolError } from '../../core/error.js';
import { runProgram } from '../programs.js';
import type { RemoteFile } from './blob-client.js';
import {
  cutMessages,
  FILE_NAME,
  type FuseRequest,
  MESSAGE_BYTES,
  printAnswer,
  printWritten,
  readRequest,
} from './fuse-protocol.js';

export interface FuseOptions {
  readonly folder: string;
  readonly writable: boolean;
  /** PATH by which mount and dd are found. */
  readonly path: string;
  /** Hears of blocks that could not be had: the filesystem on them will fail. */
  readonly failed: (error: ToolError) => void;
}

export interface FuseMount {
  /** Path of the file. */
  readonly file: string;
  /** Ends it; the folder must be unmounted before, or its users see errors. */
  close(): Promise<void>;
}

const DEVICE = '/dev/fuse';

/** Mounts on the folder, which is made. Throws ENCFS_COMMAND_FAILED. */
export async function mountFile(file: RemoteFile, options: FuseOptions): Promise<FuseMount> {
  const { folder, writable, path } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const device = await open(DEVICE, 'r+').catch((cause: NodeJS.ErrnoException) => {
    throw unusable(cause.code ?? 'an error', cause);
  });
  const mode = `${writable ? 'rw' : 'ro'},nosuid,nodev,noexec`;
  const settings = `fd=3,rootmode=40000,user_id=0,group_id=0,${mode}`;
  const argv = ['mount', '-i', '-t', 'fuse', '-o', settings, 'podseal', folder];
  try {
    const run = { path, outputBytes: 0, inherit: device.fd };
    const { status, stderr } = await runProgram(argv, undefined, run);
    if (status !== 0) throw unusable(`status ${status}: ${stderr.toString('utf8').slice(0, 300)}`);
  } catch (error) {
    await device.close();
    throw error;
  }
  // Not before: the device has no questions until it is mounted, and says so.
  const reader = readQuestions(device, file, options);
  return { file: join(folder, FILE_NAME), close: reader.close };
}

function readQuestions(device: FileHandle, file: RemoteFile, options: FuseOptions) {
  const { writable, path } = options;
  const facts = { size: file.size, writable };
  const child = spawn('dd', [`bs=${MESSAGE_BYTES}`], {
    stdio: [device.fd, 'pipe', 'ignore'],
    env: { PATH: path, LC_ALL: 'C' },
    detached: true,
  }) as ChildProcessByStdio<null, Readable, null>;
  let received = Buffer.alloc(0);
  child.stdout.on('data', (chunk: Buffer) => {
    try {
      const cut = cutMessages(Buffer.concat([received, chunk]));
      received = Buffer.from(cut.rest);
      for (const message of cut.messages) {
        void answer(device, file, readRequest(message, facts), options);
      }
    } catch {
      // The kernel does not write such messages; without a reader all use fails.
      child.kill('SIGKILL');
    }
  });
  // Without a reader all use fails at once: nobody holds the device any more.
  const ended = new Promise<void>((done) => {
    child.once('close', () => done());
    child.once('error', () => done());
  }).then(() => device.close());
  return {
    close: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answer(
  device: FileHandle,
  file: RemoteFile,
  request: FuseRequest,
  { failed }: FuseOptions,
): Promise<void> {
  if (request.kind === 'forget') return;
  const result = await resultOf(file, request).catch((error: unknown) => {
    if (error instanceof ToolError) failed(error);
    return 'EIO' as const;
  });
  // Fails when the question was withdrawn, or all ended meanwhile.
  await device.write(printAnswer(request.unique, result)).catch(() => undefined);
}

async function resultOf(
  file: RemoteFile,
  request: Exclude<FuseRequest, { kind: 'forget' }>,
): Promise<Uint8Array | 'EIO' | Extract<FuseRequest, { kind: 'refuse' }>['error']> {
  switch (request.kind) {
    case 'answer':
      return request.body;
    case 'refuse':
      return request.error;
    case 'read':
      return await file.read(request.offset, request.length);
    case 'write':
      await file.write(request.offset, request.bytes);
      return printWritten(request.bytes.length);
  }
}

function unusable(got: string, cause?: unknown): ToolError {
  return new ToolError('ENCFS_COMMAND_FAILED', 'a remote image cannot be shown as a file', {
    got,
    cause,
    hints: [`it needs a privileged container with ${DEVICE}; local images (image) do not`],
  });
}
