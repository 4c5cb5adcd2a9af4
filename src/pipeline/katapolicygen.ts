/**
 * The flow as `az confcom katapolicygen` runs it (kata policy data, section 2): what the reference refuses is refused,
 * the manifest is written out again in the reference's form, and the policies are printed as its options say.
 */

import { readManifest } from '../manifest/kubernetes/read-manifest.js';
import { assertReferenceFields } from '../manifest/kubernetes/reference-check.js';
import { type DocumentSlots, listSlots, rewriteAsReference } from '../manifest/rewrite.js';
import {
  type GeneratedPolicy,
  generateKata,
  type KataPorts,
  type KataRequest,
} from '../pipeline.js';

/** Policies of the first input of a request, and that input as the reference rewrites it. */
export interface ReferenceProduct {
  readonly policies: readonly GeneratedPolicy[];
  readonly manifest: string;
  /** The documents of the rewritten manifest. */
  readonly documents: readonly DocumentSlots[];
}

/**
 * Makes the policies of a request as the reference of guest azl3. The first input is the manifest, others are
 * attachments. Fields that the request leaves out are not held against it. Throws what generateKata throws.
 */
export async function generateAsReference(
  request: KataRequest,
  ports: KataPorts,
): Promise<ReferenceProduct> {
  const { inputs, guest, ignoreUnsupported, runtimeClassPrefixes } = request;
  const [manifest] = inputs;
  if (manifest === undefined) return { policies: [], manifest: '', documents: [] };
  // Before the stricter check, for the better messages; and before any image is read.
  readManifest(inputs, {
    guest: guest.family,
    ignoreUnsupported,
    runtimeClassPrefixes,
    notices: () => undefined,
  });
  if (ignoreUnsupported.length === 0) {
    for (const { text, file } of inputs) assertReferenceFields(text, file);
  }
  const policies = await generateKata({ ...request, asReference: true }, ports);
  const edits = policies.map(({ workload: { placement }, key, value }) => ({
    document: placement.document,
    path: placement.path,
    key,
    value,
  }));
  const { text, file } = manifest;
  return {
    policies,
    manifest: rewriteAsReference(text, edits, file, ports.notices),
    documents: listSlots(text, file),
  };
}

/** What the reference prints of each policy. */
export interface PrintedForms {
  /** The policy text, nothing added. */
  readonly raw: boolean;
  /** A line per document with the annotation; of a List those of its items with colons between them. */
  readonly base64: boolean;
}

/** Standard output of the reference, without a manifest. */
export function printAsReference(
  { policies, documents }: ReferenceProduct,
  { raw, base64 }: PrintedForms,
): string {
  return documents
    .map(({ document, items }) => {
      const own = policies.filter(({ workload }) => workload.placement.document === document);
      const text = raw ? own.map(({ policy }) => policy).join('') : '';
      return base64 ? `${text}${annotationsOf(own, items)}\n` : text;
    })
    .join('');
}

function annotationsOf(policies: readonly GeneratedPolicy[], items: number | undefined): string {
  if (items === undefined) return policies.map(({ value }) => value).join(':');
  const ofItem = (index: number) =>
    policies.filter(({ workload }) => workload.placement.path[1] === index);
  return Array.from({ length: items }, (_, index) => annotationsOf(ofItem(index), undefined)).join(
    ':',
  );
}
