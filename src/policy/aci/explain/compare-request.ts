/** Requests that are about no single container's process: devices, overlays, scratch space, switches, fragments. */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { type FailedCheck, shown } from '../../kata/explain/check.js';
import type { CceDocument, CceFlag, CceFragmentEntry } from '../cce-document.js';
import { memberOf, type PatternMatcher, textsOf } from './matching.js';

export interface RequestScope {
  readonly document: CceDocument;
  readonly input: JsonObject;
  /** State of the guest. */
  readonly metadata: JsonObject;
  readonly matches: PatternMatcher;
}

type Comparison = (scope: RequestScope) => readonly FailedCheck[];

const IMAGE =
  "the image is another than the policy's (a tag that moved): name it by digest, then write the policy anew with podseal policy";

const FLAGS: Readonly<Record<string, readonly [flag: CceFlag, fix: string]>> = {
  get_properties: ['allow_properties_access', 'policies of podseal set it'],
  dump_stacks: ['allow_dump_stacks', 'write the policy with --debug-mode'],
  runtime_logging: ['allow_runtime_logging', 'write the policy with --debug-mode'],
  host_network: ['allow_host_network', 'write the line into the policy, and measure it again'],
};

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  mount_device: (scope) => [...unknownHash(scope), ...takenTarget(scope), ...wrongTarget(scope)],
  rw_mount_device: (scope) => [
    ...unencrypted(scope),
    ...filesystem(scope),
    ...takenTarget(scope),
    ...wrongTarget(scope),
  ],
  unmount_device: (scope) => absent(scope, 'devices', 'no read-only device is mounted there'),
  rw_unmount_device: (scope) => absent(scope, 'rw_devices', 'no writable device is mounted there'),
  unmount_overlay: (scope) => absent(scope, 'overlayTargets', 'no overlay is mounted there'),
  scratch_mount: (scope) => [...unencrypted(scope), ...takenScratch(scope)],
  scratch_unmount: (scope) => absent(scope, 'scratch_mounts', 'no scratch space is there'),
  plan9_mount: (scope) => taken(scope, 'p9mounts', 'a share is mounted there already'),
  plan9_unmount: (scope) => absent(scope, 'p9mounts', 'no share is mounted there'),
  shutdown_container: notStarted,
  load_fragment: fragment,
};

/** What a request fails; undefined for a point of which nothing is known. */
export function compareCceRequest(
  point: string,
  scope: RequestScope,
): readonly FailedCheck[] | undefined {
  const flag = FLAGS[point];
  if (flag !== undefined) return switchedOff(flag, scope);
  return COMPARISONS[point]?.(scope);
}

/** Container ids must have been started before anything else happens to them. */
export function notStarted({ input, metadata }: RequestScope): readonly FailedCheck[] {
  const id = String(input.containerID);
  if (memberOf(metadata, 'started')[id] !== undefined) return [];
  return [
    failed('not-started', 'containerID', {
      message: 'the container was not created before',
      request: shown(id),
      fix: 'put the requests that create it in front of this one',
    }),
  ];
}

function switchedOff(
  [flag, fix]: readonly [flag: CceFlag, fix: string],
  { document }: RequestScope,
): readonly FailedCheck[] {
  if (document.flags[flag]) return [];
  return [failed('switch', '', { message: `${flag} is off`, policy: 'false', fix })];
}

function unknownHash({ document, input }: RequestScope): readonly FailedCheck[] {
  const known = document.containers.flatMap(({ layers }) => layers);
  const { deviceHash } = input;
  if (typeof deviceHash === 'string' && known.includes(deviceHash)) return [];
  const isEmpty = deviceHash === '';
  return [
    failed('layer', 'deviceHash', {
      message: isEmpty
        ? 'the device has no dm-verity root hash'
        : 'no layer of the policy has this root hash',
      policy: `${new Set(known).size} layers of ${document.containers.length} containers`,
      request: shown(deviceHash),
      fix: isEmpty ? 'the host must mount layers with dm-verity' : IMAGE,
    }),
  ];
}

function takenTarget(scope: RequestScope): readonly FailedCheck[] {
  const message = 'a device is mounted there already';
  const found = [taken(scope, 'devices', message), taken(scope, 'rw_devices', message)].flat();
  return found.slice(0, 1);
}

function takenScratch(scope: RequestScope): readonly FailedCheck[] {
  return taken(scope, 'scratch_mounts', 'scratch space is there already');
}

function taken(
  { input, metadata }: RequestScope,
  name: string,
  message: string,
): readonly FailedCheck[] {
  if (memberOf(metadata, name)[String(input.target)] === undefined) return [];
  const fix = 'the host must choose another target, or unmount what is there';
  return [failed('target-taken', 'target', { message, request: shown(input.target), fix })];
}

function wrongTarget({ input, matches }: RequestScope): readonly FailedCheck[] {
  const { target, mountPathRegex: pattern } = input;
  const isText = typeof target === 'string' && typeof pattern === 'string';
  if (isText && matches(pattern, target)) return [];
  return [
    failed('target', 'target', {
      message: 'the target is not where the guest mounts such devices',
      policy: shown(pattern),
      request: shown(target),
      fix: 'the host must choose another target',
    }),
  ];
}

function absent(
  { input, metadata }: RequestScope,
  name: string,
  message: string,
): readonly FailedCheck[] {
  if (memberOf(metadata, name)[String(input.unmountTarget)] !== undefined) return [];
  const fix = 'the host must name the target of an earlier mount';
  return [
    failed('not-mounted', 'unmountTarget', { message, request: shown(input.unmountTarget), fix }),
  ];
}

function unencrypted({ document, input }: RequestScope): readonly FailedCheck[] {
  if (input.encrypted === true || document.flags.allow_unencrypted_scratch) return [];
  return [
    failed('encryption', 'encrypted', {
      message: 'the scratch space is not encrypted',
      policy: 'encrypted',
      request: shown(input.encrypted),
      fix: 'the host must ask for encryption; allow_unencrypted_scratch would let it read the data',
    }),
  ];
}

function filesystem({ input }: RequestScope): readonly FailedCheck[] {
  const isKnown = input.filesystem === 'ext4' || input.filesystem === 'xfs';
  const fix = 'the host must ask for ext4 or xfs and for its creation';
  return [
    ...(isKnown
      ? []
      : [
          failed('filesystem', 'filesystem', {
            message: 'the file system is not one of those for scratch disks',
            policy: 'ext4 or xfs',
            request: shown(input.filesystem),
            fix,
          }),
        ]),
    ...(input.ensureFilesystem === true
      ? []
      : [
          failed('filesystem', 'ensureFilesystem', {
            message: 'the disk would not be formatted anew',
            fix,
          }),
        ]),
  ];
}

/** One entry of the policy must name the fragment, with a version that is not newer. */
function fragment({ document, input }: RequestScope): readonly FailedCheck[] {
  const ofIssuer = document.fragments.filter(({ issuer }) => issuer === input.issuer);
  const ofFeed = ofIssuer.filter(({ feed }) => feed === input.feed);
  if (ofIssuer.length === 0) return [unknownSigner('issuer', document.fragments, input)];
  if (ofFeed.length === 0) return [unknownSigner('feed', ofIssuer, input)];
  const minima = ofFeed.map(({ minimum_svn: minimum }) => minimum);
  const receipts = ofFeed.flatMap(({ required_receipts: required = [] }) => required);
  return [
    failed('svn', 'header_svn', {
      message: "the fragment has a security version below the policy's, or none",
      policy: `at least ${minima.join(' or ')}`,
      request: shown(input.header_svn ?? undefined),
      fix: 'publish the fragment with a higher svn, or import it with a lower minimum_svn, then write the policy anew',
    }),
    ...(receipts.length === 0
      ? []
      : [
          failed('receipt', 'receipts', {
            message: 'a required receipt may be missing',
            policy: shown(receipts as readonly JsonValue[]),
            request: shown(input.receipts),
            fix: 'attach the receipts of these ledgers, and load a trust list with their keys first',
          }),
        ]),
  ];
}

function unknownSigner(
  key: 'issuer' | 'feed',
  entries: readonly CceFragmentEntry[],
  input: JsonObject,
): FailedCheck {
  const known = [...new Set(entries.map((entry) => entry[key]))];
  return failed(key, key, {
    message: `the policy imports no fragment of this ${key}`,
    policy: known.length === 0 ? 'no fragments' : shown(known as readonly JsonValue[]),
    request: shown(input[key]),
    fix: 'import the fragment (podseal fragment import), then write the policy anew',
  });
}

/** Candidates for an overlay: containers, with what differs in their layers. */
export function compareOverlay(
  { document, input, metadata }: RequestScope,
  index: number,
): readonly FailedCheck[] {
  const layers = document.containers[index]?.layers ?? [];
  const devices = memberOf(metadata, 'devices');
  const given = textsOf(input.layerPaths)
    .map((path) => devices[path])
    .toReversed();
  const differing = layers.findIndex((layer, i) => given[i] !== layer);
  const isMounted = memberOf(metadata, 'matches')[String(input.containerID)] !== undefined;
  const found: FailedCheck[] = [];
  if (isMounted) {
    const fix = 'the host must shut the container down first, or choose another id';
    const message = 'an overlay was mounted for this container before';
    found.push(
      failed('overlay-twice', 'containerID', { message, request: shown(input.containerID), fix }),
    );
  }
  if (given.length !== layers.length || differing >= 0) {
    found.push(
      failed('layers', 'layerPaths', {
        message:
          given.length === layers.length
            ? `layer ${differing + 1} (of ${layers.length}, base first) is another`
            : 'the number of layers is another',
        policy: shown(layers as readonly JsonValue[]),
        request: shown(given.map((hash) => hash ?? 'no device')),
        fix: IMAGE,
      }),
    );
  }
  return found;
}

function failed(
  id: string,
  path: string,
  told: Pick<FailedCheck, 'message' | 'fix'> & Partial<Pick<FailedCheck, 'policy' | 'request'>>,
): FailedCheck {
  return { id, path, ...told, repairs: [] };
}
