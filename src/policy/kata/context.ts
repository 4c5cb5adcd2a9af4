/** What every part of a container's policy is made from. */

import type { DiffId } from '../../core/digest.js';
import type { NoticeSink } from '../../core/notice.js';
import type { ImageConfig, LayerFacts } from '../../image/types.js';
import type { Attachments, Container, PodWorkload } from '../../workload/pod.js';
import type { KataGuest } from './guests.js';
import type { ContainerSettings, KataSettings } from './settings.js';

/** An image with what hashing its layers gave: one entry per layer, base layer first. */
export interface ResolvedImage {
  readonly image: {
    readonly reference: string;
    readonly config: ImageConfig;
    readonly layers: readonly { readonly diffId: DiffId }[];
  };
  readonly layers: readonly Pick<LayerFacts, 'rootHashes' | 'userFiles'>[];
}

export interface ContainerContext {
  readonly guest: KataGuest;
  readonly settings: KataSettings;
  /** pause_container or other_container. */
  readonly own: ContainerSettings;
  readonly workload: PodWorkload;
  readonly attachments: Attachments;
  readonly namespace: string;
  /** Annotations of the pod without the guest's policy annotation. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly container: Container;
  readonly isPause: boolean;
  /** The reference's bytes are wanted, its defects included. */
  readonly asReference: boolean;
  readonly image: ResolvedImage;
  readonly notices: NoticeSink;
}

/** Says where the wanted bytes of the reference make a policy that the workload cannot start with. */
export function noteDefect(context: ContainerContext, message: string): void {
  context.notices({
    code: 'reference-defect',
    message: `${message}, as in the policy of the reference; the bundled rules come without this defect`,
    where: context.container.at,
  });
}

/** True if the container asks for all privileges. */
export function isPrivileged(container: Container): boolean {
  return container.securityContext?.privileged === true;
}

/** True if the container's root file system is read-only. */
export function hasReadOnlyRoot(container: Container): boolean {
  return container.securityContext?.readOnlyRootFilesystem === true;
}
