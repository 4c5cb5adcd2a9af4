/** `podseal simulate release`: a whole key release on this machine, against strict stand-ins of the services. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { secondsNow } from '../io/machine.js';
import type { Terminal } from '../io/terminal.js';
import type { SyntheticGuest } from '../pipeline/rehearsal/platform.js';
import type { RehearsalOptions } from '../pipeline/rehearsal/rehearsal.js';
import type { RehearsalResult } from '../pipeline/rehearsal/rehearse.js';
import { COMPLIANCE } from '../release/release-policy.js';
import { aborted, addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import {
  addEvidenceOptions,
  type EvidenceOptions,
  openEvidence,
  readVerificationTime,
} from './evidence-options.js';

/** The stand-ins as servers. */
const SERVER = {
  address: '127.0.0.1',
  bodyBytes: LIMITS.serviceAnswerBytes,
  headersMs: 30_000,
  requestMs: 60_000,
  requests: 1_000,
};

interface RehearseOptions extends EvidenceOptions {
  readonly report?: string;
  readonly at?: string;
  readonly manifest?: string;
  readonly workload?: string;
  readonly releasePolicy?: string;
  readonly key: string;
  readonly compliance?: string;
  readonly authority?: string;
  readonly guestDebug?: boolean;
  readonly guestLaunchMeasurement?: string;
  readonly guestTcb?: string;
  readonly tokenLifetime?: number;
  readonly serve?: boolean;
  readonly port: number;
  readonly output?: string;
}

/** Adds `release` to `simulate`. */
export function addSimulateRelease(simulate: Command, context: CommandContext): void {
  const command = simulate
    .command('release')
    .summary('rehearse a whole key release, offline')
    .description(
      'Rehearse a whole key release on this machine: a made-up guest that runs the policy of a manifest proves itself to a stand-in attestation service, and a stand-in key vault releases a key to its token if the release policy holds. The stand-ins are strict: they verify the report and its chain, the binding to the guest’s key, and every signature. Nothing is sent anywhere, and the evidence is made up: the rehearsal says what the services would decide, it proves nothing.',
    )
    .optionsGroup('Input:')
    .option('--manifest <file>', 'manifest with its policy, or a policy: what the guest runs')
    .option('--workload <name>', 'the workload of a manifest with several policies')
    .option('--release-policy <file>', 'policy under which the key is put')
    .option('--report <file>', 'report of a real guest, instead of a made-up one')
    .option('--at <time>', 'time at which its certificates must be valid (default: now)');
  addEvidenceOptions(command)
    .optionsGroup('The made-up guest and services:')
    .option('--key <name>', 'name of the key', 'rehearsal')
    .option(
      '--authority <url>',
      'attestation service that the guest uses (default: the first of the policy)',
    )
    .option(
      '--compliance <status>',
      'what the service vouches for (default: by the kind of manifest)',
    )
    .option('--guest-debug', 'the guest is debuggable')
    .option('--guest-launch-measurement <hex>', 'launch measurement, 96 hex digits')
    .option('--guest-tcb <hex>', 'TCB of the platform, 16 hex digits')
    .addOption(
      new Option('--token-lifetime <seconds>', 'negative: tokens are expired').argParser(
        parseSeconds,
      ),
    )
    .optionsGroup('Server:')
    .option('--serve', 'serve the stand-ins on loopback until Ctrl-C, for a side-car or any client')
    .addOption(
      new Option('--port <port>', 'with --serve: port of the services (default: any free one)')
        .argParser(parsePort)
        .default(0),
    )
    .option(
      '-o, --output <dir>',
      'with --serve: folder for the certificate authority and the settings',
    );
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Exit status 10 if the key is not released.
--json prints {"format": "podseal.release-rehearsal/v1", "released", "steps": [...], "evaluation"}.

Examples:
  podseal simulate release --manifest pod.yaml --release-policy release.json
  podseal simulate release --manifest pod.yaml --release-policy release.json --serve -o /tmp/rehearsal`,
    )
    .action((_: unknown, self: Command) => run(self.optsWithGlobals<RehearseOptions>(), context));
}

async function run(options: RehearseOptions, context: CommandContext): Promise<void> {
  const output = readOutputOptions(options as unknown as Record<string, unknown>);
  const terminal = context.terminal(output);
  if (options.report !== undefined) {
    const result = await rehearseReport(options.report, options, context);
    terminal.notice({
      code: 'recorded-report',
      message:
        'the report is a recorded one: its binding to a fresh key, and the key, are not rehearsed',
    });
    return await deliver(result, { terminal, json: output.json, context });
  }
  const plan = await readPlan(options, terminal);
  terminal.notice({
    code: 'made-up-evidence',
    message: 'the guest and its report are made up for this rehearsal: they prove nothing',
  });
  if (options.serve === true)
    return await serve(plan, options, { terminal, signal: context.signal });
  const [{ rehearseRelease }, { openKeyPool }] = await Promise.all([
    import('../pipeline/rehearsal/rehearse.js'),
    import('../io/services/key-pool.js'),
  ]);
  const result = await rehearseRelease(plan, openKeyPool(0).take);
  await deliver(result, { terminal, json: output.json, context });
}

/** The report of a real guest under the release policy. */
async function rehearseReport(
  report: string,
  options: RehearseOptions,
  context: CommandContext,
): Promise<RehearsalResult> {
  if (
    options.manifest !== undefined ||
    options.serve === true ||
    options.releasePolicy === undefined
  ) {
    throw new ToolError(
      'USAGE_CONFLICT',
      '--report goes with --release-policy, without --manifest and --serve',
    );
  }
  const [{ readTextFile }, { readReleasePolicy }, { rehearseRecorded }, release] =
    await Promise.all([
      import('../io/files.js'),
      import('../release/grammar.js'),
      import('../pipeline/rehearsal/rehearse.js'),
      import('../release/release-policy.js'),
    ]);
  const file = options.releasePolicy;
  const policy = readReleasePolicy(await readTextFile(file), file);
  return rehearseRecorded({
    evidence: await openEvidence(report, options, context.signal),
    time: await readVerificationTime(options.at),
    authority: release.parseAuthority(options.authority ?? policy.anyOf[0]?.authority ?? ''),
    compliance: release.parseCompliance(options.compliance ?? COMPLIANCE.aks),
    policy,
  });
}

interface Delivery {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly context: CommandContext;
}

async function deliver(
  result: RehearsalResult,
  { terminal, json, context }: Delivery,
): Promise<void> {
  const [{ rehearsalPage }, review] = await Promise.all([
    import('../pipeline/rehearsal/page.js'),
    import('../pipeline/review.js'),
  ]);
  await terminal.product(
    json
      ? review.printJson({ format: 'podseal.release-rehearsal/v1', ...result }, terminal.notices)
      : review.printPageText(rehearsalPage(result)),
  );
  if (!result.released) context.finish(EXIT.denied);
}

/** Serves the stand-ins until Ctrl-C. */
async function serve(
  plan: RehearsalOptions,
  { port, output }: RehearseOptions,
  { terminal, signal }: { readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<void> {
  if (output === undefined) {
    throw new ToolError('USAGE_CONFLICT', '--serve needs -o DIR', {
      hints: ['clients must trust the authority that is written there'],
    });
  }
  const [{ serveRehearsal, printRehearsalStory }, { serveHttp }, files] = await Promise.all([
    import('../pipeline/rehearsal/serve.js'),
    import('../io/services/http-server.js'),
    import('../io/files.js'),
  ]);
  const served = await serveRehearsal(plan, (answer, tls) =>
    serveHttp({ ...SERVER, port: tls === undefined ? 0 : port, ...(tls && { tls }) }, answer),
  );
  try {
    const text = `${JSON.stringify(served.settings)}\n`;
    await files.makeFolder(output);
    await files.writeFileAtomic(`${output}/ca.pem`, served.authority);
    await files.writeFileAtomic(`${output}/rehearsal.json`, text);
    await terminal.product(text);
    terminal.info(printRehearsalStory(served.settings, `${output}/ca.pem`));
    await aborted(signal);
  } finally {
    await served.close();
  }
}

/** Everything that the rehearsal is to play. */
async function readPlan(options: RehearseOptions, terminal: Terminal): Promise<RehearsalOptions> {
  if (options.manifest === undefined || options.releasePolicy === undefined) {
    throw new ToolError(
      'USAGE_CONFLICT',
      'simulate release needs --manifest and --release-policy',
      {
        hints: ['podseal simulate release --help'],
      },
    );
  }
  const [{ readTextFile }, { readReleasePolicy }] = await Promise.all([
    import('../io/files.js'),
    import('../release/grammar.js'),
  ]);
  const policyText = await readTextFile(options.releasePolicy);
  const policy = readReleasePolicy(policyText, options.releasePolicy);
  const { hostData, target } = await measurementOf(options.manifest, options.workload, terminal);
  const { parseAuthority, parseCompliance } = await import('../release/release-policy.js');
  const authority = parseAuthority(options.authority ?? policy.anyOf[0]?.authority ?? '');
  const compliance =
    options.compliance ?? COMPLIANCE[target === 'aci' || target === 'vn2' ? target : 'aks'];
  return {
    attestationHost: authority.replace('https://', ''),
    vaultHost: 'rehearsal.vault.azure.net',
    policyText,
    policyName: options.releasePolicy,
    key: options.key,
    compliance: parseCompliance(compliance),
    guest: readGuest(hostData, options),
    now: secondsNow,
    ...(options.guestTcb === undefined
      ? {}
      : { tcb: BigInt(`0x${hexOf(options.guestTcb, 8).toString('hex')}`) }),
    ...(options.tokenLifetime === undefined ? {} : { tokenLifetime: options.tokenLifetime }),
  };
}

function readGuest(hostData: string, options: RehearseOptions): SyntheticGuest {
  const { guestDebug: debug, guestLaunchMeasurement: launch } = options;
  return {
    hostData: Buffer.from(hostData, 'hex'),
    ...(debug === undefined ? {} : { debug }),
    ...(launch === undefined ? {} : { launchMeasurement: hexOf(launch, 48) }),
  };
}

async function measurementOf(file: string, workload: string | undefined, terminal: Terminal) {
  const [{ measureFile }, { readBinaryFile }] = await Promise.all([
    import('../pipeline/measure-file.js'),
    import('../io/files.js'),
  ]);
  const all = measureFile(await readBinaryFile(file), file, terminal.notice);
  const named = (name: string) => name === workload || name.endsWith(`/${workload}`);
  const found = workload === undefined ? all : all.filter((one) => named(one.workload));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  throw new ToolError('USAGE_CONFLICT', `${file} does not hold exactly one policy to rehearse`, {
    want: '--workload NAME',
    got: all.map((one) => one.workload || 'a bare policy').join(', '),
  });
}

function hexOf(text: string, bytes: number): Buffer {
  if (new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`).test(text)) return Buffer.from(text, 'hex');
  throw new ToolError(
    'USAGE_CONFLICT',
    'a value of the made-up guest is not hex of the right length',
    {
      want: `${bytes * 2} hex digits`,
      got: text.slice(0, 200),
    },
  );
}

function parseSeconds(text: string): number {
  if (/^-?[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('want a whole number');
}

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('want 0 to 65535');
}
