/** What `podseal policy` gives: changed manifests and measurements, or the policies as text, base64 or JSON. */
import type { Terminal } from '../../io/terminal.js';

/** The forms in which policies are wanted. */
interface Forms {
  readonly print?: boolean;
  readonly base64?: boolean;
  readonly json?: boolean;
  readonly output?: string;
}

export interface Product {
  readonly forms: Forms;
  readonly terminal: Terminal;
  /** Text and base64 of each policy. */
  readonly policies: readonly { readonly policy: string; readonly value: string }[];
  /** Writes the manifests; true if one went to stdout. */
  readonly write: () => Promise<boolean>;
  /** A line for each measurement. */
  readonly measurements: () => readonly string[];
  readonly json: () => string;
}

/** Writes the manifests, then prints the product: nothing is printed for a manifest that could not be written. */
export async function deliverPolicies(product: Product): Promise<void> {
  const { forms, policies, terminal } = product;
  if (forms.print !== true && forms.base64 !== true && forms.json !== true) {
    const toStdout = await product.write();
    const lines = product.measurements();
    if (toStdout) for (const line of lines) terminal.info(line);
    else await terminal.product(lines.map((line) => `${line}\n`).join(''));
    return;
  }
  if (forms.output !== undefined) await product.write();
  if (forms.print === true) await terminal.product(policies.map(({ policy }) => policy).join(''));
  if (forms.base64 === true) {
    await terminal.product(policies.map(({ value }) => `${value}\n`).join(''));
  }
  if (forms.json === true) await terminal.product(product.json());
}
