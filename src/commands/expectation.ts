/** `podseal expectation create`: what `report verify` and `podseal-guest verify` ask for, as a file. */
import { type Command, InvalidArgumentError } from 'commander';
import type { JsonValue } from '../core/json.js';
import type { NoticeSink } from '../core/notice.js';
import type { UvmWishes } from '../pipeline/attest/create-expectation.js';
import { addOutputOptions, type CommandContext, collect, readOutputOptions } from './context.js';

interface CreateOptions {
  readonly hostData?: readonly string[];
  readonly workload?: string;
  readonly skipHostDataTrustAnyPolicy?: boolean;
  readonly minimumTcb?: readonly string[];
  readonly minimumLaunchTcb?: readonly string[];
  readonly uvm?: string;
  readonly uvmIssuer?: string;
  readonly uvmFeed?: string;
  readonly uvmMinimumSvn?: number;
  readonly anyVmpl?: boolean;
  readonly vmpl?: number;
  readonly vlek?: boolean;
  readonly unknownPlatformBits?: boolean;
  readonly output?: string;
}

type Kind = 'flag' | 'text' | 'number' | 'list';

interface MemberRow {
  /** Option as commander takes it. */
  readonly flags: string;
  readonly help: string;
  readonly kind: Kind;
  /** Member of the expectation; also the name of the option's value, but for the plural. */
  readonly member: string;
  readonly option?: string;
}

const row = (
  flags: string,
  member: string,
  kind: Kind,
  help: string,
  option?: string,
): MemberRow => ({
  flags,
  member,
  kind,
  help,
  ...(option === undefined ? {} : { option }),
});

/** Options whose value goes into the expectation as it stands, by help group. */
const GROUPS: Readonly<Record<string, readonly MemberRow[]>> = {
  'Guest:': [
    row(
      '--launch-measurement <hex>',
      'launchMeasurements',
      'list',
      'launch measurement, 48 bytes (repeatable)',
      'launchMeasurement',
    ),
    row(
      '--guest-policy <word>',
      'guestPolicies',
      'list',
      'whole guest policy, 0x... (repeatable)',
      'guestPolicy',
    ),
    row('--allow-debug', 'allowDebug', 'flag', 'DANGEROUS: guests that the host may debug'),
    row(
      '--allow-migration-agent',
      'allowMigrationAgent',
      'flag',
      'guests that a migration agent may move',
    ),
    row('--allow-cxl', 'allowCxl', 'flag', 'guests that may use CXL memory'),
    row(
      '--minimum-guest-svn <number>',
      'minimumGuestSvn',
      'number',
      'lowest security version of the guest',
    ),
    row(
      '--id-key-digest <hex>',
      'idKeyDigests',
      'list',
      'key that signed the ID block, 48 bytes (repeatable)',
      'idKeyDigest',
    ),
    row(
      '--author-key-digest <hex>',
      'authorKeyDigests',
      'list',
      'author key, 48 bytes (repeatable)',
      'authorKeyDigest',
    ),
    row('--require-author-key', 'requireAuthorKey', 'flag', 'an author key, whichever'),
    row('--family-id <hex>', 'familyId', 'text', 'family ID, 16 bytes'),
    row('--image-id <hex>', 'imageId', 'text', 'image ID, 16 bytes'),
    row('--report-data <hex>', 'reportData', 'text', 'report data, 64 bytes'),
  ],
  'Platform:': [
    row(
      '--minimum-firmware <version>',
      'minimumFirmware',
      'text',
      'lowest firmware, MAJOR.MINOR[.BUILD]',
    ),
    row(
      '--require-committed',
      'requireCommitted',
      'flag',
      'firmware that the host cannot take back',
    ),
    row(
      '--launch-mitigations <bits>',
      'launchMitigations',
      'text',
      'mitigations active at launch, 0x...',
    ),
    row(
      '--current-mitigations <bits>',
      'currentMitigations',
      'text',
      'mitigations active now, 0x...',
    ),
    row('--require-smt-disabled', 'requireSmtDisabled', 'flag', 'a guest policy that forbids SMT'),
    row('--require-tsme', 'requireTsme', 'flag', 'transparent memory encryption'),
    row('--require-ecc', 'requireEcc', 'flag', 'ECC memory'),
    row(
      '--require-alias-check',
      'requireAliasCheck',
      'flag',
      'memory checked for aliases (versions 3 and up)',
    ),
    row('--chip-id <hex>', 'chipIds', 'list', 'chip, 64 bytes (repeatable)', 'chipId'),
    row('--csp-id <text>', 'cspIds', 'list', 'provider of a VLEK (repeatable)', 'cspId'),
    row('--require-crl', 'requireCrl', 'flag', 'a revocation list of this time'),
  ],
};

/** Adds `expectation` with `create`. */
export function addExpectationCommand(program: Command, context: CommandContext): void {
  const parent = program
    .command('expectation')
    .summary('write down what evidence must show')
    .description('Write down what the evidence about a guest must show.');
  const create = parent
    .command('create')
    .summary('print an expectation for given policies')
    .description(
      'Print what a report must show: HOST_DATA of the policies in the given files, and whatever the options ask for. `podseal report verify` and `podseal-guest verify` read it.',
    )
    .argument(
      '[file...]',
      'policies, initdata, manifests or templates; any of their policies will do',
    )
    .optionsGroup('Policy:')
    .option('--host-data <hex>', 'HOST_DATA value, 32 bytes (repeatable)', collect)
    .option('--workload <name>', 'of a manifest with several workloads this one alone')
    .option('--skip-host-data-trust-any-policy', 'DANGEROUS: guests with any policy')
    .optionsGroup('Lowest TCB:')
    .option('--minimum-tcb <line:levels>', 'e.g. Milan:bl=4,snp=24,ucode=219 (repeatable)', collect)
    .option('--minimum-launch-tcb <line:levels>', 'the same for the TCB at launch', collect)
    .optionsGroup('Endorsement of the utility VM:')
    .option('--uvm <publisher>', 'aci: issuer and feed of Azure Container Instances')
    .option('--uvm-issuer <did>', 'did:x509 of the publisher')
    .option('--uvm-feed <name>', 'feed')
    .option('--uvm-minimum-svn <number>', 'lowest security version', readNumber)
    .optionsGroup('Signer:')
    .option('--vmpl <level>', 'privilege level of the request (default: 0)', readNumber)
    .option('--any-vmpl', 'any of the levels 0 to 3')
    .option('--no-vlek', 'VCEK only')
    .option('--no-unknown-platform-bits', 'refuse platform bits without a known meaning');
  for (const [group, rows] of Object.entries(GROUPS)) {
    create.optionsGroup(group);
    for (const { flags, help, kind } of rows) {
      if (kind === 'list') create.option(flags, help, collect);
      else if (kind === 'number') create.option(flags, help, readNumber);
      else create.option(flags, help);
    }
  }
  addOutputOptions(create)
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Examples:
  podseal expectation create pod.yaml --minimum-tcb Milan:bl=4,snp=24,ucode=219 -o expectation.json
  podseal expectation create policy.rego --uvm aci --uvm-minimum-svn 101`,
    )
    .action((files: readonly string[], options: CreateOptions) => run(files, options, context));
}

async function run(
  files: readonly string[],
  options: CreateOptions,
  context: CommandContext,
): Promise<void> {
  const values = options as unknown as Readonly<Record<string, unknown>>;
  const terminal = context.terminal(readOutputOptions(values));
  const measured = await measurementsOf(files, options.workload, terminal.notice);
  const hostData = [...new Set([...measured, ...(options.hostData ?? [])])];
  const [{ createExpectation }, { printExpectation }] = await Promise.all([
    import('../pipeline/attest/create-expectation.js'),
    import('../attest/expectation.js'),
  ]);
  const expectation = createExpectation(
    {
      members: {
        ...(hostData.length === 0 ? {} : { hostData }),
        ...(options.skipHostDataTrustAnyPolicy ? { skip: ['host-data'] } : {}),
        ...membersOf(values),
        ...signerMembers(options),
      },
      minimumTcb: options.minimumTcb ?? [],
      minimumLaunchTcb: options.minimumLaunchTcb ?? [],
      uvm: uvmWishes(options),
    },
    terminal.notice,
  );
  const text = printExpectation(expectation);
  if (options.output === undefined) return terminal.product(text);
  const { writeFileAtomic } = await import('../io/files.js');
  await writeFileAtomic(options.output, text);
  terminal.info(`wrote ${options.output}: ${hostData.length} value(s) of HOST_DATA`);
}

/** HOST_DATA of every policy in the files. */
async function measurementsOf(
  files: readonly string[],
  workload: string | undefined,
  notices: NoticeSink,
): Promise<readonly string[]> {
  const [{ readBinaryFile }, { chooseExpected, readExpectedTexts }] = await Promise.all([
    import('../io/files.js'),
    import('../pipeline/attest/expect.js'),
  ]);
  const found: string[] = [];
  for (const file of files) {
    const texts = readExpectedTexts(await readBinaryFile(file), file, notices);
    const meant =
      workload === undefined ? texts : chooseExpected(texts, workload, file).slice(0, 1);
    found.push(...meant.map(({ hostData }) => hostData));
  }
  return found;
}

function membersOf(values: Readonly<Record<string, unknown>>): Record<string, JsonValue> {
  const rows = Object.values(GROUPS).flat();
  const given = rows.map(({ member, option = member }) => [member, values[option]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Record<
    string,
    JsonValue
  >;
}

function signerMembers(options: CreateOptions): Record<string, JsonValue> {
  const vmpl = options.anyVmpl ? 'any' : options.vmpl;
  return {
    ...(vmpl === undefined ? {} : { vmpl }),
    ...(options.vlek === false ? { allowVlek: false } : {}),
    ...(options.unknownPlatformBits === false ? { allowUnknownPlatformBits: false } : {}),
  };
}

function uvmWishes(options: CreateOptions): UvmWishes {
  const { uvm: publisher, uvmIssuer: issuer, uvmFeed: feed, uvmMinimumSvn: minimumSvn } = options;
  return {
    ...(publisher === undefined ? {} : { publisher }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(feed === undefined ? {} : { feed }),
    ...(minimumSvn === undefined ? {} : { minimumSvn }),
  };
}

function readNumber(text: string): number {
  if (/^(?:0|[1-9]\d{0,9})$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it must be a decimal number.');
}
