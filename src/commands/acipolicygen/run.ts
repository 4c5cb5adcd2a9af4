/** The run of `podseal acipolicygen` (aci policy 3.2). */
import { EXIT, ToolError } from '../../core/error.js';
import type { Terminal } from '../../io/terminal.js';
import type { GeneratedAciPolicy } from '../../pipeline/aci/generate.js';
import type { AcipolicygenSource } from '../../pipeline/acipolicygen/sources.js';
import type { AcipolicygenOptions, Delivery } from '../../pipeline/acipolicygen/usage.js';
import type { CommandContext } from '../context.js';
import type { ImageOptions } from '../image-options.js';
import { generatePolicies } from './generate.js';

export type AcipolicygenFlags = AcipolicygenOptions & ImageOptions & { readonly guest: string };

/** One run: flags, streams, and the one prompt that reads answers. */
export interface AcipolicygenRun {
  readonly flags: AcipolicygenFlags;
  readonly context: CommandContext;
  readonly terminal: Terminal;
  /** True for y or Y. */
  readonly confirm: (question: string) => Promise<boolean>;
}

/** Runs the command. */
export async function runAcipolicygen(
  flags: AcipolicygenFlags,
  context: CommandContext,
  terminal: Terminal,
): Promise<void> {
  const [{ checkUsage, deliveryOf }, { openPrompt }] = await Promise.all([
    import('../../pipeline/acipolicygen/usage.js'),
    import('../../io/prompt.js'),
  ]);
  checkUsage(flags);
  const prompt = openPrompt();
  const confirm = async (question: string) => /^[yY]$/.test(await prompt.ask(question));
  const run: AcipolicygenRun = { flags, context, terminal, confirm };
  try {
    warn(run);
    const source = await readFiles(flags);
    if (flags.printExistingPolicy === true && (await printExisting(source, terminal))) return;
    if (!(await isTarThere(run))) return;
    const delivery = deliveryOf(flags);
    tell(source, delivery, terminal);
    const policies = await generatePolicies(source, run);
    await deliver(source, policies, delivery, run);
  } finally {
    prompt.close();
  }
}

function warn({ flags, terminal }: AcipolicygenRun): void {
  const { printExistingPolicy, outraw, outrawPrettyPrint, enableStdio, disableStdio } = flags;
  if (printExistingPolicy || outraw || outrawPrettyPrint) {
    terminal.notice({
      code: 'secrets-printed',
      message: 'secrets that the input holds in clear text are printed with the policy',
    });
  }
  if (!enableStdio && !disableStdio) {
    terminal.notice({
      code: 'stdio-default',
      message:
        'containers get their standard streams, which is the default: --enable-stdio or --disable-stdio says so',
    });
  }
  if (flags.debugMode) {
    terminal.notice({
      code: 'debug-mode',
      message: 'debug mode opens the containers: never use it in production',
    });
  }
}

function tell(source: AcipolicygenSource, delivery: Delivery, terminal: Terminal): void {
  const form = delivery === 'raw' || delivery === 'pretty' ? 'clear text' : 'base64';
  const name =
    source.kind === 'image'
      ? source.reference
      : source.kind === 'definitions'
        ? '--with-containers'
        : source.input.file;
  terminal.info(`generating the policies of ${name} in ${form}`);
}

async function readFiles(flags: AcipolicygenFlags): Promise<AcipolicygenSource> {
  const { readTextFile } = await import('../../io/files.js');
  const read = async (file: string) => ({ file, text: await readTextFile(file) });
  const { templateFile, virtualNodeYaml, input, image, parameters, withContainers = [] } = flags;
  if (templateFile !== undefined) {
    const given = parameters === undefined ? {} : { parameters: await read(parameters) };
    return { kind: 'template', input: await read(templateFile), ...given };
  }
  if (virtualNodeYaml !== undefined) return { kind: 'yaml', input: await read(virtualNodeYaml) };
  if (input !== undefined) return { kind: 'config', input: await read(input) };
  if (image !== undefined) return { kind: 'image', reference: image };
  return { kind: 'definitions', texts: withContainers };
}

/** False for a source that holds no policies: the flag has no effect then. */
async function printExisting(source: AcipolicygenSource, terminal: Terminal): Promise<boolean> {
  const [{ readExisting }, { printExisting: print }] = await Promise.all([
    import('../../pipeline/acipolicygen/sources.js'),
    import('../../pipeline/acipolicygen/print.js'),
  ]);
  const existing = readExisting(source, terminal.notice);
  if (existing === undefined) return false;
  await terminal.product(print(existing));
  return true;
}

/** A --tar that does not exist is told on standard output, with a status of its own. */
async function isTarThere({ flags, context, terminal }: AcipolicygenRun): Promise<boolean> {
  if (flags.tar === undefined) return true;
  const { isFile } = await import('../../io/files.js');
  if (await isFile(flags.tar)) return true;
  await terminal.product(
    '--tar input must either be a path to a json file with image to tar location mappings or the location to a single tar file.\n',
  );
  context.finish(EXIT.usage);
  return false;
}

async function deliver(
  source: AcipolicygenSource,
  policies: readonly GeneratedAciPolicy[],
  delivery: Delivery,
  run: AcipolicygenRun,
): Promise<void> {
  if (run.flags.validateSidecar === true) return validate(policies, run);
  if (run.flags.diff === true) return compare(policies, run);
  if (delivery === 'inject') return inject(source, policies, run);
  const { printForm, printForms } = await import('../../pipeline/acipolicygen/print.js');
  const { saveToFile } = run.flags;
  if (saveToFile !== undefined) {
    const [policy, ...others] = policies;
    if (policy === undefined || others.length > 0) {
      throw new ToolError('USAGE_CONFLICT', '--save-to-file takes exactly one policy', {
        got: `${policies.length} policies`,
        hints: ['leave it out and print: podseal policy --print'],
      });
    }
    const { writeFileAtomic } = await import('../../io/files.js');
    await writeFileAtomic(saveToFile, printForm(policy, delivery));
  }
  await run.terminal.product(printForms(policies, delivery));
}

/** Says whether the policies let side-cars start; with status 2 if they do not. */
async function validate(
  policies: readonly GeneratedAciPolicy[],
  run: AcipolicygenRun,
): Promise<void> {
  const { judgeSidecars, listSidecars } = await import('../../pipeline/acipolicygen/sidecars.js');
  const own: GeneratedAciPolicy[] = [];
  for (const reference of listSidecars(policies)) {
    own.push(...(await generatePolicies({ kind: 'image', reference }, run)));
  }
  const { line, passes } = judgeSidecars(policies, own);
  await run.terminal.product(line);
  if (!passes) run.context.finish(EXIT.usage);
}

/** Prints how the policies that stand in the input differ; with status 2 if any does. */
async function compare(
  policies: readonly GeneratedAciPolicy[],
  { flags, context, terminal }: AcipolicygenRun,
): Promise<void> {
  const { diffPolicies } = await import('../../pipeline/acipolicygen/diff.js');
  const pretty = flags.outrawPrettyPrint === true;
  const diffs = diffPolicies(policies, { pretty, notices: terminal.notice });
  await terminal.product(diffs.map(({ line }) => line).join(''));
  if (diffs.some(({ differs }) => differs)) context.finish(EXIT.usage);
}

/** Asks for each group that has a policy; writes the file once, then prints the accepted measurements. */
async function inject(
  source: AcipolicygenSource,
  policies: readonly GeneratedAciPolicy[],
  { confirm, terminal }: AcipolicygenRun,
): Promise<void> {
  const [{ injectPolicies, overwriteQuestion }, { writeFileAtomic }] = await Promise.all([
    import('../../pipeline/acipolicygen/inject.js'),
    import('../../io/files.js'),
  ]);
  const accepted: GeneratedAciPolicy[] = [];
  for (const [i, policy] of policies.entries()) {
    const question = overwriteQuestion(policy, i);
    if (question === undefined || (await confirm(question))) accepted.push(policy);
  }
  if (accepted.length === 0 || (source.kind !== 'template' && source.kind !== 'yaml')) return;
  await writeFileAtomic(source.input.file, injectPolicies(source, accepted));
  await terminal.product(accepted.map(({ measurement }) => `${measurement}\n`).join(''));
}
