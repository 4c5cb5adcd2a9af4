/** Processes as containerd starts them for a policy container (spec kata-policy-rules sections 9.5 and 10). */
import type { JsonObject } from '../../core/json.js';
import { sampleRegex } from '../../core/sample-regex.js';
import type { CapabilitiesData, ContainerData, KataPolicyData } from './data.js';
import {
  ANNOTATIONS,
  fillValues,
  replacePlaceholders,
  type StartNames,
} from './synthesize-names.js';
import type { ContainerScope } from './synthesize-volumes.js';

const FROM_SETTINGS = '$(validate-from-settings)';

/** Variables that every container gets for the service of the API server. */
const SERVICE_VARIABLES: readonly string[] = [
  'KUBERNETES_SERVICE_HOST=10.0.0.1',
  'KUBERNETES_SERVICE_PORT=443',
  'KUBERNETES_SERVICE_PORT_HTTPS=443',
  'KUBERNETES_PORT=tcp://10.0.0.1:443',
  'KUBERNETES_PORT_443_TCP=tcp://10.0.0.1:443',
  'KUBERNETES_PORT_443_TCP_PROTO=tcp',
  'KUBERNETES_PORT_443_TCP_PORT=443',
  'KUBERNETES_PORT_443_TCP_ADDR=10.0.0.1',
];

/** The process of the container. */
export function synthesizeProcess(scope: ContainerScope): JsonObject {
  const { Process: wanted } = scope.container.OCI;
  const env = synthesizeEnv(scope);
  return {
    ...commonFields(scope, env),
    Terminal: wanted.Terminal,
    Args: (wanted.Args ?? []).map((text) => fillArgument(text, scope, env)),
    Capabilities: synthesizeCapabilities(wanted.Capabilities, scope.data),
    OOMScoreAdj: -998,
  };
}

/** A probe or hook in the running container: no terminal, no capabilities of its own. */
export function synthesizeExec(words: readonly string[], scope: ContainerScope): JsonObject {
  return {
    ...commonFields(scope, synthesizeEnv(scope)),
    Terminal: false,
    Args: words,
    Capabilities: null,
    OOMScoreAdj: -998,
  };
}

function commonFields({ container }: ContainerScope, env: readonly string[]): JsonObject {
  const { Process: wanted } = container.OCI;
  return {
    ConsoleSize: null,
    User: { ...wanted.User },
    Env: env,
    Cwd: wanted.Cwd ?? '/',
    Rlimits: [],
    NoNewPrivileges: wanted.NoNewPrivileges,
    ApparmorProfile: '',
    SelinuxLabel: '',
  };
}

/** Variables of the policy, of equal names the last one, and those of the API server's service. */
function synthesizeEnv({ container, data, names }: ContainerScope): readonly string[] {
  const isPause = !container.OCI.Annotations?.has(ANNOTATIONS.containerName);
  const wanted = (container.OCI.Process.Env ?? []).map((text) => fillVariable(text, data, names));
  const variables = new Map<string, string>();
  for (const text of [...(isPause ? [] : SERVICE_VARIABLES), ...wanted]) {
    variables.set(text.split('=', 1)[0] ?? '', text);
  }
  return [...variables.values()];
}

function fillVariable(text: string, data: KataPolicyData, names: StartNames): string {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  if (at < 0 || text.slice(at + 1) !== FROM_SETTINGS) return fillValues(text, names);
  return `${name}=${sampleRegex(settingsRegex(data, name) ?? '') ?? ''}`;
}

function settingsRegex(data: KataPolicyData, name: string): string | undefined {
  const create = data.request_defaults.CreateContainerRequest;
  const map = isRecord(create) ? create.allow_env_regex_map : undefined;
  const regex = map instanceof Map ? map.get(name) : isRecord(map) ? map[name] : undefined;
  return typeof regex === 'string' ? regex : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof Map);
}

/** Where a policy keeps references to variables in arguments, they are resolved with the variables of the start. */
function fillArgument(text: string, scope: ContainerScope, env: readonly string[]): string {
  const { container, names } = scope;
  const resolved =
    container.env_map === undefined
      ? text
      : replacePlaceholders(text, Object.fromEntries(env.map(nameAndValue)));
  return fillValues(resolved.replaceAll('$$', '$'), names);
}

function nameAndValue(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function synthesizeCapabilities(wanted: CapabilitiesData, data: KataPolicyData): JsonObject {
  const { default_caps, privileged_caps } = data.common;
  const markers: Readonly<Record<string, unknown>> = {
    '$(default_caps)': default_caps,
    '$(privileged_caps)': privileged_caps,
  };
  const fill = (list: readonly string[]): readonly string[] => {
    const marked = list.length === 1 ? markers[list[0] ?? ''] : undefined;
    return Array.isArray(marked) ? marked.map(String) : list;
  };
  return {
    Bounding: fill(wanted.Bounding),
    Effective: fill(wanted.Effective),
    Inheritable: fill(wanted.Inheritable),
    Permitted: fill(wanted.Permitted),
    Ambient: fill(wanted.Ambient),
  };
}

/** Words of a command; family C keeps them joined by spaces. */
export function commandsOf({
  exec_commands: commands,
}: ContainerData): readonly (readonly string[])[] {
  return commands.map((command) => (typeof command === 'string' ? command.split(' ') : command));
}
