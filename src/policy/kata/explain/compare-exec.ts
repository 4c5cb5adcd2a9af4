/** An ExecProcessRequest against the containers of a policy (spec kata-policy-rules section 10). */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import { hideInWords } from '../../../core/secret.js';
import { execDefaults, showCommand } from '../requests.js';
import { subjectOf } from '../synthesize.js';
import { ANNOTATIONS, chooseNames, containerNames } from '../synthesize-names.js';
import { type CheckScope, type FailedCheck, shown, yamlOf } from './check.js';
import { checkPlainFields, checkUserFields, checkVariables } from './check-process.js';
import { boundContainer } from './check-state.js';
import { type Candidate, type Comparison, rank } from './compare-container.js';
import { isFound } from './patterns.js';
import { listOf, objectOf, textOf, textsOf } from './view.js';

const PROCESS = ['process'];

/** The container that runs under the id, or all where the rules do not bind them; the nearest first. */
export function compareExec(comparison: Comparison): readonly Candidate[] {
  const { data, message, rules, state } = comparison;
  const bound = boundContainer(state, textOf(message.container_id));
  if (rules.bindsExec && bound === undefined) return [unknownContainer(message)];
  const indices = [...data.containers.keys()].filter((i) => !rules.bindsExec || i === bound);
  const candidates = indices.flatMap((index) => {
    const container = data.containers[index];
    if (container === undefined) return [];
    const made = containerNames(chooseNames(data), index);
    const names = { ...made, namespace: textOf(state.namespace) || made.namespace };
    const scope: CheckScope = { ...comparison, container, index, names, made };
    return [{ index, subject: subjectOf({ container }), failed: checkExec(scope) }];
  });
  return rank(candidates).toSorted((a, b) => commandFirst(a) - commandFirst(b));
}

/** A container that knows the command is nearer than one that does not. */
function commandFirst({ failed }: Candidate): number {
  return failed.some(({ id }) => id === 'command') ? 1 : 0;
}

function unknownContainer(message: JsonObject): Candidate {
  const failed: FailedCheck = {
    id: 'container-id',
    path: 'container_id',
    message: 'no container runs under this id',
    policy: 'an id under which a container was created and not removed since',
    request: shown(message.container_id),
    fix: 'give the requests that created the containers in front of this one',
    repairs: [],
  };
  return { index: -1, subject: 'no container', failed: [failed] };
}

function checkExec(scope: CheckScope): readonly FailedCheck[] {
  const process = objectOf(scope.message.process);
  const kind = commandKind(scope, process);
  const plain = checkPlainFields(scope, process, PROCESS).filter(
    ({ id }) => id !== 'terminal' || kind === 'probe',
  );
  return [
    ...checkFixed(scope, process),
    ...(kind === undefined ? [unknownCommand(scope, process)] : []),
    ...plain,
    ...checkUserFields(scope, process, PROCESS),
    ...checkName(scope),
    ...checkPinned(scope),
    ...checkVariables(scope, process, PROCESS),
  ];
}

/** Parts that must be empty: later guests look at more of them. */
function checkFixed({ message, rules }: CheckScope, process: JsonObject): readonly FailedCheck[] {
  const rows: readonly (readonly [readonly string[], JsonValue, JsonValue | undefined])[] = [
    [['process', 'Capabilities'], null, process.Capabilities],
    ...(rules.bindsExec
      ? ([
          [['string_user'], null, message.string_user],
          [['process', 'SelinuxLabel'], '', process.SelinuxLabel],
          [['process', 'ApparmorProfile'], '', process.ApparmorProfile],
        ] as const)
      : []),
  ];
  return rows.flatMap(([path, value, given]) => {
    if (sameJson(value, given)) return [];
    return [
      {
        id: 'request',
        path: path.join('.'),
        message: `${path.at(-1)} is set, which no policy allows`,
        policy: shown(value),
        request: shown(given),
        fix: 'nothing in the YAML asks for it: look at the configuration of the runtime on the node',
        repairs: [{ path, value }],
      },
    ];
  });
}

/** What allows the command: the settings, or a probe or hook of the container. */
function commandKind(
  { container, data }: CheckScope,
  process: JsonObject,
): 'settings' | 'probe' | undefined {
  const words = textsOf(process.Args);
  const { commands, allowed_commands: allowed, regex } = execDefaults(data);
  const isSame = (command: JsonValue | readonly string[]) =>
    typeof command === 'string' ? command === words.join(' ') : sameJson(command, words);
  if ([...listOf(commands), ...listOf(allowed)].some(isSame)) return 'settings';
  if (container.exec_commands.some((command: string | readonly string[]) => isSame(command))) {
    return 'probe';
  }
  return textsOf(regex).some((pattern) => isFound(pattern, words.join(' ')))
    ? 'settings'
    : undefined;
}

function unknownCommand({ container, data }: CheckScope, process: JsonObject): FailedCheck {
  const words = textsOf(process.Args);
  const known = container.exec_commands.map((command: string | readonly string[]) =>
    showCommand(command),
  );
  const [first] = container.exec_commands;
  const probe = typeof first === 'string' ? first.split(' ') : first;
  const allowed = textsOf(listOf(execDefaults(data).allowed_commands)[0]);
  const value = probe ?? (allowed.length > 0 ? allowed : words);
  return {
    id: 'command',
    path: 'process.Args',
    message: 'the policy does not know the command',
    policy: known.length === 0 ? 'no command' : known.join(' or '),
    request: shown(hideInWords(words)),
    fix: `give it as exec probe or hook of ${yamlOf(container)}, or allow it by request_defaults.ExecProcessRequest of the settings, and write the policy again`,
    repairs: [{ path: ['process', 'Args'], value }],
  };
}

/** Later guests fill in the namespace that the start of a container has pinned. */
function checkPinned({ rules, state }: CheckScope): readonly FailedCheck[] {
  if (!rules.execNeedsNamespace || state.namespace !== undefined) return [];
  return [
    {
      id: 'namespace',
      path: 'container_id',
      message:
        'this guest allows no process while it has no namespace pinned, which it does only for pods of any namespace',
      policy: 'no pinned namespace',
      request: 'a process in the container',
      fix: 'leave metadata.namespace out of the YAML and write the policy again, or use probes that run outside of the guest (httpGet, tcpSocket, grpc)',
      repairs: [],
    },
  ];
}

/** Some guests resolve the pod's name from the policy, which then must have it. */
function checkName({ container, rules }: CheckScope): readonly FailedCheck[] {
  const name = container.OCI.Annotations?.get(ANNOTATIONS.sandboxName);
  if (name !== undefined || rules.id === 'azl1') return [];
  return [
    {
      id: 'sandbox-name',
      path: 'process.Env',
      message: 'the policy holds no name of the pod, and this guest allows no process without it',
      policy: 'no sandbox name',
      request: 'a process in the container',
      fix: 'run a Pod with metadata.name, or use probes that run outside of the guest (httpGet, tcpSocket, grpc)',
      repairs: [],
    },
  ];
}
