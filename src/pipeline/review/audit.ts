/** A file -> all findings about it: of the manifest, of its policies, and of its images where they are looked up. */
import { ToolError } from '../../core/error.js';
import {
  type AuditRule,
  countBy,
  type Finding,
  parsePlace,
  printPlace,
  SEVERITIES,
  type Severity,
  sortFindings,
} from '../../core/finding.js';
import { mutableTagOf } from '../../core/image-tag.js';
import type { Block, Cell, Page, Tone } from '../../core/page.js';
import { auditManifest, type ManifestAudit } from '../../manifest/audit/audit.js';
import { MANIFEST_AUDIT_RULES, manifestFinding } from '../../manifest/audit/rules.js';
import { auditTemplate } from '../../manifest/audit/template.js';
import { auditCcePolicy } from '../../policy/aci/audit.js';
import { CCE_AUDIT_RULES } from '../../policy/aci/audit-rules.js';
import { auditKataPolicy } from '../../policy/kata/audit.js';
import { KATA_AUDIT_RULES } from '../../policy/kata/audit-rules.js';
import { POLICY_ANNOTATIONS } from '../../policy/kata/guests.js';
import type { ReviewBase } from './base.js';
import type { ReviewedPolicy, ReviewInput } from './read.js';

/** Keys of annotations that hold policies, those of container instances included. */
const POLICY_KEYS: readonly string[] = [
  ...POLICY_ANNOTATIONS,
  'microsoft.containerinstance.virtualnode.ccepolicy',
];

/** What is known of an image after looking it up. */
export interface LookedUpImage {
  /** Digest of the manifest or index that the reference names now. */
  readonly digest: string;
}

export interface AuditResult {
  readonly file: string;
  readonly policies: readonly {
    readonly workload?: string;
    readonly where: string;
    readonly measurement: string;
  }[];
  /** All rules that were applied. */
  readonly rules: readonly AuditRule[];
  /** Worst first. */
  readonly findings: readonly Finding[];
}

const POLICY_RULES: Readonly<Record<ReviewedPolicy['family'], readonly AuditRule[]>> = {
  cce: CCE_AUDIT_RULES,
  kata: KATA_AUDIT_RULES,
};

/** The rules by which a file is judged, each once: of its manifest, and of the kinds of its policies. */
function rulesFor({ manifest, template, policies }: ReviewInput): readonly AuditRule[] {
  const tables = [
    ...new Set(policies.map(({ family }) => POLICY_RULES[family])),
    ...((manifest ?? template) === undefined ? [] : [MANIFEST_AUDIT_RULES]),
  ];
  const byId = new Map<string, AuditRule>();
  for (const rule of tables.flat()) if (!byId.has(rule.id)) byId.set(rule.id, rule);
  return [...byId.values()];
}

/**
 * The audit of a file. `lookUp` asks for an image; without it images are judged by their names alone. Throws what
 * readReviewInput and `lookUp` throw.
 */
export async function auditInput(
  input: ReviewInput,
  base: ReviewBase,
  lookUp?: (image: string) => Promise<LookedUpImage>,
): Promise<AuditResult> {
  const { file, policies } = input;
  const audit = auditDocument(input);
  const toldImages = new Set(audit.images.map(({ image }) => image));
  const ofPolicies = policies.flatMap((one) => {
    const { workload: subject, where, secrets = new Map<string, never>() } = one;
    const context = { subject, place: parsePlace(where), secrets };
    return one.family === 'cce'
      ? auditCcePolicy(one.policy, { ...base, ...context, toldImages })
      : auditKataPolicy(one.policy, { ...base, ...context, toldImages });
  });
  const images = lookUp === undefined ? [] : await auditImages(audit.images, lookUp);
  return {
    file,
    policies: policies.map(({ workload, where, measurement }) => ({
      ...(workload === '' ? {} : { workload }),
      where,
      measurement,
    })),
    rules: rulesFor(input),
    findings: sortFindings([...images, ...audit.findings, ...ofPolicies]),
  };
}

/** The audit of what carries the policies. Throws POLICY_UNREADABLE for a template without container groups. */
function auditDocument({ file, manifest, template, policies }: ReviewInput): ManifestAudit {
  if (manifest !== undefined) return auditManifest(manifest, file, POLICY_KEYS);
  if (template === undefined) return { findings: [], images: [] };
  const { groups, ...audit } = auditTemplate(template, file);
  if (groups > 0 || policies.length > 0) return { ...audit, images: [] };
  throw new ToolError('POLICY_UNREADABLE', `${file} holds neither a policy nor a container group`, {
    where: file,
    want: 'a template with container groups',
  });
}

type NamedImage = { readonly image: string; readonly at: string };

async function auditImages(
  images: readonly NamedImage[],
  lookUp: (image: string) => Promise<LookedUpImage>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { image, at } of images) {
    const subject = `image ${image}`;
    try {
      const { digest } = await lookUp(image);
      if (mutableTagOf(image) === undefined) continue;
      const message = `the tag stands for ${digest} now`;
      findings.push(manifestFinding({ id: 'image-digest', message, subject, at }));
    } catch (error) {
      if (!(error instanceof ToolError) || error.code !== 'IMAGE_UNSUPPORTED') throw error;
      const id = /schema 1/.test(error.message) ? 'image-version-1' : 'image-unsupported';
      findings.push(manifestFinding({ id, message: error.message, subject, at }));
    }
  }
  return findings;
}

const TONES: Readonly<Record<Severity, Tone>> = {
  critical: 'bad',
  high: 'bad',
  medium: 'warning',
  low: 'muted',
  info: 'muted',
};

/** The page of all findings. */
export function auditPage({ file, findings, policies }: AuditResult): Page {
  const blocks: readonly Block[] = [
    {
      kind: 'facts',
      rows: policies.map(({ workload, where, measurement }) => ({
        label: workload ?? where,
        values: [`measurement ${measurement}`],
      })),
    },
    { kind: 'paragraph', text: summarizeAudit(findings) },
    { kind: 'facts', rows: findings.map(findingFact) },
  ];
  return {
    title: `Audit of ${file}`,
    blocks: blocks.filter((block) => block.kind !== 'facts' || block.rows.length > 0),
  };
}

function findingFact({ id, severity, subject, message, place, path, remedy }: Finding) {
  const about = subject === '' ? '' : `${subject}: `;
  const first: Cell = { text: `${about}${message} [${id}]`, tone: TONES[severity] };
  const where = [printPlace(place), path].filter((part) => part !== undefined && part !== '');
  return {
    label: severity,
    values: [first, `  where:  ${where.join(' ')}`, `  remedy: ${remedy}`],
  };
}

/** One line: how many findings there are of each severity. */
export function summarizeAudit(findings: readonly Finding[]): string {
  const counts = countFindings(findings);
  const words = SEVERITIES.filter((one) => counts[one] > 0).map((one) => `${counts[one]} ${one}`);
  return words.length === 0 ? 'no findings' : words.join(', ');
}

function countFindings(findings: readonly Finding[]): Readonly<Record<Severity, number>> {
  return countBy(findings, SEVERITIES, ({ severity }) => severity);
}

/** The JSON form, `podseal.audit/v1`. */
export function auditJson({ file, policies, findings }: AuditResult): object {
  const summary = countFindings(findings);
  return { format: 'podseal.audit/v1', file, policies, summary, findings };
}
