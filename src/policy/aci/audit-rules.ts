/**
 * What the audit of a CCE policy looks for. Ids are stable, and those of the kata audit where the meaning is the same;
 * severities say how much a hit gives to the host.
 */
import type { AuditRule, Finding, Severity } from '../../core/finding.js';
import { TAG_RULES } from '../../core/image-tag.js';
import { hideSecrets } from '../../core/secret.js';

const rule = (severity: Severity, title: string, remedy: string) => ({ severity, title, remedy });

const RULES = {
  'allow-all': rule(
    'critical',
    'the host may run anything',
    'generate a policy with `podseal policy` instead',
  ),
  'exec-any': rule(
    'critical',
    'the host may run any command in the containers',
    'remove the shell from exec_processes; without --debug-mode no shell is added',
  ),
  'exec-allowed': rule(
    'high',
    'the host may run some commands in the containers at any time',
    'remove the command from the probes and exec processes of the container, unless it is needed',
  ),
  'external-process': rule(
    'high',
    'the host may run some processes in the virtual machine, outside of the containers',
    'remove the process from external_processes, unless it is needed',
  ),
  'image-unbound': rule(
    'high',
    'nothing ties a container to the content of its image',
    'generate the policy again, so that it holds the hashes of all layers',
  ),
  'request-open': rule(
    'medium',
    'the host may send a request that policies deny',
    'let the framework decide: POINT := data.framework.POINT',
  ),
  'debug-setting': rule(
    'high',
    'a setting meant for debugging is on',
    'generate the policy again without --debug-mode',
  ),
  'properties-readable': rule(
    'info',
    'the host may read properties of the guest, such as its processes and their use of resources',
    'set allow_properties_access to false, unless the platform needs it',
  ),
  'host-network-allowed': rule(
    'low',
    'containers may use the network of the virtual machine',
    'set allow_host_network to false, unless it is needed',
  ),
  'env-dropping-allowed': rule(
    'medium',
    'the guest drops variables that no rule allows, instead of refusing the request',
    'set allow_environment_variable_dropping to false',
  ),
  'capability-dropping-allowed': rule(
    'low',
    'the guest drops capabilities that the policy does not name, instead of refusing the request',
    'set allow_capability_dropping to false',
  ),
  'log-dropping-allowed': rule(
    'low',
    'the guest drops log providers that the policy does not name, instead of refusing the request',
    'set allow_log_provider_dropping to false',
  ),
  'storage-unencrypted': rule(
    'high',
    'the scratch space may lie on a disk of the host unencrypted',
    'set allow_unencrypted_scratch to false',
  ),
  'stdio-readable': rule(
    'info',
    'the host may read the output of containers and write to their input',
    'generate the policy with --disable-stdio, unless the output is meant for the host',
  ),
  'env-any-value': rule(
    'low',
    'the host chooses the value of a variable',
    'write the value into the template, or check the variable in the program',
  ),
  'env-pattern-open': rule(
    'high',
    'a pattern lets variables through that generated policies deny',
    'name the variable in the pattern and bound its value',
  ),
  'secret-in-policy': rule(
    'high',
    'the policy holds a secret in clear text',
    'release the secret to the attested guest instead (podseal release-policy), and replace it: who can read the template knows it',
  ),
  ...TAG_RULES,
  'privileged-container': rule(
    'high',
    'a container has all privileges',
    'remove privileged: true, and add the capabilities that are needed one by one',
  ),
  'capability-added': rule(
    'medium',
    'a container has a capability beyond the default ones',
    'remove the capability from securityContext.capabilities.add, unless it is needed',
  ),
  'capabilities-of-guest': rule(
    'low',
    'the guest chooses the capabilities of a container, not the policy',
    'generate the policy again, so that it lists the capabilities',
  ),
  'new-privileges-allowed': rule(
    'low',
    'processes of a container may gain privileges, e.g. by set-user-id programs',
    'set securityContext.allowPrivilegeEscalation to false',
  ),
  'seccomp-missing': rule(
    'info',
    'no seccomp profile bounds the system calls of a container',
    'set securityContext.seccompProfile',
  ),
  'user-any': rule(
    'medium',
    'the host chooses the user of a container, root included',
    'name a user in the image, or set securityContext.runAsUser',
  ),
  'host-shared-mount': rule(
    'low',
    'the host provides the content of a mount, and can read and change it',
    'have the program treat the content as untrusted, or bake it into the image',
  ),
  'mount-source-open': rule(
    'medium',
    'a mount takes any source',
    'use a volume whose source the policy can check',
  ),
  'fragment-issuer': rule(
    'medium',
    'a fragment of another issuer than the platform adds to the policy',
    'keep the import only if the issuer is trusted as much as the author of the policy, and name what to include',
  ),
  'fragment-svn': rule(
    'low',
    'an import takes old fragments as well, whose faults may be known',
    'raise minimum_svn to the newest fragment that was reviewed',
  ),
  'fragment-namespace': rule(
    'high',
    'an import takes the whole module of a fragment, rules included',
    'include only what is needed: containers, fragments or external_processes',
  ),
  'guest-surprise': rule(
    'low',
    'a guest takes a part of the policy otherwise than it reads',
    'write the part so that the guest cannot take it otherwise',
  ),
  'nothing-allowed': rule(
    'info',
    'the policy has neither containers nor imports of some, so that none can start',
    'generate a policy with `podseal policy`',
  ),
  'rules-unknown': rule(
    'high',
    'the rules are not known, so that the data alone does not tell what they permit',
    'use the rules of the framework: POINT := data.framework.POINT',
  ),
} as const satisfies Record<string, Omit<AuditRule, 'id'>>;

export type CceAuditId = keyof typeof RULES;

/** All rules, in the order of the table. */
export const CCE_AUDIT_RULES: readonly AuditRule[] = Object.entries(RULES).map(([id, row]) => ({
  id,
  ...row,
}));

/** What an audit says of one hit; the rest comes from its rule. */
export interface CceHit {
  readonly id: CceAuditId;
  readonly message: string;
  /** Path in the policy's data. */
  readonly path?: string;
  /** The part of the policy that it is about. */
  readonly part?: string;
  /** Instead of the rule's. */
  readonly severity?: Severity;
}

/** The finding of a hit in the policy of `subject` at a place. */
export function cceFindingOf(hit: CceHit, subject: string, place: Finding['place']): Finding {
  const row = RULES[hit.id];
  return {
    id: hit.id,
    severity: hit.severity ?? row.severity,
    message: hideSecrets(hit.message),
    subject: [subject, hit.part].filter((part) => part !== undefined && part !== '').join(', '),
    place,
    ...(hit.path === undefined ? {} : { path: hit.path }),
    remedy: row.remedy,
  };
}
