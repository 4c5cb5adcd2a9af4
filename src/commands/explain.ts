/** `podseal explain`: why a policy refuses a request. */
import type { Command } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import { showUnseen } from '../core/page.js';
import type { Terminal } from '../io/terminal.js';
import type { Explanation } from '../pipeline/explain.js';
import type { OpenedPolicy } from '../pipeline/open-policy.js';
import type { ErrorText } from '../rego/error-text.js';
import type { LoggedRequest } from '../rego/request-log.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';
import { printExplanation } from './explain/print.js';
import { addPolicyOptions, openEngine, refuseCceOptions, requireRequests } from './options.js';

interface ExplainOptions {
  readonly fromError?: string;
  readonly line?: string;
  readonly workload?: string;
  readonly guest?: string;
  readonly engine?: string;
  readonly os?: string;
  readonly fragment?: string[];
  readonly trustList?: string[];
  readonly json?: boolean;
}

/** Adds `explain`. */
export function addExplainCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('explain')
    .summary('say why a policy refuses a request')
    .description(
      'Run requests through a policy of a kata agent or a CCE policy of ACI, and say of each refused one which checks fail for which container, what the policy allows and what the request has, and what to change in the YAML or template. The policy itself is asked whether the request would pass with these changes. Exit status 10 if any request is refused.',
    )
    .argument('[policy]', 'policy text, its base64, initdata, or a manifest with embedded policies')
    .argument(
      '[requests]',
      'JSON lines {"kind": ..., "request": {...}}, for CCE policies {"enforcementPoint": ..., "input": {...}}; earlier lines build the state; or the text of a denial',
    )
    .optionsGroup('Requests:')
    .option('--from-error <file>', 'the text of an error as kubelet, containerd or a log prints it')
    .option('--line <number>', 'explain the request of this line only');
  addPolicyOptions(command);
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  podseal explain pod.yaml /tmp/policy.jsonl
  kubectl describe pod web | podseal explain pod.yaml --from-error -
  podseal explain --from-error error.txt
  podseal explain arm.json requests.jsonl --line 7
  az container show ... | podseal explain arm.json --from-error -`,
    )
    .action((policy: string | undefined, requests: string | undefined, options: ExplainOptions) =>
      run(policy, requests, options, context),
    );
}

async function run(
  file: string | undefined,
  requests: string | undefined,
  options: ExplainOptions,
  context: CommandContext,
): Promise<void> {
  checkArguments(file, requests, options);
  const terminal = context.terminal(readOutputOptions(options as Record<string, unknown>));
  const work: Work = { options, terminal, context };
  if (options.fromError !== undefined) return explainError(file, options.fromError, work);
  const [{ readTextFile }, { parseRequestLog }, { isCcePolicy }] = await Promise.all([
    import('../io/files.js'),
    import('../rego/request-log.js'),
    import('../policy/aci/read-policy.js'),
  ]);
  const policy = await openPolicyFile(file ?? '', work);
  const text = await readTextFile(requests ?? '');
  if (isCcePolicy(policy.text)) {
    const { explainCce, explainDenialText } = await import('./explain/cce.js');
    const isDenial = await explainDenialText(text, async () => policy, options, terminal);
    if (isDenial) return context.finish(EXIT.denied);
    return printAll(
      await explainCce(policy, { text, file: requests ?? '' }, options, terminal),
      work,
    );
  }
  refuseCceOptions(options);
  const logged = requireRequests(parseRequestLog(text, requests ?? ''), requests ?? '');
  checkLine(logged, options.line);
  const explained = await explainAll(policy, logged, work);
  const wanted = explained.filter(
    ({ line }) => options.line === undefined || String(line) === options.line,
  );
  await printAll(wanted, work);
}

interface Work {
  readonly options: ExplainOptions;
  readonly terminal: Terminal;
  readonly context: CommandContext;
}

function checkArguments(
  file: string | undefined,
  requests: string | undefined,
  { fromError, line }: ExplainOptions,
): void {
  const isError = fromError !== undefined;
  const problem = [
    [isError && requests !== undefined, 'a file of requests and --from-error exclude each other'],
    [isError && line !== undefined, '--line and --from-error exclude each other'],
    [!isError && file === undefined, 'there is no policy'],
    [!isError && requests === undefined, 'there are no requests'],
    [file === '-' && (requests === '-' || fromError === '-'), 'stdin can be read once'],
  ].find(([applies]) => applies)?.[1];
  if (typeof problem !== 'string') return;
  throw new ToolError('USAGE_CONFLICT', problem, {
    hints: ['podseal explain POLICY REQUESTS, or podseal explain POLICY --from-error FILE'],
  });
}

function checkLine(logged: readonly LoggedRequest[], line: string | undefined): void {
  if (line === undefined || logged.some((one) => String(one.line) === line)) return;
  throw new ToolError('USAGE_CONFLICT', `there is no request in line ${line}`, {
    want: `a line with a request, 1 to ${logged.at(-1)?.line ?? 0}`,
  });
}

async function openPolicyFile(file: string, { options, terminal }: Work): Promise<OpenedPolicy> {
  const [{ openPolicy }, { readBinaryFile }] = await Promise.all([
    import('../pipeline/open-policy.js'),
    import('../io/files.js'),
  ]);
  return openPolicy(await readBinaryFile(file), file, options.workload, terminal.notice);
}

type ExplainedRequest = Explanation & { readonly line?: number };

async function explainAll(
  policy: OpenedPolicy,
  requests: readonly Omit<LoggedRequest, 'line'>[],
  { options, terminal }: Work,
): Promise<readonly ExplainedRequest[]> {
  const [{ requireDocument, guessGuest }, { explainRequests }] = await Promise.all([
    import('../pipeline/open-policy.js'),
    import('../pipeline/explain.js'),
  ]);
  const data = requireDocument(policy);
  const guest = options.guest ?? guessGuest(policy, data);
  terminal.info(`guest ${guest}`);
  const engine = await openEngine(options.engine);
  return explainRequests(requests, { data, guest, engine, policyText: policy.text });
}

/** An error text tells at least the kind; with the request in it and a policy it is explained as any other. */
async function explainError(
  file: string | undefined,
  errorFile: string,
  work: Work,
): Promise<void> {
  const [{ readTextFile }, { readErrorText }] = await Promise.all([
    import('../io/files.js'),
    import('../rego/error-text.js'),
  ]);
  const text = await readTextFile(errorFile);
  const { explainDenialText } = await import('./explain/cce.js');
  const open = async () => (file === undefined ? undefined : openPolicyFile(file, work));
  const denied = await explainDenialText(text, open, work.options, work.terminal);
  if (denied) return work.context.finish(EXIT.denied);
  const told = readErrorText(text);
  if (told.kind === undefined) {
    throw new ToolError('REQUEST_INVALID', 'the text is not that of a refused request', {
      where: errorFile,
      want: 'NAMERequest is blocked by policy: ..., however often it is escaped',
    });
  }
  const explained = file === undefined ? [] : await explainSurvivor(file, told, work);
  const { terminal, context, options } = work;
  if (options.json === true) {
    await terminal.product(asJson({ error: told, explanations: explained }, terminal));
  } else {
    await terminal.product(printError(told));
    for (const one of explained) await terminal.product(printExplanation(one));
    for (const line of conclusions(told, file !== undefined)) terminal.info(line);
  }
  context.finish(EXIT.denied);
}

/** With the whole request the policy is asked; with a part of it, what can be compared is. */
async function explainSurvivor(
  file: string,
  told: ErrorText,
  work: Work,
): Promise<readonly ExplainedRequest[]> {
  const { kind, request, cutAt } = told;
  if (kind === undefined || request === undefined) return [];
  const policy = await openPolicyFile(file, work);
  if (cutAt === undefined) return explainAll(policy, [{ kind, request }], work);
  const [{ requireDocument, guessGuest }, { compareSurvivor }] = await Promise.all([
    import('../pipeline/open-policy.js'),
    import('../pipeline/explain.js'),
  ]);
  const data = requireDocument(policy);
  return [compareSurvivor(told, data, work.options.guest ?? guessGuest(policy, data))];
}

async function printAll(explained: readonly ExplainedRequest[], work: Work): Promise<void> {
  const { terminal, context, options } = work;
  const refused = explained.filter(({ decision }) => decision !== 'allow');
  if (options.json === true) {
    await terminal.product(asJson({ explanations: explained }, terminal));
  } else {
    for (const one of refused) await terminal.product(printExplanation(one));
  }
  if (refused.length === 0) {
    terminal.info('the policy allows every request: nothing to explain');
  } else context.finish(EXIT.denied);
}

function asJson(
  parts: { readonly error?: ErrorText; readonly explanations: readonly ExplainedRequest[] },
  { notices }: Terminal,
): string {
  const product = { format: 'podseal.explain/v1', ...parts, notices };
  return `${JSON.stringify(product, null, 2)}\n`;
}

function printError(told: ErrorText): string {
  const words = { denied: 'refused by the policy', failed: 'the policy failed', unknown: 'found' };
  const lines = [`${told.kind}: ${words[told.outcome]}`, ...told.lines.map((line) => `  ${line}`)];
  return lines.map((line) => `${showUnseen(line)}\n`).join('');
}

/** What the text leaves open. */
function conclusions(told: ErrorText, hasPolicy: boolean): readonly string[] {
  if (told.request === undefined) {
    return [
      'the text does not hold the request: take it from the debug log of the agent (/tmp/policy.jsonl in the guest), or try podseal simulate POLICY --synthesize',
    ];
  }
  const cut =
    told.cutAt === undefined
      ? []
      : [`the text was cut in ${told.cutAt || 'the request'}: what stands behind it is not known`];
  return hasPolicy ? cut : [...cut, 'name the policy too, to see what it allows instead'];
}
