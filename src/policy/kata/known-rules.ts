/**
 * Rules files that are known by the digest of their content (spec kata-policy-rules section 1), and what those of other
 * projects leave open (section 17). Ours are named by the caller, which has the files.
 */
import type { Severity } from '../../core/finding.js';

/** Letter of a variant of the reference's rules. */
export type RulesVariant = 'U' | 'M' | 'R315' | 'A5' | 'A3' | 'A1';

export interface KnownRules {
  readonly variant: RulesVariant;
  readonly name: string;
  readonly sha256: string;
}

/** Something that rules of others let through. */
export interface RulesHole {
  readonly severity: Severity;
  readonly variants: readonly RulesVariant[];
  readonly message: string;
}

const KNOWN_RULES: readonly KnownRules[] = [
  {
    variant: 'U',
    name: 'kata-containers 4.1.0',
    sha256: 'a1ad4280a7d1db83649de18640fb30f08cc160fadd7f4360d1dde09977b090b7',
  },
  {
    variant: 'M',
    name: 'microsoft/kata-containers msft-main',
    sha256: '0a38443a1003faf87d1a4fe8429b6073926ec58ff78e76f3f660e95b47befcc2',
  },
  {
    variant: 'R315',
    name: 'microsoft/kata-containers 3.15.0',
    sha256: 'fc6b7c4db8b0b1179ff36d2c028952b9787387ce7f17d2b5a8b174b2b900d92c',
  },
  {
    variant: 'A5',
    name: 'microsoft/kata-containers 3.2.0.azl5',
    sha256: '15a6fe9e790748c1dcfca52a1033e4e4a65475395c9e6d4403d85f4cf79f796c',
  },
  {
    variant: 'A3',
    name: 'microsoft/kata-containers 3.2.0.azl3',
    sha256: '2ca6c0e9617f97a922724112bd738fd73881d35b9ae5d31d573f0871d1ecf897',
  },
  {
    variant: 'A1',
    name: 'microsoft/kata-containers 3.2.0.azl1',
    sha256: '3f7802353fc648be3c1755b12d1e897fa10779e6d6d04edad78b18251795fb20',
  },
];

const ALL: readonly RulesVariant[] = ['U', 'M', 'R315', 'A5', 'A3', 'A1'];

const RULES_HOLES: readonly RulesHole[] = [
  {
    severity: 'high',
    variants: ALL,
    message:
      'storages are not matched one to one: one may be sent twice in place of another, and the overlay of image layers left out',
  },
  {
    severity: 'high',
    variants: ['M', 'A1'],
    message: 'the bundle ID comes from a free annotation and goes into patterns as it is',
  },
  {
    severity: 'high',
    variants: ['R315', 'A5'],
    message: 'variables and arguments may fit one container and everything else another',
  },
  {
    severity: 'high',
    variants: ['R315', 'A5'],
    message: 'a mount may take its source from any storage of the request',
  },
  {
    severity: 'medium',
    variants: ['U', 'M'],
    message:
      'the state is kept under container IDs, so that removing a container with a chosen ID unpins the namespace',
  },
  {
    severity: 'medium',
    variants: ['R315', 'A5', 'A3', 'A1'],
    message:
      'commands of probes are allowed in every container, and compared as joined texts, not word by word',
  },
  {
    severity: 'medium',
    variants: ['M'],
    message: 'the target of a link that is copied into the guest is not looked at',
  },
  {
    severity: 'medium',
    variants: ['U'],
    message: 'the path of the root file system only has to contain the expected one',
  },
  {
    severity: 'medium',
    variants: ALL,
    message:
      'sources of mounts that are plain texts only have to be contained in those of the request',
  },
  {
    severity: 'low',
    variants: ['U', 'M', 'R315'],
    message: 'a variable that holds the name of the pod only has to contain it',
  },
  {
    severity: 'low',
    variants: ALL,
    message:
      'a variable with a placeholder for any text is free altogether, the text around it included',
  },
  {
    severity: 'low',
    variants: ['R315', 'A5', 'A3', 'A1'],
    message: 'of the user only the user ID is checked, neither the group nor the additional groups',
  },
];

/** The known rules with this digest of their content. */
export function findKnownRules(sha256: string): KnownRules | undefined {
  return KNOWN_RULES.find((row) => row.sha256 === sha256);
}

/** True for our rules (name by digest) and for known ones of others. */
export function isKnownRules(sha256: string, own: ReadonlyMap<string, string>): boolean {
  return own.has(sha256) || findKnownRules(sha256) !== undefined;
}

/** What the rules of a variant let through. */
export function holesOf(variant: RulesVariant): readonly RulesHole[] {
  return RULES_HOLES.filter(({ variants }) => variants.includes(variant));
}

/** Name of rules for people: ours (name by digest), known ones, or their digest. */
export function nameOfRules(sha256: string, own: ReadonlyMap<string, string>): string {
  return own.get(sha256) ?? findKnownRules(sha256)?.name ?? `unknown rules, SHA-256 ${sha256}`;
}
