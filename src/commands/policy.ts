/** `podseal policy`: policies of the workloads of a manifest, written into it. */
import type { Command } from 'commander';
import { addOutputOptions, type CommandContext, collect, readOutputOptions } from './context.js';
import { addImageOptions } from './image-options.js';
import { checkFamily, checkOptions, type PolicyOptions } from './policy/options.js';

/** Adds `policy`. */
export function addPolicyCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('policy')
    .summary('write the policy of each workload into its manifest')
    .description(
      'Generate the policy of each workload and write it into the manifest, where comments, order and quoting stay as they are. Prints the measurement (HOST_DATA) of each workload.',
    )
    .argument(
      '<file...>',
      'manifests (YAML), ARM templates or ACI configurations (JSON), or - for stdin; the manifest then goes to stdout',
    )
    .optionsGroup('Policy:')
    .option('--target <target>', 'aks, kata, vn2 or aci (default: by what the manifest says)')
    .option(
      '--guest <profile>',
      'guest version: azl3, aks-3.15, msft-main, kata-4.1, confcom-2.0.1, confcom-1.3.1, confcom-fork-1.2.8',
    )
    .option('--config-map <file>', 'further ConfigMaps, Secrets, claims (repeatable)', collect)
    .option('--no-self-check', 'do not try whether each policy lets its workload start')
    .optionsGroup('Policy of aks and kata:')
    .option('--settings <file>', 'settings instead of the bundled ones')
    .option(
      '--settings-drop-in <file>',
      'JSON Patch for the settings (repeatable, in order)',
      collect,
    )
    .option('--rules <file>', 'rules (Rego) instead of the bundled ones')
    .option('--initdata <file>', 'initdata (TOML) that the policy is added to (kata)')
    .option('--runtime-class <prefix>', 'only pods with such a runtime class (repeatable)', collect)
    .option('--ignore-unsupported <field>', "field to leave out; '*' for all (repeatable)", collect)
    .optionsGroup('Policy of aci and vn2:')
    .option('--parameters <file>', 'parameters of the ARM template')
    .option(
      '--template-root <folder>',
      'further folder that linked templates may lie in; policies are written into them (repeatable)',
      collect,
    )
    .option('--approve-wildcards', 'allow any value of variables whose value is not known')
    .option('--debug-mode', 'allow shells, stack dumps and runtime logging')
    .option('--no-stdio', 'do not give containers their standard streams')
    .option('--omit-id', 'leave the image references out of the policy')
    .option('--infrastructure-svn <svn>', "minimum svn of the platform's own fragment")
    .option('--no-infrastructure-fragment', "do not import the platform's own fragment")
    .option(
      '--fragments <file>',
      'import statements (JSON): policies import these fragments and leave the containers to them that they allow (repeatable)',
      collect,
    )
    .option('--fragment <file>', 'signed fragment of an import (repeatable)', collect);
  addOutputOptions(addImageOptions(command, true))
    .option('--print', 'print the policy texts alone; write nothing')
    .option('--base64', 'print the annotation values, one per line; write nothing')
    .option(
      '--check',
      'write nothing; exit 11 if the manifest holds other policies than these, 3 if no workload gets one',
    )
    .option('-o, --output <file>', 'write the manifest here instead of in place')
    .addHelpText(
      'after',
      `
--json prints the policies and writes nothing (but for -o); with --check the differences.

Examples:
  podseal policy pod.yaml
  podseal policy pod.yaml --image-facts facts.json --print > policy.rego
  podseal policy pod.yaml --check
  podseal policy arm.json --fragments imports.json --fragment contoso.rego.cose`,
    )
    .action((files: string[], options: PolicyOptions) => run(files, options, context));
}

async function run(
  files: readonly string[],
  options: PolicyOptions,
  context: CommandContext,
): Promise<void> {
  checkOptions(files, options);
  const terminal = context.terminal(readOutputOptions(options as Record<string, unknown>));
  const [{ readTextFile }, { chooseGuest, readNames }] = await Promise.all([
    import('../io/files.js'),
    import('./policy/guest.js'),
  ]);
  const names = readNames(options);
  const manifests: { file: string; text: string }[] = [];
  for (const file of files) manifests.push({ file, text: await readTextFile(file) });
  const { family, target, guest } = chooseGuest(names, manifests);
  checkFamily(options, family, target);
  terminal.info(`target ${target}, guest ${guest.id}`);
  const policyRun = { files, manifests, options, terminal, context };
  if (family === 'kata') {
    const { runKata } = await import('./policy/kata.js');
    return runKata(guest, policyRun);
  }
  const { runAci } = await import('./policy/aci.js');
  return runAci(guest, target, policyRun);
}
