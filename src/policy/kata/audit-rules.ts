/** What the audit of a kata policy looks for. Ids are stable; severities say how much a hit gives to the host. */
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
    'exec-any': 'leave request_defaults.ExecProcessRequest empty and ExecProcessRequest at false',
    'exec-allowed':
      'remove the commands and patterns from request_defaults.ExecProcessRequest of the settings, and generate the policy again',
    'image-unbound':
      'use a guest that verifies image layers (--guest azl3), or enforce signed images in the guest by its image policy',
    'request-open': 'set the request to false in the rules, or use the rules of podseal',
    'debug-setting': 'switch it off in the settings, and generate the policy again',
    'env-pattern-open':
      'name the variables in the pattern and bound their values, with ^ at its start and $ at its end',
    'secret-in-policy':
      'release the secret to the attested guest instead (podseal release-policy), and replace it: who can read the manifest knows it',
  }),
  'policy-replaceable': rule(
    'critical',
    'the host may replace the policy',
    'set SetPolicyRequest to false in the rules',
  ),
  'stdio-readable': rule(
    'low',
    'the host may read the output of containers',
    'set request_defaults.ReadStreamRequest to false in the settings, unless the output is meant for the host; `kubectl logs` then shows nothing',
  ),
  'stdio-writable': rule(
    'high',
    'the host may write to the input of containers',
    'set request_defaults.WriteStreamRequest to false in the settings',
  ),
  'copy-file-open': rule(
    'high',
    'the host may write files to more places than generated policies allow',
    'put back the pattern of the settings: request_defaults.CopyFileRequest: ["$(sfprefix)"]',
  ),
  'env-any-value': rule(
    'medium',
    'the host chooses the value of a variable',
    'write the value into the manifest, or check the variable in the program',
  ),
  'argument-any-value': rule(
    'medium',
    'the host chooses a word of a command',
    'write the word into the manifest, or check it in the program',
  ),
  'env-two-values': rule(
    'low',
    'a variable may have one of several values',
    'name the variable once; a value of the manifest does not replace that of the image',
  ),
  'guest-path-mounted': rule(
    'medium',
    'a device or kernel path of the guest is mounted',
    'remove the hostPath volume, unless it is needed',
  ),
  'storage-unencrypted': rule(
    'medium',
    'a volume is written to a disk of the host unencrypted',
    'set cluster_config.emptydir_type to block-encrypted in the settings',
  ),
  'namespace-any': rule(
    'low',
    'the pod may run in any namespace',
    'set metadata.namespace in the manifest',
  ),
  'pod-name-any': rule(
    'info',
    'the pod may have any name',
    'nothing, where the guest cannot check the names that a controller makes up',
  ),
  'network-of-host': rule(
    'low',
    'the pod uses the network of the node',
    'remove hostNetwork: true, unless it is needed',
  ),
  'identity-changed': rule(
    'high',
    'an annotation that the rules check has another value than in generated policies',
    'remove the annotation from the manifest, and generate the policy again',
  ),
  'annotation-pattern-open': rule(
    'low',
    'the host may set annotations that generated policies deny',
    'remove the pattern from runtime_anno_patterns',
  ),
  'policy-in-policy': rule(
    'low',
    'an annotation of the pod holds another policy',
    'remove the annotation from the manifest, and generate the policy again',
  ),
  'setting-changed': rule(
    'medium',
    'a setting has a value that no settings file of podseal has',
    'check that it was meant: it applies to every container',
  ),
  'unknown-field': rule(
    'low',
    'the policy has a field that no known rules read',
    'remove the field, or check what the rules make of it',
  ),
  'rules-unknown': rule(
    'medium',
    'the rules are not known, so that the data alone does not tell what they permit',
    'use the rules of podseal, or review these and keep their digest',
  ),
  'rules-hole': rule(
    'medium',
    'the rules of the reference let something through that they seem to check',
    'use the rules of podseal for this guest, which refuse it',
  ),
} as const satisfies RuleTable;

export type KataAuditId = keyof typeof RULES;

/** All rules, in the order of the table. */
export const KATA_AUDIT_RULES: readonly AuditRule[] = rulesOf(RULES);

/** What an audit says of one hit. */
export type Hit = AuditHit<KataAuditId>;

/** The row of a rule. */
export const kataRule = (id: KataAuditId) => RULES[id];
