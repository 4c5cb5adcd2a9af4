/** `podseal acipolicygen`: the flags, output and exit statuses of `az confcom acipolicygen`. */
import type { Command } from 'commander';
import { EXIT, type ToolError } from '../core/error.js';
import type { AcipolicygenFlags } from './acipolicygen/run.js';
import { addStoryOptions, type CommandContext, collect, readOutputOptions } from './context.js';
import { addModelImageOptions } from './image-options.js';

/** Adds `acipolicygen`. */
export function addAcipolicygenCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('acipolicygen')
    .summary('stand in for az confcom acipolicygen')
    .description(
      'Generate the policies of container groups or virtual-node workloads with the flags, the output and the exit statuses of az confcom acipolicygen, without Docker. New scripts should use podseal policy.',
    )
    .optionsGroup('Of az confcom acipolicygen:')
    .option('-i, --input <file>', 'JSON configuration')
    .option('-a, --template-file <file>', 'ARM template, rewritten in place')
    .option('-p, --parameters <file>', 'parameters of the template')
    .option('--virtual-node-yaml <file>', 'virtual-node YAML, edited in place')
    .option('--image <reference>', 'one image')
    .option('--with-containers <json>', 'container definition or list (repeatable)', collect)
    .option('--tar <file>', 'tar of the image, or JSON map of images to tars')
    .option('--infrastructure-svn <svn>', "minimum svn of the platform's own fragment")
    .option('--debug-mode', 'allow shells, stack dumps and runtime logging')
    .option('-y, --approve-wildcards', 'allow any value of what is not known, without asking')
    .option('--disable-stdio', 'do not give containers their standard streams')
    .option('--enable-stdio', 'give containers their standard streams (default)')
    .option('-d, --diff', 'compare with the policy in the input')
    .option('-v, --validate-sidecar', 'check that side-cars pass')
    .option('--print-existing-policy', 'print the policy in the input')
    .option('--outraw', 'print the policy text')
    .option('--outraw-pretty-print', 'print the policy text over many lines')
    .option('--print-policy', 'print the policy in base64')
    .option('-s, --save-to-file <file>', 'write what is printed to a file too')
    .option('--faster-hashing', 'without effect')
    .option('--omit-id', 'leave the image references out of the policy')
    .option('-f, --include-fragments', 'import fragments')
    .option('-j, --fragments-json <file>', 'imports of --include-fragments')
    .option('-e, --exclude-default-fragments', "do not import the platform's own fragment");
  addStoryOptions(addModelImageOptions(command))
    .option('--guest <profile>', 'version that is stood in for', 'confcom-2.0.1')
    .addHelpText(
      'after',
      `
Exit status: 0 ok, 1 failure, 2 wrong options or a difference (--diff), 130 interrupted

Examples:
  podseal acipolicygen -a template.json -p parameters.json
  podseal acipolicygen --virtual-node-yaml pod.yaml --outraw > policy.rego`,
    )
    .action(async (flags: AcipolicygenFlags) => {
      context.exitAs(statusOf);
      const terminal = context.terminal(readOutputOptions({ ...flags }));
      const { runAcipolicygen } = await import('./acipolicygen/run.js');
      await runAcipolicygen(flags, context, terminal);
    });
}

/** Every failure but an interruption is a 1. */
function statusOf({ exit }: ToolError): number {
  return exit === EXIT.interrupted ? exit : EXIT.bug;
}
