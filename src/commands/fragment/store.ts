/** The runs of `podseal fragment attach`, `push`, `discover` and `pull`. */
import { type CommandContext, readOutputOptions } from '../context.js';
import { type ImageOptions, openArtifacts } from '../image-options.js';

export type StoreOptions = ImageOptions & {
  readonly title?: string;
  readonly output?: string;
  readonly json?: boolean;
};

export async function runAttach(
  { file, image }: { readonly file: string; readonly image: string },
  options: StoreOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const { attachFragment } = await import('../../fragment/registry.js');
  const fragment = await readFragment(file, options.title);
  const stored = await withStore(options, image, context, (store) =>
    attachFragment(store, image, fragment, options.platform),
  );
  if (options.json === true) {
    return terminal.product(asJson('podseal.fragment-attached/v1', { image, ...stored }));
  }
  terminal.info(`attached to ${stored.subject}, listed by ${LISTED[stored.listedBy ?? 'tag']}`);
  await terminal.product(`${stored.digest}\n`);
}

const LISTED = {
  api: 'the referrers API',
  tag: 'a tag, since this registry has no referrers API',
} as const;

export async function runPush(
  { file, reference }: { readonly file: string; readonly reference: string },
  options: StoreOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const { pushFragment } = await import('../../fragment/registry.js');
  const fragment = await readFragment(file, options.title);
  const stored = await withStore(options, reference, context, (store) =>
    pushFragment(store, reference, fragment),
  );
  if (options.json === true) {
    return terminal.product(asJson('podseal.fragment-pushed/v1', { reference, ...stored }));
  }
  await terminal.product(`${stored.digest}\n`);
}

export async function runDiscover(
  image: string,
  options: StoreOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const { discoverFragments } = await import('../../fragment/registry.js');
  const found = await withStore(options, image, context, (store) =>
    discoverFragments(store, image, options.platform),
  );
  if (options.json === true) {
    const fragments = found.map(({ digest, size }) => ({ digest, size }));
    return terminal.product(asJson('podseal.fragments/v1', { image, fragments }));
  }
  if (found.length === 0) terminal.info(`no fragment is attached to ${image}`);
  await terminal.product(found.map(({ digest }) => `${digest}\n`).join(''));
}

export async function runPull(
  reference: string,
  options: StoreOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const [{ pullFragment }, { writeFileAtomic }] = await Promise.all([
    import('../../fragment/registry.js'),
    import('../../io/files.js'),
  ]);
  const fragment = await withStore(options, reference, context, (store) =>
    pullFragment(store, reference),
  );
  if (options.output === undefined) return terminal.product(fragment.bytes);
  await writeFileAtomic(options.output, fragment.bytes);
}

type Store = Awaited<ReturnType<typeof openArtifacts>>;

/** Runs `work` on the registry of a reference, and closes its connections. */
export async function withStore<T>(
  options: ImageOptions,
  reference: string,
  { signal }: CommandContext,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openArtifacts(options, [reference]);
  signal.addEventListener('abort', () => void store.close(), { once: true });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A signed fragment with the name that it is stored under: that of the file, without folders. */
async function readFragment(file: string, title: string | undefined) {
  const [{ readBinaryFile }, { LIMITS }] = await Promise.all([
    import('../../io/files.js'),
    import('../../core/limits.js'),
  ]);
  const bytes = Buffer.from(await readBinaryFile(file, LIMITS.artifactBytes));
  const own = file === '-' ? 'fragment.rego.cose' : (file.split(/[/\\]/).at(-1) ?? file);
  await assertSigned(bytes, file);
  return { bytes, name: title ?? own };
}

/** Nothing that a guest would not unpack is stored. */
async function assertSigned(bytes: Buffer, file: string): Promise<void> {
  const [{ unpackStatement }, { ToolError }] = await Promise.all([
    import('../../core/signed-statement.js'),
    import('../../core/error.js'),
  ]);
  const unpacked = unpackStatement(bytes, file);
  if (unpacked.ok) return;
  throw new ToolError('COSE_INVALID', `${file} is not a valid signed fragment`, {
    got: unpacked.message,
    hints: ['sign it first: podseal fragment sign'],
  });
}

function asJson(format: string, members: object): string {
  return `${JSON.stringify({ format, ...members }, undefined, 2)}\n`;
}
