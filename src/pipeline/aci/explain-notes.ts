/** What an explanation leaves open: rules that a policy has of its own, and what guests make of it. */
import type { JsonObject } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { compareSemver } from '../../core/semver.js';
import { CCE_FLAGS, type CceDocument, isWindowsContainer } from '../../policy/aci/cce-document.js';
import type { UnknownPart } from '../../policy/aci/read-known.js';
import { errorsOf } from '../../rego/aci/denial.js';
import type { FrameworkGuest } from '../../rego/aci/guests.js';
import type { CceDecision, CceSession } from '../../rego/aci/session.js';

/** The request that is explained. */
interface Asked {
  readonly point: string;
  readonly input: JsonObject;
}

/** Notes on a refused request; `before` is the state in which it was decided. */
export async function notesOn(
  before: CceSession,
  asked: Asked,
  decision: CceDecision,
  {
    document,
    unknown,
  }: { readonly document: CceDocument; readonly unknown: readonly UnknownPart[] },
): Promise<readonly string[]> {
  const isOwn = unknown.some(({ name }) => name === asked.point);
  return [
    ...notesOnUnknown(asked.point, unknown),
    ...(isOwn && isMissing(decision) ? [NO_ANSWER] : []),
    ...(isOwn ? await frameworkNotes(before, asked) : []),
    ...(decision.verdict === 'deny' && decision.reason === undefined
      ? ['the policy gives no reason: guests then say that it did not provide one']
      : []),
    ...windowsNotes(asked.point, document, before.guest),
  ];
}

const NO_ANSWER =
  'the rule is there, but gives no answer for this request, which guests take for a missing rule';

const isMissing = ({ fault = '' }: CceDecision): boolean =>
  /^rule for \S+ is missing from policy$/.test(fault);

/** Lists that comparisons read. */
const COMPARED: readonly string[] = ['containers', 'external_processes', 'fragments'];
/** What else bears on decisions, whatever is asked. */
const BEARING: readonly string[] = [
  ...['import', 'reason', 'api_version', 'api_svn', 'framework_version', 'framework_svn'],
  ...['platform_rules', 'transparency_trust_lists', 'allowed_log_providers', ...CCE_FLAGS],
];
/** What is not known of the policy, without asking it. */
export function notesOnUnknown(point: string, unknown: readonly UnknownPart[]): readonly string[] {
  const own = unknown.find(({ name }) => name === point);
  const lists = unknown.filter(({ name }) => COMPARED.includes(name));
  const names = unknown.map(({ name }) => name).filter((name) => BEARING.includes(name));
  return [
    ...(own === undefined ? [] : [`${point} is ${own.problem} (${own.where})`]),
    ...lists.map(
      ({ name, problem, where }) => `${name} is not compared: it is ${problem} (${where})`,
    ),
    ...(names.length === 0 ? [] : [`not plain data, and not compared: ${names.join(', ')}`]),
  ];
}

/** What the framework's rule of that name says, which the policy's own rule may ask, or not. */
async function frameworkNotes(
  before: CceSession,
  { point, input }: Asked,
): Promise<readonly string[]> {
  const answer = await before.query(`data.framework.${point}`, input);
  if (answer.kind === 'failed') return [];
  const result = answer.kind === 'value' && isJsonObject(answer.value) ? answer.value : {};
  if (result.allowed === true) {
    return [
      "the framework's rule of that name would allow the request: what refuses it is the policy's own",
    ];
  }
  const asked = { ...input, rule: point };
  const told = await before.query('data.framework.errors', asked);
  const errors = errorsOf(told.kind === 'value' ? { errors: told.value } : undefined) ?? [];
  const why = errors.length === 0 ? 'without a reason' : errors.join('; ');
  return [`the framework's rule of that name would refuse the request too: ${why}`];
}

const ABOUT_CONTAINERS: readonly string[] = [
  ...['mount_cims', 'create_container', 'exec_in_container', 'signal_container_process'],
  ...['registry_changes', 'shutdown_container'],
];

function windowsNotes(
  point: string,
  { containers, framework_version: version }: CceDocument,
  { frameworkVersion }: FrameworkGuest,
): readonly string[] {
  const isOlder = version !== undefined && compareSemver(version, frameworkVersion) === -1;
  const isAbout = containers.some(isWindowsContainer) && ABOUT_CONTAINERS.includes(point);
  if (!isOlder || !isAbout) return [];
  return [
    `guests of framework ${frameworkVersion} read no Windows container of a policy that states framework_version ${version}: they refuse every request about one`,
  ];
}
