/**
 * Fresh SNP reports in a guest: through configfs-tsm (Linux 6.7 and later), else through the program podseal-guest, which
 * knows the device files. A report is never made up here.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../../core/error.js';
import type { ReportDevice } from '../../keyrelease/ports.js';

export const CONFIGFS = '/sys/kernel/config/tsm/report';
const REPORT_BYTES = 1184;
/** Attempts while others use the same entry or the firmware is busy. */
const ATTEMPTS = 5;

export interface DeviceOptions {
  /** The configfs folder; CONFIGFS if absent. */
  readonly configfs?: string;
  /** The program podseal-guest; looked up on PATH if absent. */
  readonly program?: string;
}

/** The device of this guest. Whether there is one is found out with each report. */
export function openReportDevice({ configfs = CONFIGFS, program }: DeviceOptions): ReportDevice {
  return {
    fake: false,
    async report(reportData) {
      if (await isFolder(configfs)) return await readConfigfs(configfs, reportData);
      return await runGuestProgram(program ?? 'podseal-guest', reportData);
    },
  };
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true;
}

/** One entry for each report: made, asked once, removed. */
async function readConfigfs(folder: string, reportData: Uint8Array): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    const entry = join(folder, `podseal-${randomBytes(8).toString('hex')}`);
    try {
      await mkdir(entry);
      try {
        return await askEntry(entry, reportData);
      } finally {
        await rmdir(entry).catch(() => undefined);
      }
    } catch (error) {
      if (error instanceof ToolError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if ((code === 'EBUSY' || code === 'EAGAIN') && attempt < ATTEMPTS) continue;
      throw new ToolError('DEVICE_FAILED', 'configfs-tsm gives no report', {
        got: code ?? 'an unknown failure',
        where: folder,
      });
    }
  }
}

async function askEntry(entry: string, reportData: Uint8Array): Promise<Uint8Array> {
  await writeFile(join(entry, 'inblob'), reportData);
  const provider = (await readFile(join(entry, 'provider'), 'utf8')).trim();
  if (provider !== 'sev_guest') {
    throw new ToolError('DEVICE_ABSENT', 'this is not an SEV-SNP guest', {
      want: 'provider sev_guest',
      got: provider.slice(0, 100),
    });
  }
  const report = await readFile(join(entry, 'outblob'));
  const generation = (await readFile(join(entry, 'generation'), 'utf8')).trim();
  if (generation !== '1') {
    throw new ToolError('DEVICE_FAILED', 'another program changed the request for a report', {
      want: 'generation 1',
      got: generation.slice(0, 20),
    });
  }
  return checkLength(report);
}

async function runGuestProgram(program: string, reportData: Uint8Array): Promise<Uint8Array> {
  const args = ['report', '--report-data', Buffer.from(reportData).toString('hex')];
  const options = { encoding: 'buffer', timeout: 30_000, maxBuffer: 1 << 20 } as const;
  const stdout = await new Promise<Buffer>((done, failed) => {
    execFile(program, args, options, (error, output) => (error ? failed(error) : done(output)));
  }).catch((cause: NodeJS.ErrnoException) => {
    const absent = cause.code === 'ENOENT' || Number(cause.code) === 4;
    throw absent
      ? new ToolError('DEVICE_ABSENT', 'this machine has no SNP device', {
          hints: ['run the side-car inside a confidential guest'],
        })
      : new ToolError('DEVICE_FAILED', 'podseal-guest gives no report', {
          got: `status ${String(cause.code)}`,
        });
  });
  return checkLength(stdout);
}

function checkLength(report: Uint8Array): Uint8Array {
  if (report.length === REPORT_BYTES) return report;
  throw new ToolError('DEVICE_FAILED', 'the SNP device gives something that is no report', {
    want: `${REPORT_BYTES} bytes`,
    got: `${report.length} bytes`,
  });
}
