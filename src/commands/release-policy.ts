/** `podseal release-policy`: key release policies from measurements. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import {
  buildReleasePolicy,
  COMPLIANCE,
  parseAuthority,
  parseCompliance,
  parseMeasurement,
  printReleasePolicy,
  type ReleaseTarget,
} from '../release/release-policy.js';
import { addOutputOptions, type CommandContext, collect, readOutputOptions } from './context.js';

interface CreateOptions {
  readonly authority?: string[];
  readonly measurement?: string[];
  readonly from?: string[];
  readonly target?: string;
  readonly compliance?: string;
  readonly debuggable?: boolean;
  readonly output?: string;
}

/** Adds `release-policy create`. */
export function addReleasePolicyCommand(program: Command, context: CommandContext): void {
  const parent = program
    .command('release-policy')
    .summary('write key release policies (Azure Key Vault, Managed HSM)')
    .description(
      'Write the Azure Key Vault / Managed HSM policy that releases a key to measured guests.',
    );
  const create = parent
    .command('create')
    .summary('print the policy that trusts given measurements')
    .description(
      'Print the key release policy that trusts exactly the given measurements. Several authorities and measurements may be given (old and new ones, for a rolling upgrade).',
    )
    .optionsGroup('Input:')
    .option('--authority <url>', 'attestation service, https://HOST (repeatable)', collect)
    .option('--measurement <hex>', 'HOST_DATA value of a policy (repeatable)', collect)
    .option(
      '--from <file>',
      'take the measurements from a manifest, policy or template (repeatable)',
      collect,
    )
    .optionsGroup('Claims:')
    .option(
      '--target <target>',
      'aks, aci or vn2: decides the compliance status (default: as --from, else aks)',
    )
    .option('--compliance <status>', 'x-ms-compliance-status to require')
    .option(
      '--debuggable',
      'DANGEROUS: for debuggable guests only, whose memory the host can read',
    );
  addOutputOptions(create)
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Examples:
  podseal release-policy create --authority https://sharedeus2.eus2.attest.azure.net --from pod.yaml
  podseal release-policy create --authority https://sharedeus2.eus2.attest.azure.net \\
    --measurement $(podseal measure old.yaml) --measurement $(podseal measure new.yaml) -o release.json`,
    )
    .action((options: CreateOptions) => run(options, context));
}

async function run(options: CreateOptions, context: CommandContext): Promise<void> {
  const terminal = context.terminal(readOutputOptions(options as Record<string, unknown>));
  const found = await measurementsOf(options, terminal.notice);
  const measurements = [
    ...new Set([...(options.measurement ?? []), ...found.measurements].map(parseMeasurement)),
  ];
  if (measurements.length === 0) throw missing('--measurement HEX or --from FILE');
  const authorities = [...new Set((options.authority ?? []).map(parseAuthority))];
  if (authorities.length === 0) throw missing('--authority https://HOST');

  const target = parseTarget(options.target ?? found.target ?? 'aks');
  const compliance = parseCompliance(options.compliance ?? COMPLIANCE[target]);
  if (options.debuggable) {
    terminal.notice({
      code: 'debuggable-guests',
      message:
        'this policy gives the key to debuggable guests: the host can read their memory, and so the key',
    });
  }
  const text = printReleasePolicy(
    buildReleasePolicy({
      authorities,
      measurements,
      compliance,
      debuggable: options.debuggable === true,
    }),
  );
  if (options.output === undefined) return terminal.product(text);
  const { writeFileAtomic } = await import('../io/files.js');
  await writeFileAtomic(options.output, text);
  terminal.info(`wrote ${options.output}: ${measurements.length} measurement(s), ${compliance}`);
}

/** Measurements of the files named by --from, and the target that they are for. */
async function measurementsOf(
  options: CreateOptions,
  notices: Parameters<typeof import('../pipeline/measure-file.js').measureFile>[2],
) {
  const measurements: string[] = [];
  let target: string | undefined;
  for (const file of options.from ?? []) {
    const [{ measureFile }, { readBinaryFile }] = await Promise.all([
      import('../pipeline/measure-file.js'),
      import('../io/files.js'),
    ]);
    const results = measureFile(await readBinaryFile(file), file, notices);
    for (const result of results) {
      measurements.push(result.hostData);
      target ??= result.target;
    }
  }
  return { measurements, target };
}

function parseTarget(text: string): ReleaseTarget {
  if (Object.hasOwn(COMPLIANCE, text)) return text as ReleaseTarget;
  throw new ToolError('USAGE_CONFLICT', 'no compliance status is known for this target', {
    want: `--target ${Object.keys(COMPLIANCE).join('|')}, or --compliance STATUS`,
    got: text,
  });
}

function missing(what: string): ToolError {
  return new ToolError('USAGE_CONFLICT', `release-policy create needs ${what}`, {
    hints: ['podseal release-policy create --help'],
  });
}
