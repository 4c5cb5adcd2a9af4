/**
 * A CreateContainerRequest against each container of a policy: which conditions fail, in the order of the specification
 * (spec kata-policy-rules section 9; 12 for other guests). Says why, never whether: that is for the policy itself.
 */
import type { JsonObject } from '../../../core/json.js';
import type { KataPolicyData } from '../data.js';
import { subjectOf } from '../synthesize.js';
import {
  ANNOTATIONS,
  BUNDLES,
  type ContainerNames,
  chooseNames,
  containerNames,
} from '../synthesize-names.js';
import type { Check, CheckScope, FailedCheck } from './check.js';
import {
  checkAnnotations,
  checkContainerName,
  checkContainerType,
  checkNamespace,
  checkSandboxId,
  checkSandboxName,
  checkSandboxPlaces,
} from './check-identity.js';
import {
  checkDevices,
  checkHiddenPaths,
  checkLinuxDevices,
  checkNamespaces,
  checkProcessNamespace,
  checkSysctls,
  checkVersion,
} from './check-linux.js';
import { checkBundle, checkMounts, checkRoot } from './check-mounts.js';
import {
  checkArguments,
  checkCapabilities,
  checkEnvironment,
  checkProcessFields,
  checkUser,
} from './check-process.js';
import { checkRequest } from './check-request.js';
import { checkState } from './check-state.js';
import { checkStorages } from './check-storages.js';
import type { CheckRules } from './rules.js';
import { objectOf, textOf } from './view.js';

/** One container of the policy, and what of the request it does not allow. */
export interface Candidate {
  /** Index in the policy document. */
  readonly index: number;
  /** `sandbox` or `container NAME`. */
  readonly subject: string;
  readonly failed: readonly FailedCheck[];
}

/** What a request is compared with. */
export interface Comparison {
  readonly data: KataPolicyData;
  readonly rules: CheckRules;
  /** The request with every field present; not wrapped. */
  readonly message: JsonObject;
  /** `pstate`. */
  readonly state: JsonObject;
}

const CHECKS: readonly Check[] = [
  checkRequest,
  checkProcessNamespace,
  checkNamespace,
  checkVersion,
  checkAnnotations,
  checkContainerName,
  checkContainerType,
  checkSandboxName,
  checkSandboxId,
  checkSandboxPlaces,
  checkArguments,
  checkProcessFields,
  checkUser,
  checkEnvironment,
  checkCapabilities,
  checkBundle,
  checkRoot,
  checkMounts,
  checkStorages,
  checkDevices,
  checkNamespaces,
  checkHiddenPaths,
  checkLinuxDevices,
  checkSysctls,
  checkState,
];

/** Every container of the policy, the one that fails least first; one of the request's own name before all others. */
export function compareContainers(comparison: Comparison): readonly Candidate[] {
  const { data } = comparison;
  const candidates = data.containers.map((container, index) => {
    const scope = scopeOf(comparison, index);
    const failed = scope === undefined ? [] : CHECKS.flatMap((check) => check(scope));
    return { index, subject: subjectOf({ container }), failed };
  });
  return rank(refuseTwins(candidates));
}

/** Where the request fits several containers, the rules cannot say for which of them it is. */
function refuseTwins(candidates: readonly Candidate[]): readonly Candidate[] {
  const fitting = candidates.filter(({ failed }) => failed.length === 0);
  if (fitting.length < 2) return candidates;
  const twins: FailedCheck = {
    id: 'two-containers',
    path: '',
    message: `the request fits ${fitting.length} containers of the policy, so that the rules cannot tell which it is`,
    policy: fitting.map(({ subject, index }) => `${subject} at ${index}`).join(' and '),
    fix: 'give each container of the pod a name of its own and write the policy again',
    repairs: [],
  };
  return candidates.map((one) => (fitting.includes(one) ? { ...one, failed: [twins] } : one));
}

/** What checks look at for the container at `index`. */
export function scopeOf(comparison: Comparison, index: number): CheckScope | undefined {
  const container = comparison.data.containers[index];
  if (container === undefined) return undefined;
  const made = containerNames(chooseNames(comparison.data), index);
  return { ...comparison, container, index, names: namesOf(comparison, made), made };
}

/** Fewest failures first, but a container of another name or type last. */
export function rank(candidates: readonly Candidate[]): readonly Candidate[] {
  const isOther = ({ failed }: Candidate) =>
    failed.some(({ id }) => id === 'container-name' || id === 'container-type') ? 1 : 0;
  return candidates.toSorted(
    (a, b) => isOther(a) - isOther(b) || a.failed.length - b.failed.length || a.index - b.index,
  );
}

const ANY_ID = /^[a-z0-9][a-z0-9.-]*$/;
const LONG_ID = /^[a-z0-9]{64}$/;
const ROOT_ID = /\/([0-9a-f]{64}|[a-z0-9][a-z0-9.-]*)\/rootfs$/;

/** Names of the request where they are such names; else made up. */
function namesOf({ message, rules }: Comparison, made: ContainerNames): ContainerNames {
  const annotations = objectOf(objectOf(message.OCI).Annotations);
  const named = (key: string, form: RegExp, other: string) => {
    const value = textOf(annotations[key]);
    return form.test(value) ? value : other;
  };
  const bundle = textOf(annotations[ANNOTATIONS.bundlePath]).replaceAll(`${BUNDLES}/`, '');
  const root = ROOT_ID.exec(textOf(objectOf(objectOf(message.OCI).Root).Path))?.[1];
  const own = LONG_ID.exec(textOf(message.container_id))?.[0];
  const form = rules.pairsMounts ? ANY_ID : LONG_ID;
  const id = rules.bundle === 'root-path' ? root : form.exec(bundle)?.[0];
  return {
    ...made,
    sandboxId: named(ANNOTATIONS.sandboxId, LONG_ID, made.sandboxId),
    sandboxName: named(ANNOTATIONS.sandboxName, /^[a-z0-9][a-z0-9.-]*$/, made.sandboxName),
    namespace: named(ANNOTATIONS.sandboxNamespace, /^[a-z0-9][a-z0-9-]*$/, made.namespace),
    podUid: named(ANNOTATIONS.sandboxUid, /^[0-9a-f-]{36}$/, made.podUid),
    containerId: id ?? own ?? made.containerId,
  };
}
