/** `podseal diff`: in what the policies of two files differ. */
import { type Command, Option } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import { DIFF_THRESHOLDS, type DiffThreshold } from '../pipeline/review/diff-page.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';

interface DiffOptions {
  readonly failOn: DiffThreshold;
}

/** Adds `diff`. */
export function addDiffCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('diff')
    .summary('say in what two policies differ: widened, narrowed, renamed')
    .description(
      'Say in what the policies of two files differ by meaning: containers are matched by name, then by image and command; lists without order are compared as sets. The files are policy texts or their base64, initdata, pod manifests with policies, or templates of container groups, both of one kind. Exit status 11 if there is a difference.',
    )
    .argument('<before>', 'file, or - for stdin')
    .argument('<after>', 'file, or - for stdin')
    .optionsGroup('Differences:')
    .addOption(
      new Option('--fail-on <what>', 'what counts: any, also of text alone; of meaning; or widened')
        .choices([...DIFF_THRESHOLDS])
        .default('any'),
    );
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
What is new counts as widened, and so do rules that podseal does not know; what is changed, such as
an image or a command, does not.
--json prints {"format": "podseal.diff/v1", "before", "after", "summary", "policies": [...]}.

Examples:
  podseal diff deployed.yaml pod.yaml
  podseal diff old.rego new.rego --fail-on widened`,
    )
    .action((before: string, after: string, options: DiffOptions) =>
      run({ before, after }, options, context),
    );
}

async function run(
  files: { readonly before: string; readonly after: string },
  options: DiffOptions,
  context: CommandContext,
): Promise<void> {
  const { before, after } = files;
  if (before === '-' && after === '-') {
    throw new ToolError('USAGE_CONFLICT', 'stdin can be read once');
  }
  const output = readOutputOptions(options as unknown as Record<string, unknown>);
  const terminal = context.terminal(output);
  const [{ readBinaryFile }, { readAsset }, review] = await Promise.all([
    import('../io/files.js'),
    import('../io/assets.js'),
    import('../pipeline/review.js'),
  ]);
  const base = await review.loadReviewBase(readAsset);
  const read = async (file: string) =>
    review.readReviewInput(await readBinaryFile(file), file, terminal.notice);
  const diffs = review.diffInputs(await read(before), await read(after), base);
  const text = output.json
    ? review.printJson(review.diffJson(before, after, diffs), terminal.notices)
    : review.printPageText(review.diffPage(`${before} -> ${after}`, diffs));
  await terminal.product(text);
  terminal.info(review.summarizeDiffs(diffs));
  if (review.hasDifference(diffs, options.failOn)) context.finish(EXIT.differs);
}
