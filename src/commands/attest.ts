/** `podseal attest bundle`: all that an offline verification needs in one file. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { addEvidenceOptions, type EvidenceOptions, openEvidence } from './evidence-options.js';

interface BundleOptions extends EvidenceOptions {
  readonly output?: string;
}

/** Adds `attest` with `bundle`. */
export function addAttestCommand(program: Command, context: CommandContext): void {
  const parent = program
    .command('attest')
    .summary('collect evidence about a guest')
    .description('Collect evidence about a guest.');
  const bundle = parent
    .command('bundle')
    .summary('put a report and its certificates into one file')
    .description(
      'Put a report, its certificates, revocation list and endorsement into one evidence file, which `podseal report verify` takes in place of a report without any network. It holds nothing secret and proves nothing by itself.',
    )
    .argument('<report>', 'report (1184 bytes), evidence file, or - for stdin');
  addEvidenceOptions(bundle);
  addOutputOptions(bundle)
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Examples:
  podseal attest bundle report.bin --security-context /security-context-1 -o evidence.json
  podseal attest bundle report.bin --kds https://kdsintf.amd.com --kds-crl -o evidence.json`,
    )
    .action((file: string, options: BundleOptions) => run(file, options, context));
}

async function run(file: string, options: BundleOptions, context: CommandContext): Promise<void> {
  const terminal = context.terminal(readOutputOptions(options as Record<string, unknown>));
  const given = await openEvidence(file, options, context.signal);
  const [{ bundleEvidence }, { printEvidence }, { secondsNow }] = await Promise.all([
    import('../pipeline/attest/bundle.js'),
    import('../attest/evidence.js'),
    import('../io/machine.js'),
  ]);
  const evidence = bundleEvidence(given, secondsNow(), terminal.notice);
  if (evidence.certificates === undefined) {
    throw new ToolError('USAGE_CONFLICT', 'attest bundle needs the certificates of the report', {
      want: '--leaf, --thim, --certificate-table, --security-context or --kds',
    });
  }
  const text = printEvidence(evidence);
  if (options.output === undefined) return terminal.product(text);
  const { writeFileAtomic } = await import('../io/files.js');
  await writeFileAtomic(options.output, text);
  terminal.info(`wrote ${options.output}`);
}
