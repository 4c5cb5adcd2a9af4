/**
 * Requests of Windows guests against a policy (spec aci-framework 13): layers come as mounted CIMs, a user is a name, and
 * there are neither mounts nor privileges to compare.
 */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import { type FailedCheck, shown } from '../../kata/explain/check.js';
import type { CceContainer, CceDocument } from '../cce-document.js';
import {
  type ContainerScope,
  command,
  environment,
  equal,
  execCommand,
  workingDir,
} from './compare-container.js';
import { memberOf, objectsOf, textsOf } from './matching.js';

const REGENERATE = 'then write the policy anew with podseal policy --platform windows/amd64';

/** What a request to create a container fails of this candidate. */
export function compareWindowsCreate(scope: ContainerScope): readonly FailedCheck[] {
  return [...command(scope), ...workingDir(scope), ...environment(scope), ...user(scope)];
}

/** What a command in a running container fails of this candidate. */
export function compareWindowsExec(scope: ContainerScope): readonly FailedCheck[] {
  return [...execCommand(scope), ...workingDir(scope), ...environment(scope), ...user(scope)];
}

function user(scope: ContainerScope): readonly FailedCheck[] {
  return equal(scope, ['user', 'user'], {
    id: 'user',
    message: 'the user is another',
    fix: `set USER of the image to what the container runs as, ${REGENERATE}`,
  });
}

/** What the layers of a request fail of a container: base first in the policy, top first in the request. */
export function compareCims(
  { layers, mounted_cim: cim = [] }: CceContainer,
  input: JsonObject,
  metadata: JsonObject,
): readonly FailedCheck[] {
  const isMounted = memberOf(metadata, 'matches')[String(input.containerID)] !== undefined;
  const fix = `the image is another than the policy's: name it by digest, ${REGENERATE}`;
  const given = textsOf(input.layerHashes).toReversed();
  return [
    ...differing('layers', 'layerHashes', [layers, given], {
      message: 'the layers are others (base first)',
      fix,
    }),
    ...differing('mounted-cim', 'mountedCim', [cim, textsOf(input.mountedCim)], {
      message: 'the mounted file system (CIM) is another',
      fix,
    }),
    ...(isMounted ? [mountedBefore(input)] : []),
  ];
}

function differing(
  id: string,
  path: string,
  [policy, request]: readonly [readonly JsonValue[], readonly JsonValue[]],
  told: Pick<FailedCheck, 'message' | 'fix'>,
): readonly FailedCheck[] {
  if (sameJson(policy, request)) return [];
  return [{ id, path, ...told, policy: shown(policy), request: shown(request), repairs: [] }];
}

function mountedBefore({ containerID }: JsonObject): FailedCheck {
  return {
    id: 'overlay-twice',
    path: 'containerID',
    message: 'layers were mounted for this container before',
    request: shown(containerID),
    fix: 'the host must shut the container down first, or choose another id',
    repairs: [],
  };
}

/** Names of log providers that the policy does not list; case does not count. */
export function compareLogProviders(
  { allowed_log_providers: allowed, flags }: CceDocument,
  { providers }: JsonObject,
): readonly FailedCheck[] {
  if (flags.allow_log_provider_dropping) return [];
  const known = allowed.map((name) => name.toLowerCase());
  const foreign = textsOf(providers).filter((name) => !known.includes(name.toLowerCase()));
  if (foreign.length === 0) return [];
  return [
    {
      id: 'log-provider',
      path: 'providers',
      message: 'log providers are not allowed',
      policy: shown(allowed as readonly JsonValue[]),
      request: shown(foreign as readonly JsonValue[]),
      fix: 'add them to allowed_log_providers of the policy, or take them out of the request',
      repairs: [
        {
          path: ['providers'],
          value: textsOf(providers).filter((name) => !foreign.includes(name)),
        },
      ],
    },
  ];
}

/** Guests compare no value of the registry: a container must only list changes. */
export function compareRegistry(input: JsonObject, metadata: JsonObject): readonly FailedCheck[] {
  const left = objectsOf(memberOf(metadata, 'matches')[String(input.containerID)]);
  if (left.some(({ registry_changes: changes }) => changes !== undefined)) return [];
  return [
    {
      id: 'registry-changes',
      path: 'registryChanges',
      message: 'no container that can be meant lists changes of the registry',
      request: shown(input.registryChanges),
      fix: 'leave the changes out: policies of podseal list none',
      repairs: [],
    },
  ];
}
