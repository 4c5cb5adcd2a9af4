/** Runs `podseal key doctor`. */
import { EXIT, ToolError } from '../../core/error.js';
import type { Cell, Page } from '../../core/page.js';
import { parseKeyId, parseServiceHost } from '../../keyrelease/hosts.js';
import type { Examination } from '../../pipeline/key-doctor.js';
import { type CommandContext, readOutputOptions } from '../context.js';
import { openServices, type ServiceOptions } from './services.js';

export interface DoctorOptions extends ServiceOptions {
  readonly error?: string;
  readonly vault?: string;
  readonly key?: string;
  readonly authority?: string;
  readonly manifest?: string;
  readonly compliance: string;
}

export async function runDoctor(options: DoctorOptions, context: CommandContext): Promise<void> {
  const output = readOutputOptions(options as unknown as Record<string, unknown>);
  const terminal = context.terminal(output);
  const examined =
    options.error === undefined
      ? await examineLive(options, terminal.notice)
      : await examineError(options.error);
  const review = await import('../../pipeline/review.js');
  await terminal.product(
    output.json
      ? review.printJson({ format: 'podseal.key-doctor/v1', examined }, terminal.notices)
      : review.printPageText(doctorPage(examined)),
  );
  if (examined.some(({ result }) => result === 'failed')) context.finish(EXIT.denied);
}

async function examineError(file: string): Promise<readonly Examination[]> {
  const [{ readTextFile }, { diagnoseError }] = await Promise.all([
    import('../../io/files.js'),
    import('../../keyrelease/diagnose.js'),
  ]);
  const found = diagnoseError(await readTextFile(file));
  if (found === undefined) {
    throw new ToolError('REQUEST_INVALID', `${file} holds no error of a release that is known`, {
      hints: ['examine the services themselves: --vault, --key and --authority'],
    });
  }
  return [{ part: found.part, result: 'failed', detail: found.cause, remedies: found.remedies }];
}

async function examineLive(
  options: DoctorOptions,
  notices: Parameters<typeof import('../../pipeline/measure-file.js').measureFile>[2],
): Promise<readonly Examination[]> {
  const { vault, key, authority } = options;
  if (vault === undefined || key === undefined || authority === undefined) {
    throw new ToolError(
      'USAGE_CONFLICT',
      'key doctor needs --vault, --key and --authority, or --error',
      {
        hints: ['podseal key doctor --help'],
      },
    );
  }
  const services = await openServices(options);
  try {
    const { examineRelease } = await import('../../pipeline/key-doctor.js');
    const hostData =
      options.manifest === undefined ? {} : await measurement(options.manifest, notices);
    return await examineRelease({
      vault: parseServiceHost(vault, 'key vault', services.listedHosts),
      key: parseKeyId(key),
      attestationService: parseServiceHost(authority, 'attestation service', services.listedHosts),
      send: services.send,
      accessToken: services.accessToken,
      compliance: options.compliance,
      ...hostData,
    });
  } finally {
    await services.close();
  }
}

async function measurement(
  file: string,
  notices: Parameters<typeof import('../../pipeline/measure-file.js').measureFile>[2],
): Promise<{ hostData: string }> {
  const [{ measureFile }, { readBinaryFile }] = await Promise.all([
    import('../../pipeline/measure-file.js'),
    import('../../io/files.js'),
  ]);
  const [first, second] = measureFile(await readBinaryFile(file), file, notices);
  if (first !== undefined && second === undefined) return { hostData: first.hostData };
  throw new ToolError('USAGE_CONFLICT', `${file} does not hold exactly one policy`, {
    hints: ['give the policy of the one workload'],
  });
}

function doctorPage(examined: readonly Examination[]): Page {
  const rows = examined.map(({ part, result, detail, remedies }): readonly Cell[] => [
    part,
    {
      text: result,
      tone: result === 'ok' ? 'good' : result === 'failed' ? 'bad' : 'muted',
    },
    detail,
    remedies.join('; '),
  ]);
  const columns = ['part', '', 'found', 'remedy'];
  return { title: 'key release', blocks: [{ kind: 'table', columns, rows }] };
}
