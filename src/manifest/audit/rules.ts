/**
 * What the audit of a manifest looks for: secrets and settings that undo confidentiality, and what AKS confidential
 * containers do not support. Ids are stable.
 */
import type { AuditRule, Finding, Severity } from '../../core/finding.js';
import { parsePlace } from '../../core/finding.js';
import { TAG_RULES } from '../../core/image-tag.js';

const rule = (severity: Severity, title: string, remedy: string) => ({ severity, title, remedy });

const RULES = {
  ...TAG_RULES,
  'secret-in-manifest': rule(
    'high',
    'the manifest holds a secret in clear text',
    'release the secret to the attested guest instead (podseal release-policy), and replace it: who can read the manifest knows it',
  ),
  'group-without-policy': rule(
    'critical',
    'a confidential container group has no policy, so that the host may run anything',
    'write one: podseal policy FILE',
  ),
  'group-not-confidential': rule(
    'medium',
    'a container group does not run in a confidential guest',
    'set sku to Confidential and write a policy, unless the group holds nothing confidential',
  ),
  'debug-annotation': rule(
    'high',
    'an annotation switches debugging of the guest or its virtual machine on',
    'remove the annotation',
  ),
  'not-confidential': rule(
    'medium',
    'a pod does not run in a confidential guest',
    'set runtimeClassName, e.g. kata-cc-isolation, unless the pod holds nothing confidential',
  ),
  'policy-missing': rule(
    'medium',
    'a pod in a confidential guest has no policy',
    'write one: podseal policy FILE',
  ),
  'vm-memory': rule(
    'info',
    'the memory of the virtual machine of a pod',
    'nothing, if it fits the node',
  ),
  'memory-limit-missing': rule(
    'low',
    'no container has a memory limit, so that all share what the system of the virtual machine leaves',
    'set resources.limits.memory',
  ),
  'requests-without-limits': rule(
    'medium',
    'resources are requested without a limit: the virtual machine is sized by limits, requests are ignored',
    'set resources.limits to what is requested',
  ),
  ipv6: rule(
    'medium',
    'IPv6 is used, which the policies and the network of the preview do not support',
    'use IPv4 alone',
  ),
  'non-tcp-service': rule(
    'medium',
    'a service uses another protocol than TCP, which the preview does not support',
    'use TCP',
  ),
  'image-version-1': rule(
    'high',
    'an image has the old manifest format (schema version 1), which the guest does not run',
    'push the image again with a current tool, e.g. docker buildx or crane',
  ),
  'image-unsupported': rule(
    'high',
    'an image has a format that cannot be hashed',
    'push the image again in OCI format, without encryption and foreign layers',
  ),
  'image-digest': rule(
    'info',
    'what a tag stands for now',
    'add the digest to the name of the image',
  ),
  'termination-log': rule(
    'low',
    'a termination message is set up, which the node does not get to see',
    'write the message to the output of the program instead',
  ),
  'config-env-immutable': rule(
    'low',
    'variables come from a ConfigMap or Secret: their values are part of the policy, so that a change denies the pod',
    'generate the policy again after each change; set immutable: true where there should be none',
  ),
} as const satisfies Record<string, Omit<AuditRule, 'id'>>;

export type ManifestAuditId = keyof typeof RULES;

/** All rules, in the order of the table. */
export const MANIFEST_AUDIT_RULES: readonly AuditRule[] = Object.entries(RULES).map(
  ([id, row]) => ({
    id,
    ...row,
  }),
);

/** What an audit says of one hit; the rest comes from its rule. */
export interface ManifestHit {
  readonly id: ManifestAuditId;
  readonly message: string;
  readonly subject: string;
  /** `file:line:column`. */
  readonly at: string;
  readonly path?: string;
}

/** The finding of a hit. */
export function manifestFinding({ id, message, subject, at, path }: ManifestHit): Finding {
  const { severity, remedy } = RULES[id];
  const place = parsePlace(at);
  return { id, severity, message, subject, place, ...(path ? { path } : {}), remedy };
}
