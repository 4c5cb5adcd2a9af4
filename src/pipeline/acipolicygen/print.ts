/** What `az confcom acipolicygen` prints of a policy (aci policy 12.1, 12.5). */
import { decodeBase64Leniently } from '../../core/base64.js';
import { ToolError } from '../../core/error.js';
import { printAciPolicy } from '../../policy/aci/print.js';
import type { GeneratedAciPolicy } from '../aci/generate.js';
import type { Delivery } from './usage.js';

/** A policy in the wanted form, without line ends behind it. */
export function printForm(
  { document, policy, value }: GeneratedAciPolicy,
  form: Exclude<Delivery, 'inject'>,
): string {
  if (form === 'raw') return policy;
  return form === 'pretty' ? printAciPolicy(document, { pretty: true }) : value;
}

/** Standard output for policies that are printed: three line ends behind each. */
export function printForms(
  policies: readonly GeneratedAciPolicy[],
  form: Exclude<Delivery, 'inject'>,
): string {
  return policies.map((policy) => `${printForm(policy, form)}\n\n\n`).join('');
}

/** A policy that stands in an input. */
export interface ExistingPolicy {
  /** Before the name of the group, e.g. `Policy for Pod`. */
  readonly title: string;
  readonly name: string;
  /** Base64 as written; undefined where there is none. */
  readonly policy: string | undefined;
  readonly at: string;
}

/** Standard output for policies that stand in an input, decoded and otherwise as they are. Throws POLICY_UNREADABLE. */
export function printExisting(policies: readonly ExistingPolicy[]): string {
  return policies
    .map(({ title, name, policy, at }) => {
      if (policy === undefined) {
        throw new ToolError('POLICY_UNREADABLE', `${name} has no policy`, { where: at });
      }
      const text = decodeBase64Leniently(policy)?.toString('latin1');
      if (text === undefined || /[^\x00-\x7f]/.test(text)) {
        throw new ToolError('POLICY_UNREADABLE', `the policy of ${name} is not ASCII in base64`, {
          where: at,
        });
      }
      return `${title}: ${name}\n\n${text}\n`;
    })
    .join('');
}
