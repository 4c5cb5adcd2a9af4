/** Audit of what the host may ask for: rules, request defaults, and settings that apply to all containers. */
import type { JsonValue } from '../../core/json.js';
import { hideSecrets } from '../../core/secret.js';
import { type PatternReach, reachOf, reachOfVariables } from '../review/patterns.js';
import type { Hit, KataAuditId } from './audit-rules.js';
import { findKnownRules, holesOf, isKnownRules } from './known-rules.js';
import type { KataPolicy } from './read-policy.js';
import type { Query } from './read-rules.js';
import {
  defaultsOf,
  describeAnswers,
  execDefaults,
  hostCommands,
  REQUEST_ROWS,
  type RequestDescription,
  textsIn,
} from './requests.js';
import type { KataStandards } from './standards.js';

/** Requests with a finding of their own when they are open. */
const OWN_FINDINGS: Partial<Readonly<Record<Query, KataAuditId>>> = {
  AllowRequestsFailingPolicy: 'allow-all',
  CreateContainerRequest: 'allow-all',
  SetPolicyRequest: 'policy-replaceable',
  ExecProcessRequest: 'exec-any',
  CopyFileRequest: 'copy-file-open',
  ReadStreamRequest: 'stdio-readable',
  WriteStreamRequest: 'stdio-writable',
  UpdateEphemeralMountsRequest: 'debug-setting',
  GetDiagnosticDataRequest: 'debug-setting',
};

/** Hits in the rules and in all data but that of containers. */
export function auditRequests(
  policy: KataPolicy,
  standards: KataStandards,
  ownRules: ReadonlyMap<string, string>,
): readonly Hit[] {
  const isKnown = isKnownRules(policy.rules.sha256, ownRules);
  return [
    ...describeAnswers(policy, isKnown).flatMap(auditOpenRequest),
    ...auditRules(policy, ownRules),
    ...auditExec(policy),
    ...auditCopies(policy, standards),
    ...auditEnvPatterns(policy, standards),
    ...auditSettings(policy, standards),
    ...(policy.document?.unknown ?? []).map(
      ({ path }): Hit => ({ id: 'unknown-field', message: `${path} is not a known field`, path }),
    ),
  ];
}

function auditOpenRequest({ query, state, details, exposure }: RequestDescription): readonly Hit[] {
  const row = REQUEST_ROWS[query];
  if (state !== 'open' || row === undefined) return [];
  const id = OWN_FINDINGS[query] ?? 'request-open';
  const message = `the host may ${row.words}: ${query} is open (${details.join('; ')})`;
  const remedy = UNCHECKED_BY_SOME.includes(query)
    ? { remedy: 'nothing for this guest; others check it (--guest kata-4.1)' }
    : {};
  return [{ id, message, severity: exposure, ...remedy }];
}

/** Requests that the rules of some guests leave open. */
const UNCHECKED_BY_SOME: readonly Query[] = ['UpdateInterfaceRequest', 'UpdateRoutesRequest'];

function auditRules({ rules }: KataPolicy, ownRules: ReadonlyMap<string, string>): readonly Hit[] {
  if (ownRules.has(rules.sha256)) return [];
  const known = findKnownRules(rules.sha256);
  if (known === undefined) {
    return [{ id: 'rules-unknown', message: `no known rules have the SHA-256 ${rules.sha256}` }];
  }
  return holesOf(known.variant).map(({ message, severity }) => ({
    id: 'rules-hole',
    message: `rules of ${known.name}: ${message}`,
    severity,
  }));
}

function auditExec({ document }: KataPolicy): readonly Hit[] {
  if (document === undefined) return [];
  const path = 'request_defaults.ExecProcessRequest';
  const commands = hostCommands(document.data).map(
    (command): Hit => ({
      id: 'exec-allowed',
      message: `the host may run ${command} in any container at any time`,
      path,
    }),
  );
  const patterns = textsIn(execDefaults(document.data).regex).map((pattern): Hit => {
    const isBounded = reachOf(pattern) === 'bounded';
    const shown = hideSecrets(pattern);
    return {
      id: isBounded ? 'exec-allowed' : 'exec-any',
      message: `the host may run commands that match ${shown}${isBounded ? '' : ', which hardly bounds them'}`,
      path: `${path}.regex`,
    };
  });
  return [...commands, ...patterns];
}

function auditCopies({ document }: KataPolicy, standards: KataStandards): readonly Hit[] {
  if (document === undefined) return [];
  const path = ['request_defaults', 'CopyFileRequest'];
  return textsIn(defaultsOf(document.data).CopyFileRequest)
    .filter((pattern) => !standards.isUsualElement(path, pattern))
    .map((pattern) => ({
      id: 'copy-file-open',
      message: `the host may write files to paths that match ${pattern}`,
      path: path.join('.'),
      severity: reachOf(pattern) === 'free' ? 'critical' : 'high',
    }));
}

const ENV_WORDS: Readonly<Record<PatternReach, readonly [Hit['severity'] & string, string]>> = {
  free: ['high', 'lets the host set variables of any name'],
  'free-end': ['medium', 'lets the host set a variable to any value'],
  bounded: ['low', 'is none of the settings of podseal'],
};

function auditEnvPatterns({ document }: KataPolicy, standards: KataStandards): readonly Hit[] {
  if (document === undefined) return [];
  const create = defaultsOf(document.data).CreateContainerRequest;
  const object = create as Readonly<Record<string, JsonValue>>;
  const at = ['request_defaults', 'CreateContainerRequest', 'allow_env_regex'];
  const patterns = textsIn(object.allow_env_regex)
    .filter((pattern) => !standards.isUsualElement(at, pattern))
    .map((pattern) => envHit(reachOfVariables(pattern), `pattern ${pattern}`, at.join('.')));
  const map = Object.entries(
    (object.allow_env_regex_map ?? {}) as Readonly<Record<string, JsonValue>>,
  );
  const named = map.map(([name, value]) => {
    const reach = reachOf(String(value)) === 'bounded' ? 'bounded' : 'free-end';
    return envHit(reach, `pattern ${String(value)} of variable ${name}`, `${at.join('.')}_map`);
  });
  return [...patterns, ...named];
}

function envHit(reach: PatternReach, subject: string, path: string): Hit {
  const [severity, words] = ENV_WORDS[reach];
  return { id: 'env-pattern-open', message: `${hideSecrets(subject)} ${words}`, path, severity };
}

/** Looked at elsewhere, or a matter of choice. */
const OTHER_SETTINGS: readonly string[] = [
  'request_defaults.CreateContainerRequest',
  'request_defaults.CopyFileRequest',
  'request_defaults.ExecProcessRequest',
  'cluster_config.pause_container_image',
  'cluster_config.guest_pull',
  'cluster_config.emptydir_type',
];

function auditSettings({ document }: KataPolicy, standards: KataStandards): readonly Hit[] {
  if (document === undefined) return [];
  const sections = ['common', 'request_defaults', 'sandbox', 'devices', 'cluster_config'];
  const known = new Set(document.unknown.map(({ path }) => path));
  return sections.flatMap((section) =>
    Object.entries((document.json[section] ?? {}) as Readonly<Record<string, JsonValue>>).flatMap(
      ([key, value]): readonly Hit[] => {
        const path = `${section}.${key}`;
        if (OTHER_SETTINGS.includes(path) || known.has(path) || typeof value === 'boolean')
          return [];
        if (standards.isUsual([section, key], value)) return [];
        return [{ id: 'setting-changed', message: `${path} has a value of its own`, path }];
      },
    ),
  );
}
