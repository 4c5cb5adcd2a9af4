/** `podseal acifragmentgen`: the flags, output and exit statuses of `az confcom acifragmentgen`. */
import type { Command } from 'commander';
import { EXIT, type ToolError } from '../core/error.js';
import type { AcifragmentgenFlags } from './acifragmentgen/run.js';
import { addStoryOptions, type CommandContext, collect, readOutputOptions } from './context.js';
import { addModelImageOptions } from './image-options.js';

/** Adds `acifragmentgen`. */
export function addAcifragmentgenCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('acifragmentgen')
    .summary('stand in for az confcom acifragmentgen')
    .description(
      'Make, sign and upload policy fragments, and import statements for them, with the flags, the output and the exit statuses of az confcom acifragmentgen. New scripts should use podseal fragment.',
    )
    .optionsGroup('Of az confcom acifragmentgen:')
    .option('--image <reference>', 'image of the fragment, or image with attached fragments')
    .option('-i, --input <file>', 'JSON configuration')
    .option('--with-containers <json>', 'container definition or list (repeatable)', collect)
    .option('--tar <file>', 'tar of the image, or JSON map of images to tars')
    .option('-n, --namespace <name>', 'Rego package')
    .option('--svn <number>', 'security version number')
    .option('-f, --feed <name>', 'name of the series of fragments')
    .option('--image-target <reference>', 'image that the fragment is attached to')
    .option('-k, --key <pem>', 'private key')
    .option('--chain <pem>', 'certificates, the one of the key first')
    .option('--algo <name>', 'algorithm of the signature', 'ES384')
    .option('-p, --fragment-path <path>', 'signed fragment: file or reference')
    .option('--omit-id', 'leave the image references out')
    .option('--debug-mode', 'allow shells in the containers of a configuration')
    .option('--disable-stdio', 'do not give containers their standard streams')
    .option('--enable-stdio', 'give containers their standard streams (default)')
    .option('--outraw', 'containers in one line')
    .option('--no-print', 'do not print the text')
    .option('-g, --generate-import', 'print an import statement instead')
    .option('--minimum-svn <number>', 'lowest svn of the import')
    .option('--output-filename <name>', 'file for the text, .rego is added')
    .option('-u, --upload-fragment', 'attach the signed fragment to an image')
    .option('-j, --fragments-json <file>', 'file for the import statement')
    .option('--out-signed-fragment', 'print the signed bytes only');
  addStoryOptions(addModelImageOptions(command))
    .option('--guest <profile>', 'version that is stood in for', 'confcom-2.0.1')
    .addHelpText(
      'after',
      `
Exit status: 0 ok, 1 failure, 2 wrong options, 130 interrupted

Examples:
  podseal acifragmentgen --image app:1 -n contoso --svn 1 -k key.pem --chain chain.pem -f contoso.azurecr.io/f
  podseal acifragmentgen -g -p contoso.rego.cose --minimum-svn 1`,
    )
    .action(async (flags: AcifragmentgenFlags) => {
      context.exitAs(statusOf);
      const terminal = context.terminal(readOutputOptions({ ...flags }));
      const { runAcifragmentgen } = await import('./acifragmentgen/run.js');
      await runAcifragmentgen(flags, context, terminal);
    });
}

/** Every failure but an interruption is a 1. */
function statusOf({ exit }: ToolError): number {
  return exit === EXIT.interrupted ? exit : EXIT.bug;
}
