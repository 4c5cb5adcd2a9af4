/** `podseal audit`: how open a policy or manifest is. */
import { type Command, Option } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import { isAtLeast, SEVERITIES, type Severity } from '../core/finding.js';
import type { AuditResult } from '../pipeline/review/audit.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { addImageOptions, type ImageOptions, openImages } from './image-options.js';

interface AuditOptions extends ImageOptions {
  readonly failOn: Severity | 'none';
  readonly sarif?: boolean;
  readonly resolve?: boolean;
  readonly output?: string;
}

/** Adds `audit`. */
export function addAuditCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('audit')
    .summary('say how open a policy or manifest is, and what to do about it')
    .description(
      'Say how open a policy or manifest is, worst first, with remedies: commands and output open to the host, variables with any value, images that nothing binds, secrets in clear text, and what AKS confidential containers do not support. The file is a policy text or its base64, initdata, a pod manifest with or without policies, or a template of container groups with policies; policies of the kata agent and of Azure Container Instances are both known.',
    )
    .argument('<file>', 'file, or - for stdin')
    .optionsGroup('Findings:')
    .addOption(
      new Option('--fail-on <severity>', 'exit status 11 for such a finding, or a worse one')
        .choices([...SEVERITIES, 'none'])
        .default('none'),
    )
    .option('--resolve', 'look images up: old formats, and digests for tags');
  addImageOptions(command, false);
  addOutputOptions(command)
    .option('--sarif', 'SARIF 2.1.0, for code scanning')
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
--json prints {"format": "podseal.audit/v1", "file", "policies", "summary", "findings": [...]}.

Examples:
  podseal audit pod.yaml --fail-on high
  podseal audit pod.yaml --sarif -o podseal.sarif`,
    )
    .action((file: string, options: AuditOptions) =>
      run(file, options, { ...context, version: program.version() ?? '' }),
    );
}

interface AuditContext extends CommandContext {
  /** Of podseal. */
  readonly version: string;
}

async function run(file: string, options: AuditOptions, context: AuditContext): Promise<void> {
  const output = readOutputOptions(options as unknown as Record<string, unknown>);
  if (output.json && options.sarif) {
    throw new ToolError('USAGE_CONFLICT', '--json and --sarif exclude each other');
  }
  const terminal = context.terminal(output);
  const [{ writeFileAtomic }, review] = await Promise.all([
    import('../io/files.js'),
    import('../pipeline/review.js'),
  ]);
  const result = await auditFile(file, options, context, terminal);
  const { findings, rules } = result;
  const text = output.json
    ? review.printJson(review.auditJson(result), terminal.notices)
    : options.sarif
      ? review.printSarif({ version: context.version, rules, findings })
      : review.printPageText(review.auditPage(result));
  if (options.output === undefined) await terminal.product(text);
  else {
    await writeFileAtomic(options.output, text);
    terminal.info(`wrote ${options.output}: ${review.summarizeAudit(findings)}`);
  }
  const { failOn } = options;
  if (failOn !== 'none' && findings.some(({ severity }) => isAtLeast(severity, failOn))) {
    context.finish(EXIT.differs);
  }
}

async function auditFile(
  file: string,
  options: AuditOptions,
  context: AuditContext,
  terminal: ReturnType<CommandContext['terminal']>,
): Promise<AuditResult> {
  const [{ readBinaryFile }, { readAsset }, review] = await Promise.all([
    import('../io/files.js'),
    import('../io/assets.js'),
    import('../pipeline/review.js'),
  ]);
  const base = await review.loadReviewBase(readAsset);
  const input = review.readReviewInput(await readBinaryFile(file), file, terminal.notice);
  if (options.resolve !== true) return review.auditInput(input, base);
  const access = await openImages(options, [], {
    terminal,
    signal: context.signal,
    locations: false,
  });
  try {
    return await review.auditInput(input, base, async (image) => {
      const { indexDigest, manifestDigest } = await access.reader.resolve(image);
      return { digest: indexDigest ?? manifestDigest };
    });
  } finally {
    await access.close();
  }
}
