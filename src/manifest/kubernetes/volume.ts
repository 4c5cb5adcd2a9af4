/** Volumes and claim templates -> Volume, ClaimTemplate (kata policy data, sections 9.4, 9.5 and 10). */
import { withoutAbsent } from '../../core/record.js';
import type { ClaimTemplate, Volume, VolumeSource } from '../../workload/pod.js';
import { type Cursor, placeOf, report } from './context.js';
import type { FieldTable } from './field-rules.js';
import { type Fields, openFields } from './fields.js';
import { METADATA } from './pod-fields.js';
import { requiredField, requiredText, textField } from './values.js';
import {
  AZURE_FILE_SOURCE,
  CLAIM_SOURCE,
  CLAIM_SPEC,
  CLAIM_TEMPLATE,
  CONFIG_MAP_SOURCE,
  DOWNWARD_SOURCE,
  EMPTY_DIR,
  EPHEMERAL_SOURCE,
  HOST_PATH,
  PROJECTED_SOURCE,
  SECRET_SOURCE,
  VOLUME,
} from './volume-fields.js';

interface SourceReader {
  readonly table: FieldTable;
  readonly read: (fields: Fields) => VolumeSource;
}

const SOURCES: Readonly<Record<string, SourceReader>> = {
  emptyDir: {
    table: EMPTY_DIR,
    read: (fields) =>
      withoutAbsent({ kind: 'empty-dir' as const, medium: textField(fields, 'medium') }),
  },
  hostPath: {
    table: HOST_PATH,
    read: (fields) => ({ kind: 'host-path', path: requiredText(fields, 'path') }),
  },
  persistentVolumeClaim: {
    table: CLAIM_SOURCE,
    read: (fields) => ({
      kind: 'persistent-volume-claim',
      claimName: requiredText(fields, 'claimName'),
    }),
  },
  azureFile: { table: AZURE_FILE_SOURCE, read: () => ({ kind: 'azure-file' }) },
  configMap: { table: CONFIG_MAP_SOURCE, read: () => ({ kind: 'config-map' }) },
  secret: { table: SECRET_SOURCE, read: () => ({ kind: 'secret' }) },
  projected: { table: PROJECTED_SOURCE, read: () => ({ kind: 'projected' }) },
  downwardAPI: { table: DOWNWARD_SOURCE, read: () => ({ kind: 'downward-api' }) },
  ephemeral: {
    table: EPHEMERAL_SOURCE,
    read: (fields) => {
      const template = requiredField(fields, 'volumeClaimTemplate');
      const claim = template === undefined ? undefined : openFields(template, CLAIM_TEMPLATE);
      const storageClassName = claim && readClass(claim);
      return withoutAbsent({ kind: 'ephemeral' as const, storageClassName });
    },
  },
};

/** One element of `volumes`: a name and exactly one source. */
export function readVolume(cursor: Cursor): Volume {
  const { problems } = cursor.context;
  const reported = problems.length;
  const fields = openFields(cursor, VOLUME);
  const found = [...fields.values].filter(([key]) => key !== 'name');
  // A source that was just refused need not be reported as missing too.
  const refused = found.length === 0 && problems.length > reported;
  const source = refused ? NO_SOURCE : readSource(cursor, found);
  return { name: requiredText(fields, 'name'), source, at: placeOf(cursor) };
}

/** Stands in where the problem is reported: nothing is made of it. */
const NO_SOURCE: VolumeSource = { kind: 'empty-dir' };

function readSource(cursor: Cursor, found: readonly [string, Cursor][]): VolumeSource {
  const [first, second] = found;
  if (second !== undefined) {
    report(cursor, 'MANIFEST_INVALID', `${cursor.path} has more than one source`, {
      got: found.map(([key]) => key).join(', '),
    });
  }
  const reader = first === undefined ? undefined : SOURCES[first[0]];
  if (first === undefined || reader === undefined) {
    report(cursor, 'MANIFEST_UNSUPPORTED', `${cursor.path} has no source that a guest can mount`, {
      want: `one of ${Object.keys(SOURCES).join(', ')}`,
      hints: ['for an empty directory write emptyDir: {}'],
    });
    return NO_SOURCE;
  }
  return reader.read(openFields(first[1], reader.table));
}

/** One element of the volumeClaimTemplates of a StatefulSet. */
export function readClaimTemplate(cursor: Cursor): ClaimTemplate {
  const fields = openFields(cursor, CLAIM_TEMPLATE);
  const metadata = requiredField(fields, 'metadata');
  return withoutAbsent({
    name: metadata === undefined ? '' : requiredText(openFields(metadata, METADATA), 'name'),
    storageClassName: readClass(fields),
  });
}

function readClass(claim: Fields): string | undefined {
  const spec = requiredField(claim, 'spec');
  return spec === undefined
    ? undefined
    : textField(openFields(spec, CLAIM_SPEC), 'storageClassName');
}
