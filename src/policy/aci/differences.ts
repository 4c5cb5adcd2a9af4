/**
 * Two CCE policies -> all in which they differ, by meaning: containers are matched by who they are, lists without order
 * compared as sets. Every field of the document is looked at.
 */
import type { Difference } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { sameJson } from '../../core/json-equal.js';
import { allows, forbids, switched } from '../review/compare-values.js';
import {
  type CompareTable,
  comparePart,
  differs,
  type Pair,
  type Report,
  shown,
  wholeContainer,
} from '../review/compare-walk.js';
import { nameOfCceContainer } from './audit-container.js';
import type { CceDocument, CceFlag, CcePoint } from './cce-document.js';
import { CONTAINER_TABLE, compareEnvRules } from './differences-container.js';
import { matchCceContainers } from './match-containers.js';
import { meaningOf } from './meaning.js';
import {
  type EffectivePoint,
  effectivePoints,
  ignoredFields,
  isOpenPoint,
  type PointTable,
} from './points.js';
import type { CceReading } from './read-policy.js';

const POLICY = 'policy';

const FLAG_WORDS: Readonly<Record<CceFlag, string>> = {
  allow_properties_access: 'read properties of the guest',
  allow_dump_stacks: 'dump the stacks of the guest agent',
  allow_runtime_logging: 'read the log of the guest agent',
  allow_host_network: 'give containers the network of the virtual machine',
  allow_environment_variable_dropping: 'have variables dropped that no rule allows',
  allow_unencrypted_scratch: 'provide scratch space that is not encrypted',
  allow_capability_dropping: 'have capabilities dropped that the policy does not name',
  allow_log_provider_dropping: 'have log providers dropped that the policy does not name',
};

const POLICY_TABLE: CompareTable = {
  package: differs('rules', 'the package'),
  api_version: differs('version', 'api_version'),
  framework_version: compareFramework,
  svn: differs('version', 'the svn of the fragment'),
  reason: differs('reason', 'whether denials have reasons'),
  external_processes: allows('external-process', 'a process in the virtual machine'),
  platform_rules: allows('platform-rule', 'a rule for variables and mounts of the platform'),
  transparency_trust_lists: allows('trust-list', 'a trust list'),
  allowed_log_providers: allows('log-provider', 'a log provider'),
  ...Object.fromEntries(
    Object.entries(FLAG_WORDS).map(([flag, words]) => [
      flag,
      switched('request', {
        on: `the host may ${words} now`,
        off: `the host may no longer ${words}`,
        wider: true,
      }),
    ]),
  ),
};

/** What comparing needs to know beside the policies. */
export interface CceCompareOptions {
  readonly points: PointTable;
}

/** All differences of meaning from `before` to `after`; empty for policies that mean the same. */
export function compareCcePolicies(
  before: CceReading,
  after: CceReading,
  { points }: CceCompareOptions,
): readonly Difference[] {
  const found: Difference[] = [];
  const reportTo = (subject: string): Report => {
    return (difference) => found.push({ path: '', ...difference, subject });
  };
  if (before.kind === 'document' && after.kind === 'document') {
    const old = documentSide(before.document, points);
    const fresh = documentSide(after.document, points);
    comparePoints(old.points, fresh.points, reportTo(POLICY));
    compareOthers(old.others, fresh.others, reportTo(POLICY));
    compareDocuments(old.meaning, fresh.meaning, reportTo);
  } else compareCustom(before, after, reportTo(POLICY));
  return found;
}

interface DocumentSide {
  readonly meaning: CceDocument;
  readonly points: Points;
  /** What else is defined: guests do not ask for it, but rules of fragments may. */
  readonly others: ReadonlyMap<string, CcePoint>;
}

function documentSide(document: CceDocument, table: PointTable): DocumentSide {
  const points = effectivePoints(document, table);
  const others = new Map([...document.points].filter(([name]) => !points.has(name)));
  return { meaning: meaningOf(document), points, others };
}

function compareOthers(
  before: DocumentSide['others'],
  after: DocumentSide['others'],
  report: Report,
): void {
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const pair = { before: asValue(before.get(path)), after: asValue(after.get(path)), path };
    differs('unknown-field', `the name ${path}`)(pair, (difference) =>
      report({ path, ...difference }),
    );
  }
}

/** Rules of their own cannot be compared by meaning: their texts differ. */
function compareCustom(before: CceReading, after: CceReading, report: Report): void {
  const told = (reading: CceReading) =>
    reading.kind === 'custom' ? `rules of its own: ${reading.problem}` : 'rules of the framework';
  report({
    kind: after.kind === 'custom' ? 'widened' : 'changed',
    field: 'rules',
    message:
      after.kind === 'custom'
        ? 'the rules are others, and may permit anything'
        : 'the rules are those of the framework now',
    before: told(before),
    after: told(after),
  });
}

function compareDocuments(
  before: CceDocument,
  after: CceDocument,
  reportTo: (subject: string) => Report,
): void {
  compareAllContainers(before, after, reportTo);
  compareFragments(before.fragments, after.fragments, reportTo);
  comparePart(
    { before: restOf(before), after: restOf(after), path: '' },
    POLICY_TABLE,
    reportTo(POLICY),
  );
}

/** What is compared by the table, under the names of the policy text. Typed parts of a document are plain JSON data. */
function restOf(document: CceDocument): JsonValue {
  const { points, containers, fragments, flags, packageName, givesReasons, ...rest } = document;
  return asJson({ package: packageName, ...rest, ...flags, reason: givesReasons });
}

/** Older versions lack fields of containers: guests take defaults for them, which permit more. */
function compareFramework(pair: Pair, report: Report): void {
  const [old, fresh] = [pair.before, pair.after].map((version) =>
    ignoredFields(typeof version === 'string' ? version : undefined),
  ) as [readonly string[], readonly string[]];
  differs('version', 'framework_version')(pair, (difference) => {
    if (old.length === fresh.length) return report(difference);
    const isWider = fresh.length > old.length;
    const [longer, shorter] = isWider ? [fresh, old] : [old, fresh];
    const fields = longer.filter((field) => !shorter.includes(field)).join(', ');
    const words = isWider ? 'guests ignore these fields now' : 'guests heed these fields now';
    const message = `framework_version differs: ${words}: ${fields}`;
    report({ ...difference, kind: isWider ? 'widened' : 'narrowed', message });
  });
}

type Points = ReadonlyMap<string, EffectivePoint>;

/** How far an answer goes; a point that is absent is refused. */
const REACH = { denied: 0, framework: 1, allowed: 2 } as const;

function reachOfPoint(point: EffectivePoint | undefined): keyof typeof REACH {
  if (point === undefined) return 'denied';
  if (point.kind === 'framework') return 'framework';
  return isOpenPoint(point) ? 'allowed' : 'denied';
}

function comparePoints(before: Points, after: Points, report: Report): void {
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [old, fresh] = [before.get(name), after.get(name)];
    if (sameJson(asJson(old ?? null), asJson(fresh ?? null))) continue;
    const step = REACH[reachOfPoint(fresh)] - REACH[reachOfPoint(old)];
    report({
      kind: step > 0 ? 'widened' : step < 0 ? 'narrowed' : 'changed',
      field: 'request',
      message: `${name} is answered otherwise`,
      path: name,
      before: wordsOf(old),
      after: wordsOf(fresh),
    });
  }
}

function wordsOf(point: EffectivePoint | undefined): string {
  if (point === undefined) return 'not at all';
  if (point.kind === 'framework') return `by the rule ${point.rule} of the framework`;
  if (point.kind === 'constant') return `always with ${JSON.stringify(point.value)}`;
  return `not at all, which allows it in a policy of an api_version before ${point.introduced}`;
}

function compareAllContainers(
  before: CceDocument,
  after: CceDocument,
  reportTo: (subject: string) => Report,
): void {
  const { matched, removed, added } = matchCceContainers(before.containers, after.containers);
  const told = [
    ...removed.map((one) => ['removed', one] as const),
    ...added.map((one) => ['added', one] as const),
  ];
  for (const [kind, { data, index }] of told) {
    const report = reportTo(nameOfCceContainer(data, index));
    report(wholeContainer(kind, `containers[${index}]`, data.id, data.command ?? []));
  }
  for (const match of matched) {
    const [old, fresh] = [match.before, match.after].map(({ data, index }) =>
      nameOfCceContainer(data, index),
    ) as [string, string];
    const subject =
      match.before.data.name === match.after.data.name
        ? fresh
        : `${fresh} (was ${old.replace(/^container /, '')})`;
    const pair = {
      before: asJson(match.before.data),
      after: asJson(match.after.data),
      path: `containers[${match.after.index}]`,
    };
    compareEnvRules(match.before.data, match.after.data, pair.path, reportTo(subject));
    comparePart(pair, CONTAINER_TABLE, reportTo(subject));
  }
}

const FRAGMENT_TABLE: CompareTable = {
  minimum_svn: compareFloor,
  includes: allows('fragment', 'a part of the fragment'),
  required_receipts: forbids('fragment', 'the demand for a receipt'),
  parameters: compareParameters,
};

/** Values may be secrets: neither side is told. */
function compareParameters(pair: Pair, report: Report): void {
  differs('fragment', 'a parameter of the fragment')(pair, ({ kind, field, message }) =>
    report({ kind, field, message, path: pair.path }),
  );
}

/** A lower minimum takes more fragments. */
function compareFloor({ before, after, path }: Pair, report: Report): void {
  if (sameJson(before, after)) return;
  const [old, fresh] = [Number(before), Number(after)];
  const kind = fresh < old ? 'widened' : fresh > old ? 'narrowed' : 'changed';
  const message = 'the lowest svn of the fragment differs';
  report({ kind, field: 'fragment', message, path, ...shown(before, after) });
}

/** Imports of one feed and issuer are paired in order. */
function compareFragments(
  before: CceDocument['fragments'],
  after: CceDocument['fragments'],
  reportTo: (subject: string) => Report,
): void {
  const waiting = [...before];
  for (const [i, one] of after.entries()) {
    const path = `fragments[${i}]`;
    const report = reportTo(`fragment ${one.feed}`);
    const index = waiting.findIndex(
      ({ feed, issuer }) => feed === one.feed && issuer === one.issuer,
    );
    const [other] = index === -1 ? [] : waiting.splice(index, 1);
    if (other !== undefined) {
      comparePart({ before: asJson(other), after: asJson(one), path }, FRAGMENT_TABLE, report);
    } else {
      const message = 'the import is new';
      report({
        kind: 'added',
        field: 'fragment',
        message,
        path,
        ...shown(undefined, importOf(one)),
      });
    }
  }
  for (const one of waiting) {
    const path = `fragments[${before.indexOf(one)}]`;
    const message = 'the import is gone';
    const report = reportTo(`fragment ${one.feed}`);
    report({
      kind: 'removed',
      field: 'fragment',
      message,
      path,
      ...shown(importOf(one), undefined),
    });
  }
}

function importOf({ parameters: _, ...entry }: CceDocument['fragments'][number]): JsonValue {
  return asJson(entry);
}

function asValue(point: CcePoint | undefined): JsonValue | undefined {
  return point === undefined ? undefined : asJson(point);
}

function asJson(value: unknown): JsonValue {
  return value as JsonValue;
}
