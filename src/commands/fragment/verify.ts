/** The run of `podseal fragment verify`. */
import { EXIT, ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { TrustedLedgers } from '../../fragment/trust-list.js';
import type { ExpectedImport } from '../../fragment/verify.js';
import { type CommandContext, readOutputOptions } from '../context.js';

export interface VerifyOptions {
  readonly issuer?: string;
  readonly feed?: string;
  readonly minimumSvn?: string;
  readonly requireReceipt?: readonly string[];
  readonly imports?: string;
  readonly anyIssuer?: boolean;
  readonly framework: string;
  readonly ledgerKeys?: readonly string[];
  readonly ledger?: string;
  readonly trustList?: readonly string[];
  readonly trustListIssuer?: string;
  readonly json?: boolean;
}

export async function runVerify(
  file: string,
  options: VerifyOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const [{ verifyFragment }, { printVerdict, verdictAsJson }, { readBinaryFile }] =
    await Promise.all([
      import('../../fragment/verify.js'),
      import('../../fragment/print-verdict.js'),
      import('../../io/files.js'),
    ]);
  const expectation = {
    imports: await expectedImports(options),
    frameworkVersion: options.framework,
    ledgers: await readLedgers(options),
  };
  const bytes = await readBinaryFile(file, LIMITS.artifactBytes);
  const verdict = verifyFragment(bytes, file, expectation);
  const isJson = options.json === true;
  await terminal.product(isJson ? verdictAsJson(verdict) : printVerdict(verdict));
  if (verdict.kind === 'denied') context.finish(EXIT.denied);
}

/** What must be expected is never left out by accident. */
async function expectedImports(
  options: VerifyOptions,
): Promise<readonly ExpectedImport[] | undefined> {
  const { issuer, feed, imports, anyIssuer } = options;
  const named = issuer !== undefined || feed !== undefined;
  if ([named, imports !== undefined, anyIssuer === true].filter(Boolean).length !== 1) {
    throw new ToolError('USAGE_CONFLICT', 'a fragment is verified against an expectation', {
      want: '--issuer, --feed and --minimum-svn, or --imports, or --any-issuer',
    });
  }
  if (anyIssuer === true) return undefined;
  if (imports === undefined) {
    const { minimumSvn, requireReceipt = [] } = options;
    if (issuer === undefined || feed === undefined || minimumSvn === undefined) {
      throw new ToolError('USAGE_CONFLICT', '--issuer, --feed and --minimum-svn go together');
    }
    return [{ issuer, feed, minimumSvn, requiredReceipts: requireReceipt }];
  }
  const [{ expectedFrom, readImports }, { parseJsonData }, { readTextFile }] = await Promise.all([
    import('../../fragment/import-statement.js'),
    import('../../core/data-json.js'),
    import('../../io/files.js'),
  ]);
  return readImports(parseJsonData(await readTextFile(imports), imports), imports).map(
    expectedFrom,
  );
}

async function readLedgers(options: VerifyOptions): Promise<TrustedLedgers> {
  const { ledgerKeys = [], trustList = [], ledger, trustListIssuer } = options;
  const [trust, { readBinaryFile, readTextFile }] = await Promise.all([
    import('../../fragment/trust-list.js'),
    import('../../io/files.js'),
  ]);
  if (trustList.length > 0 && trustListIssuer === undefined) {
    throw new ToolError('USAGE_CONFLICT', '--trust-list needs --trust-list-issuer');
  }
  const lists = [];
  for (const file of ledgerKeys) {
    const keys = trust.parseLedgerKeys(await readTextFile(file), file, ledger);
    lists.push({ keys, subject: undefined });
  }
  for (const file of trustList) {
    const bytes = await readBinaryFile(file, LIMITS.artifactBytes);
    lists.push(trust.openTrustList(bytes, file, trustListIssuer ?? ''));
  }
  return trust.mergeLedgers(lists);
}
