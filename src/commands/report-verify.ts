/** `podseal report verify`: evidence against an expectation. */
import type { Command } from 'commander';
import type { Expectation, Skippable } from '../attest/expectation.js';
import { EXIT, ToolError } from '../core/error.js';
import type { NoticeSink } from '../core/notice.js';
import type { ExpectedText } from '../pipeline/attest/expect.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import {
  addEvidenceOptions,
  type EvidenceOptions,
  openEvidence,
  readVerificationTime,
} from './evidence-options.js';

interface VerifyOptions extends EvidenceOptions {
  readonly expectation?: string;
  readonly policy?: string;
  readonly manifest?: string;
  readonly workload?: string;
  readonly reportData?: string;
  readonly at?: string;
  readonly skipChainTrustAnySigner?: boolean;
  readonly skipChainTimeTrustExpired?: boolean;
  readonly skipHostDataTrustAnyPolicy?: boolean;
}

const SKIP_FLAGS: readonly (readonly [keyof VerifyOptions, Skippable, string])[] = [
  ['skipChainTrustAnySigner', 'chain', 'whoever made the report may have written anything in it'],
  ['skipChainTimeTrustExpired', 'chain-time', 'expired certificates are accepted'],
  ['skipHostDataTrustAnyPolicy', 'host-data', 'a guest with any policy is accepted'],
];

/** Adds `verify` to `report`. */
export function addReportVerify(parent: Command, context: CommandContext): void {
  const command = parent
    .command('verify')
    .summary('verify a report, its certificates and its content')
    .description(
      'Verify the signature of a report, its certificates up to a root of AMD, its TCB and all that it says of the guest against an expectation. Offline unless --kds names a service. Exit status 0: allowed, 10: denied.',
    )
    .argument('<report>', 'report (1184 bytes), evidence file, or - for stdin')
    .optionsGroup('Expectation (at least one):')
    .option('--expectation <file>', 'expectation, see: podseal expectation create --help')
    .option('--policy <file>', 'policy, its base64 or initdata that HOST_DATA must be of')
    .option('--manifest <file>', 'pod manifest or ARM template with that policy in it')
    .option('--workload <name>', 'which one, if the manifest has several')
    .option('--report-data <hex>', '64 bytes that the report must carry')
    .option('--at <time>', 'time at which certificates must be valid (default: now)');
  addEvidenceOptions(command)
    .optionsGroup('DANGEROUS:')
    .option('--skip-chain-trust-any-signer', 'do not verify who signed the report')
    .option('--skip-chain-time-trust-expired', 'accept certificates at any time')
    .option('--skip-host-data-trust-any-policy', 'accept a guest with any policy');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  podseal report verify report.bin --policy policy.rego --thim host-amd-cert.json
  podseal report verify evidence.json --expectation expectation.json --json`,
    )
    .action((file: string, options: VerifyOptions) => run(file, options, context));
}

async function run(file: string, options: VerifyOptions, context: CommandContext): Promise<void> {
  const output = readOutputOptions(options as unknown as Record<string, unknown>);
  const terminal = context.terminal(output);
  const { expectation, candidates } = await openExpectation(options, terminal.notice);
  const evidence = await openEvidence(file, options, context.signal);
  const [{ verifyEvidence }, { verdictAsJson }, { printVerdict }] = await Promise.all([
    import('../attest/verify.js'),
    import('../attest/verdict.js'),
    import('../attest/print-verdict.js'),
  ]);
  const verdict = verifyEvidence(evidence, expectation, {
    time: await readVerificationTime(options.at),
    candidates: candidates.map(({ candidate }) => candidate),
  });
  await terminal.product(
    output.json ? `${JSON.stringify(verdictAsJson(verdict), null, 2)}\n` : printVerdict(verdict),
  );
  context.finish(verdict.verdict === 'allowed' ? EXIT.ok : EXIT.denied);
}

interface Expected {
  readonly expectation: Expectation;
  readonly candidates: readonly ExpectedText[];
}

/** What the options expect. Without any of them nothing is verified: that is a usage error. */
async function openExpectation(options: VerifyOptions, notices: NoticeSink): Promise<Expected> {
  const skip = SKIP_FLAGS.filter(([flag]) => options[flag] === true).map(([, name, danger]) => {
    notices({ code: `skipped-${name}`, message: `${name} is not verified: ${danger}` });
    return name;
  });
  const candidates = await openCandidates(options, notices);
  const base = await openBase(options, candidates, skip);
  if (options.expectation === undefined) {
    const { noteOpen } = await import('../pipeline/attest/create-expectation.js');
    noteOpen(base, notices);
  }
  const { refuseForeignPolicy } = await import('../pipeline/attest/expect.js');
  const [first] = candidates;
  if (first !== undefined) refuseForeignPolicy(first, base);
  const { reportData } = options;
  const { readExpectation, expectationAsJson } = await import('../attest/expectation.js');
  const members = {
    ...expectationAsJson(base),
    ...(reportData === undefined ? {} : { reportData }),
    ...(skip.length === 0 ? {} : { skip: [...new Set([...(base.skip ?? []), ...skip])] }),
  };
  return { expectation: readExpectation(members, 'the expectation'), candidates };
}

async function openBase(
  { expectation: file }: VerifyOptions,
  [first]: readonly ExpectedText[],
  skip: readonly Skippable[],
): Promise<Expectation> {
  if (file !== undefined) {
    const [{ readTextFile }, { parseExpectation }] = await Promise.all([
      import('../io/files.js'),
      import('../attest/expectation.js'),
    ]);
    return parseExpectation(await readTextFile(file), file);
  }
  if (first !== undefined) return (await import('../pipeline/attest/expect.js')).expectOnly(first);
  if (skip.includes('host-data')) return {};
  throw new ToolError('USAGE_CONFLICT', 'report verify needs to know what to expect', {
    want: '--expectation FILE, --policy FILE or --manifest FILE',
    hints: ['podseal expectation create --help', 'podseal report show decodes without verifying'],
  });
}

/** The policies that the options name, the expected one first. */
async function openCandidates(
  { policy, manifest, workload }: VerifyOptions,
  notices: NoticeSink,
): Promise<readonly ExpectedText[]> {
  if (policy !== undefined && manifest !== undefined) {
    throw new ToolError('USAGE_CONFLICT', '--policy and --manifest exclude each other');
  }
  const file = policy ?? manifest;
  if (file === undefined) return [];
  const [{ readBinaryFile }, { chooseExpected, readExpectedTexts }] = await Promise.all([
    import('../io/files.js'),
    import('../pipeline/attest/expect.js'),
  ]);
  const texts = readExpectedTexts(await readBinaryFile(file), file, notices);
  return chooseExpected(texts, workload, file);
}
