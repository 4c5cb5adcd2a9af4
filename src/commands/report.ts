/** `podseal report show`: what an SNP report says. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';

interface ShowOptions {
  readonly hcl?: boolean;
}

/** Adds `report` with `show`. Gives the parent for further commands. */
export function addReportCommand(program: Command, context: CommandContext): Command {
  const parent = program
    .command('report')
    .summary('decode and verify SEV-SNP attestation reports')
    .description('Decode and verify SEV-SNP attestation reports (versions 2 to 5).');
  const show = parent
    .command('show')
    .summary('print the fields of a report')
    .description(
      'Print the fields of a report with their meaning. Nothing is verified: whoever made the file chose what it says.',
    )
    .argument('<report>', 'report (1184 bytes), evidence file, or - for stdin')
    .optionsGroup('Input:')
    .option('--hcl', 'the file is an HCL report of an Azure VM (from its vTPM)');
  addOutputOptions(show)
    .addHelpText(
      'after',
      `
--json prints {"format": "podseal.report/v1", "file", "report": {...}, "meaning": {...}}.

Examples:
  podseal report show report.bin
  podseal report show evidence.json --json`,
    )
    .action((file: string, options: ShowOptions) => run(file, options, context));
  return parent;
}

async function run(file: string, options: ShowOptions, context: CommandContext): Promise<void> {
  const output = readOutputOptions(options as Record<string, unknown>);
  const terminal = context.terminal(output);
  const [{ readBinaryFile }, { readReport }, { describeReport, printReport }, { reportAsJson }] =
    await Promise.all([
      import('../io/files.js'),
      import('../pipeline/attest/collect.js'),
      import('../attest/describe.js'),
      import('../attest/report-json.js'),
    ]);
  const bytes = await readBinaryFile(file, LIMITS.evidenceBytes);
  const report = readReport({ report: { name: file, bytes }, isHcl: options.hcl === true });
  if (![2, 3, 4, 5].includes(report.version)) {
    throw new ToolError('REPORT_INVALID', `${file} has a version whose layout is not known`, {
      want: '2 to 5',
      got: String(report.version),
    });
  }
  const product = {
    format: 'podseal.report/v1',
    file,
    report: reportAsJson(report),
    meaning: describeReport(report),
  };
  await terminal.product(
    output.json ? `${JSON.stringify(product, null, 2)}\n` : printReport(report),
  );
}
