/** `podseal release-policy`: key release policies, written from measurements, linted and rehearsed. */
import type { Command } from 'commander';
import { ToolError, throwAll } from '../core/error.js';
import type { Terminal } from '../io/terminal.js';
import { buildEnclavePolicy, type EnclaveIdentity } from '../release/enclave-policy.js';
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
import { addEnclaveOptions, type EnclaveOptions, readEnclaves } from './release-policy/enclaves.js';

interface CreateOptions extends EnclaveOptions {
  readonly authority?: string[];
  readonly measurement?: string[];
  readonly from?: string[];
  readonly target?: string;
  readonly compliance?: string;
  readonly debuggable?: boolean;
  readonly update?: string;
  readonly add?: string[];
  readonly remove?: string[];
  readonly output?: string;
}

/** Adds `release-policy create`; gives the command that lint and evaluate join. */
export function addReleasePolicyCommand(program: Command, context: CommandContext): Command {
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
    .optionsGroup('Rolling upgrade of an existing policy:')
    .option('--update <policy>', 'change this policy instead of writing a new one')
    .option('--add <hex>', 'with --update: trust this measurement too (repeatable)', collect)
    .option('--remove <hex>', 'with --update: trust it no longer (repeatable)', collect)
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
  addOutputOptions(addEnclaveOptions(create))
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Examples:
  podseal release-policy create --authority https://sharedeus2.eus2.attest.azure.net --from pod.yaml
  podseal release-policy create --authority https://sharedeus2.eus2.attest.azure.net \\
    --measurement $(podseal measure old.yaml) --measurement $(podseal measure new.yaml) -o release.json
  podseal release-policy create --authority https://sharedeus2.eus2.attest.azure.net \\
    --mrsigner $(cat signer.hex) --product-id 1 --min-svn 3
  podseal release-policy create --update release.json --add $(podseal measure new.yaml) -o release.json`,
    )
    .action((options: CreateOptions) => run(options, context));
  return parent;
}

async function run(options: CreateOptions, context: CommandContext): Promise<void> {
  const terminal = context.terminal(readOutputOptions(options as Record<string, unknown>));
  if (options.update !== undefined) return update(options.update, options, terminal);
  if (options.add !== undefined || options.remove !== undefined) {
    throw new ToolError('USAGE_CONFLICT', '--add and --remove go with --update FILE');
  }
  const enclaves = readEnclaves(options);
  if (enclaves.length > 0) return trustEnclaves(enclaves, options, terminal);
  const found = await measurementsOf(options, terminal.notice);
  const measurements = [
    ...new Set([...(options.measurement ?? []), ...found.measurements].map(parseMeasurement)),
  ];
  if (measurements.length === 0) throw missing('--measurement HEX or --from FILE');
  const authorities = authoritiesOf(options);
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
  await deliver(text, options, terminal, `${measurements.length} measurement(s), ${compliance}`);
}

function authoritiesOf({ authority = [] }: CreateOptions): readonly string[] {
  const authorities = [...new Set(authority.map(parseAuthority))];
  if (authorities.length > 0) return authorities;
  throw missing('--authority https://HOST');
}

/** The policy for enclaves; nothing of confidential containers may be said besides. */
async function trustEnclaves(
  enclaves: readonly EnclaveIdentity[],
  options: CreateOptions,
  terminal: Terminal,
): Promise<void> {
  const foreign = CONTAINER_OPTIONS.find((name) => options[name] !== undefined);
  if (foreign !== undefined) {
    throw new ToolError('USAGE_CONFLICT', `--${foreign} is not for policies of enclaves`);
  }
  const text = printReleasePolicy(buildEnclavePolicy(authoritiesOf(options), enclaves));
  await deliver(text, options, terminal, `${enclaves.length} enclave(s)`);
}

const CONTAINER_OPTIONS = ['measurement', 'from', 'target', 'compliance', 'debuggable'] as const;

/** Adds measurements to an existing policy and removes others; what could not be stored is refused. */
async function update(file: string, options: CreateOptions, terminal: Terminal): Promise<void> {
  const foreign = NEW_POLICY_OPTIONS.find((name) => options[name] !== undefined);
  if (foreign !== undefined) {
    throw new ToolError('USAGE_CONFLICT', `--update and --${foreign} exclude each other`);
  }
  const [{ readTextFile }, { openReleasePolicy, printReleasePolicyDocument }] = await Promise.all([
    import('../io/files.js'),
    import('../release/encode.js'),
  ]);
  const [{ editReleasePolicy }, { blockingFindings, lintReleasePolicy }] = await Promise.all([
    import('../release/edit.js'),
    import('../release/lint.js'),
  ]);
  const found = await measurementsOf(options, terminal.notice);
  const given = [...(options.measurement ?? []), ...(options.add ?? []), ...found.measurements];
  const add = [...new Set(given.map(parseMeasurement))];
  const remove = [...new Set((options.remove ?? []).map(parseMeasurement))];
  if (add.length + remove.length === 0) throw missing('--add HEX or --remove HEX with --update');
  const { policy } = openReleasePolicy(await readTextFile(file), file);
  const edited = editReleasePolicy(policy, { add, remove }, file);
  throwAll(
    blockingFindings(lintReleasePolicy(edited, file)).map(
      ({ message, path, remedy }) =>
        new ToolError('RELEASE_POLICY_INVALID', `${file}: ${message}`, {
          where: `${file} ${path}`,
          hints: [remedy],
        }),
    ),
  );
  const story = `added ${add.length}, removed ${remove.length} measurement(s)`;
  await deliver(printReleasePolicyDocument(edited), options, terminal, story);
}

const NEW_POLICY_OPTIONS = [
  ...(['authority', 'target', 'compliance', 'debuggable'] as const),
  ...(['mrenclave', 'mrsigner'] as const),
];

async function deliver(
  text: string,
  { output }: CreateOptions,
  terminal: Terminal,
  story: string,
): Promise<void> {
  if (output === undefined) return terminal.product(text);
  const { writeFileAtomic } = await import('../io/files.js');
  await writeFileAtomic(output, text);
  terminal.info(`wrote ${output}: ${story}`);
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
