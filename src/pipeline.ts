/**
 * The flow for the kata targets (aks, kata): manifest -> workloads -> images -> policy document -> policy text ->
 * measurement -> manifest with the policy in it. Joins the stages; every effect comes in through ports.
 */
import type { Sha256Hex } from './core/digest.js';
import { ToolError } from './core/error.js';
import type { NoticeSink } from './core/notice.js';
import type { FactsNeeds } from './image/facts.js';
import type { AnnotationEdit } from './manifest/annotate.js';
import { setAnnotations } from './manifest/annotate.js';
import { type ManifestInput, readManifest } from './manifest/kubernetes/read-manifest.js';
import { measureInitdataText, measurePolicyText } from './measurement/host-data.js';
import { buildInitdata, encodeInitdata, printInitdata } from './measurement/initdata.js';
import type { Initdata } from './measurement/read-initdata.js';
import type { ImageIdentity, PolicyImage } from './pipeline/images.js';
import type { KataPolicyData } from './policy/kata/data.js';
import { buildKataPolicyData, requiredFacts, requiredImages } from './policy/kata/document.js';
import type { KataGuest } from './policy/kata/guests.js';
import { printPolicyText } from './policy/kata/print.js';
import type { KataSettings } from './policy/kata/settings.js';
import type { PodWorkload } from './workload/pod.js';

/** What policies are made from, beside images. */
export interface KataRequest {
  readonly inputs: readonly ManifestInput[];
  readonly guest: KataGuest;
  readonly settings: KataSettings;
  /** Text of the rules file. */
  readonly rules: string;
  /** Initdata to which the policy is added, for guests that carry it so. */
  readonly initdata?: Initdata;
  readonly ignoreUnsupported: readonly string[];
  /** The reference's bytes, its defects included. */
  readonly asReference?: boolean;
  readonly runtimeClassPrefixes: readonly string[];
}

export interface KataPorts {
  /** The image of a reference, with the facts that are needed. */
  readonly obtain: (reference: string, needs: FactsNeeds) => Promise<ObtainedImage>;
  readonly notices: NoticeSink;
}

export type ObtainedImage = PolicyImage & { readonly identity: ImageIdentity };

export interface GeneratedPolicy {
  readonly workload: PodWorkload;
  /** The policy text: rules, then the policy document. */
  readonly policy: string;
  readonly data: KataPolicyData;
  /** The TOML document that carries it, for guests with initdata. */
  readonly initdata?: string;
  /** Key and value of the annotation. */
  readonly key: string;
  readonly value: string;
  readonly measurement: Sha256Hex;
  /** Images in the order in which they were needed, the pause image first. */
  readonly images: readonly ImageIdentity[];
}

/** Kubernetes takes 256 KiB for all annotations of an object together. */
const ANNOTATION_BYTES_WARN = 240 * 1024;

/** The policies of all workloads of the inputs, in document order. */
export async function generateKata(
  request: KataRequest,
  ports: KataPorts,
): Promise<readonly GeneratedPolicy[]> {
  const { guest, settings } = request;
  const { workloads, attachments } = readManifest(request.inputs, {
    guest: guest.family,
    ignoreUnsupported: request.ignoreUnsupported,
    runtimeClassPrefixes: request.runtimeClassPrefixes,
    notices: ports.notices,
  });
  const references = new Set(workloads.flatMap((workload) => requiredImages(workload, settings)));
  const images = await obtainAll([...references], request, ports);
  const imageOf = (reference: string): ObtainedImage => {
    const image = images.get(reference);
    if (image === undefined) throw new ToolError('INTERNAL', `image ${reference} was not obtained`);
    return image;
  };
  return workloads.map((workload) => {
    const data = buildKataPolicyData({
      workload,
      attachments,
      images: imageOf,
      settings,
      guest,
      asReference: request.asReference === true,
      notices: ports.notices,
    });
    const policy = printPolicyText(request.rules, data);
    const used = requiredImages(workload, settings).map((reference) => imageOf(reference).identity);
    const placed = placePolicy(policy, request);
    warnOfSize(placed.value, workload, ports.notices);
    return { workload, policy, data, ...placed, images: used };
  });
}

/** All images at once; layers are hashed as the reader's bound allows. */
async function obtainAll(
  references: readonly string[],
  { settings, guest }: KataRequest,
  ports: KataPorts,
): Promise<ReadonlyMap<string, ObtainedImage>> {
  const { rootHashes, userFiles } = requiredFacts(settings, guest);
  const needs: FactsNeeds = {
    formats: rootHashes ? ['tarfs'] : [],
    diffIds: rootHashes,
    userFiles,
  };
  const work = references.map((reference) => ports.obtain(reference, needs));
  await Promise.allSettled(work);
  const images = await Promise.all(work);
  return new Map(references.map((reference, i) => [reference, images[i]!]));
}

/** Annotation and measurement of a policy text. */
function placePolicy(
  policy: string,
  { guest, initdata }: KataRequest,
): Pick<GeneratedPolicy, 'key' | 'value' | 'measurement' | 'initdata'> {
  const key = guest.annotationKey;
  if (guest.annotationValue === 'policy') {
    const bytes = Buffer.from(policy);
    const measurement = measurePolicyText(bytes).hostData;
    return { key, value: bytes.toString('base64'), measurement };
  }
  const document = buildInitdata(policy, initdata);
  const toml = printInitdata(document);
  const measurement = measureInitdataText(Buffer.from(toml), document.algorithm).hostData;
  return { key, value: encodeInitdata(toml), measurement, initdata: toml };
}

function warnOfSize(value: string, workload: PodWorkload, notices: NoticeSink): void {
  if (value.length <= ANNOTATION_BYTES_WARN) return;
  notices({
    code: 'annotation-size',
    message: `the policy annotation has ${value.length} bytes; Kubernetes refuses objects with more than 262144 bytes of annotations`,
    where: workload.at,
  });
}

/** The text of one manifest with its policies written into it; everything else is as it was. */
export function writePolicies(input: ManifestInput, policies: readonly GeneratedPolicy[]): string {
  const edits: AnnotationEdit[] = policies
    .filter(({ workload }) => workload.placement.file === input.file)
    .map(({ workload, key, value }) => ({
      document: workload.placement.document,
      path: workload.placement.path,
      key,
      value,
    }));
  return edits.length === 0 ? input.text : setAnnotations(input.text, edits, input.file);
}
