/**
 * A CCE policy as guests take it (spec aci-framework 5): what has no order is put in order, what may be repeated stands
 * once, what is absent has its default. Two policies with one meaning get one document.
 */
import type { JsonValue } from '../../core/json.js';
import { canonicalJson } from '../../core/json-equal.js';
import { withoutAbsent } from '../../core/record.js';
import type {
  CceCapabilities,
  CceContainer,
  CceDocument,
  CceEnvRule,
  CceMount,
  CceUser,
} from './cce-document.js';

/** The document in its one form. Containers and imports stay in their order, since messages name them by it. */
export function meaningOf(document: CceDocument): CceDocument {
  const {
    containers,
    external_processes: processes,
    fragments,
    platform_rules: rules,
    transparency_trust_lists: lists,
  } = document;
  return {
    ...document,
    containers: containers.map(meaningOfContainer),
    external_processes: processes.map((one) => ({ ...one, env_rules: envOf(one.env_rules) })),
    fragments: fragments.map(({ required_receipts: receipts, ...one }) => ({
      ...one,
      minimum_svn: String(one.minimum_svn),
      includes: setOf(one.includes),
      ...(receipts === undefined || receipts.length === 0
        ? {}
        : { required_receipts: setOf(receipts) }),
    })),
    platform_rules: rules.map(({ env_rules: env = [], mounts = [] }) => ({
      env_rules: envOf(env),
      mounts: mountsOf(mounts),
    })),
    transparency_trust_lists: lists.map((one) => ({
      ...one,
      minimum_svn: String(one.minimum_svn),
      allowed_ledgers: setOf(one.allowed_ledgers),
    })),
    allowed_log_providers: setOf(document.allowed_log_providers),
  };
}

function meaningOfContainer(container: CceContainer): CceContainer {
  const { mounts, signals, user, capabilities, exec_processes: processes } = container;
  return {
    ...container,
    env_rules: envOf(container.env_rules),
    // A command that stands twice gives two candidates: repetitions count.
    exec_processes: ordered(processes.map((one) => ({ ...one, signals: setOf(one.signals) }))),
    ...withoutAbsent({
      mounts: mounts === undefined ? undefined : mountsOf(mounts),
      signals: signals === undefined ? undefined : setOf(signals),
      user: user === undefined || typeof user === 'string' ? user : userOf(user),
      capabilities: capabilities === null ? null : capabilitiesOf(capabilities),
    }),
  };
}

function envOf(rules: readonly CceEnvRule[]): readonly CceEnvRule[] {
  return setOf(rules.map((rule) => ({ ...rule, required: rule.required === true })));
}

function mountsOf(mounts: readonly CceMount[]): readonly CceMount[] {
  return setOf(mounts.map((mount) => ({ ...mount, options: ordered(mount.options) })));
}

function userOf(user: CceUser): CceUser {
  return { ...user, group_idnames: setOf(user.group_idnames) };
}

/** Lists of capabilities are compared with their lengths: repetitions count. */
function capabilitiesOf(sets: CceCapabilities | undefined): CceCapabilities | undefined {
  if (sets === undefined) return undefined;
  const entries = Object.entries(sets).map(([name, names]) => [name, ordered(names)]);
  return Object.fromEntries(entries) as CceCapabilities;
}

function ordered<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => [canonicalJson(item as JsonValue), item] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, item]) => item);
}

function setOf<T>(items: readonly T[]): readonly T[] {
  const byText = new Map(items.map((item) => [canonicalJson(item as JsonValue), item]));
  return ordered([...byText.values()]);
}
