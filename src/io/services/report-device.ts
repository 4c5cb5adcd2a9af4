/**
 * Fresh SNP reports in a guest, through the program podseal-guest: it knows configfs-tsm and the device files, and refuses
 * devices that are not genuine. A report is never made up here.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ToolError } from '../../core/error.js';
import { createGate } from '../../core/parallel.js';
import type { ReportDevice } from '../../keyrelease/ports.js';
import { packagePath } from '../assets.js';

const REPORT_BYTES = 1184;
const TIMEOUT_MS = 30_000;
/** Programs at once: the device itself answers one after the other. */
const AT_ONCE = 8;
/** Where the build puts the program. */
const BUILT = packagePath('native/podseal-guest');
/** Codes of the program that say that there is no device for this process. */
const ABSENT = /\b(DEVICE_ABSENT|DEVICE_FOREIGN|DEVICE_ACCESS)\b/;
const CODE = /\b[A-Z]+(?:_[A-Z]+)+\b/;

/** What the program said, and how it ended. */
interface Failure extends NodeJS.ErrnoException {
  readonly stderr: string;
}

/** The device of this guest, asked by `program` (default: the built one, else the one on PATH). */
export function openReportDevice(program: string | undefined): ReportDevice {
  const file = program ?? (existsSync(BUILT) ? BUILT : 'podseal-guest');
  const gate = createGate(AT_ONCE);
  return {
    fake: false,
    async report(reportData) {
      const report = await gate(() => run(file, reportData));
      if (report.length === REPORT_BYTES) return report;
      throw new ToolError('DEVICE_FAILED', 'podseal-guest gives something that is no report', {
        want: `${REPORT_BYTES} bytes`,
        got: `${report.length} bytes`,
      });
    },
  };
}

function run(file: string, reportData: Uint8Array): Promise<Buffer> {
  const args = ['report', '--report-data', Buffer.from(reportData).toString('hex')];
  const options = { encoding: 'buffer', timeout: TIMEOUT_MS, maxBuffer: 1 << 20 } as const;
  return new Promise((done, failed) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) done(stdout);
      else
        failed(explain(Object.assign(error, { stderr: stderr.toString('utf8') }) as Failure, file));
    });
  });
}

function explain({ code, stderr }: Failure, file: string): ToolError {
  if (code === 'ENOENT' || code === 'EACCES') {
    return new ToolError('DEVICE_ABSENT', 'there is no podseal-guest to ask for a report', {
      got: file,
      hints: ['put it beside the side-car, or name it with --guest-program'],
    });
  }
  const said = CODE.exec(stderr)?.[0] ?? `status ${String(code)}`;
  if (ABSENT.test(stderr)) {
    return new ToolError('DEVICE_ABSENT', 'this machine has no SNP device', {
      got: said,
      hints: ['run inside a confidential guest, with the device in the container'],
    });
  }
  return new ToolError('DEVICE_FAILED', 'the SNP device gives no report', { got: said });
}
