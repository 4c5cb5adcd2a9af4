/** Options of all commands that read images, and the ports made from them. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import type { ImageFactsIndex } from '../image/facts.js';
import { DEFAULT_PLATFORM, parsePlatform, printPlatform } from '../image/platform.js';
import type { ImageSource, Platform } from '../image/types.js';
import type { HashPool } from '../io/hash-pool.js';
import type { RegistryArtifacts } from '../io/registry/artifacts.js';
import type { RegistryOptions, RegistrySource } from '../io/registry/source.js';
import type { Terminal } from '../io/terminal.js';
import type { ImageReader } from '../pipeline/images.js';
import { collect } from './context.js';

/** Values of the image options, as commander gives them. */
export interface ImageOptions {
  readonly images?: string;
  readonly imageFacts?: string[];
  /** --tar of the compatibility commands: a tar, or a map of images to tars. */
  readonly tar?: string;
  /** Tars of images by name, as a configuration lists them. */
  readonly tars?: ReadonlyMap<string, string>;
  readonly platform?: string;
  readonly registryMirror?: string[];
  readonly insecureRegistry?: string[];
  readonly trustRealm?: string[];
  readonly caFile?: string;
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly timeout?: string;
  readonly offline?: boolean;
  readonly cache?: boolean;
}

/** What the image options open; `close` ends connections and threads. */
export interface ImageAccess {
  readonly reader: ImageReader;
  readonly facts: ImageFactsIndex;
  readonly platform: Platform;
  close(): Promise<void>;
}

/** Adds the options under "Images" and "Registry". `withFacts` adds --image-facts. */
export function addImageOptions(command: Command, withFacts: boolean): Command {
  command
    .optionsGroup('Images:')
    .option('--images <map.json>', 'where all images are: {"REFERENCE": "oci:DIR[:TAG]", ...}');
  if (withFacts) {
    command.option('--image-facts <file>', 'facts instead of images (repeatable)', collect);
  }
  command
    .option('--platform <os/arch>', 'platform of the guest', printPlatform(DEFAULT_PLATFORM))
    .option('--no-cache', 'do not read or write the cache of layer hashes')
    .optionsGroup('Registry:')
    .option(
      '--registry-mirror <a=b>',
      'ask mirror B for images of registry A (repeatable)',
      collect,
    );
  return addRegistryOptions(command);
}

/** As addImageOptions with facts, for commands that stand in for az confcom: their model knows two platforms. */
export function addModelImageOptions(command: Command): Command {
  addImageOptions(command, true);
  const platform = command.options.find(({ long }) => long === '--platform');
  platform?.choices(['linux/amd64', 'windows/amd64']);
  return command;
}

/** Adds the options under "Registry" that every command has which speaks to one. */
export function addRegistryOptions(command: Command): Command {
  return command
    .optionsGroup('Registry:')
    .option('--insecure-registry <host>', 'speak plain HTTP to this registry (repeatable)', collect)
    .option('--trust-realm <host>', 'token service that may get credentials (repeatable)', collect)
    .option('--ca-file <pem>', 'further certificate authorities')
    .option('--username <name>', 'user of the registry; default: docker and podman logins')
    .option('--password-stdin', 'read the password from stdin')
    .option(
      '--timeout <seconds>',
      'give up on a registry that is silent so long (default: 30, in a blob 120)',
    )
    .option('--offline', 'fail instead of connecting to a registry');
}

export interface ImageRun {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** `oci:DIR` and the like are read as locations; in a manifest they are image references like any other. */
  readonly locations: boolean;
}

/** True for --platform windows/... */
export function isWindows(platform: string | undefined): boolean {
  return platform?.startsWith('windows/') === true;
}

/** Opens what the options name. `references` are the images of this run: --username is for their one registry. */
export async function openImages(
  options: ImageOptions,
  references: readonly string[],
  { terminal, signal, locations }: ImageRun,
): Promise<ImageAccess> {
  const [{ createImageReader }, { defaultCacheFolder, openLayerCache }, { availableParallelism }] =
    await Promise.all([
      import('../pipeline/images.js'),
      import('../io/cache.js'),
      import('../io/machine.js'),
    ]);
  const platform =
    options.platform === undefined ? DEFAULT_PLATFORM : parsePlatform(options.platform);
  const registry = await openRegistry(options, references);
  signal.addEventListener('abort', () => void registry.close(), { once: true });
  let hasher: Promise<HashPool> | undefined;
  const read = new Map<string, number>();
  const reader = createImageReader({
    source: await openSource(options, registry, locations),
    locations,
    hasher: () => {
      hasher ??= import('../io/hasher.js').then(({ openHasher }) => openHasher());
      return hasher;
    },
    cache: openLayerCache(
      options.cache === false ? undefined : defaultCacheFolder(),
      terminal.notice,
    ),
    platform,
    notices: terminal.notice,
    signal,
    parallel: availableParallelism() + 1,
    onProgress: (what, bytes) => {
      read.set(what, bytes);
      const total = [...read.values()].reduce((sum, one) => sum + one, 0);
      terminal.progress(`${Math.floor(total / 1048576)} MiB of ${read.size} layer(s) read`);
    },
  });
  return {
    reader,
    facts: await readFacts(options.imageFacts ?? []),
    platform,
    async close() {
      terminal.progressDone();
      await Promise.all([hasher?.then((opened) => opened.close()), registry.close()]);
    },
  };
}

async function readFacts(files: readonly string[]): Promise<ImageFactsIndex> {
  const [{ mergeImageFacts, parseImageFacts }, { readTextFile }] = await Promise.all([
    import('../image/facts.js'),
    import('../io/files.js'),
  ]);
  const parsed = [];
  for (const file of files) parsed.push(parseImageFacts(await readTextFile(file), file));
  return mergeImageFacts(parsed);
}

async function openSource(
  options: ImageOptions,
  registry: RegistrySource,
  locations: boolean,
): Promise<ImageSource> {
  const { images, tar, tars } = options;
  if ([images, tar, tars].every((each) => each === undefined) && !locations) return registry;
  const { openImageMap, openLocations } = await import('../io/image-map.js');
  const listed = options.images === undefined ? registry : await openImageMap(options.images);
  const named = await openTars(options, listed);
  return locations ? openLocations(named) : named;
}

async function openTars({ tar, tars }: ImageOptions, fallback: ImageSource): Promise<ImageSource> {
  if (tar === undefined && tars === undefined) return fallback;
  const { openListedTars, openTarImages } = await import('../io/tar-images.js');
  if (tar !== undefined) return openTarImages(tar, fallback);
  return openListedTars(tars ?? new Map(), fallback);
}

async function openRegistry(
  options: ImageOptions,
  references: readonly string[],
): Promise<RegistrySource> {
  const { openRegistrySource } = await import('../io/registry/source.js');
  return openRegistrySource(await registryOptions(options, references));
}

/** Opens what is attached to images. `references` as for openImages. */
export async function openArtifacts(
  options: ImageOptions,
  references: readonly string[],
): Promise<RegistryArtifacts> {
  const { openRegistryArtifacts } = await import('../io/registry/artifacts.js');
  return openRegistryArtifacts(await registryOptions(options, references));
}

async function registryOptions(
  options: ImageOptions,
  references: readonly string[],
): Promise<RegistryOptions> {
  const [{ openCredentialStore }, { environment }] = await Promise.all([
    import('../io/credentials/store.js'),
    import('../io/machine.js'),
  ]);
  const explicit = await explicitCredentials(options, references);
  return {
    env: environment(),
    credentials: openCredentialStore({
      env: environment(),
      ...(explicit === undefined ? {} : { explicit }),
    }),
    mirrors: options.registryMirror ?? [],
    insecureRegistries: options.insecureRegistry ?? [],
    trustedRealms: options.trustRealm ?? [],
    ...(options.caFile === undefined ? {} : { caFile: options.caFile }),
    offline: options.offline === true,
    timeouts: parseTimeouts(options.timeout),
  };
}

/** --timeout: one number of seconds for every deadline but that of connecting. */
function parseTimeouts(text: string | undefined) {
  if (text === undefined) return {};
  const seconds = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (seconds === 0) {
    throw new ToolError('USAGE_CONFLICT', '--timeout is not a number of seconds', { got: text });
  }
  return { headersMs: seconds * 1000, bodyMs: seconds * 1000, wholeMs: seconds * 1000 };
}

/** --username and --password-stdin, bound to the one registry of this run's references. */
async function explicitCredentials(options: ImageOptions, references: readonly string[]) {
  const { username } = options;
  if (username === undefined && !options.passwordStdin) return undefined;
  if (username === undefined || !options.passwordStdin) {
    throw new ToolError('USAGE_CONFLICT', '--username and --password-stdin go together', {
      hints: ['printf %s "$PASSWORD" | podseal ... --username NAME --password-stdin'],
    });
  }
  const [{ parseImageLocation }, { readTextFile }] = await Promise.all([
    import('../io/image-map.js'),
    import('../io/files.js'),
  ]);
  const locations = references.map(parseImageLocation);
  const registries = new Set(
    locations.flatMap((location) =>
      location.kind === 'registry' ? [location.reference.registry] : [],
    ),
  );
  const [registry] = registries;
  if (registry === undefined || registries.size > 1) {
    throw new ToolError('USAGE_CONFLICT', '--username needs images of exactly one registry', {
      got: [...registries].join(', ') || 'no registry',
      hints: ['log in with docker or podman, and leave --username out'],
    });
  }
  return {
    registry,
    username,
    password: (await readTextFile('-')).replace(/\r?\n$/, ''),
  };
}
