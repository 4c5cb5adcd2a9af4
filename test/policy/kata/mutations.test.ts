/**
 * Every single change of one value in the requests of a start: each is refused by our rules, or listed here as free with
 * the reason. Where it is refused, the comparison names the changed part.
 */
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import { canonicalJson } from '../../../src/core/json-equal.js';
import { recordOf } from '../../../src/core/record.js';
import { compare } from '../../../src/pipeline/explain.js';
import { findCheckRules } from '../../../src/policy/kata/explain/rules.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import { type StartStep, synthesizeStart } from '../../../src/policy/kata/synthesize.js';
import { findAgentVariant } from '../../../src/rego/guests.js';
import { buildPolicyInput } from '../../../src/rego/policy-input.js';
import { createPolicySession, type PolicySession } from '../../../src/rego/session.js';
import { guestOf } from '../../support/kata-golden.js';
import { fastEngine, goldenPolicies, type MadePolicy } from '../../support/rehearsal.js';

type Path = readonly (string | number)[];
type Change = 'value' | 'less' | 'more' | 'order';

interface Mutation {
  /** What is changed, or taken out. */
  readonly path: Path;
  readonly change: Change;
  /** The changed value and where it stands. */
  readonly at: Path;
  readonly value: JsonValue;
}

/** Every change of one value: list or map with `less` or `more`, list in another `order`, else another `value`. */
function mutationsOf(value: JsonValue, path: Path = []): readonly Mutation[] {
  const here = (change: Change, changed: JsonValue): Mutation => ({
    path,
    change,
    at: path,
    value: changed,
  });
  const less = (part: string | number, changed: JsonValue): Mutation => ({
    path: [...path, part],
    change: 'less',
    at: path,
    value: changed,
  });
  if (typeof value === 'string') {
    return [here('value', `${value}x`), ...(value === '' ? [] : [here('value', '')])];
  }
  if (typeof value === 'number') return [here('value', value + 1)];
  if (typeof value === 'boolean') return [here('value', !value)];
  if (value === null) return [here('value', {})];
  if (Array.isArray(value)) {
    const list: readonly JsonValue[] = value;
    const more = [...list.slice(0, 1), 'x', {}, 7].map((one) => here('more', [...list, one]));
    const fewer = list.map((_, i) => less(i, list.toSpliced(i, 1)));
    const inner = list.flatMap((one, i) => mutationsOf(one, [...path, i]));
    return [...more, ...fewer, here('order', list.toReversed()), ...inner];
  }
  const object = value as JsonObject;
  const fewer = Object.keys(object).map((key) => less(key, without(object, key)));
  const inner = Object.entries(object).flatMap(([key, one]) => mutationsOf(one, [...path, key]));
  return [here('value', null), here('more', { ...object, added: 'y' }), ...fewer, ...inner];
}

const without = (object: JsonObject, key: string) =>
  recordOf(Object.entries(object).filter(([name]) => name !== key));

function changed(value: JsonValue, [part, ...rest]: Path, to: JsonValue): JsonValue {
  if (part === undefined) return to;
  if (Array.isArray(value)) {
    const inner = value[Number(part)] as JsonValue;
    return value.with(Number(part), changed(inner, rest, to));
  }
  const object = value as JsonObject;
  return { ...object, [part]: changed(object[String(part)] ?? null, rest, to) };
}

const valueAt = (value: JsonValue, path: Path) =>
  path.reduce<unknown>((part, key) => (part as Record<string | number, unknown>)[key], value);

/** `OCI.Process.Env[3]`, keys with dots in quotes. */
const textOf = (path: Path) =>
  path
    .map((part) =>
      typeof part === 'number' ? `[${part}]` : /[./]/.test(part) ? `["${part}"]` : `.${part}`,
    )
    .join('')
    .replace(/^\./, '');

interface Free {
  readonly families: string;
  readonly kind: string;
  readonly changes: readonly string[];
  readonly path: RegExp;
  readonly was: RegExp;
  readonly reason: string;
}

/** Families, request, changes, path, old value, reason. */
const TABLE = String.raw`
CVMU CreateContainer value,less          ^OCI\.Hostname$                                            .         a name that the pod may have anyway
CVMU CreateContainer value,less          ^OCI\.Linux\.CgroupsPath$                                  .         groups limit, they permit nothing
CVMU CreateContainer value,less,more     ^OCI\.Linux\.Resources\.(CPU|Memory|HugepageLimits)\b      .         limits permit nothing
CVMU CreateContainer value,less,more     ^OCI\.Process\.(ConsoleSize|Rlimits|OOMScoreAdj|ApparmorProfile)$ . limits permit nothing
CVMU CreateContainer value,less          ^(exec_id|stdin_port|stdout_port|stderr_port)$             .         names of a channel
CVMU CreateContainer value,less          ^container_id$                                             .         a name that the host chooses
CVMU CreateContainer less                ^OCI\.Process\.Env(\[\d+\])?$                              .         variables of the policy may be absent
CVMU CreateContainer order,more          ^OCI\.Process\.Env$                                        .         variables may be repeated, in any order
CVMU CreateContainer value               ^OCI\.Process\.Env\[\d+\]$                                 HOSTNAME= the host name is free
CVMU CreateContainer less                ^OCI\.Mounts(\[\d+\])?$                                    .         mounts of the policy may be absent
CVMU CreateContainer order               ^OCI\.Mounts$                                              .         mounts have no order
CV   CreateContainer more                ^OCI\.Mounts$                                              .         this guest does not count mounts
CVMU CreateContainer order               ^storages$                                                 .         storages have no order
CVMU CreateContainer value,less          ^OCI\.Annotations\["io\.kubernetes\.cri\.(sandbox-(uid|cpu-[a-z]+|memory)|image-name)"\]$ . nothing reads it
U    CreateContainer value,less          ^OCI\.Annotations\["io\.katacontainers\.pkg\.oci\.bundle_path"\]$ . the root path has the id
U    CreateContainer value,less          ^OCI\.Annotations\["io\.kubernetes\.container\.[A-Za-z]+"\]$ .       the policy has a pattern for it
CVMU CreateContainer more,order          ^OCI\.Linux\.(Masked|Readonly)Paths$                       .         more may be hidden, in any order
CV   CreateContainer value,less,more     ^OCI\.Process\.User\.(GID|AdditionalGids)$                 .         this guest reads the user id only
C    CreateContainer more                ^(devices|OCI\.Linux\.Devices)$                            .         this guest does not read devices
C    CreateContainer value,less          ^storages\[\d+\]\.(source|fstype)$                         .         made on the node
V    CreateContainer value,less          ^storages\[\d+\]\.source$                                    [0-9a-f]{4}: the address of the device
MU   CreateContainer more,order          ^OCI\.Process\.User\.AdditionalGids$                       .         groups are a set
U    CreateContainer more,order          ^OCI\.Process\.Capabilities\.[A-Z][a-z]+$                  .         capabilities are a set
VMU  CreateContainer value,less          ^OCI\.Linux\.Sysctl(\["[a-z0-9._]+"\])?$                   .         settings of the policy may be absent
U    CreateContainer order,more          ^OCI\.Mounts\[6\]\.options$                                .         options of the cgroup mount are a set
U    CreateContainer less                ^storages(\[0\])?$                                         .         the guest need not pull an image
U    CreateContainer value,less,more,order ^storages\[0\]\.(source|driver_options)\b                .         the guest pulls any image
CVMU CreateSandbox   value,less,more,order ^(hostname|dns|sandbox_id)\b                             .         names that the host chooses
CVMU CreateSandbox   less,more           ^storages(\[0\])?$                                         .         storages of the policy may be absent or repeated
CVMU CopyFile        value,less          ^(file_size|file_mode|dir_mode|uid|gid|offset)$            .         content and owner are the host's
CVMU CopyFile        value               ^path$                                                     .         the name of the file in its volume is free
CVU  CopyFile        value,less          ^(symlink_src|symlink_target)$                             .         a name in the volume, or no link
M    CopyFile        value,less,more,order ^data\b                                                      .         a name in the volume, or no link
C    UpdateInterface value,less,more,order .?                                                       .         this guest does not look at interfaces
C    UpdateRoutes    value,less,more,order .?                                                       .         this guest does not look at routes
VMU  UpdateInterface value,less,more,order ^interface\.(device|mtu|devicePath|type_|IPAddresses|name|hwAddr)\b . the network is the host's
VMU  UpdateRoutes    value,less,more,order ^routes\.Routes\b                                        .         the network is the host's
U    AddARPNeighbors value,less,more,order ^neighbors\.ARPNeighbors\b                               .         the network is the host's
`;

const FREE: readonly Free[] = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [families = '', kind = '', changes = '', path = '', was = '', ...reason] =
      line.split(/ +/);
    return {
      families,
      kind: `${kind}Request`,
      changes: changes.split(','),
      path: new RegExp(path),
      was: new RegExp(was === '.' ? '' : `^${was}`),
      reason: reason.join(' '),
    };
  });

const FAMILIES: readonly KataFamily[] = ['C', 'V', 'M', 'U'];
/** Parts that the comparison does not name itself: it names what they lead to, or the rules alone refuse them. */
const UNNAMED: readonly (readonly [KataFamily, string])[] = [
  ['V', 'OCI.Annotations["io.katacontainers.pkg.oci.bundle_path"]'],
  ['M', 'OCI.Annotations["io.katacontainers.pkg.oci.bundle_path"]'],
  ['M', 'data'],
];

const CONTAINER = 'CreateContainerRequest';
const KINDS = [
  CONTAINER,
  'CreateSandboxRequest',
  'CopyFileRequest',
  'UpdateInterfaceRequest',
  'UpdateRoutesRequest',
  'AddARPNeighborsRequest',
];

interface Run {
  readonly family: KataFamily;
  readonly made: MadePolicy;
  readonly session: PolicySession;
  readonly used: Set<Free>;
  readonly odd: string[];
}

/** The message as the policy sees it, or undefined for one that the agent cannot read. */
function readMessage(family: KataFamily, { kind }: StartStep, message: JsonValue) {
  try {
    const read = buildPolicyInput(findAgentVariant(guestOf(family).id), kind, message);
    // The map of variables beside a request follows from it.
    return read.kind === 'input' ? ((read.input.base ?? read.input) as JsonObject) : undefined;
  } catch (error) {
    if (error instanceof ToolError && error.code === 'REQUEST_INVALID') return undefined;
    throw error;
  }
}

/** How many changes were refused; those that are allowed without being listed, or refused without being named, go to `odd`. */
function tryAll(step: StartStep, run: Run): number {
  const { family, made, session, used, odd } = run;
  const rules = findCheckRules(guestOf(family).id);
  const base = readMessage(family, step, step.request);
  if (base === undefined) throw new Error(`${step.kind} cannot be read`);
  const plain = canonicalJson(readMessage(family, step, base) ?? null);
  let refused = 0;
  for (const { path, change, at, value } of mutationsOf(base)) {
    const mutated = changed(base, at, value);
    const message = readMessage(family, step, mutated);
    if (message === undefined || canonicalJson(message) === plain) continue;
    const state = session.state.pstate as JsonObject;
    const where = textOf(path);
    if (session.receive(step.kind, mutated).verdict === 'allow') {
      const old = valueAt(base, path);
      const row = FREE.find(
        (one) =>
          one.families.includes(family) &&
          one.kind === step.kind &&
          one.changes.includes(change) &&
          one.path.test(where) &&
          one.was.test(typeof old === 'string' ? old : ''),
      );
      if (row !== undefined) used.add(row);
      else odd.push(`${step.kind} ${where} (${change}) is free: ${JSON.stringify(value)}`);
      continue;
    }
    refused += 1;
    const [nearest] = compare(step.kind, { data: made.data, rules, message, state });
    const paths = nearest?.failed.map((failed) => failed.path) ?? [];
    const isNamed = paths.some((one) => where.startsWith(one) || one.startsWith(where));
    if (!isNamed && !UNNAMED.some(([one, part]) => one === family && where.startsWith(part)))
      odd.push(`${step.kind} ${where} (${change}) is refused, and the comparison says: ${paths}`);
  }
  return refused;
}

describe.each(FAMILIES)('changes of the start under family %s', (family) => {
  const used = new Set<Free>();
  let refused = 0;

  it('are refused or listed, and named by the comparison', { timeout: 300_000 }, async () => {
    const [made] = await goldenPolicies(family, ({ name }) => name === 'volume-empty-dir');
    if (made === undefined) throw new Error('no case volume-empty-dir');
    const session = await createPolicySession(fastEngine(), made.text, guestOf(family).id);
    const steps = synthesizeStart(made.data).filter(({ kind }) => KINDS.includes(kind));
    const odd: string[] = [];
    const links = steps.filter(
      ({ kind, request }) => kind === 'CopyFileRequest' && request.file_mode === 0o120777,
    );
    const rest = steps.filter(({ kind }) => kind !== 'CopyFileRequest');
    for (const step of [...rest, ...links.slice(0, 2)]) {
      expect(session.receive(step.kind, step.request).verdict).toBe('allow');
      refused += tryAll(step, { family, made, session, used, odd });
    }
    expect(odd).toEqual([]);
  });

  it('are more than a thousand that are refused', () => {
    expect(refused).toBeGreaterThan(1000);
  });

  it('use every row of the list', () => {
    const rows = FREE.filter((row) => row.families.includes(family) && !used.has(row));
    expect(rows.map(({ kind, path, reason }) => `${kind} ${path}: ${reason}`)).toEqual([]);
  });
});
