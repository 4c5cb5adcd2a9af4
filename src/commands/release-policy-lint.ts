/** `podseal release-policy lint`: what makes a policy release a key to more guests than meant, or to none. */
import { type Command, Option } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import { isAtLeast, SEVERITIES, type Severity } from '../core/finding.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';

interface LintOptions {
  readonly failOn: Severity | 'none';
  readonly sarif?: boolean;
}

/** Adds `lint` to `release-policy`. */
export function addReleasePolicyLint(parent: Command, context: CommandContext): void {
  const command = parent
    .command('lint')
    .summary('say what is wrong with a key release policy')
    .description(
      'Say what is wrong with a key release policy: entries that hold for guests of any policy or for debuggable guests, authorities and claims that no token has, hex digits in the wrong case, conditions whose meaning is not documented. The file is the policy, or a key as `az keyvault key show` prints it.',
    )
    .argument('<policy>', 'file, or - for stdin')
    .addOption(
      new Option('--fail-on <severity>', 'exit status 11 for such a finding, or a worse one')
        .choices([...SEVERITIES, 'none'])
        .default('high'),
    );
  addOutputOptions(command)
    .option('--sarif', 'SARIF 2.1.0, for code scanning')
    .addHelpText(
      'after',
      `
--json prints {"format": "podseal.release-lint/v1", "file", "storable", "summary", "findings": [...]}.
A text that is no release policy at all ends with exit status 3.

Examples:
  podseal release-policy lint release.json
  az keyvault key show --id ID | podseal release-policy lint -`,
    )
    .action((file: string, options: LintOptions) =>
      run(file, options, { ...context, version: parent.parent?.version() ?? '' }),
    );
}

async function run(
  file: string,
  options: LintOptions,
  context: CommandContext & { readonly version: string },
): Promise<void> {
  const output = readOutputOptions(options as unknown as Record<string, unknown>);
  if (output.json && options.sarif) {
    throw new ToolError('USAGE_CONFLICT', '--json and --sarif exclude each other');
  }
  const terminal = context.terminal(output);
  const [{ readTextFile }, { openReleasePolicy }, lint, review] = await Promise.all([
    import('../io/files.js'),
    import('../release/encode.js'),
    import('../pipeline/release-review.js'),
    import('../pipeline/review.js'),
  ]);
  const result = lint.lintOpenedPolicy(openReleasePolicy(await readTextFile(file), file), file);
  const { findings } = result;
  await terminal.product(
    output.json
      ? review.printJson(lint.releaseLintJson(result), terminal.notices)
      : options.sarif
        ? review.printSarif({ version: context.version, rules: lint.LINT_RULES, findings })
        : review.printPageText(lint.releaseLintPage(result)),
  );
  const { failOn } = options;
  if (failOn !== 'none' && findings.some(({ severity }) => isAtLeast(severity, failOn))) {
    context.finish(EXIT.differs);
  }
}
