/** The part of `podseal simulate` that is for CCE policies. */
import { dirname, resolve } from 'node:path';
import { EXIT, ToolError } from '../../core/error.js';
import type { JsonObject } from '../../core/json.js';
import { LIMITS } from '../../core/limits.js';
import { showUnseen } from '../../core/page.js';
import type { Terminal } from '../../io/terminal.js';
import type { CceSimulated, CceSimulation } from '../../pipeline/aci/simulate.js';
import type { OpenedPolicy } from '../../pipeline/open-policy.js';
import type { CceDocument } from '../../policy/aci/cce-document.js';
import type { GuestOs } from '../../rego/aci/guest-data.js';
import type { CceRequests } from '../../rego/aci/requests.js';
import type { CommandContext } from '../context.js';
import { readOs, requireRequests } from '../options.js';

/** Options of `simulate` that count for CCE policies. */
export interface CceSimulateOptions {
  readonly synthesize?: boolean;
  readonly emitRequests?: boolean;
  readonly guest?: string;
  readonly engine?: string;
  readonly os?: string;
  readonly fragment?: readonly string[];
  readonly trustList?: readonly string[];
  readonly json?: boolean;
}

export interface CceWork {
  readonly policy: OpenedPolicy;
  readonly requestFile: string | undefined;
  readonly options: CceSimulateOptions;
  readonly terminal: Terminal;
  readonly context: CommandContext;
}

const DEFAULT_GUEST = 'framework-0.5.0';

/** Decides on the requests of a file, or on a made-up start. */
export async function simulateCce(work: CceWork): Promise<void> {
  const { policy, requestFile, options, terminal } = work;
  const guest = options.guest ?? DEFAULT_GUEST;
  const made = requestFile === undefined ? await synthesize(work, guest) : undefined;
  const read = made ?? (await readRequests(requestFile ?? ''));
  const loads = [...(options.fragment ?? []), ...(options.trustList ?? [])];
  if (loads.length === 0) requireRequests(read.requests, requestFile);
  if (options.emitRequests === true) {
    const lines = read.requests.map(({ point, input }) => ({ enforcementPoint: point, input }));
    return terminal.product(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
  terminal.info(`guest ${guest}`);
  if (read.form === 'commands') {
    terminal.info(
      'a command file is decided on as the reference simulator does: one question each',
    );
  }
  const found = await readPolicyOs(policy, terminal);
  const os = options.os === undefined ? found : readOs(options.os);
  await decideAll(await openSimulation(work, { guest, os }, read.form), read, work);
}

async function readRequests(file: string): Promise<CceRequests> {
  const [{ readTextFile }, { parseCceRequests }] = await Promise.all([
    import('../../io/files.js'),
    import('../../rego/aci/requests.js'),
  ]);
  return parseCceRequests(await readTextFile(file), file);
}

async function synthesize(
  { policy, options, terminal }: CceWork,
  guest: string,
): Promise<CceRequests> {
  const [{ requireCceDocument }, { startSteps }, { startedFragments }, { readBinaryFile }] =
    await Promise.all([
      import('../../policy/aci/read-policy.js'),
      import('../../pipeline/aci/self-check.js'),
      import('../../pipeline/aci/fragment-documents.js'),
      import('../../io/files.js'),
    ]);
  const document = requireCceDocument(policy.text, policy.where);
  await refuseWindows(document, options);
  const files = [];
  for (const what of options.fragment ?? []) {
    files.push({ bytes: await readBinaryFile(what, LIMITS.artifactBytes), what });
  }
  const fragments = startedFragments(document, files, terminal.notice);
  const steps = startSteps(document, guest, fragments);
  const requests = steps.map(({ point, input }, index) => ({ line: index + 1, point, input }));
  return { form: 'lines', requests };
}

async function refuseWindows(document: CceDocument, { os }: CceSimulateOptions): Promise<void> {
  const { isWindowsContainer } = await import('../../policy/aci/cce-document.js');
  if (os !== 'windows' && !document.containers.some(isWindowsContainer)) return;
  throw new ToolError('USAGE_CONFLICT', 'the start of a Windows group cannot be made up', {
    want: 'a policy of a Linux group, or recorded requests',
    hints: ['podseal simulate POLICY REQUESTS --os windows decides on requests of Windows guests'],
  });
}

/** What the guests do otherwise than the policy's author may expect; which system they have. */
async function readPolicyOs(policy: OpenedPolicy, terminal: Terminal): Promise<GuestOs> {
  const [{ readKnownPolicy }, { surprisesOf }, { osOf }] = await Promise.all([
    import('../../policy/aci/read-known.js'),
    import('../../policy/aci/surprises.js'),
    import('../../pipeline/aci/explain.js'),
  ]);
  try {
    const { document, unknown } = readKnownPolicy(policy.text, policy.where);
    if (unknown.length === 0) surprisesOf(document).forEach(terminal.notice);
    return osOf(document);
  } catch (error) {
    if (error instanceof ToolError) return 'linux';
    throw error;
  }
}

async function openSimulation(
  { policy, requestFile, options, terminal }: CceWork,
  { guest, os }: { readonly guest: string; readonly os: GuestOs },
  form: CceRequests['form'],
): Promise<CceSimulation> {
  const [{ CceSimulation: Simulation }, { openFrameworkEngine }, { readBinaryFile }] =
    await Promise.all([
      import('../../pipeline/aci/simulate.js'),
      import('../../io/framework-engine.js'),
      import('../../io/files.js'),
    ]);
  const folder = requestFile === undefined || requestFile === '-' ? '.' : dirname(requestFile);
  return new Simulation(
    {
      policyText: policy.text,
      options: { guest, os, plain: readEngine(options.engine) },
      form,
    },
    {
      engine: openFrameworkEngine(),
      notices: terminal.notice,
      readBeside: (path) => readBinaryFile(resolve(folder, path)),
    },
  );
}

/** True: plain policies may run in WebAssembly. */
function readEngine(engine: string | undefined): boolean {
  if (engine === undefined || engine === 'wasm') return true;
  if (engine === 'native') return false;
  throw new ToolError('USAGE_CONFLICT', 'there is no such engine', {
    want: '--engine native or wasm',
    got: engine,
  });
}

async function decideAll(
  simulation: CceSimulation,
  { requests }: CceRequests,
  { options, terminal, context }: CceWork,
): Promise<void> {
  const { readBinaryFile } = await import('../../io/files.js');
  let refused = 0;
  const tell = async (line: number, decided: CceSimulated) => {
    if (decided.decision !== 'allow') refused += 1;
    await terminal.product(options.json === true ? asJson(decided, line) : asLine(decided, line));
  };
  for (const file of options.trustList ?? []) {
    await tell(0, await simulation.loadTrustListFile(await readBinaryFile(file), file));
  }
  for (const file of options.fragment ?? []) {
    const bytes = await readBinaryFile(file, LIMITS.artifactBytes);
    await tell(0, await simulation.loadFragmentFile(bytes, file));
  }
  for (const request of requests) await tell(request.line, await simulation.decide(request));
  const loaded = (options.fragment ?? []).length + (options.trustList ?? []).length;
  const count = requests.length + loaded;
  terminal.info(`${count - refused} of ${count} requests allowed`);
  if (refused > 0) context.finish(EXIT.denied);
}

function asLine({ decision, kind, subject, reason }: CceSimulated, line: number): string {
  const about = subject === undefined ? '' : `  ${showUnseen(subject)}`;
  const why = reason === null ? '' : `: ${showUnseen(reason)}`;
  return `${decision.padEnd(5)}  ${line}  ${kind}${about}${why}\n`;
}

function asJson({ decision, kind, subject, reason, details }: CceSimulated, line: number): string {
  const { errors, result, kept, denial } = details;
  const product: Record<string, unknown> = {
    format: 'podseal.decision/v1',
    kind,
    decision,
    reason,
    line,
    subject,
    errors,
    result: result as JsonObject | undefined,
    kept,
    message: denial?.message,
  };
  return `${JSON.stringify(product)}\n`;
}
