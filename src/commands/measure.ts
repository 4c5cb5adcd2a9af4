/** `podseal measure`: the measurement of a policy, manifest, template or initdata. */
import type { Command } from 'commander';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { encodeHex } from './options.js';

interface MeasureOptions {
  readonly base64?: boolean;
  readonly base64url?: boolean;
}

/** Adds `measure`. */
export function addMeasureCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('measure')
    .summary('print the measurement (HOST_DATA) of a policy, manifest or template')
    .description(
      'Print the measurement (HOST_DATA) of what a file holds: a policy text or its base64, initdata, a pod manifest with embedded policies, or an ARM template. One line per policy; a file with several policies prints the workload behind each measurement.',
    )
    .argument('<file>', 'file, or - for stdin')
    .optionsGroup('Output:')
    .option('--base64', 'base64 instead of hex')
    .option('--base64url', 'base64url without padding instead of hex');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  podseal measure pod.yaml
  podseal measure policy.rego --base64`,
    )
    .action((file: string, options: MeasureOptions) => run(file, options, context));
}

async function run(file: string, options: MeasureOptions, context: CommandContext): Promise<void> {
  const output = readOutputOptions(options as Record<string, unknown>);
  const terminal = context.terminal(output);
  const [{ measureFile }, { readBinaryFile }] = await Promise.all([
    import('../pipeline/measure-file.js'),
    import('../io/files.js'),
  ]);
  const found = measureFile(await readBinaryFile(file), file, terminal.notice);
  if (output.json) {
    const measurements = found.map((one) => ({
      ...one,
      base64: encodeHex(one.hostData, 'base64'),
      base64url: encodeHex(one.hostData, 'base64url'),
    }));
    const product = {
      format: 'podseal.measure/v1',
      file,
      measurements,
      notices: terminal.notices,
    };
    return terminal.product(`${JSON.stringify(product, null, 2)}\n`);
  }
  const encoding = options.base64url ? 'base64url' : options.base64 ? 'base64' : 'hex';
  const lines = found.map((one) => {
    const value = encodeHex(one.hostData, encoding);
    return found.length === 1 ? value : `${value}  ${one.workload}`;
  });
  await terminal.product(`${lines.join('\n')}\n`);
}
