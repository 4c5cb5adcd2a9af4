/**
 * Two policies -> all in which they differ, by meaning: containers are matched by who they are, lists without order
 * compared as sets. Every field of the data is looked at, unknown ones included.
 */
import type { Difference } from '../../core/finding.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { recordOf } from '../../core/record.js';
import { allows, allowsKeys, forbids, grants, masks, switched } from '../review/compare-values.js';
import {
  type Comparator,
  type CompareTable,
  comparePart,
  differs,
  type Report,
  wholeContainer,
} from '../review/compare-walk.js';
import { IMAGE_NAME } from './annotations.js';
import { compareContainers } from './compare-container.js';
import { compareVolumes } from './compare-storages.js';
import { isKnownRules, nameOfRules } from './known-rules.js';
import {
  annotationOf,
  type ContainerMatch,
  type IndexedContainer,
  matchContainers,
  nameOfContainer,
} from './match-containers.js';
import type { KataPolicy } from './read-policy.js';
import { QUERIES, type RuleAnswer } from './read-rules.js';

const POLICY = 'policy';

const CREATE = 'request_defaults.CreateContainerRequest';
const EXEC = 'request_defaults.ExecProcessRequest';

/** `common.image_layer_verification`: `none` leaves the layers unchecked. */
const compareVerification: Comparator = (pair, report) => {
  if (pair.before === pair.after) return;
  const isOff = pair.after === 'none';
  differs('image-layers', 'the verification of image layers')(pair, (difference) =>
    report({
      ...difference,
      kind: isOff ? 'widened' : pair.before === 'none' ? 'narrowed' : 'changed',
    }),
  );
};

function requestSwitch(query: string, words: string): readonly [string, Comparator] {
  const comparator = switched('request', {
    on: `the host may ${words} now`,
    off: `the host may no longer ${words}`,
    wider: true,
  });
  return [`request_defaults.${query}`, comparator];
}

/** Patterns and paths that the rules put into others. */
const SETTINGS = [
  ...['cpath', 'mount_source_cpath', 'root_path', 'sfprefix', 'spath', 'ipv4_a', 'ip_p'],
  ...['svc_name', 'svc_name_downward_env', 'dns_label', 's_source1', 's_source2'],
  ...['dns_subdomain', 'pod_uid', 'smb_storage_classes'],
].map((name) => [`common.${name}`, differs('setting', `the setting common.${name}`)] as const);

const POLICY_TABLE: CompareTable = {
  ...Object.fromEntries(SETTINGS),
  'common.default_caps': grants('capability', 'the default capabilities'),
  'common.privileged_caps': grants('capability', 'the capabilities of privileged containers'),
  'common.virtio_blk_storage_classes': allows('setting', 'a storage class of block devices'),
  'common.image_layer_verification': compareVerification,
  'sandbox.storages': compareVolumes,
  [`${CREATE}.allow_env_regex`]: allows('env-pattern', 'a pattern of variables'),
  [`${CREATE}.allow_env_regex_map`]: allowsKeys('env-pattern', 'the pattern of variable'),
  'request_defaults.CopyFileRequest': allows('copy-file', 'a pattern of paths to copy files to'),
  [`${EXEC}.commands`]: allows('exec', 'a command that the host may run'),
  [`${EXEC}.allowed_commands`]: allows('exec', 'a command that the host may run'),
  [`${EXEC}.regex`]: allows('exec', 'a pattern of commands that the host may run'),
  'request_defaults.UpdateRoutesRequest.forbidden_device_names': forbids('network', 'a device'),
  'request_defaults.UpdateRoutesRequest.forbidden_source_regex': forbids(
    'network',
    'a source of routes',
  ),
  'request_defaults.UpdateInterfaceRequest.allow_raw_flags': masks(
    'network',
    'the mask of interface flags',
  ),
  'request_defaults.UpdateInterfaceRequest.forbidden_names': forbids('network', 'an interface'),
  'request_defaults.UpdateInterfaceRequest.forbidden_hw_addrs': forbids(
    'network',
    'a hardware address',
  ),
  'request_defaults.AddARPNeighborsRequest.forbidden_device_names': forbids('network', 'a device'),
  'request_defaults.AddARPNeighborsRequest.forbidden_cidrs_regex': forbids(
    'network',
    'an address range',
  ),
  'request_defaults.AddARPNeighborsRequest.allowed_states': allows(
    'network',
    'a state of neighbours',
  ),
  ...Object.fromEntries([
    requestSwitch('ReadStreamRequest', 'read the output of containers'),
    requestSwitch('WriteStreamRequest', 'write to the input of containers'),
    requestSwitch('CloseStdinRequest', 'close the input of containers'),
    requestSwitch('UpdateEphemeralMountsRequest', 'change mounts of temporary storage'),
    requestSwitch('GetDiagnosticDataRequest', 'read diagnostic data'),
  ]),
  'devices.vfio.nvidia': differs('device', 'the settings of GPUs'),
  'devices.vfio.device_path': differs('device', 'the path of passed-through devices'),
  'cluster_config.pause_container_image': differs('setting', 'the image of the sandbox container'),
  'cluster_config.guest_pull': differs('setting', 'the setting that the guest pulls images'),
  'cluster_config.emptydir_type': differs('setting', 'the kind of emptyDir volumes'),
  'cluster_config.cgroup_mount_extras_allowed': allows(
    'mount',
    'an option of control group mounts',
  ),
};

/** What comparing needs to know beside the policies. */
export interface CompareOptions {
  /** Names of our own rules by the digest of their content. */
  readonly ownRules: ReadonlyMap<string, string>;
}

/** All differences of meaning from `before` to `after`; empty for policies that mean the same. */
export function compareKataPolicies(
  before: KataPolicy,
  after: KataPolicy,
  options: CompareOptions,
): readonly Difference[] {
  const found: Difference[] = [];
  const reportTo = (subject: string): Report => {
    return (difference) => found.push({ path: '', ...difference, subject });
  };
  compareRules(before, after, options, reportTo(POLICY));
  compareAllContainers(containersOf(before), containersOf(after), reportTo);
  const pair = {
    before: dataWithoutContainers(before),
    after: dataWithoutContainers(after),
    path: '',
  };
  comparePart(pair, POLICY_TABLE, reportTo(POLICY));
  return joinSubjects(found);
}

function compareRules(
  before: KataPolicy,
  after: KataPolicy,
  { ownRules }: CompareOptions,
  report: Report,
): void {
  if (before.rules.sha256 === after.rules.sha256) return;
  const isKnown = isKnownRules(after.rules.sha256, ownRules);
  report({
    kind: isKnown ? 'changed' : 'widened',
    field: 'rules',
    message: isKnown ? 'the rules are others' : 'the rules are others, and may permit anything',
    before: nameOfRules(before.rules.sha256, ownRules),
    after: nameOfRules(after.rules.sha256, ownRules),
  });
  for (const query of QUERIES) {
    const old = before.rules.answers[query];
    const fresh = after.rules.answers[query];
    const step = REACH[fresh] - REACH[old];
    if (step === 0) continue;
    const kind = step > 0 ? 'widened' : 'narrowed';
    report({
      kind,
      field: 'request',
      message: `${query} is answered otherwise`,
      before: old,
      after: fresh,
    });
  }
}

/** How far an answer of rules goes; not to answer refuses as well. */
const REACH: Readonly<Record<RuleAnswer, number>> = { none: 0, denied: 0, checked: 1, allowed: 2 };

function containersOf({ document }: KataPolicy): readonly IndexedContainer[] {
  if (document === undefined) return [];
  const json = document.json.containers as readonly JsonValue[];
  return document.data.containers.map((data, index) => ({
    index,
    data,
    json: json[index] ?? null,
  }));
}

function compareAllContainers(
  before: readonly IndexedContainer[],
  after: readonly IndexedContainer[],
  reportTo: (subject: string) => Report,
): void {
  const { matched, removed, added } = matchContainers(before, after);
  const told = [
    ...removed.map((one) => ['removed', one] as const),
    ...added.map((one) => ['added', one] as const),
  ];
  for (const [kind, one] of told) {
    const image = annotationOf(one.data, IMAGE_NAME);
    const { Args = [] } = one.data.OCI.Process;
    const path = `containers[${one.index}]`;
    reportTo(nameOfContainer(one))(wholeContainer(kind, path, image, Args));
  }
  for (const match of matched) {
    const path = `containers[${match.after.index}]`;
    compareContainers(match.before.json, match.after.json, path, reportTo(subjectOf(match)));
  }
}

function subjectOf({ before, after }: ContainerMatch): string {
  const [old, fresh] = [nameOfContainer(before), nameOfContainer(after)];
  return old === fresh ? fresh : `${fresh} (was ${old.replace(/^container /, '')})`;
}

function dataWithoutContainers({ document }: KataPolicy): JsonObject | undefined {
  if (document === undefined) return undefined;
  return recordOf(Object.entries(document.json).filter(([key]) => key !== 'containers'));
}

/** Differences that are the pod's and so the same in several containers are told once. */
function joinSubjects(differences: readonly Difference[]): readonly Difference[] {
  const joined = new Map<string, Difference & { readonly subjects: readonly string[] }>();
  for (const difference of differences) {
    const { subject, path, ...rest } = difference;
    const ofPod = difference.field === 'pod-name' || difference.field === 'namespace';
    const key = JSON.stringify(ofPod ? rest : [rest, subject, path, joined.size]);
    const known = joined.get(key);
    joined.set(key, { ...(known ?? difference), subjects: [...(known?.subjects ?? []), subject] });
  }
  return [...joined.values()].map(({ subjects, ...difference }) =>
    subjects.length === 1 ? difference : { ...difference, subject: POLICY },
  );
}
