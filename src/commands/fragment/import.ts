/** The run of `podseal fragment import`. */
import { ToolError } from '../../core/error.js';
import type { ImportStatement } from '../../fragment/import-statement.js';
import { type CommandContext, readOutputOptions } from '../context.js';
import type { ImageOptions } from '../image-options.js';
import { withStore } from './store.js';

export type ImportOptions = ImageOptions & {
  readonly attached?: boolean;
  readonly minimumSvn?: string;
  readonly into?: string;
  readonly json?: boolean;
};

interface Found {
  readonly bytes: Buffer;
  readonly what: string;
}

export async function runImport(
  fragment: string,
  options: ImportOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const [
    { appendImports },
    { printPretty, parseJsonData },
    { isFile, readTextFile, writeFileAtomic },
  ] = await Promise.all([
    import('../../fragment/import-statement.js'),
    import('../../core/data-json.js'),
    import('../../io/files.js'),
  ]);
  const found = await findFragments(fragment, options, context);
  const statements = await Promise.all(found.map((each) => statementOf(each, options)));
  const { into } = options;
  if (into === undefined) {
    return terminal.product(`${printPretty(appendImports(undefined, statements, fragment))}\n`);
  }
  const before = (await isFile(into)) ? parseJsonData(await readTextFile(into), into) : undefined;
  await writeFileAtomic(into, printPretty(appendImports(before, statements, into)));
  terminal.info(`${statements.length} import(s) written to ${into}`);
}

/** A file if there is one of that name, else a reference; with --attached all that is attached to an image. */
async function findFragments(
  fragment: string,
  options: ImportOptions,
  context: CommandContext,
): Promise<readonly Found[]> {
  const [{ isFile, readBinaryFile }, { LIMITS }, registry] = await Promise.all([
    import('../../io/files.js'),
    import('../../core/limits.js'),
    import('../../fragment/registry.js'),
  ]);
  if (options.attached !== true && (fragment === '-' || (await isFile(fragment)))) {
    const bytes = Buffer.from(await readBinaryFile(fragment, LIMITS.artifactBytes));
    return [{ bytes, what: fragment }];
  }
  return withStore(options, fragment, context, async (store) => {
    if (options.attached !== true) {
      return [{ bytes: (await registry.pullFragment(store, fragment)).bytes, what: fragment }];
    }
    const entries = await registry.discoverFragments(store, fragment, options.platform);
    if (entries.length === 0) {
      throw new ToolError('ARTIFACT_INVALID', `no fragment is attached to ${fragment}`);
    }
    const pulled: Found[] = [];
    for (const { digest } of entries) {
      const { bytes } = await registry.pullFragment(store, fragment, digest);
      pulled.push({ bytes, what: `${fragment} ${digest}` });
    }
    return pulled;
  });
}

async function statementOf(
  { bytes, what }: Found,
  { minimumSvn }: ImportOptions,
): Promise<ImportStatement> {
  const [{ importOf }, { assertSvn }] = await Promise.all([
    import('../../fragment/import-statement.js'),
    import('../../fragment/text.js'),
  ]);
  if (minimumSvn !== undefined) {
    assertSvn(minimumSvn);
    return importOf(bytes, what, minimumSvn);
  }
  const [{ unpackStatement }, { parseFragment }] = await Promise.all([
    import('../../core/signed-statement.js'),
    import('../../fragment/payload.js'),
  ]);
  const unpacked = unpackStatement(bytes, what);
  const svn = unpacked.ok ? parseFragment(unpacked.statement.payload, what).svn : 0;
  if (svn === undefined) {
    throw new ToolError('USAGE_CONFLICT', `${what} states no svn`, {
      hints: ['give --minimum-svn'],
    });
  }
  return importOf(bytes, what, String(svn));
}
