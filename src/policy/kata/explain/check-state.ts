/** What earlier requests have pinned (spec kata-policy-rules section 4): a sandbox has one name, namespace and network. */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { ANNOTATIONS } from '../synthesize-names.js';
import { type Check, type CheckScope, type FailedCheck, pathText, shown } from './check.js';
import { listOf, objectOf, textOf } from './view.js';

/** Index of the container that runs under an id; rules keep it under the id or under one with a prefix. */
export function boundContainer(state: JsonObject, id: string): number | undefined {
  const index = state[`container:${id}`] ?? state[id];
  return typeof index === 'number' ? index : undefined;
}

export const checkState: Check = (scope) => {
  const { message, state, index } = scope;
  const annotations = objectOf(objectOf(message.OCI).Annotations);
  const networks = listOf(objectOf(objectOf(message.OCI).Linux).Namespaces)
    .map(objectOf)
    .filter(({ Type }) => Type === 'network');
  const id = textOf(message.container_id);
  const bound = boundContainer(state, id);
  const name = annotations[ANNOTATIONS.sandboxName];
  return [
    ...pinned('sandbox_name', name, scope, ['OCI', 'Annotations', ANNOTATIONS.sandboxName]),
    ...pinned('namespace', annotations[ANNOTATIONS.sandboxNamespace], scope, [
      'OCI',
      'Annotations',
      ANNOTATIONS.sandboxNamespace,
    ]),
    ...pinnedNetwork(
      networks.map(({ Path }) => textOf(Path)),
      scope,
    ),
    ...(/[/~]/.test(id)
      ? [failure('container id', 'an id without / and ~', shown(id), ['container_id'])]
      : []),
    ...(bound !== undefined && bound !== index
      ? [failure('container id', `container ${bound}`, `container ${index}`, ['container_id'])]
      : []),
  ];
};

function pinned(
  key: string,
  given: JsonValue | undefined,
  { state }: CheckScope,
  path: readonly string[],
): readonly FailedCheck[] {
  if (!Object.hasOwn(state, key) || state[key] === given) return [];
  const value = state[key] ?? null;
  return [{ ...failure(key, shown(value), shown(given), path), repairs: [{ path, value }] }];
}

/** Several networks are never allowed. */
function pinnedNetwork(paths: readonly string[], { state }: CheckScope): readonly FailedCheck[] {
  const key = 'network_namespace';
  const given = paths[0] ?? '';
  if (paths.length < 2 && (!Object.hasOwn(state, key) || state[key] === given)) return [];
  return [failure(key, shown(state[key]), shown(paths), ['OCI', 'Linux', 'Namespaces'])];
}

function failure(
  what: string,
  policy: string,
  request: string,
  path: readonly string[],
): FailedCheck {
  return {
    id: 'state',
    path: pathText(path),
    message: `${what.replaceAll('_', ' ')} is not that of the earlier requests of this sandbox`,
    policy,
    request,
    fix: 'nothing in the YAML: all containers of a pod must be started in one sandbox, each under an id of its own',
    repairs: [],
  };
}
