/** Options that say where a report, its certificates and its endorsement come from. */
import type { Command } from 'commander';
import type { Evidence } from '../attest/evidence.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import type { EvidenceInputs, NamedBytes } from '../pipeline/attest/collect.js';
import { collect } from './context.js';

export interface EvidenceOptions {
  readonly hcl?: boolean;
  readonly leaf?: string;
  readonly chain?: readonly string[];
  readonly thim?: string;
  readonly certificateTable?: string;
  readonly securityContext?: string;
  readonly kds?: string;
  readonly kdsCrl?: boolean;
  readonly crl?: string;
  readonly uvmEndorsement?: string;
}

/** Adds the options, grouped. */
export function addEvidenceOptions(command: Command): Command {
  return command
    .optionsGroup('Evidence:')
    .option('--hcl', 'the file is an HCL report of an Azure VM (from its vTPM)')
    .option('--leaf <file>', 'VCEK or VLEK, PEM or DER; its chain may follow in the same file')
    .option(
      '--chain <file>',
      'ASK or ASVK and ARK, PEM or DER (repeatable, in this order)',
      collect,
    )
    .option('--thim <file>', 'JSON of the Azure certificate service')
    .option('--certificate-table <file>', 'certificate table (auxblob) of the hypervisor')
    .option('--security-context <folder>', 'files of the security-context directory of a container')
    .option('--kds <place>', 'folder or https://HOST with the layout of the AMD key service')
    .option('--kds-crl', 'take the revocation list from there as well')
    .option('--crl <file>', 'revocation list of the root, DER')
    .option('--uvm-endorsement <file>', 'endorsement of the utility VM, COSE_Sign1 or its base64');
}

/** Reads what the options name and puts it together. Throws as pipeline/attest/collect.ts. */
export async function openEvidence(
  report: string,
  options: EvidenceOptions,
  signal: AbortSignal,
): Promise<Evidence> {
  if (options.kdsCrl && options.kds === undefined) {
    throw new ToolError('USAGE_CONFLICT', '--kds-crl needs --kds');
  }
  const [{ collectEvidence }, { readBinaryFile }] = await Promise.all([
    import('../pipeline/attest/collect.js'),
    import('../io/files.js'),
  ]);
  const read = async (name: string): Promise<NamedBytes> => {
    return { name, bytes: await readBinaryFile(name, LIMITS.evidenceBytes) };
  };
  const optional = (name: string | undefined) => (name === undefined ? undefined : read(name));
  const [leaf, thim, table, crl, uvmEndorsement] = await Promise.all([
    optional(options.leaf),
    optional(options.thim),
    optional(options.certificateTable),
    optional(options.crl),
    optional(options.uvmEndorsement),
  ]);
  const inputs: EvidenceInputs = {
    report: await read(report),
    isHcl: options.hcl === true,
    ...(leaf && { leaf }),
    chain: await Promise.all((options.chain ?? []).map(read)),
    ...(thim && { thim }),
    ...(table && { table }),
    ...(await openContext(options.securityContext)),
    ...(await openStore(options.kds, signal)),
    wantsCrl: options.kdsCrl === true,
    ...(crl && { crl }),
    ...(uvmEndorsement && { uvmEndorsement }),
  };
  return collectEvidence(inputs);
}

async function openContext(
  folder: string | undefined,
): Promise<Pick<EvidenceInputs, 'securityContext'>> {
  if (folder === undefined) return {};
  const [{ readContextFolder }, context] = await Promise.all([
    import('../io/security-context.js'),
    import('../attest/security-context.js'),
  ]);
  const files = await readContextFolder(folder, context.SECURITY_CONTEXT_FILES);
  return { securityContext: context.readSecurityContext(files, folder) };
}

async function openStore(
  place: string | undefined,
  signal: AbortSignal,
): Promise<Pick<EvidenceInputs, 'store'>> {
  if (place === undefined) return {};
  const [{ openCertificateStore }, { environment }] = await Promise.all([
    import('../io/certificate-store.js'),
    import('../io/machine.js'),
  ]);
  return { store: openCertificateStore(place, { environment: environment(), signal }) };
}

/** `--at TIME` or the time of the machine, seconds since 1970. Throws USAGE_CONFLICT. */
export async function readVerificationTime(text: string | undefined): Promise<number> {
  if (text === undefined) return (await import('../io/machine.js')).secondsNow();
  const { parseTime } = await import('../core/time.js');
  const seconds = parseTime(text);
  if (seconds !== undefined) return seconds;
  throw new ToolError('USAGE_CONFLICT', 'this is not a time', {
    want: '--at 2026-01-31T12:00:00Z',
    got: text.slice(0, 100),
  });
}
