/** Candidates for a denied request, nearest first: containers or processes of the policy with the conditions that they fail. */
import type { JsonObject } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import type { FailedCheck } from '../../kata/explain/check.js';
import { type CceContainer, type CceDocument, isWindowsContainer } from '../cce-document.js';
import {
  type ContainerScope,
  compareCreate,
  compareExec,
  compareExternal,
} from './compare-container.js';
import {
  compareCceRequest,
  compareOverlay,
  notStarted,
  type RequestScope,
} from './compare-request.js';
import {
  compareCims,
  compareLogProviders,
  compareRegistry,
  compareWindowsCreate,
  compareWindowsExec,
} from './compare-windows.js';
import { memberOf, objectsOf } from './matching.js';

export interface CceCandidateReport {
  /** Place among the candidates; -1 for requests about no container. */
  readonly index: number;
  readonly subject: string;
  readonly failed: readonly FailedCheck[];
}

/** All that a comparison looks at. */
export interface CceComparison extends RequestScope {
  readonly point: string;
  readonly defaultMounts: readonly JsonObject[];
  readonly privilegedMounts: readonly JsonObject[];
}

/** The candidates with what each fails, those that fail least first. */
export function rankCandidates(comparison: CceComparison): readonly CceCandidateReport[] {
  const found = reportsOf(comparison);
  return found.toSorted((a, b) => a.failed.length - b.failed.length);
}

function reportsOf(comparison: CceComparison): readonly CceCandidateReport[] {
  const { point, document, input, metadata } = comparison;
  switch (point) {
    case 'create_container':
      return candidatesOf(comparison).map((container, index) => ({
        index,
        subject: subjectOf(container, index, document),
        failed: [
          ...alreadyStarted(comparison, container),
          ...(isWindows(container) ? compareWindowsCreate : compareCreate)(
            scopeOf(comparison, container),
          ),
        ],
      }));
    case 'exec_in_container':
      return candidatesOf(comparison).map((container, index) => ({
        index,
        subject: subjectOf(container, index, document),
        failed: [
          ...notStarted(comparison),
          ...(isWindows(container) ? compareWindowsExec : compareExec)(
            scopeOf(comparison, container),
          ),
        ],
      }));
    case 'signal_container_process':
      return candidatesOf(comparison).map((container, index) => ({
        index,
        subject: subjectOf(container, index, document),
        failed: [...notStarted(comparison), ...compareSignal(container, input)],
      }));
    case 'mount_overlay':
      return document.containers.map((container, index) => ({
        index,
        subject: subjectOf(container as unknown as JsonObject, index),
        failed: compareOverlay(comparison, index),
      }));
    case 'mount_cims':
      return document.containers.map((container, index) => ({
        index,
        subject: subjectOf(container as unknown as JsonObject, index),
        failed: compareCims(container, input, metadata),
      }));
    case 'log_provider':
      return [aboutNone(point, compareLogProviders(document, input))];
    case 'registry_changes':
      return [aboutNone(point, compareRegistry(input, metadata))];
    case 'exec_external':
      return document.external_processes.map((process, index) => ({
        index,
        subject: `external process ${index + 1}`,
        failed: compareExternal(scopeOf(comparison, process as unknown as JsonObject)),
      }));
    default:
      return [aboutNone(point, compareCceRequest(point, comparison) ?? [])];
  }
}

const aboutNone = (subject: string, failed: readonly FailedCheck[]): CceCandidateReport => ({
  index: -1,
  subject,
  failed,
});

const isWindows = (container: JsonObject): boolean =>
  isWindowsContainer(container as unknown as CceContainer);

/** Guests drop names of older policies: the container of the policy that is equal but for them. */
function nameOf(document: CceDocument, container: JsonObject): string | undefined {
  const isAlike = (other: JsonObject) =>
    ALIKE.every((field) => sameJson(other[field], container[field]));
  const all = document.containers as unknown as readonly JsonObject[];
  const [only, ...others] = all.filter(isAlike);
  return only === undefined || others.length > 0 ? undefined : told(only);
}

const ALIKE: readonly string[] = [
  ...['command', 'env_rules', 'layers', 'mounts', 'exec_processes', 'working_dir'],
];

/** Those that the mounted overlay left; all of the policy where none was mounted. */
function candidatesOf({ document, input, metadata }: CceComparison): readonly JsonObject[] {
  const matches = memberOf(metadata, 'matches')[String(input.containerID)];
  const left = objectsOf(matches);
  return left.length > 0 ? left : (document.containers as unknown as readonly JsonObject[]);
}

function scopeOf(comparison: CceComparison, container: JsonObject): ContainerScope {
  const { document, input, metadata, point } = comparison;
  const started = memberOf(memberOf(metadata, 'started'), String(input.containerID));
  return {
    container,
    input,
    matches: comparison.matches,
    defaultMounts: comparison.defaultMounts,
    privilegedMounts: comparison.privilegedMounts,
    shares: memberOf(metadata, 'p9mounts'),
    isPrivileged:
      point === 'create_container' ? input.privileged === true : started.privileged === true,
    dropsVariables: document.flags.allow_environment_variable_dropping,
    dropsCapabilities: document.flags.allow_capability_dropping,
  };
}

function alreadyStarted(
  { input, metadata }: CceComparison,
  container: JsonObject,
): readonly FailedCheck[] {
  const id = String(input.containerID);
  const wasStarted = memberOf(metadata, 'started')[id] !== undefined;
  const isMounted = memberOf(metadata, 'matches')[id] !== undefined;
  if (isMounted && !wasStarted) return [];
  return [
    {
      id: wasStarted ? 'started-before' : 'no-overlay',
      path: 'containerID',
      message: wasStarted
        ? 'a container with this id was created before'
        : `no ${isWindows(container) ? 'layers were' : 'overlay was'} mounted for this container, so no container of the policy can be meant`,
      request: id,
      fix: wasStarted
        ? 'guests never create an id twice: the host must choose another'
        : 'see which layers are refused: the mounts before this request fail already',
      repairs: [],
    },
  ];
}

function compareSignal(container: JsonObject, input: JsonObject): readonly FailedCheck[] {
  const isInit = input.isInitProcess === true;
  const entries = objectsOf(container.exec_processes);
  const entry = entries.find(
    ({ command }) => JSON.stringify(command) === JSON.stringify(input.argList),
  );
  const allowed = isInit ? container.signals : entry?.signals;
  const signals = Array.isArray(allowed) ? allowed : [];
  if (signals.includes(input.signal)) return [];
  return [
    {
      id: 'signal',
      path: 'signal',
      message: isInit
        ? 'the first process may not get this signal'
        : "the command may not get this signal, or is not one of the container's",
      policy: JSON.stringify(signals),
      request: JSON.stringify(input.signal ?? null),
      fix: 'signals of the first process come from STOPSIGNAL of the image, those of commands from execProcesses of a JSON configuration',
      repairs: [],
    },
  ];
}

function subjectOf(container: JsonObject, index: number, document?: CceDocument): string {
  const name =
    told(container) ?? (document === undefined ? undefined : nameOf(document, container));
  return `container ${name ?? index + 1}`;
}

function told({ name, id }: JsonObject): string | undefined {
  return [name, id].find((one) => typeof one === 'string');
}
