/** A CCE policy -> how open it is to the host, as findings (spec aci-framework 5 and 6). See `CCE_AUDIT_RULES`. */
import { type Finding, type Severity, sortFindings } from '../../core/finding.js';
import { hideSecrets } from '../../core/secret.js';
import { isSemver } from '../../core/semver.js';
import { type AuditSubject, findingOf } from '../review/audit-hits.js';
import { auditCceContainers, type ContainersContext } from './audit-container.js';
import { auditExternalProcess, auditFragment, auditPlatformRule } from './audit-parts.js';
import { type CceAuditId, type CceHit, cceRule } from './audit-rules.js';
import { CCE_FLAGS, type CceDocument, type CceFlag } from './cce-document.js';
import {
  type EffectivePoint,
  effectivePoints,
  ignoredFields,
  isOpenPoint,
  POLICY_PACKAGE,
  type PointTable,
} from './points.js';
import type { CceReading } from './read-policy.js';
import { surprisesOf } from './surprises.js';

export interface CceAuditContext extends AuditSubject, ContainersContext {
  readonly points: PointTable;
}

/** All findings of a policy, worst first. */
export function auditCcePolicy(reading: CceReading, context: CceAuditContext): readonly Finding[] {
  const hits =
    reading.kind === 'document' ? auditDocument(reading.document, context) : [ownRules(reading)];
  return sortFindings(
    hits.map((hit) =>
      findingOf({ ...hit, message: hideSecrets(hit.message) }, cceRule(hit.id), context),
    ),
  );
}

function ownRules({ problem }: CceReading & { readonly kind: 'custom' }): CceHit {
  return { id: 'rules-unknown', message: `the policy has rules of its own: ${problem}` };
}

function auditDocument(document: CceDocument, context: CceAuditContext): readonly CceHit[] {
  const points = auditPoints(effectivePoints(document, context.points));
  // Where the host may do anything the rest of the policy is of no account.
  if (points.some(({ id }) => id === 'allow-all')) return points;
  return [
    ...points,
    ...auditVersions(document),
    ...auditFlags(document),
    ...auditCceContainers(document.containers, context),
    ...document.external_processes.flatMap(auditExternalProcess),
    ...document.platform_rules.flatMap(auditPlatformRule),
    ...document.fragments.flatMap(auditFragment),
    ...auditEmptiness(document),
    ...surprisesOf(document).map(({ message, where, code }) => ({
      id: code.startsWith('pattern-') ? ('env-pattern-open' as const) : ('guest-surprise' as const),
      message,
      ...(where === undefined ? {} : { part: where }),
    })),
  ];
}

/** Points whose constant answer lets the host run what it likes. */
const RUNNING: readonly string[] = ['create_container', 'mount_overlay', 'mount_device'];
/** Points that run or load something without any check of the framework. */
const GRAVE: readonly string[] = [
  ...RUNNING,
  'exec_in_container',
  'exec_external',
  'load_fragment',
  'rw_mount_device',
  'scratch_mount',
];

function auditPoints(points: ReadonlyMap<string, EffectivePoint>): readonly CceHit[] {
  const open = [...points].filter(([, point]) => isOpenPoint(point));
  if (RUNNING.every((name) => open.some(([other]) => other === name))) {
    const message = 'the policy allows requests without looking at them: the host may run anything';
    return [{ id: 'allow-all', message, path: 'create_container' }];
  }
  const strange = [...points].flatMap(([name, point]): readonly CceHit[] => {
    if (point.kind !== 'framework' || point.rule === name) return [];
    const message = `${name} is decided by the rule ${point.rule} of another request`;
    return [{ id: 'rules-unknown', message, path: name }];
  });
  return [
    ...open.map(([name, point]): CceHit => {
      const severity: Severity = GRAVE.includes(name) ? 'critical' : 'medium';
      const why =
        point.kind === 'default'
          ? `: the policy does not define it, and its api_version is before ${point.introduced}`
          : '';
      const message = `the host may send ${name} with any content${why}`;
      return { id: 'request-open', message, path: name, severity };
    }),
    ...strange,
  ];
}

/** Versions that make guests read less of the policy than stands in it. */
function auditVersions(document: CceDocument): readonly CceHit[] {
  const { packageName, api_version: api, framework_version: framework, containers } = document;
  const hits: CceHit[] = [];
  const versions = {
    ...(packageName === POLICY_PACKAGE ? { api_version: api } : {}),
    framework_version: framework,
  };
  for (const [path, version] of Object.entries(versions)) {
    if (version !== undefined && isSemver(version)) continue;
    const told = version === undefined ? 'there is no version' : `${version} is no version`;
    hits.push({ id: 'nothing-allowed', message: `no container can start: ${told}`, path });
  }
  const ignored = ignoredFields(framework).filter((field) =>
    containers.some((one) => one[field] !== undefined),
  );
  if (ignored.length > 0) {
    const message = `guests ignore ${ignored.join(', ')} of the containers: framework_version ${framework} does not have them yet`;
    hits.push({ id: 'fields-ignored', message, path: 'framework_version' });
  }
  return hits;
}

interface FlagRow {
  readonly id: CceAuditId;
  readonly message: string;
  readonly severity?: Severity;
}

/** Flags that generated policies leave off. */
const FLAGS: Readonly<Partial<Record<CceFlag, FlagRow>>> = {
  allow_dump_stacks: {
    id: 'debug-setting',
    message: 'the host may dump the stacks of the guest agent',
    severity: 'medium',
  },
  allow_runtime_logging: {
    id: 'debug-setting',
    message: 'the host may read the log of the guest agent',
    severity: 'medium',
  },
  allow_host_network: {
    id: 'host-network-allowed',
    message: 'containers may use the network of the virtual machine',
  },
  allow_unencrypted_scratch: {
    id: 'storage-unencrypted',
    message: 'the host may provide scratch space that is not encrypted',
  },
  allow_log_provider_dropping: {
    id: 'log-dropping-allowed',
    message: 'log providers that the policy does not name are dropped without a denial',
  },
};

/** Flags that generated policies set, and what the host may do by them. */
const DEFAULT_FLAGS: Readonly<Partial<Record<CceFlag, string>>> = {
  allow_properties_access: 'read properties of the guest, such as its processes',
  allow_environment_variable_dropping: 'start containers without variables that it wrote otherwise',
  allow_capability_dropping: 'start containers with fewer capabilities',
};

function auditFlags({ flags }: CceDocument): readonly CceHit[] {
  const set = CCE_FLAGS.filter((flag) => flags[flag]);
  const usual = set.filter((flag) => DEFAULT_FLAGS[flag] !== undefined);
  const defaults: CceHit = {
    id: 'generator-defaults',
    message: `the host may ${usual.map((flag) => DEFAULT_FLAGS[flag]).join('; ')}`,
    path: usual.join(', '),
  };
  return [
    ...set.flatMap((flag) => {
      const row = FLAGS[flag];
      return row === undefined ? [] : [{ ...row, path: flag }];
    }),
    ...(usual.length === 0 ? [] : [defaults]),
  ];
}

function auditEmptiness({ containers, fragments }: CceDocument): readonly CceHit[] {
  const imports = fragments.some(({ includes }) =>
    includes.some((part) => part === 'containers' || part === 'namespace'),
  );
  if (containers.length > 0 || imports) return [];
  return [
    {
      id: 'nothing-allowed',
      message: 'no container can start: the policy names none',
      path: 'containers',
    },
  ];
}
