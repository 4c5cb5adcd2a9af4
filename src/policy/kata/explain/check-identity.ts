/** Which container a request is for (spec kata-policy-rules sections 9.2 to 9.4): annotations, names and types. */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { hideInAssignment } from '../../../core/secret.js';
import { escapeRegex } from '../paths.js';
import { ANNOTATIONS, replacePlaceholders } from '../synthesize-names.js';
import { type Check, type CheckScope, type FailedCheck, type Repair, shown } from './check.js';
import { isFound } from './patterns.js';
import { objectOf, textOf } from './view.js';

const CRI = 'io.kubernetes.cri.';
const GENERATED = '$(generated-name)';

function annotationsOf(message: JsonObject): JsonObject {
  return objectOf(objectOf(message.OCI).Annotations);
}

/** The annotation `key` of the request, and a failure about it. */
function annotationFailure(
  key: string,
  { message }: CheckScope,
  parts: Pick<FailedCheck, 'id' | 'message' | 'fix'> & {
    readonly policy?: string | undefined;
    /** The value that would pass; undefined removes the annotation. */
    readonly repair: string | undefined;
  },
): FailedCheck {
  const path = ['OCI', 'Annotations', key];
  const repair: Repair = parts.repair === undefined ? { path } : { path, value: parts.repair };
  return {
    id: parts.id,
    path: `OCI.Annotations["${key}"]`,
    message: parts.message,
    policy: parts.policy === undefined ? 'nothing' : shown(parts.policy),
    request: shown(annotationsOf(message)[key]),
    fix: parts.fix,
    repairs: [repair],
  };
}

export const checkNamespace: Check = (scope) => {
  const { container, message, rules, made } = scope;
  const key = ANNOTATIONS.sandboxNamespace;
  const wanted = container.OCI.Annotations?.get(key);
  const given = annotationsOf(message)[key];
  const isAny = wanted === '' && rules.anyNamespace && typeof given === 'string';
  if (isAny || (wanted !== undefined && wanted === given)) return [];
  return [
    annotationFailure(key, scope, {
      id: 'namespace',
      message: 'the pod runs in another namespace than the policy allows',
      policy: wanted,
      fix: `set metadata.namespace to ${shown(given)} and write the policy again, or deploy to ${shown(wanted)}`,
      repair: wanted || made.namespace,
    }),
  ];
};

/** Every annotation must be one of the runtime's, of the policy's, or fit a pattern. */
export const checkAnnotations: Check = (scope) => {
  const { container, message } = scope;
  const wanted = container.OCI.Annotations;
  const patterns = [...(container.runtime_anno_patterns ?? [])];
  const fits = (key: string, value: string) =>
    key.startsWith(CRI) ||
    wanted?.has(key) === true ||
    patterns.some(([name, text]) => isFound(name, key) && isFound(text, value));
  return Object.entries(annotationsOf(message)).flatMap(([key, value]) => {
    if (fits(key, textOf(value))) return [];
    const failure = annotationFailure(key, scope, {
      id: 'annotation',
      message: `the policy does not know annotation ${key}`,
      fix: `add ${key} to metadata.annotations of the pod and write the policy again, or remove it`,
      repair: undefined,
    });
    return [{ ...failure, request: shown(hideInAssignment(`${key}=${textOf(value)}`)) }];
  });
};

export const checkContainerName: Check = (scope) => {
  const key = ANNOTATIONS.containerName;
  const wanted = scope.container.OCI.Annotations?.get(key);
  const given = annotationsOf(scope.message)[key];
  if (wanted === given) return [];
  return [
    annotationFailure(key, scope, {
      id: 'container-name',
      message: 'the request is for a container of another name',
      policy: wanted,
      fix:
        wanted === undefined
          ? `add container ${shown(given)} to the pod and write the policy again`
          : `name the container ${shown(given)} in spec.containers and write the policy again, or leave it out`,
      repair: wanted,
    }),
  ];
};

/** The kind of container as containerd and as the runtime call it. */
export const checkContainerType: Check = (scope) => {
  const wanted = scope.container.OCI.Annotations?.get(ANNOTATIONS.containerType);
  const kataType = wanted === 'sandbox' ? 'pod_sandbox' : 'pod_container';
  const given = annotationsOf(scope.message);
  const rows: readonly (readonly [string, string | undefined])[] = [
    [ANNOTATIONS.containerType, wanted],
    [ANNOTATIONS.kataType, kataType],
  ];
  return rows.flatMap(([key, value]) => {
    if (value !== undefined && given[key] === value) return [];
    return [
      annotationFailure(key, scope, {
        id: 'container-type',
        message: 'the request is for a container of another type',
        policy: value,
        fix: 'nothing in the YAML: the runtime on the node sets it',
        repair: value,
      }),
    ];
  });
};

export const checkSandboxName: Check = (scope) => {
  const { container, message, rules, made } = scope;
  const key = ANNOTATIONS.sandboxName;
  const wanted = container.OCI.Annotations?.get(key);
  const given = annotationsOf(message)[key];
  if (typeof given === 'string' && isSandboxName(wanted, given, rules.sandboxName)) return [];
  return [
    annotationFailure(key, scope, {
      id: 'sandbox-name',
      message: 'the pod has another name than the policy allows',
      policy: wanted,
      fix: `set metadata.name to ${shown(given)} and write the policy again, or deploy under the name of the policy`,
      repair: made.sandboxName,
    }),
  ];
};

/** True if the policy takes a pod of that name. */
export function isSandboxName(
  wanted: string | undefined,
  given: string,
  by: CheckScope['rules']['sandboxName'],
): boolean {
  if (wanted === undefined) return true;
  if (by === 'pattern') return isFound(wanted, given);
  return wanted.includes(GENERATED) || wanted === given;
}

export const checkSandboxId: Check = (scope) => {
  const key = ANNOTATIONS.sandboxId;
  const wanted = scope.container.OCI.Annotations?.get(key);
  const given = textOf(annotationsOf(scope.message)[key]);
  if (wanted !== undefined && isFound(wanted, given)) return [];
  const isOwn = wanted?.startsWith('^') !== true;
  return [
    annotationFailure(key, scope, {
      id: 'sandbox-id',
      message: 'the id of the sandbox does not fit the policy',
      policy: wanted,
      fix: isOwn
        ? `remove the annotation ${key} from metadata.annotations and write the policy again`
        : 'nothing in the YAML: the runtime on the node makes the id',
      repair: scope.made.sandboxId,
    }),
  ];
};

/** Two annotations that only the sandbox has. */
export const checkSandboxPlaces: Check = (scope) => {
  const wanted = scope.container.OCI.Annotations;
  const isSandbox = wanted?.get(ANNOTATIONS.containerType) === 'sandbox';
  const { names } = scope;
  const values = {
    'sandbox-name': escapeRegex(names.sandboxName),
    'sandbox-namespace': escapeRegex(names.namespace),
  };
  const log = replacePlaceholders(wanted?.get(ANNOTATIONS.logDirectory) ?? '', values);
  const made = `/var/log/pods/${names.namespace}_${names.sandboxName}_${names.podUid}`;
  const network = wanted?.get(ANNOTATIONS.networkNamespace) ?? '';
  const rows: readonly (readonly [string, string, JsonValue])[] = [
    [ANNOTATIONS.networkNamespace, network, `/var/run/netns/cni-${names.podUid}`],
    [ANNOTATIONS.logDirectory, log, made],
  ];
  return rows.flatMap(([key, pattern, repair]) => {
    const given = annotationsOf(scope.message)[key];
    const fits = isSandbox
      ? pattern !== '' && typeof given === 'string' && isFound(pattern, given)
      : given === undefined && !wanted?.has(key);
    if (fits) return [];
    return [
      annotationFailure(key, scope, {
        id: key === ANNOTATIONS.logDirectory ? 'log-directory' : 'network-namespace',
        message: isSandbox
          ? 'the sandbox has another place on the node'
          : 'only the sandbox has this',
        policy: isSandbox ? pattern : undefined,
        fix:
          wanted?.get(key)?.startsWith('^') || !isSandbox
            ? 'nothing in the YAML: the runtime on the node sets it'
            : `remove the annotation ${key} from metadata.annotations and write the policy again`,
        repair: isSandbox ? String(repair) : undefined,
      }),
    ];
  });
};
