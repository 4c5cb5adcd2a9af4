/** What audits of policies of every kind share: the form of a hit, rules with the same meaning, and how secrets are told. */
import type { AuditRule, Finding, Place, Severity } from '../../core/finding.js';
import { TAG_RULES } from '../../core/image-tag.js';
import { findSecrets, type SecretVariables } from '../../core/secret.js';

/** A rule without its id. */
export type RuleRow = Omit<AuditRule, 'id'>;

/** Rows of a table of rules, by id. */
export type RuleTable = Readonly<Record<string, RuleRow>>;

/** A row of a table of rules. */
export const rule = (severity: Severity, title: string, remedy: string): RuleRow => ({
  severity,
  title,
  remedy,
});

/** Rules that mean the same for every kind of policy. */
export const COMMON_RULES = {
  'allow-all': rule(
    'critical',
    'the host may run anything',
    'generate a policy with `podseal policy` instead',
  ),
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
  ...TAG_RULES,
} as const satisfies RuleTable;

/** Rules with one meaning, whose remedy depends on the kind of policy. */
const MEANINGS = {
  'exec-any': ['critical', 'the host may run any command in the containers'],
  'exec-allowed': ['high', 'the host may run some commands in the containers at any time'],
  'image-unbound': ['high', 'nothing ties a container to the content of its image'],
  'request-open': ['medium', 'the host may send a request that policies deny'],
  'debug-setting': ['high', 'a setting meant for debugging is on'],
  'env-pattern-open': ['high', 'a pattern lets variables through that generated policies deny'],
  'secret-in-policy': ['high', 'the policy holds a secret in clear text'],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

/** The rows of the rules whose remedy depends on the kind of policy. */
export function withRemedies(
  remedies: Readonly<Record<keyof typeof MEANINGS, string>>,
): Readonly<Record<keyof typeof MEANINGS, RuleRow>> {
  const rows = Object.entries(MEANINGS).map(([id, [severity, title]]) => [
    id,
    rule(severity, title, remedies[id as keyof typeof MEANINGS]),
  ]);
  return Object.fromEntries(rows) as Record<keyof typeof MEANINGS, RuleRow>;
}

/** The rules of a table, in its order. */
export function rulesOf(table: RuleTable): readonly AuditRule[] {
  return Object.entries(table).map(([id, row]) => ({ id, ...row }));
}

/** What an audit says of one hit; the rest comes from its rule. */
export interface AuditHit<Id extends string> {
  readonly id: Id;
  readonly message: string;
  /** Path in the policy's data. */
  readonly path?: string;
  /** The part of the policy that it is about. */
  readonly part?: string;
  /** Instead of the rule's. */
  readonly severity?: Severity;
  readonly remedy?: string;
}

/** Where a policy stands, and whose it is. */
export interface AuditSubject {
  /** The workload, for people; may be empty. */
  readonly subject: string;
  readonly place: Place;
  readonly secrets?: SecretVariables;
}

/** The finding of a hit under the row of its rule. */
export function findingOf(
  { id, message, path, part, severity, remedy }: AuditHit<string>,
  row: RuleRow,
  { subject, place }: AuditSubject,
): Finding {
  return {
    id,
    severity: severity ?? row.severity,
    message,
    subject: [subject, part].filter((one) => one !== undefined && one !== '').join(', '),
    place,
    ...(path === undefined ? {} : { path }),
    remedy: remedy ?? row.remedy,
  };
}

/** A hit for each kind of secret that a text looks like it holds; `name` is that of its variable or option. */
export function secretHits(
  text: string,
  name: string,
  where: string,
  path: string,
): readonly AuditHit<'secret-in-policy'>[] {
  const kinds = new Set(findSecrets(text, name).map(({ kind }) => kind));
  return [...kinds].map((kind) => ({
    id: 'secret-in-policy',
    message: `${where} holds what looks like a ${kind}`.replace(/\ba (?=[aeiouAEIOU])/, 'an '),
    path,
  }));
}

/** The hits of a variable with one value: that it comes from a secret, or what it looks like. */
export function variableHits(
  name: string,
  value: string,
  path: string,
  origin: string | undefined,
): readonly AuditHit<'secret-in-policy'>[] {
  if (origin === undefined || value === '')
    return secretHits(value, name, `variable ${name}`, path);
  const message = `variable ${name} has its value from ${origin}, which stands in the policy as it is`;
  return [{ id: 'secret-in-policy', message, path }];
}

const STRONG_CAPABILITIES: ReadonlySet<string> = new Set(
  'ALL SYS_ADMIN SYS_MODULE SYS_PTRACE SYS_RAWIO SYS_BOOT BPF DAC_READ_SEARCH'
    .split(' ')
    .map((name) => `CAP_${name}`),
);

/** The hit for a capability beyond the default ones; some are as good as all of them. */
export function capabilityHit(name: string, path: string): AuditHit<'capability-added'> {
  return {
    id: 'capability-added',
    message: `the container has the capability ${name}`,
    path,
    severity: STRONG_CAPABILITIES.has(name) ? 'high' : 'medium',
  };
}
