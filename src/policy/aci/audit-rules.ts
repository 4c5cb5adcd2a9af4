/**
 * What the audit of a CCE policy looks for. Ids are stable, and those of the kata audit where the meaning is the same;
 * severities say how much a hit gives to the host. What each policy has that is generated without options is no more
 * than `info`.
 */
import type { AuditRule } from '../../core/finding.js';
import {
  type AuditHit,
  COMMON_RULES,
  type RuleTable,
  rule,
  rulesOf,
  withRemedies,
} from '../review/audit-hits.js';

const RULES = {
  ...COMMON_RULES,
  ...withRemedies({
    'exec-any': 'remove the shell from exec_processes; without --debug-mode no shell is added',
    'exec-allowed':
      'remove the command from the probes and exec processes of the container, unless it is needed',
    'image-unbound': 'generate the policy again, so that it holds the hashes of all layers',
    'request-open': 'let the framework decide: POINT := data.framework.POINT',
    'debug-setting': 'generate the policy again without --debug-mode',
    'env-pattern-open': 'name the variable in the pattern and bound its value',
    'secret-in-policy':
      'release the secret to the attested guest instead (podseal release-policy), and replace it: who can read the template knows it',
  }),
  'external-process': rule(
    'high',
    'the host may run some processes in the virtual machine, outside of the containers',
    'remove the process from external_processes, unless it is needed',
  ),
  'generator-defaults': rule(
    'info',
    'the policy leaves open what every generated policy leaves open',
    'nothing, unless the program relies on a variable or capability: have it check at its start; by hand the flags may be set to false',
  ),
  'host-network-allowed': rule(
    'low',
    'containers may use the network of the virtual machine',
    'set allow_host_network to false, unless it is needed',
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
    'generate the policy with --no-stdio, unless the output is meant for the host',
  ),
  'env-any-value': rule(
    'low',
    'the host chooses the value of a variable',
    'write the value into the template, or check the variable in the program',
  ),
  'capabilities-of-guest': rule(
    'low',
    'the guest chooses the capabilities of a container, not the policy',
    'generate the policy again, so that it lists the capabilities',
  ),
  'new-privileges-allowed': rule(
    'info',
    'processes of a container may gain privileges, e.g. by set-user-id programs',
    'set securityContext.allowPrivilegeEscalation to false',
  ),
  'seccomp-missing': rule(
    'info',
    'no seccomp profile bounds the system calls of a container',
    'set securityContext.seccompProfile',
  ),
  'user-any': rule(
    'low',
    'the host chooses the user of a container, root included',
    'name a user in the image, or set securityContext.runAsUser',
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
  'fields-ignored': rule(
    'high',
    'guests put defaults in the place of fields of containers, which permit more',
    'generate the policy again, for a current guest',
  ),
  'guest-surprise': rule(
    'low',
    'a guest takes a part of the policy otherwise than it reads',
    'write the part so that the guest cannot take it otherwise',
  ),
  'nothing-allowed': rule(
    'info',
    'the policy lets no container start',
    'generate a policy with `podseal policy`',
  ),
  'rules-unknown': rule(
    'high',
    'the rules are not known, so that the data alone does not tell what they permit',
    'use the rules of the framework: POINT := data.framework.POINT',
  ),
} as const satisfies RuleTable;

export type CceAuditId = keyof typeof RULES;

/** All rules, in the order of the table. */
export const CCE_AUDIT_RULES: readonly AuditRule[] = rulesOf(RULES);

/** What an audit says of one hit. */
export type CceHit = AuditHit<CceAuditId>;

/** The row of a rule. */
export const cceRule = (id: CceAuditId) => RULES[id];
