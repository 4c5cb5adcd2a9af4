/**
 * Workload and images -> policy document of a kata guest (spec kata-policy-data sections 6 and 7.1). Equal to the
 * reference's document for every workload that it accepts; where the reference panics or does not end, this throws.
 */
import { ToolError, throwAll } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { Attachments, Container, PodWorkload } from '../../workload/pod.js';
import { findOddAnnotations, reservedAnnotations } from './annotations.js';
import { buildContainer } from './container.js';
import type { ContainerContext, ResolvedImage } from './context.js';
import type { ContainerData, KataPolicyData } from './data.js';
import type { KataGuest } from './guests.js';
import type { KataSettings } from './settings.js';
import { findUnsupported } from './support.js';

export interface KataPolicyInput {
  readonly workload: PodWorkload;
  readonly attachments: Attachments;
  /** The image that a reference of `requiredImages` names. */
  readonly images: (reference: string) => ResolvedImage;
  /** As parseSettings gives them for `guest`. */
  readonly settings: KataSettings;
  readonly guest: KataGuest;
  /** Give the reference's bytes also where the guest would refuse what they allow; a notice says where. */
  readonly asReference?: boolean;
  readonly notices: NoticeSink;
}

/** What hashing must give for the images of a policy. */
export interface RequiredFacts {
  readonly rootHashes: boolean;
  readonly userFiles: boolean;
}

/** References of the images that a policy needs, each once: the pause image, then in order of the document. */
export function requiredImages(workload: PodWorkload, settings: KataSettings): readonly string[] {
  const images = orderContainers(workload).map((container) => container.image);
  return [...new Set([settings.pauseImage, ...images])];
}

/** Which layer facts the document of `guest` holds. */
export function requiredFacts(settings: KataSettings, guest: KataGuest): RequiredFacts {
  const { files, filesOffWithGuestPull } = guest.users;
  return {
    rootHashes: settings.verifiesLayers,
    userFiles: files !== 'none' && !(filesOffWithGuestPull && settings.guestPull),
  };
}

/** The policy document. Throws ToolErrors, all of a workload together, most of them MANIFEST_UNSUPPORTED. */
export function buildKataPolicyData(input: KataPolicyInput): KataPolicyData {
  const { guest, settings, workload } = input;
  throwAll(findUnsupported(workload, guest));
  warnOfAnnotations(input);
  const containers = collectContainers(input);
  const devicePath = settings.vfio?.devicePath;
  return {
    containers,
    common: settings.common,
    sandbox: { storages: settings.sandboxStorages },
    request_defaults: settings.requestDefaults,
    devices:
      devicePath === undefined ? undefined : { vfio: { device_path: devicePath, nvidia: {} } },
    cluster_config: settings.clusterConfig,
  };
}

function collectContainers(input: KataPolicyInput): readonly ContainerData[] {
  const errors: ToolError[] = [];
  const containers: ContainerData[] = [];
  const pause = pauseContainer(input);
  for (const container of [pause, ...orderContainers(input.workload)]) {
    try {
      containers.push(buildContainer(contextOf(container, container === pause, input)));
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      errors.push(error, ...error.also);
    }
  }
  throwAll(errors);
  return containers;
}

function contextOf(
  container: Container,
  isPause: boolean,
  input: KataPolicyInput,
): ContainerContext {
  const { guest, settings, workload } = input;
  return {
    guest,
    settings,
    own: isPause ? settings.pauseContainer : settings.otherContainer,
    workload,
    attachments: input.attachments,
    namespace: workload.namespace ?? settings.defaultNamespace,
    annotations: policyAnnotations(input),
    container,
    isPause,
    asReference: input.asReference === true,
    image: input.images(container.image),
    notices: input.notices,
  };
}

/** Init containers in reverse order, then containers in order. */
function orderContainers(workload: PodWorkload): readonly Container[] {
  return [...workload.pod.initContainers.toReversed(), ...workload.pod.containers];
}

/** The container that holds the sandbox; no manifest names it. */
function pauseContainer({ settings, workload }: KataPolicyInput): Container {
  return {
    name: '',
    image: settings.pauseImage,
    env: [],
    envFrom: [],
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
    volumeMounts: [],
    volumeDevices: [],
    execCommands: [],
    at: workload.at,
    imageAt: workload.at,
  };
}

/** The pod's annotations without the policy that this one replaces. */
function policyAnnotations({ guest, workload }: KataPolicyInput): ReadonlyMap<string, string> {
  return new Map([...workload.annotations].filter(([key]) => key !== guest.annotationKey));
}

function warnOfAnnotations(input: KataPolicyInput): void {
  const reserved = reservedAnnotations(input.settings);
  for (const odd of findOddAnnotations(policyAnnotations(input), reserved)) {
    input.notices({ ...odd, where: input.workload.at });
  }
}
