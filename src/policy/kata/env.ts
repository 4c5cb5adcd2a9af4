/** Environment of a process before references are resolved (spec kata-policy-data sections 8.3 and 8.4). */
import { type ErrorCode, ToolError } from '../../core/error.js';
import { compareBytes } from '../../core/record.js';
import type { EnvFrom, EnvSource, EnvVar } from '../../workload/pod.js';
import type { ContainerContext } from './context.js';
import type { EnvRules } from './guests.js';

/** What the guest sees where the image config has no Env. */
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** fieldRef paths with a fixed answer; the placeholders are resolved by the rules. */
const FIELD_PATHS: Readonly<Record<string, (context: ContainerContext) => string>> = {
  'metadata.name': () => '$(sandbox-name)',
  'metadata.namespace': namespaceValue,
  'metadata.uid': () => '$(pod-uid)',
  'status.hostIP': () => '$(host-ip)',
  'status.podIP': () => '$(pod-ip)',
  'spec.nodeName': () => '$(node-name)',
  'spec.serviceAccountName': (context) => context.container.serviceAccountName ?? 'default',
};

/** Value for a variable that only the running pod knows. */
type UnknownValue = (variable: EnvVar, context: ContainerContext, placeholder: string) => string;

const UNKNOWN_VALUES: Readonly<Record<EnvRules['unknownValue'], UnknownValue>> = {
  any: (_variable, _context, placeholder) => placeholder,
  'settings-regex': (variable, context) => {
    if (context.settings.envRegexes.has(variable.name)) return '$(validate-from-settings)';
    throw problem(variable, 'MANIFEST_UNSUPPORTED', 'has a value that only the running pod knows', [
      `add a regex for ${variable.name} to request_defaults.CreateContainerRequest.allow_env_regex_map of the settings`,
    ]);
  },
};

/**
 * `NAME=value` texts in order: of the image, TERM, HOSTNAME, of the manifest. A text that is already there is not
 * repeated; another value of a name that is there stands beside it, and then the policy allows both. Throws
 * MANIFEST_UNSUPPORTED, MANIFEST_INVALID and MANIFEST_REFERENCE_MISSING.
 */
export function buildEnv(context: ContainerContext): readonly string[] {
  const { container, isPause } = context;
  const env = new VariableList(context.image.image.config.env ?? [DEFAULT_PATH]);
  if (container.tty === true) env.push('TERM=xterm');
  if (!isPause) env.push('HOSTNAME=$(host-name)');
  const add = (text: string, at: string) => {
    if (env.add(text)) return;
    context.notices({
      code: 'env-two-values',
      message: `variable ${nameOf(text)} has two values, and the policy allows both`,
      where: at,
    });
  };
  for (const variable of container.env) {
    add(`${variable.name}=${readValue(variable, context)}`, variable.at);
  }
  for (const source of container.envFrom) {
    for (const text of valuesOf(source, context)) add(text, source.at);
  }
  return env.texts;
}

/** `NAME=value` texts in order, with their names at hand. */
class VariableList {
  readonly texts: string[] = [];
  readonly #known = new Set<string>();
  readonly #names = new Set<string>();

  constructor(texts: readonly string[]) {
    for (const text of texts) this.push(text);
  }

  push(text: string): void {
    this.texts.push(text);
    this.#known.add(text);
    this.#names.add(nameOf(text));
  }

  /** Appends the text unless it is there; false if the name had another value. */
  add(text: string): boolean {
    if (this.#known.has(text)) return true;
    const isNew = !this.#names.has(nameOf(text));
    this.push(text);
    return isNew;
  }
}

function nameOf(text: string): string {
  return text.split('=', 1)[0] ?? '';
}

function readValue(variable: EnvVar, context: ContainerContext): string {
  const { source } = variable;
  switch (source.kind) {
    case 'value':
      return source.value;
    case 'none':
      if (context.guest.env.withoutValue === 'empty') return '';
      throw problem(variable, 'MANIFEST_UNSUPPORTED', 'has neither value nor valueFrom', [
        'write value: "" for an empty variable',
      ]);
    case 'config-map-key':
      return configMapValue(variable, source, context);
    case 'secret-key':
      return secretValue(variable, source, context);
    case 'field':
      return fieldValue(variable, source.fieldPath, context);
    case 'resource-field':
      return unknownValue(variable, context, '$(resource-field)');
  }
}

function configMapValue(
  variable: EnvVar,
  source: Extract<EnvSource, { kind: 'config-map-key' }>,
  context: ContainerContext,
): string {
  for (const configMap of context.attachments.configMaps) {
    const value = configMap.name === source.name ? configMap.data.get(source.key) : undefined;
    if (value !== undefined) return value;
  }
  throw missing(`ConfigMap ${source.name} with key ${source.key}`, variable.at);
}

function secretValue(
  variable: EnvVar,
  source: Extract<EnvSource, { kind: 'secret-key' }>,
  context: ContainerContext,
): string {
  for (const secret of context.attachments.secrets) {
    const value = secret.name === source.name ? secret.data.get(source.key) : undefined;
    if (value === undefined) continue;
    warnOfSecret(variable.name, source.name, variable.at, context);
    return decodeSecret(value, `Secret ${source.name} key ${source.key}`, variable.at);
  }
  throw missing(`Secret ${source.name} with key ${source.key}`, variable.at);
}

/** All entries of a ConfigMap or Secret, keys in byte order. `prefix` has no effect, as in the reference. */
function valuesOf(source: EnvFrom, context: ContainerContext): readonly string[] {
  const isSecret = source.kind === 'secret';
  const kind = isSecret ? 'Secret' : 'ConfigMap';
  const objects = isSecret ? context.attachments.secrets : context.attachments.configMaps;
  const object = objects.find((candidate) => candidate.name === source.name);
  if (object === undefined) throw missing(`${kind} ${source.name}`, source.at);
  if (source.prefix !== undefined && source.prefix !== '') {
    context.notices({
      code: 'env-prefix-ignored',
      message: `prefix ${source.prefix} is left out of the policy, which then refuses the variables of the pod`,
      where: source.at,
    });
  }
  return [...object.data]
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([key, value]) => {
      if (!isSecret) return `${key}=${value}`;
      warnOfSecret(key, source.name, source.at, context);
      return `${key}=${decodeSecret(value, `Secret ${source.name} key ${key}`, source.at)}`;
    });
}

function warnOfSecret(name: string, secret: string, at: string, context: ContainerContext): void {
  context.notices({
    code: 'secret-in-policy',
    message: `variable ${name} puts a value of Secret ${secret} into the policy in clear text`,
    where: at,
  });
}

/** Strict base64 of UTF-8 text. */
function decodeSecret(base64: string, what: string, at: string): string {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) {
    throw new ToolError('MANIFEST_INVALID', `${what} is not base64`, {
      where: at,
      want: 'base64 with padding, without line ends',
      hints: ['encode the value with base64 -w0'],
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('MANIFEST_INVALID', `${what} is not UTF-8 text`, {
      where: at,
      hints: ['mount binary data as a volume instead of a variable'],
      cause,
    });
  }
}

function fieldValue(variable: EnvVar, path: string, context: ContainerContext): string {
  if (Object.hasOwn(FIELD_PATHS, path)) return FIELD_PATHS[path]?.(context) ?? '';
  const annotation = keyIn(path, 'metadata.annotations');
  if (annotation !== undefined) {
    const value = annotation === '' ? undefined : context.annotations.get(annotation);
    return value ?? unknownValue(variable, context, '$(todo-annotation)');
  }
  const label = context.guest.env.labels ? keyIn(path, 'metadata.labels') : undefined;
  const { labels } = context.workload;
  if (label !== undefined && labels !== undefined) {
    const value = labels.get(label);
    if (value !== undefined) return value;
    throw problem(
      variable,
      'MANIFEST_REFERENCE_MISSING',
      `refers to label ${label}, which the pod does not have`,
      [`add the label ${label} to the metadata of the pod (template)`],
    );
  }
  throw problem(
    variable,
    'MANIFEST_UNSUPPORTED',
    `refers to ${path}, which the policy cannot hold`,
    [`use one of ${Object.keys(FIELD_PATHS).join(', ')}, metadata.annotations['KEY']`],
  );
}

function unknownValue(variable: EnvVar, context: ContainerContext, placeholder: string): string {
  return UNKNOWN_VALUES[context.guest.env.unknownValue](variable, context, placeholder);
}

function namespaceValue(context: ContainerContext): string {
  const isPlaceholder =
    context.namespace === '' && context.guest.env.emptyNamespace === 'placeholder';
  return isPlaceholder ? '$(sandbox-namespace)' : context.namespace;
}

/** KEY of `prefix['KEY']`. */
function keyIn(path: string, prefix: string): string | undefined {
  const open = `${prefix}['`;
  const isKey = path.startsWith(open) && path.endsWith("']") && path.length >= open.length + 2;
  return isKey ? path.slice(open.length, -2) : undefined;
}

function missing(what: string, at: string): ToolError {
  return new ToolError('MANIFEST_REFERENCE_MISSING', `${what} is not in the input`, {
    where: at,
    hints: ['give the file that defines it, beside the workload or with --config-map FILE'],
  });
}

function problem(
  variable: EnvVar,
  code: ErrorCode,
  text: string,
  hints: readonly string[],
): ToolError {
  return new ToolError(code, `variable ${variable.name} ${text}`, { where: variable.at, hints });
}
