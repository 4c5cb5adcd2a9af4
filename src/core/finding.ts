/**
 * What reviews report, for policies of every kind: a finding says that something is open or will not work, a difference
 * that two policies do not permit the same. Neither ever holds a secret.
 */

/** From worst to harmless. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A kind of finding. Ids are stable: scripts and baselines name them. */
export interface AuditRule {
  /** Kebab-case. */
  readonly id: string;
  readonly severity: Severity;
  /** What it is about, one line, lower case, no full stop. */
  readonly title: string;
  /** What to do about it, one sentence. */
  readonly remedy: string;
}

/** A place in a file; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface Finding {
  /** Id of its rule. */
  readonly id: string;
  readonly severity: Severity;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** The part that it is about: `Pod kafka/consumer, container skr`. */
  readonly subject: string;
  readonly place: Place;
  /** Path in the manifest or in the policy's data, e.g. `containers[1].OCI.Process.Env`. */
  readonly path?: string;
  readonly remedy: string;
}

/**
 * `added` and `removed` are whole parts; `widened` and `narrowed` a part that permits more or less than before;
 * `changed` a part that permits something else; `renamed` the same part under another name.
 */
export const DIFFERENCE_KINDS = [
  'widened',
  'added',
  'changed',
  'renamed',
  'narrowed',
  'removed',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

export interface Difference {
  readonly kind: DifferenceKind;
  /** Stable kebab-case name of what differs, e.g. `env`, `image-layers`. */
  readonly field: string;
  /** The part that it is about: `container web`, or `policy` for all of it. */
  readonly subject: string;
  /** Path in the policy's data; of the second policy, or of the first for what was removed. */
  readonly path: string;
  /** What differs, in words, lower case, no full stop. */
  readonly message: string;
  readonly before?: string;
  readonly after?: string;
}

/** True if `severity` is `threshold` or worse. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold);
}

/** Worst first; findings of one severity stay in their order. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return SEVERITIES.flatMap((severity) => findings.filter((one) => one.severity === severity));
}

/** How many there are of each of `names`, zeros included. */
export function countBy<T, N extends string>(
  items: readonly T[],
  names: readonly N[],
  nameOf: (item: T) => N,
): Readonly<Record<N, number>> {
  const counts = new Map<N, number>(names.map((name) => [name, 0]));
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return Object.fromEntries(counts) as Record<N, number>;
}

/** The place that a text `file:line:column path` starts with; the whole text as file if it has no position. */
export function parsePlace(text: string): Place {
  const match = /^(.+?):([0-9]+):([0-9]+)(?: |$)/.exec(text);
  if (match === null) return { file: text };
  return { file: match[1]!, line: Number(match[2]), column: Number(match[3]) };
}

/** `file:line:column`, as far as it is known. */
export function printPlace({ file, line, column }: Place): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}
