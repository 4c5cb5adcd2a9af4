/** Containers and init containers -> Container (kata policy data, section 10). */
import { withoutAbsent } from '../../core/record.js';
import type { Container, ContainerSecurityContext, VolumeMount } from '../../workload/pod.js';
import { type Cursor, placeOf } from './context.js';
import { readEnvironmentFrom, readVariable } from './environment.js';
import { type Fields, openFields } from './fields.js';
import {
  CAPABILITIES,
  CONTAINER,
  CONTAINER_SECURITY_CONTEXT,
  EXEC,
  HOOK,
  LIFECYCLE,
  PROBE,
  RESOURCES,
  VOLUME_DEVICE,
  VOLUME_MOUNT,
} from './pod-fields.js';
import {
  booleanField,
  idField,
  listField,
  reportMissing,
  requiredText,
  textField,
  textListField,
  textMapField,
} from './values.js';

/** Probes in the order in which the policy holds their commands; hooks follow. */
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];
const HOOKS = ['postStart', 'preStop'];

/** One element of `containers` or `initContainers`. */
export function readContainer(cursor: Cursor): Container {
  const fields = openFields(cursor, CONTAINER);
  const image = fields.values.get('image');
  return withoutAbsent({
    name: requiredText(fields, 'name'),
    image: requiredText(fields, 'image'),
    command: textListField(fields, 'command'),
    args: textListField(fields, 'args'),
    env: (listField(fields, 'env') ?? []).map(readVariable),
    envFrom: (listField(fields, 'envFrom') ?? []).map(readEnvironmentFrom),
    securityContext: readSecurityContext(fields),
    volumeMounts: (listField(fields, 'volumeMounts') ?? []).map(readMount),
    volumeDevices: (listField(fields, 'volumeDevices') ?? []).map(readDevice),
    execCommands: readExecCommands(fields),
    limits: readLimits(fields),
    tty: booleanField(fields, 'tty'),
    terminationMessagePath: textField(fields, 'terminationMessagePath'),
    serviceAccountName: textField(fields, 'serviceAccountName'),
    at: placeOf(cursor),
    imageAt: placeOf(image ?? cursor),
  });
}

function readSecurityContext(container: Fields): ContainerSecurityContext | undefined {
  const cursor = container.values.get('securityContext');
  if (cursor === undefined) return undefined;
  const fields = openFields(cursor, CONTAINER_SECURITY_CONTEXT);
  const capabilities = fields.values.get('capabilities');
  return withoutAbsent({
    runAsUser: idField(fields, 'runAsUser'),
    runAsGroup: idField(fields, 'runAsGroup'),
    privileged: booleanField(fields, 'privileged'),
    readOnlyRootFilesystem: booleanField(fields, 'readOnlyRootFilesystem'),
    allowPrivilegeEscalation: booleanField(fields, 'allowPrivilegeEscalation'),
    capabilities: capabilities === undefined ? undefined : readCapabilities(capabilities),
  });
}

function readCapabilities(cursor: Cursor) {
  const fields = openFields(cursor, CAPABILITIES);
  return {
    add: textListField(fields, 'add') ?? [],
    drop: textListField(fields, 'drop') ?? [],
  };
}

function readMount(cursor: Cursor): VolumeMount {
  const fields = openFields(cursor, VOLUME_MOUNT);
  return withoutAbsent({
    name: requiredText(fields, 'name'),
    mountPath: requiredText(fields, 'mountPath'),
    readOnly: booleanField(fields, 'readOnly'),
    mountPropagation: textField(fields, 'mountPropagation'),
    subPathExpr: textField(fields, 'subPathExpr'),
    at: placeOf(cursor),
  });
}

function readDevice(cursor: Cursor): { readonly devicePath: string; readonly name: string } {
  const fields = openFields(cursor, VOLUME_DEVICE);
  return { devicePath: requiredText(fields, 'devicePath'), name: requiredText(fields, 'name') };
}

function readLimits(container: Fields): ReadonlyMap<string, string> | undefined {
  const cursor = container.values.get('resources');
  if (cursor === undefined) return undefined;
  return textMapField(openFields(cursor, RESOURCES), 'limits', 'quantity');
}

function readExecCommands(container: Fields): readonly (readonly string[])[] {
  const lifecycle = container.values.get('lifecycle');
  const hooks = lifecycle === undefined ? undefined : openFields(lifecycle, LIFECYCLE);
  const commands = [
    ...PROBES.map((name) => readExec(container.values.get(name), PROBE)),
    ...HOOKS.map((name) => readExec(hooks?.values.get(name), HOOK)),
  ];
  return commands.filter((command) => command !== undefined);
}

function readExec(
  handler: Cursor | undefined,
  table: typeof PROBE | typeof HOOK,
): readonly string[] | undefined {
  if (handler === undefined) return undefined;
  const exec = openFields(handler, table).values.get('exec');
  if (exec === undefined) return undefined;
  const fields = openFields(exec, EXEC);
  if (!fields.values.has('command')) reportMissing(fields, 'command');
  return textListField(fields, 'command');
}
