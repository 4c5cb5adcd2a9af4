/**
 * The flow for the ACI targets (aci, vn2): container groups -> images -> container objects -> policy text ->
 * measurement. Joins the stages; every effect comes in through ports.
 */
import type { DataMap } from '../../core/data.js';
import type { Sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { NoticeSink } from '../../core/notice.js';
import type { FactsNeeds } from '../../image/facts.js';
import { measurePolicyText } from '../../measurement/host-data.js';
import {
  type AciOptions,
  type BuiltContainer,
  buildContainer,
  type GroupImage,
} from '../../policy/aci/container.js';
import {
  type AciPolicyDocument,
  buildAciDocument,
  type FragmentChoice,
} from '../../policy/aci/document.js';
import type { AciGuest } from '../../policy/aci/guests.js';
import { printAciPolicy } from '../../policy/aci/print.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import type { ImageIdentity, PolicyImage } from '../images.js';

/** What policies are made from, beside images. */
export interface AciRequest {
  readonly groups: readonly ContainerGroup[];
  readonly guest: AciGuest;
  /** Of the images; `linux` where it is absent. */
  readonly os?: 'linux' | 'windows';
  readonly debugMode: boolean;
  /** allow_stdio_access of every container. */
  readonly stdio: boolean;
  readonly omitId: boolean;
  readonly fragments: FragmentChoice;
  /** True for a container of the group that an imported fragment allows already: it is left out. */
  readonly isCovered?: (container: DataMap, group: ContainerGroup) => boolean;
  /** Further imports of one group: those of its standalone fragments. Without it such a group is refused. */
  readonly importsOf?: (group: ContainerGroup) => readonly DataMap[];
}

/** A group with its container objects, before fragments and the pause container come to them. */
export interface BuiltGroup {
  readonly group: ContainerGroup;
  readonly containers: readonly BuiltContainer[];
  /** Those that fragments allow. */
  readonly covered: readonly BuiltContainer[];
  /** In the order of the containers, each once. */
  readonly images: readonly ImageIdentity[];
}

export interface AciPorts {
  /** The image of a reference, with the facts that are needed. */
  readonly obtain: (reference: string, needs: FactsNeeds) => Promise<ObtainedImage>;
  readonly notices: NoticeSink;
}

type ObtainedImage = PolicyImage & { readonly identity: ImageIdentity };

export interface GeneratedAciPolicy {
  readonly group: ContainerGroup;
  readonly document: AciPolicyDocument;
  /** Containers of the group that are left to the fragments that the policy imports. */
  readonly covered: readonly DataMap[];
  /** The text that the platform hashes, without final line end. */
  readonly policy: string;
  /** Base64 of the text, as annotations and templates carry it. */
  readonly value: string;
  readonly measurement: Sha256Hex;
  /** In the order of the containers, each once. */
  readonly images: readonly ImageIdentity[];
}

const NEEDS: FactsNeeds = { formats: ['ext4'], diffIds: false, userFiles: false };
/** Windows layers are not hashed: their hashes come with the facts, or not at all. */
const WINDOWS_NEEDS: FactsNeeds = { ...NEEDS, formats: [] };

/** The policies of all groups, in order. Every image is read before the first policy is made. */
export async function generateAci(
  request: AciRequest,
  ports: AciPorts,
): Promise<readonly GeneratedAciPolicy[]> {
  const options = { ...request, notices: ports.notices };
  const groups = await buildGroups(request, ports);
  return groups.map(({ group, containers, covered, images }) => {
    const own = request.importsOf?.(group) ?? [];
    const imports = [...request.fragments.imports, ...own];
    const choice = { ...request.fragments, imports };
    const document = buildAciDocument(group, containers, choice, options);
    const left = covered.map(({ object }) => object);
    return { group, document, covered: left, ...placePolicy(document, group), images };
  });
}

/** The policy as it would be if it left no container to fragments: what the group starts. */
export function printWholePolicy({ document, covered }: GeneratedAciPolicy): string {
  return printAciPolicy({ ...document, containers: [...covered, ...document.containers] });
}

/** The container objects of all groups, without those that are covered. Every image is read. */
export async function buildGroups(
  request: AciRequest,
  ports: AciPorts,
): Promise<readonly BuiltGroup[]> {
  for (const group of request.groups) assertPossible(group, request);
  const images = await obtainAll(request, ports);
  const options = { ...request, notices: ports.notices };
  return request.groups.map((group) => {
    const references = new Set(group.containers.map(({ image }) => image));
    const all = buildContainers(group, images, options);
    const covered = all.filter(({ object }) => request.isCovered?.(object, group) === true);
    return {
      group,
      containers: all.filter((one) => !covered.includes(one)),
      covered,
      images: [...references].map((reference) => imageOf(images, reference).identity),
    };
  });
}

/** The container objects of a group, before fragments and the pause container come to them. */
function buildContainers(
  group: ContainerGroup,
  images: ObtainedImages,
  options: AciOptions,
): readonly BuiltContainer[] {
  return group.containers.map((container) => {
    const image = imageOf(images, container.image);
    noteLatest(container.image, container.at, options.notices);
    return buildContainer(group, container, groupImage(image, options.os), options);
  });
}

function assertPossible(group: ContainerGroup, request: AciRequest): void {
  const { os = 'linux', guest, importsOf } = request;
  if (os === 'windows' && guest.windowsFrameworkVersion === undefined) {
    throw new ToolError('USAGE_CONFLICT', `guest ${guest.id} has no policies for Windows`);
  }
  if (os === 'windows' && group.definitions !== undefined) {
    throw new ToolError('USAGE_CONFLICT', 'container definitions are for Linux only');
  }
  if (group.os === 'windows' && os !== 'windows') {
    throw windowsUnsupported('the container group is for Windows', group.at);
  }
  if (group.source === 'arm' && group.os !== os) {
    throw new ToolError('USAGE_CONFLICT', 'the container group is for another platform', {
      where: group.at,
      want: os,
      got: group.os,
    });
  }
  const [standalone] = group.standaloneFragments;
  if (standalone !== undefined && importsOf === undefined) {
    throw new ToolError('MANIFEST_UNSUPPORTED', 'standalone fragments are not imported here', {
      where: group.at,
      got: standalone,
      hints: ['leave standaloneFragments out; containers that they cover get their own rules then'],
    });
  }
  if (group.containers.length > LIMITS.policyContainers) {
    throw new ToolError('LIMIT_EXCEEDED', 'a group has too many containers', {
      where: group.at,
      want: `at most ${LIMITS.policyContainers}`,
      got: String(group.containers.length),
    });
  }
}

function windowsUnsupported(message: string, where: string): ToolError {
  return new ToolError('MANIFEST_UNSUPPORTED', `${message}, and its layers cannot be hashed`, {
    where,
    want: 'osType Linux',
    hints: [
      'the hashes of Windows layers (CIM) come from a component of Windows itself',
      'with --platform windows/amd64 they are taken from --image-facts, member windows of the image',
    ],
  });
}

type ObtainedImages = ReadonlyMap<string, ObtainedImage>;

/** All images at once; layers are hashed as the reader's bound allows. */
async function obtainAll(
  { groups, os }: AciRequest,
  { obtain }: AciPorts,
): Promise<ObtainedImages> {
  const needs = os === 'windows' ? WINDOWS_NEEDS : NEEDS;
  const references = new Set(
    groups.flatMap(({ containers }) => containers.map(({ image }) => image)),
  );
  const work = [...references].map(
    async (reference) => [reference, await obtain(reference, needs)] as const,
  );
  await Promise.allSettled(work);
  return new Map(await Promise.all(work));
}

function imageOf(images: ObtainedImages, reference: string): ObtainedImage {
  const image = images.get(reference);
  if (image === undefined) throw new ToolError('INTERNAL', `image ${reference} was not obtained`);
  return image;
}

function groupImage(obtained: ObtainedImage, os: AciOptions['os']): GroupImage {
  const { image, layers, windows } = obtained;
  if (os === 'windows') {
    if (windows !== undefined) return { config: image.config, ...windows };
    throw windowsUnsupported(`image ${image.reference} is for Windows`, image.reference);
  }
  return {
    config: image.config,
    layers: layers.map(({ rootHashes }, i) => {
      if (rootHashes.ext4 !== undefined) return rootHashes.ext4;
      throw new ToolError('INTERNAL', `layer ${i + 1} of ${image.reference} has no root hash`);
    }),
  };
}

/** A tag that moves makes policies that stop fitting. */
function noteLatest(reference: string, where: string, notices: NoticeSink): void {
  const colon = reference.indexOf(':');
  if (colon !== -1 && reference.slice(colon + 1) !== 'latest') return;
  notices({
    code: 'image-latest',
    message: `image ${reference} has the tag latest, whose image changes: the policy stops fitting then`,
    where,
  });
}

function placePolicy(
  document: AciPolicyDocument,
  { at }: ContainerGroup,
): Pick<GeneratedAciPolicy, 'policy' | 'value' | 'measurement'> {
  const policy = printAciPolicy(document);
  const bytes = Buffer.from(policy);
  if (bytes.length > LIMITS.policyTextBytes) {
    throw new ToolError('LIMIT_EXCEEDED', 'a policy is too long', {
      where: at,
      want: `at most ${LIMITS.policyTextBytes} bytes`,
      got: String(bytes.length),
    });
  }
  const measurement = measurePolicyText(bytes).hostData;
  return { policy, value: bytes.toString('base64'), measurement };
}
