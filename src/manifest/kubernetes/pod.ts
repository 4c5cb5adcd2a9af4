/** Pod specs -> PodSpec (kata policy data, section 10). */
import { withoutAbsent } from '../../core/record.js';
import type { PodSecurityContext, PodSpec } from '../../workload/pod.js';
import { readContainer } from './container.js';
import type { Cursor } from './context.js';
import { type Fields, openFields } from './fields.js';
import { POD_SECURITY_CONTEXT, POD_SPEC, SYSCTL } from './pod-fields.js';
import {
  booleanField,
  idField,
  listField,
  readId,
  reportMissing,
  requiredText,
  textField,
} from './values.js';
import { readVolume } from './volume.js';

/** The spec of a pod or pod template. Reports what is missing, wrong or not supported. */
export function readPodSpec(cursor: Cursor): PodSpec {
  const fields = openFields(cursor, POD_SPEC);
  const containers = listField(fields, 'containers');
  if (containers === undefined) reportMissing(fields, 'containers');
  return withoutAbsent({
    containers: (containers ?? []).map(readContainer),
    initContainers: (listField(fields, 'initContainers') ?? []).map(readContainer),
    volumes: (listField(fields, 'volumes') ?? []).map(readVolume),
    securityContext: readSecurityContext(fields),
    runtimeClassName: textField(fields, 'runtimeClassName'),
    hostNetwork: booleanField(fields, 'hostNetwork') ?? false,
    shareProcessNamespace: booleanField(fields, 'shareProcessNamespace') ?? false,
    serviceAccountName: textField(fields, 'serviceAccountName'),
  });
}

function readSecurityContext(pod: Fields): PodSecurityContext | undefined {
  const cursor = pod.values.get('securityContext');
  if (cursor === undefined) return undefined;
  const fields = openFields(cursor, POD_SECURITY_CONTEXT);
  return withoutAbsent({
    runAsUser: idField(fields, 'runAsUser'),
    runAsGroup: idField(fields, 'runAsGroup'),
    fsGroup: idField(fields, 'fsGroup'),
    supplementalGroups: listField(fields, 'supplementalGroups')?.map((item) => readId(item) ?? 0),
    allowPrivilegeEscalation: booleanField(fields, 'allowPrivilegeEscalation'),
    sysctls: listField(fields, 'sysctls')?.map(readSysctl),
  });
}

function readSysctl(cursor: Cursor): { readonly name: string; readonly value: string } {
  const fields = openFields(cursor, SYSCTL);
  return { name: requiredText(fields, 'name'), value: requiredText(fields, 'value') };
}
