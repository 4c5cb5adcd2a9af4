/** env and envFrom -> EnvVar, EnvFrom (kata policy data, section 8.4). Nothing is resolved here. */
import { withoutAbsent } from '../../core/record.js';
import type { EnvFrom, EnvSource, EnvVar } from '../../workload/pod.js';
import { type Cursor, placeOf, report } from './context.js';
import { type Fields, openFields } from './fields.js';
import {
  ENVIRONMENT_FROM,
  ENVIRONMENT_SOURCE,
  ENVIRONMENT_VARIABLE,
  FIELD_REFERENCE,
  KEY_REFERENCE,
  OBJECT_REFERENCE,
  RESOURCE_REFERENCE,
} from './pod-fields.js';
import { booleanField, requiredText, textField } from './values.js';

/** Readers of the references under `valueFrom`. */
const REFERENCES: Readonly<Record<string, (cursor: Cursor) => EnvSource>> = {
  configMapKeyRef: (cursor) => ({ kind: 'config-map-key', ...readKeyReference(cursor) }),
  secretKeyRef: (cursor) => ({ kind: 'secret-key', ...readKeyReference(cursor) }),
  fieldRef: (cursor) => ({
    kind: 'field',
    fieldPath: requiredText(openFields(cursor, FIELD_REFERENCE), 'fieldPath'),
  }),
  resourceFieldRef: (cursor) => ({
    kind: 'resource-field',
    resource: requiredText(openFields(cursor, RESOURCE_REFERENCE), 'resource'),
  }),
};

/** One element of `env`. A variable with both `value` and `valueFrom` is reported, as the API server refuses it. */
export function readVariable(cursor: Cursor): EnvVar {
  const fields = openFields(cursor, ENVIRONMENT_VARIABLE);
  return {
    name: requiredText(fields, 'name'),
    source: readSource(fields),
    at: placeOf(cursor),
  };
}

function readSource(variable: Fields): EnvSource {
  const value = textField(variable, 'value');
  const from = variable.values.get('valueFrom');
  if (from === undefined) return value === undefined ? { kind: 'none' } : { kind: 'value', value };
  if (variable.values.has('value')) {
    report(variable.cursor, 'MANIFEST_INVALID', `${variable.cursor.path} has value and valueFrom`, {
      hints: ['remove one of them'],
    });
  }
  return readReference(from);
}

function readReference(cursor: Cursor): EnvSource {
  const { problems } = cursor.context;
  const reported = problems.length;
  const found = [...openFields(cursor, ENVIRONMENT_SOURCE).values];
  const [first] = found;
  if (found.length === 1 && first !== undefined) {
    const [name, reference] = first;
    return REFERENCES[name]?.(reference) ?? { kind: 'none' };
  }
  // A reference that was just refused need not be reported as missing too.
  if (found.length > 1 || problems.length === reported) {
    report(cursor, 'MANIFEST_INVALID', `${cursor.path} has no source, or more than one`, {
      want: `one of ${Object.keys(REFERENCES).join(', ')}`,
    });
  }
  return { kind: 'none' };
}

function readKeyReference(cursor: Cursor) {
  const fields = openFields(cursor, KEY_REFERENCE);
  return {
    name: requiredText(fields, 'name'),
    key: requiredText(fields, 'key'),
    optional: booleanField(fields, 'optional') ?? false,
  };
}

/** One element of `envFrom`: exactly one of a ConfigMap and a Secret. */
export function readEnvironmentFrom(cursor: Cursor): EnvFrom {
  const fields = openFields(cursor, ENVIRONMENT_FROM);
  const configMap = fields.values.get('configMapRef');
  const reference = configMap ?? fields.values.get('secretRef');
  if (reference === undefined || (configMap !== undefined && fields.values.has('secretRef'))) {
    report(cursor, 'MANIFEST_INVALID', `${cursor.path} names no source, or more than one`, {
      want: 'configMapRef or secretRef',
    });
  }
  const named = reference === undefined ? undefined : openFields(reference, OBJECT_REFERENCE);
  return withoutAbsent({
    kind: configMap === undefined ? ('secret' as const) : ('config-map' as const),
    name: named === undefined ? '' : requiredText(named, 'name'),
    optional: (named && booleanField(named, 'optional')) ?? false,
    prefix: textField(fields, 'prefix'),
    at: placeOf(cursor),
  });
}
