/** Manifest text -> findings. Fields are not checked; see `MANIFEST_AUDIT_RULES` for what is looked at. */
import { ToolError } from '../../core/error.js';
import { type Finding, sortFindings } from '../../core/finding.js';
import type { SecretVariables } from '../../core/secret.js';
import { isWorkloadKind, POD_PATHS } from '../kubernetes/kinds.js';
import { findObjects, textAt } from '../kubernetes/objects.js';
import { targetOfPod } from '../target.js';
import type { YamlDocument } from '../yaml/node.js';
import { parseYaml } from '../yaml/parse.js';
import { secretHitsAt } from './hits.js';
import { entriesOf, type Spot, spotAt, spotOf, textIn } from './nodes.js';
import { type AuditedPod, auditPod, imagesOf, secretsOf } from './pods.js';
import { type ManifestHit, manifestFinding } from './rules.js';
import { auditService, isServiceKind } from './services.js';

export interface ManifestAudit {
  /** Worst first. */
  readonly findings: readonly Finding[];
  /** Images of confidential pods, each once, with their first place. */
  readonly images: readonly { readonly image: string; readonly at: string }[];
}

interface AuditedObject {
  readonly kind: string;
  readonly subject: string;
  readonly spot: Spot;
}

/** Keys of annotations that hold a policy. */
export type PolicyKeys = readonly string[];

/** The audit of a YAML or JSON manifest. Throws MANIFEST_UNSUPPORTED if it holds no object, and what parseYaml throws. */
export function auditManifest(text: string, file: string, policyKeys: PolicyKeys): ManifestAudit {
  const objects = parseYaml(text, file).flatMap(objectsOf);
  if (objects.length === 0) {
    throw new ToolError('MANIFEST_UNSUPPORTED', `${file} holds no Kubernetes object`, {
      where: file,
      want: 'a manifest of Kubernetes objects, or a policy of the kata agent',
    });
  }
  const immutable = new Set(
    objects
      .filter(isImmutable)
      .map(({ kind, spot }) => `${kind}/${textIn(spot, 'metadata', 'name')}`),
  );
  const pods = objects.flatMap((object) => podOf(object, policyKeys, immutable));
  const isAks = pods.length === 0 || pods.some(({ target }) => target === 'aks');
  const hits = [
    ...pods.flatMap(auditPod),
    ...objects.flatMap(({ kind, spot, subject }) => [
      ...(isAks && isServiceKind(kind) ? auditService(kind, spot, subject) : []),
      ...(kind === 'ConfigMap' ? auditConfigMap(spot, subject) : []),
    ]),
  ];
  const images = new Map(
    pods
      .filter(({ target }) => target !== undefined)
      .flatMap(({ pod }) => imagesOf(pod))
      .toReversed()
      .map((one) => [one.image, one]),
  );
  return {
    findings: sortFindings(hits.map(manifestFinding)),
    images: [...images.values()].toReversed(),
  };
}

/** Variables of the pods of a manifest whose values come from Secrets, by workload. Throws what parseYaml throws. */
export function manifestSecrets(text: string, file: string): ReadonlyMap<string, SecretVariables> {
  const objects = parseYaml(text, file).flatMap(objectsOf);
  const pods = objects.flatMap((object) => podOf(object, [], new Set()));
  return new Map(pods.map(({ subject, pod }) => [subject, secretsOf(pod)]));
}

function objectsOf(document: YamlDocument): readonly AuditedObject[] {
  return findObjects(document).flatMap(({ node, path }) => {
    const kind = textAt(node, 'kind');
    if (kind === undefined) return [];
    const name = path.reduce<string>(
      (text, step) =>
        typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`,
      '',
    );
    const spot = spotOf(document.source, node, name);
    return [{ kind, spot, subject: `${kind} ${nameOf(spot)}` }];
  });
}

/** `namespace/name`, as far as they are there. */
function nameOf(object: Spot): string {
  const name =
    textIn(object, 'metadata', 'name') ?? textIn(object, 'metadata', 'generateName') ?? '';
  const namespace = textIn(object, 'metadata', 'namespace');
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function isImmutable({ kind, spot }: AuditedObject): boolean {
  return (kind === 'ConfigMap' || kind === 'Secret') && textIn(spot, 'immutable') === 'true';
}

function podOf(
  { kind, spot, subject }: AuditedObject,
  policyKeys: PolicyKeys,
  immutable: ReadonlySet<string>,
): readonly AuditedPod[] {
  if (!isWorkloadKind(kind)) return [];
  const pod = spotAt(spot, ...POD_PATHS[kind]);
  if (pod === undefined) return [];
  const annotations = entriesOf(pod, 'metadata', 'annotations').map(([key]) => key);
  return [
    {
      pod,
      subject,
      target: targetOfPod(pod.node),
      hasPolicy: annotations.some((key) => policyKeys.includes(key)),
      immutable,
    },
  ];
}

function auditConfigMap(object: Spot, subject: string): readonly ManifestHit[] {
  return entriesOf(object, 'data').flatMap(([name, spot]) =>
    secretHitsAt({ spot, name, what: `key ${name}`, subject }),
  );
}
