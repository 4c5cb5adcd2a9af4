/** References -> images with what hashing their layers gives, from image facts, the cache, or the blobs themselves. */
import type { DiffId } from '../core/digest.js';
import type { Notice, NoticeSink } from '../core/notice.js';
import { createGate } from '../core/parallel.js';
import { type ImageReference, parseReference } from '../core/reference.js';
import {
  type FactsNeeds,
  findImageFacts,
  type ImageFacts,
  type ImageFactsIndex,
  requireFacts,
  type WindowsHashes,
} from '../image/facts.js';
import type {
  Image,
  ImageSource,
  Layer,
  LayerFacts,
  LayerFormat,
  Platform,
} from '../image/types.js';
import type { BlockHasher, LayerCache, LayerCacheValues } from '../layer/ports.js';

/** What is wanted of an image's layers. */
export interface LayerNeeds {
  readonly formats: readonly LayerFormat[];
  readonly userFiles: boolean;
}

export interface LayerPorts {
  readonly source: ImageSource;
  /** The source takes `oci:DIR` and the like as locations, not as image references. */
  readonly locations: boolean;
  /** Opened by the first layer that is hashed. */
  readonly hasher: () => Promise<BlockHasher>;
  readonly cache: LayerCache;
  readonly platform: Platform;
  readonly notices: NoticeSink;
  readonly signal: AbortSignal;
  /** Bytes of a layer's blob read so far. */
  readonly onProgress: (what: string, bytes: number) => void;
  /** Layers that are hashed at once. */
  readonly parallel: number;
}

/** An image and what hashing its layers gave, base layer first. */
export interface HashedImage {
  readonly image: Image;
  readonly layers: readonly LayerFacts[];
}

/** Reads images: each reference is resolved once, each blob hashed once, several layers at a time. */
export interface ImageReader {
  /** The image alone, without reading its layers. */
  resolve(reference: string): Promise<Image>;
  read(reference: string, needs: LayerNeeds): Promise<HashedImage>;
}

/** An image reader over the given ports. A reference is a text of the manifest, or of a local source. */
export function createImageReader(ports: LayerPorts): ImageReader {
  const images = new Map<string, Promise<Image>>();
  const layers = new Map<string, Promise<LayerFacts>>();
  const gate = createGate(ports.parallel);
  const resolve = once(images, async (reference: string) => {
    const digest = digestOf(reference, ports.locations);
    // Where facts know all images, the readers of manifests are not even loaded.
    const { resolveImage } = await import('../image/resolve.js');
    const name = { text: reference, ...(digest === undefined ? {} : { digest }) };
    return resolveImage(name, ports.source, ports);
  });
  return {
    resolve,
    async read(reference, needs) {
      const image = await resolve(reference);
      const facts = image.layers.map((layer, i) => {
        const key = JSON.stringify([layer.blob.digest, layer.diffId, needs]);
        const what = `layer ${i + 1} of ${reference}`;
        return once(layers, () => gate(() => readLayer(layer, needs, what, image, ports)))(key);
      });
      return { image, layers: await allOrFirstFailure(facts) };
    },
  };
}

/** Calls `make` once per key. */
function once<T>(made: Map<string, Promise<T>>, make: (key: string) => Promise<T>) {
  return (key: string): Promise<T> => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

/** As Promise.all, but waits until all have ended, so that nothing goes on behind an error. */
async function allOrFirstFailure<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

const LOCATION = /^(?:oci|oci-archive|docker-archive):/;

/** The digest that a reference pins; a location is no reference and pins nothing. */
function digestOf(reference: string, locations: boolean): ImageReference['digest'] {
  return locations && LOCATION.test(reference) ? undefined : parseReference(reference).digest;
}

/** Media types of layers that the tarfs snapshotter takes. */
const GZIP_TYPE = /[.+]gzip$/;

/** Facts of one layer from the cache if it has all of them; else by hashing the blob, which is verified throughout. */
async function readLayer(
  layer: Layer,
  needs: LayerNeeds,
  what: string,
  image: Image,
  ports: LayerPorts,
): Promise<LayerFacts> {
  const say = (notice: Notice) => ports.notices({ ...notice, where: placeOf(what, notice.where) });
  if (needs.formats.includes('tarfs') && !GZIP_TYPE.test(layer.blob.mediaType)) {
    say({
      code: 'layer-not-gzip',
      message: `guests of aks mount gzip layers only: a container with a layer of type ${layer.blob.mediaType} will not start`,
    });
  }
  const cached = await readCachedLayer(layer, needs, ports.cache);
  if (cached !== undefined) {
    cached.notices.forEach(say);
    return cached.facts;
  }
  // Where the cache or facts know all layers, the readers of archives are not even loaded.
  const { hashLayer } = await import('../layer/hash-layer.js');
  const notices: Notice[] = [];
  const hashed = await hashLayer(await ports.source.openBlob(image.reference, layer.blob), {
    ...needs,
    hasher: await ports.hasher(),
    notices: (notice) => notices.push(notice),
    signal: ports.signal,
    expect: { digest: layer.blob.digest, size: layer.blob.size, diffId: layer.diffId },
    onProgress: (bytes) => ports.onProgress(what, bytes),
    what,
  });
  notices.forEach(say);
  const { diffId, uncompressedSize, rootHashes, userFiles } = hashed;
  const common = { diffId, uncompressedSize, notices };
  for (const format of needs.formats) {
    const rootHash = rootHashes[format];
    if (rootHash !== undefined) {
      await ports.cache.put(layer.blob.digest, format, { ...common, rootHash });
    }
  }
  if (needs.userFiles) {
    await ports.cache.put(layer.blob.digest, 'userfiles', { ...common, userFiles });
  }
  return { rootHashes, uncompressedSize, userFiles };
}

function placeOf(what: string, where: string | undefined): string {
  return where === undefined ? what : `${what}, ${where}`;
}

interface CachedFacts {
  readonly facts: LayerFacts;
  readonly notices: readonly Notice[];
}

/** Undefined unless the cache has all that is needed, and for the diff ID that the config names. */
async function readCachedLayer(
  layer: Layer,
  needs: LayerNeeds,
  cache: LayerCache,
): Promise<CachedFacts | undefined> {
  const notices: Notice[] = [];
  let uncompressedSize: number | undefined;
  const get = async <W extends keyof LayerCacheValues>(what: W) => {
    const value = await cache.get(layer.blob.digest, what);
    if (value === undefined || value.diffId !== layer.diffId) return undefined;
    notices.push(...value.notices);
    uncompressedSize = value.uncompressedSize;
    return value;
  };
  const rootHashes: LayerFacts['rootHashes'] = {};
  for (const format of needs.formats) {
    const value = await get(format);
    if (value === undefined) return undefined;
    rootHashes[format] = value.rootHash;
  }
  const users = needs.userFiles ? await get('userfiles') : undefined;
  if (needs.userFiles && users === undefined) return undefined;
  if (uncompressedSize === undefined) return undefined;
  return { facts: { rootHashes, uncompressedSize, userFiles: users?.userFiles ?? [] }, notices };
}

/** An image as the policy stages need it, from the image itself or from facts. */
export interface PolicyImage {
  readonly image: Pick<Image, 'reference' | 'config'> & {
    readonly layers: readonly { readonly diffId: DiffId }[];
  };
  readonly layers: readonly Pick<LayerFacts, 'rootHashes' | 'userFiles'>[];
  /** From facts only. */
  readonly windows?: WindowsHashes;
}

/** What `--json` says of an image that went into a policy. */
export interface ImageIdentity {
  readonly reference: string;
  readonly manifestDigest?: string;
  readonly configDigest?: string;
  readonly from: 'facts' | 'image';
}

/** The image of a reference, from facts where they know it, else through the reader. */
export async function obtainPolicyImage(
  reference: string,
  needs: FactsNeeds,
  facts: ImageFactsIndex,
  ports: { readonly reader: ImageReader; readonly platform: Platform },
): Promise<PolicyImage & { readonly identity: ImageIdentity }> {
  const known = findImageFacts(facts, parseReference(reference), ports.platform);
  if (known === undefined) {
    const { image, layers } = await ports.reader.read(reference, needs);
    const { manifestDigest, configDigest } = image;
    return { image, layers, identity: { reference, manifestDigest, configDigest, from: 'image' } };
  }
  requireFacts(known, needs);
  return { ...policyImageOf(reference, known), identity: identityOf(reference, known) };
}

function policyImageOf(reference: string, facts: ImageFacts): PolicyImage {
  return {
    image: {
      reference,
      config: facts.config,
      layers: facts.layers.flatMap(({ diffId }) => (diffId === undefined ? [] : [{ diffId }])),
    },
    layers: facts.layers.map(({ rootHashes, userFiles = [] }) => ({ rootHashes, userFiles })),
    ...(facts.windows === undefined ? {} : { windows: facts.windows }),
  };
}

function identityOf(reference: string, facts: ImageFacts): ImageIdentity {
  return {
    reference,
    ...(facts.manifestDigest === undefined ? {} : { manifestDigest: facts.manifestDigest }),
    ...(facts.configDigest === undefined ? {} : { configDigest: facts.configDigest }),
    from: 'facts',
  };
}
