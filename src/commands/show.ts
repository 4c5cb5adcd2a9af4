/** `podseal show`: what the policies of a file allow. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';

interface ShowOptions {
  readonly html?: boolean;
  readonly output?: string;
}

/** Adds `show`. */
export function addShowCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('show')
    .summary('say what a policy allows, in words and tables')
    .description(
      'Say what the policies of a file allow: what the host may do, and for each container its image and the root hashes of its layers, user, command, variables, mounts, probes and privileges. The file is a policy text or its base64, initdata, a pod manifest with policies, or a template of container groups with policies. Values that look like secrets are hidden.',
    )
    .argument('<file>', 'file, or - for stdin')
    .optionsGroup('Output:')
    .option('--html', 'a page for reviewers: one file, without scripts')
    .option('-o, --output <file>', 'write to a file instead of stdout');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
--json prints {"format": "podseal.show/v1", "file", "policies": [...]}.

Examples:
  podseal show pod.yaml
  podseal show policy.rego --html -o policy.html`,
    )
    .action((file: string, options: ShowOptions) => run(file, options, context));
}

async function run(file: string, options: ShowOptions, context: CommandContext): Promise<void> {
  const output = readOutputOptions(options as Record<string, unknown>);
  if (output.json && options.html) {
    throw new ToolError('USAGE_CONFLICT', '--json and --html exclude each other');
  }
  const terminal = context.terminal(output);
  const [{ readBinaryFile, writeFileAtomic }, { readAsset }, review] = await Promise.all([
    import('../io/files.js'),
    import('../io/assets.js'),
    import('../pipeline/review.js'),
  ]);
  const base = await review.loadReviewBase(readAsset);
  const input = review.readReviewInput(await readBinaryFile(file), file, terminal.notice);
  const shown = review.showInput(input, base);
  const page = review.showPage(file, shown);
  const text = output.json
    ? review.printJson(review.showJson(file, shown), terminal.notices)
    : options.html
      ? review.printPageHtml(page)
      : review.printPageText(page);
  if (options.output === undefined) return terminal.product(text);
  await writeFileAtomic(options.output, text);
  terminal.info(`wrote ${options.output}`);
}
