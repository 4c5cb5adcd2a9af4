/** What `podseal policy` gives: changed manifests and measurements, or the policies as text, base64 or JSON. */
import type { Terminal } from '../../io/terminal.js';

/** The forms in which policies are wanted. */
interface Forms {
  readonly print?: boolean;
  readonly base64?: boolean;
  readonly json?: boolean;
  readonly output?: string;
}

/** A policy as it is told to the user. */
interface DeliveredPolicy {
  /** The policy text, and what the manifest carries of it. */
  readonly policy: string;
  readonly value: string;
  readonly measurement: string;
  readonly workload: {
    readonly kind: string;
    readonly name?: string | undefined;
    readonly namespace?: string | undefined;
  };
}

/** A manifest with its policies in it; `-` is stdout. */
interface WrittenManifest {
  readonly file: string;
  readonly target: string;
  readonly before: string;
  readonly text: string;
}

export interface Product {
  readonly forms: Forms;
  readonly terminal: Terminal;
  readonly policies: readonly DeliveredPolicy[];
  /** All texts are made before the first is written. */
  readonly manifests: () => Promise<readonly WrittenManifest[]>;
  /** The policies as values of the versioned format. */
  readonly workloads: () => readonly object[];
}

/** Writes the manifests, then prints the product: nothing is printed for a manifest that could not be written. */
export async function deliverPolicies(product: Product): Promise<void> {
  const { forms, policies, terminal } = product;
  if (forms.print !== true && forms.base64 !== true && forms.json !== true) {
    const toStdout = await writeManifests(product);
    const lines = measurementLines(policies);
    if (toStdout) for (const line of lines) terminal.info(line);
    else await terminal.product(lines.map((line) => `${line}\n`).join(''));
    return;
  }
  if (forms.output !== undefined) await writeManifests(product);
  if (forms.print === true) await terminal.product(policies.map(({ policy }) => policy).join(''));
  if (forms.base64 === true) {
    await terminal.product(policies.map(({ value }) => `${value}\n`).join(''));
  }
  if (forms.json === true) {
    const workloads = product.workloads();
    const document = { format: 'podseal.policy/v1', workloads, notices: terminal.notices };
    await terminal.product(`${JSON.stringify(document, null, 2)}\n`);
  }
}

/** True if a manifest went to stdout. */
async function writeManifests({ manifests, terminal }: Product): Promise<boolean> {
  const { writeFileAtomic } = await import('../../io/files.js');
  for (const { file, target, before, text } of await manifests()) {
    if (target === '-') {
      await terminal.product(text);
      return true;
    }
    if (target === file && text === before) continue;
    terminal.detail(`writing ${target}`);
    await writeFileAtomic(target, text);
    terminal.info(`wrote ${target}`);
  }
  return false;
}

/** `HEX` for one policy, `HEX  WORKLOAD` for several. */
function measurementLines(policies: readonly DeliveredPolicy[]): string[] {
  if (policies.length === 1) return policies.map(({ measurement }) => measurement);
  return policies.map(({ measurement, workload: { kind, name = '', namespace } }) => {
    const full = namespace === undefined ? name : `${namespace}/${name}`;
    return `${measurement}  ${kind} ${full}`.trim();
  });
}
