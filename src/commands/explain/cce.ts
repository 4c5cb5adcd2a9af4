/** The part of `podseal explain` that is for CCE policies. */
import { ToolError } from '../../core/error.js';
import { showUnseen } from '../../core/page.js';
import type { Terminal } from '../../io/terminal.js';
import type { CceExplanation } from '../../pipeline/aci/explain.js';
import type { OpenedPolicy } from '../../pipeline/open-policy.js';
import type { CceDocument } from '../../policy/aci/cce-document.js';
import type { DenialText } from '../../rego/aci/denial-text.js';
import { requireRequests } from '../options.js';
import { printExplanation } from './print.js';

/** Options of `explain` that count for CCE policies. */
export interface CceExplainOptions {
  readonly guest?: string;
  readonly line?: string;
  readonly json?: boolean;
}

const DEFAULT_GUEST = 'framework-0.5.0';

/** Explains the refused ones of requests; with `--line` that one alone. */
export async function explainCce(
  policy: OpenedPolicy,
  { text, file }: { readonly text: string; readonly file: string },
  { guest = DEFAULT_GUEST, line }: CceExplainOptions,
  terminal: Terminal,
): Promise<readonly CceExplanation[]> {
  const [{ parseCceRequests }, { explainCceRequests }, { openFrameworkEngine }] = await Promise.all(
    [
      import('../../rego/aci/requests.js'),
      import('../../pipeline/aci/explain.js'),
      import('../../io/framework-engine.js'),
    ],
  );
  const requests = requireRequests(parseCceRequests(text, file).requests, file);
  const isThere = line === undefined || requests.some((one) => String(one.line) === line);
  if (!isThere) {
    throw new ToolError('USAGE_CONFLICT', `there is no request in line ${line}`, {
      want: `a line with a request, 1 to ${requests.at(-1)?.line ?? 0}`,
    });
  }
  const document = await documentOf(policy);
  terminal.info(`guest ${guest}`);
  const explained = await explainCceRequests(requests, {
    document,
    policyText: policy.text,
    guest,
    engine: openFrameworkEngine(),
  });
  return explained.filter((one) => line === undefined || String(one.line) === line);
}

async function documentOf(policy: OpenedPolicy): Promise<CceDocument> {
  const { requireCceDocument } = await import('../../policy/aci/read-policy.js');
  return requireCceDocument(policy.text, policy.where);
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
  const document = policy === undefined ? undefined : await documentOf(policy);
  const { explainDenial } = await import('../../pipeline/aci/explain.js');
  const explanation = explainDenial(told, document, guest);
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
  const hasFindings = explanation.failed.length > 0;
  await terminal.product(hasFindings ? printExplanation(explanation) : printReason(told));
  for (const line of conclusions(told, document !== undefined)) terminal.info(line);
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
