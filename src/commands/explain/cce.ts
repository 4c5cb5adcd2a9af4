/** The part of `podseal explain` that is for CCE policies. */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { showUnseen } from '../../core/page.js';
import type { Terminal } from '../../io/terminal.js';
import type { CceExplanation } from '../../pipeline/aci/explain.js';
import type { FragmentFile } from '../../pipeline/aci/fragment-documents.js';
import type { OpenedPolicy } from '../../pipeline/open-policy.js';
import type { KnownPolicy } from '../../policy/aci/read-known.js';
import type { DenialText } from '../../rego/aci/denial-text.js';
import { readOs, requireRequests } from '../options.js';
import { printExplanation } from './print.js';

/** Options of `explain` that count for CCE policies. */
export interface CceExplainOptions {
  readonly guest?: string;
  readonly line?: string;
  readonly os?: string;
  readonly fragment?: readonly string[];
  readonly trustList?: readonly string[];
  readonly json?: boolean;
}

const DEFAULT_GUEST = 'framework-0.5.0';

/** Explains the refused ones of requests; with `--line` that one alone. */
export async function explainCce(
  policy: OpenedPolicy,
  { text, file }: { readonly text: string; readonly file: string },
  options: CceExplainOptions,
  terminal: Terminal,
): Promise<readonly CceExplanation[]> {
  const { guest = DEFAULT_GUEST, line } = options;
  const [{ parseCceRequests }, { explainCceRequests, osOf }, { openFrameworkEngine }] =
    await Promise.all([
      import('../../rego/aci/requests.js'),
      import('../../pipeline/aci/explain.js'),
      import('../../io/framework-engine.js'),
    ]);
  const requests = requireRequests(parseCceRequests(text, file).requests, file);
  const isThere = line === undefined || requests.some((one) => String(one.line) === line);
  if (!isThere) {
    throw new ToolError('USAGE_CONFLICT', `there is no request in line ${line}`, {
      want: `a line with a request, 1 to ${requests.at(-1)?.line ?? 0}`,
    });
  }
  const known = await readKnown(policy);
  const os = options.os === undefined ? osOf(known.document) : readOs(options.os);
  terminal.info(`guest ${guest}, ${os}`);
  if (os === 'windows') terminal.info(WINDOWS);
  const explained = await explainCceRequests(requests, {
    ...known,
    policyText: policy.text,
    guest,
    os,
    trustLists: await readFiles(options.trustList),
    fragments: await readFiles(options.fragment),
    engine: openFrameworkEngine(),
  });
  return explained.filter((one) => line === undefined || String(one.line) === line);
}

const WINDOWS =
  'of Windows guests layers, commands, folders, variables, users and log providers are compared; values of the registry are not, as guests do not compare them either';

async function readKnown(policy: OpenedPolicy): Promise<KnownPolicy> {
  const { readKnownPolicy } = await import('../../policy/aci/read-known.js');
  return readKnownPolicy(policy.text, policy.where);
}

async function readFiles(names: readonly string[] = []): Promise<readonly FragmentFile[]> {
  const { readBinaryFile } = await import('../../io/files.js');
  const files = [];
  for (const what of names) {
    files.push({ bytes: await readBinaryFile(what, LIMITS.artifactBytes), what });
  }
  return files;
}

/**
 * Explains the denial of a guest in a text: what it says itself, and with a policy what differs from it. False if the text
 * holds none.
 */
export async function explainDenialText(
  text: string,
  open: () => Promise<OpenedPolicy | undefined>,
  { guest = DEFAULT_GUEST, json }: CceExplainOptions,
  terminal: Terminal,
): Promise<boolean> {
  const { readDenialText } = await import('../../rego/aci/denial-text.js');
  const told = readDenialText(text);
  if (told === undefined) return false;
  const policy = await open();
  const known = policy === undefined ? undefined : await readKnown(policy);
  const { explainDenial } = await import('../../pipeline/aci/explain.js');
  const explanation = explainDenial(told, known, guest);
  if (json === true) {
    const { notices } = terminal;
    const product = {
      format: 'podseal.explain/v1',
      error: told,
      explanations: [explanation],
      notices,
    };
    await terminal.product(`${JSON.stringify(product, null, 2)}\n`);
    return true;
  }
  const hasFindings = explanation.failed.length > 0 || explanation.notes !== undefined;
  await terminal.product(hasFindings ? printExplanation(explanation) : printReason(told));
  for (const line of conclusions(told, known !== undefined)) terminal.info(line);
  return true;
}

function printReason({ point, errors, fault, reason }: DenialText): string {
  const why = fault ?? reason ?? (errors.join('; ') || 'no reason is given');
  return `${showUnseen(`deny ${point ?? 'a request'}: ${why}`)}\n`;
}

/** What the text leaves open. */
function conclusions(told: DenialText, hasPolicy: boolean): readonly string[] {
  const found: string[] = [];
  if (told.truncated.length > 0) {
    found.push(`the guest left out of its denial: ${told.truncated.join(', ')}`);
  }
  if (told.cutAt !== undefined)
    found.push('the text was cut on its way: what stands behind is not known');
  if (told.input === undefined) {
    found.push('the text does not hold the request: try podseal simulate POLICY --synthesize');
  } else if (!hasPolicy) {
    found.push('name the policy too, to see what it allows instead');
  }
  return found;
}
