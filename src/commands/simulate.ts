/** `podseal simulate`: a policy under recorded or made-up requests. */
import type { Command } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import { showUnseen } from '../core/page.js';
import type { Terminal } from '../io/terminal.js';
import type { OpenedPolicy } from '../pipeline/open-policy.js';
import type { SimulatedDecision, SimulatedRequest } from '../pipeline/simulate.js';
import type { RegoEngine } from '../rego/ports.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { addPolicyOptions, openEngine, refuseCceOptions, requireRequests } from './options.js';
import type { CceSimulateOptions } from './simulate/cce.js';

interface SimulateOptions extends CceSimulateOptions {
  readonly workload?: string;
}

/** A request with its line, or its number if it was made up. */
interface NumberedRequest extends SimulatedRequest {
  readonly line: number;
}

/** Adds `simulate`; gives the command that rehearsals join. */
export function addSimulateCommand(program: Command, context: CommandContext): Command {
  const command = program
    .command('simulate')
    .summary('run guest requests through a policy')
    .description(
      'Run guest requests through a policy as the guest would, keeping state from one to the next, and print one decision per request. The policy is that of a kata agent or a CCE policy of ACI. Exit status 10 if any request is not allowed.',
    )
    .helpCommand('help [command]', 'print the help of a command')
    .argument('<policy>', 'policy text, its base64, initdata, or a manifest with embedded policies')
    .argument(
      '[requests]',
      'kata: JSON lines {"kind": ..., "request": {...}}, as the agent logs them; CCE: JSON lines {"enforcementPoint": ..., "input": {...}}, or a command file of the policy simulator of hcsshim; - for stdin',
    )
    .optionsGroup('Requests:')
    .option('--synthesize', 'make up the requests of a whole start of the workload instead')
    .option('--emit-requests', 'print the made-up requests as JSON lines; decide nothing');
  addPolicyOptions(command);
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
--json prints one object per request: {"kind", "decision": "allow|deny|error", "reason"}.

Examples:
  podseal simulate pod.yaml --synthesize
  podseal simulate pod.yaml /tmp/policy.jsonl
  podseal simulate pod.yaml --synthesize --emit-requests > start.jsonl
  podseal simulate arm.json --workload web --synthesize --guest framework-0.3.0
  podseal simulate policy.rego requests.jsonl --fragment infra.rego.cose`,
    )
    .action((policy: string, requests: string | undefined, options: SimulateOptions) =>
      run(policy, requests, options, context),
    );
  return command;
}

async function run(
  file: string,
  requestFile: string | undefined,
  options: SimulateOptions,
  context: CommandContext,
): Promise<void> {
  const synthesizes = options.synthesize === true || options.emitRequests === true;
  checkSources(file, requestFile, synthesizes);
  const terminal = context.terminal(readOutputOptions(options as Record<string, unknown>));
  const [{ openPolicy }, { readBinaryFile }] = await Promise.all([
    import('../pipeline/open-policy.js'),
    import('../io/files.js'),
  ]);
  const policy = openPolicy(await readBinaryFile(file), file, options.workload, terminal.notice);
  const { isCcePolicy } = await import('../policy/aci/read-policy.js');
  if (isCcePolicy(policy.text)) {
    const { simulateCce } = await import('./simulate/cce.js');
    return simulateCce({ policy, requestFile, options, terminal, context });
  }
  refuseCceOptions(options);
  const requests = requireRequests(
    requestFile === undefined ? await synthesize(policy) : await readRequests(requestFile),
    requestFile,
  );
  if (options.emitRequests === true) {
    const lines = requests.map(({ kind, request }) => `${JSON.stringify({ kind, request })}\n`);
    return terminal.product(lines.join(''));
  }
  const guest = options.guest ?? (await guess(policy));
  terminal.info(`guest ${guest}`);
  const engine = await openEngine(options.engine);
  await decideAll({
    policy,
    requests,
    guest,
    engine,
    terminal,
    context,
    json: options.json === true,
  });
}

function checkSources(file: string, requests: string | undefined, synthesizes: boolean): void {
  const problem =
    requests === undefined && !synthesizes
      ? 'there are no requests'
      : requests !== undefined && synthesizes
        ? 'a file of requests and --synthesize exclude each other'
        : file === '-' && requests === '-'
          ? 'stdin can be read once'
          : undefined;
  if (problem === undefined) return;
  throw new ToolError('USAGE_CONFLICT', problem, {
    hints: ['name a file of requests, or let --synthesize make them up'],
  });
}

async function readRequests(file: string): Promise<readonly NumberedRequest[]> {
  const [{ readTextFile }, { parseRequestLog }] = await Promise.all([
    import('../io/files.js'),
    import('../rego/request-log.js'),
  ]);
  return parseRequestLog(await readTextFile(file), file);
}

async function synthesize(policy: OpenedPolicy): Promise<readonly NumberedRequest[]> {
  const [{ requireDocument }, { synthesizeStart }] = await Promise.all([
    import('../pipeline/open-policy.js'),
    import('../policy/kata/synthesize.js'),
  ]);
  const steps = synthesizeStart(requireDocument(policy));
  return steps.map(({ kind, request }, index) => ({ kind, request, line: index + 1 }));
}

/** The guest by the shape of the policy; a text that is no generated policy gets the default of its target. */
async function guess(policy: OpenedPolicy): Promise<string> {
  const [{ guessGuest }, { readKataPolicy }] = await Promise.all([
    import('../pipeline/open-policy.js'),
    import('../policy/kata/read-policy.js'),
  ]);
  return guessGuest(policy, readKataPolicy(policy.text, policy.where).document?.data);
}

interface Work {
  readonly policy: OpenedPolicy;
  readonly requests: readonly NumberedRequest[];
  readonly guest: string;
  readonly engine: RegoEngine;
  readonly terminal: Terminal;
  readonly context: CommandContext;
  readonly json: boolean;
}

async function decideAll(work: Work): Promise<void> {
  const { policy, requests, terminal, context } = work;
  const [{ Simulation }, { createPolicySession }] = await Promise.all([
    import('../pipeline/simulate.js'),
    import('../rego/session.js'),
  ]);
  const session = await createPolicySession(work.engine, policy.text, work.guest);
  const simulation = new Simulation(session);
  let refused = 0;
  for (const request of requests) {
    const decision = simulation.decide(request);
    if (decision.decision !== 'allow') refused += 1;
    await terminal.product(work.json ? asJson(decision, request) : asLine(decision, request));
  }
  terminal.info(`${requests.length - refused} of ${requests.length} requests allowed`);
  if (refused > 0) context.finish(EXIT.denied);
}

function asLine(made: SimulatedDecision, { line }: NumberedRequest): string {
  const subject = made.subject === undefined ? '' : `  ${showUnseen(made.subject)}`;
  const reason = made.reason === null ? '' : `: ${showUnseen(made.reason)}`;
  return `${made.decision.padEnd(5)}  ${line}  ${showUnseen(made.kind)}${subject}${reason}\n`;
}

function asJson(made: SimulatedDecision, { line }: NumberedRequest): string {
  const { kind, decision, reason, subject } = made;
  const members = { format: 'podseal.decision/v1', kind, decision, reason, line, subject };
  return `${JSON.stringify(members)}\n`;
}
