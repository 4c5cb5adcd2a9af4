/** A policy -> how open it is to the host, as findings. What is not reported was looked at; see `KATA_AUDIT_RULES`. */
import { type Finding, sortFindings } from '../../core/finding.js';
import { type AuditSubject, findingOf } from '../review/audit-hits.js';
import { reachOf } from '../review/patterns.js';
import { SANDBOX_NAME, SANDBOX_NAMESPACE } from './annotations.js';
import { auditContainer } from './audit-container.js';
import { auditRequests } from './audit-requests.js';
import { type Hit, kataRule } from './audit-rules.js';
import { annotationOf, isSandbox } from './match-containers.js';
import type { KataPolicy } from './read-policy.js';
import type { KataSettings } from './settings.js';
import { readStandards } from './standards.js';

export interface KataAuditContext extends AuditSubject {
  /** Names of our rules by the digest of their content. */
  readonly ownRules: ReadonlyMap<string, string>;
  /** The settings of podseal for every guest: values from them are no findings. */
  readonly settings: readonly KataSettings[];
  /** Images whose names are judged elsewhere. */
  readonly toldImages?: ReadonlySet<string>;
}

/** All findings of a policy, worst first. */
export function auditKataPolicy(policy: KataPolicy, context: KataAuditContext): readonly Finding[] {
  const standards = readStandards(context.settings);
  const { toldImages = new Set<string>(), secrets } = context;
  const data = policy.document?.data;
  const containers = data?.containers ?? [];
  const hits = [
    ...auditRequests(policy, standards, context.ownRules),
    ...auditPod(policy),
    ...containers.flatMap((container, index) =>
      data === undefined
        ? []
        : auditContainer({ data: container, index, policy: data, standards, toldImages, secrets }),
    ),
  ];
  return sortFindings(hits.map((hit) => findingOf(hit, kataRule(hit.id), context)));
}

/** What holds for the pod: the same in all of its containers. */
function auditPod({ document }: KataPolicy): readonly Hit[] {
  const index = document?.data.containers.findIndex(isSandbox) ?? -1;
  const sandbox = document?.data.containers[index];
  if (sandbox === undefined) return [];
  const hits: Hit[] = [];
  const path = `containers[${index}].OCI.Annotations`;
  if (annotationOf(sandbox, SANDBOX_NAMESPACE) === '') {
    hits.push({ id: 'namespace-any', message: 'the pod may run in any namespace', path });
  }
  const name = annotationOf(sandbox, SANDBOX_NAME);
  if (name === undefined)
    hits.push({ id: 'pod-name-any', message: 'the pod may have any name', path });
  else if (name.startsWith('^') && reachOf(name) === 'free') {
    const message = `the pod may have any name that matches ${name}`;
    hits.push({ id: 'pod-name-any', message, path, severity: 'low' });
  }
  return hits;
}
