/** ConfigMap, Secret and PersistentVolumeClaim objects -> Attachments (kata policy data, sections 3.1, 8.4, 9.5). */
import { Buffer } from 'node:buffer';
import { withoutAbsent } from '../../core/record.js';
import type { Claim, ConfigMap, Secret } from '../../workload/pod.js';
import { childOf } from '../yaml/node.js';
import { type Cursor, nodeOf } from './context.js';
import { type Fields, openFields } from './fields.js';
import { textAt } from './objects.js';
import { METADATA } from './pod-fields.js';
import { requiredField, requiredText, textMapField } from './values.js';
import { CONFIG_MAP, SECRET } from './workload-fields.js';

/** What the documents of all inputs offer to the workloads; grows while they are read. */
export interface CollectedAttachments {
  readonly configMaps: ConfigMap[];
  readonly secrets: Secret[];
  readonly claims: Claim[];
}

const READERS: Readonly<
  Record<string, (cursor: Cursor, into: CollectedAttachments, inList: boolean) => void>
> = {
  ConfigMap: (cursor, into) => into.configMaps.push(readConfigMap(cursor)),
  Secret: (cursor, into) => into.secrets.push(readSecret(cursor)),
  PersistentVolumeClaim: (cursor, into, inList) => into.claims.push(...readClaim(cursor, inList)),
};

/** True for the kinds to which workloads refer. */
export function isAttachmentKind(kind: string): boolean {
  return Object.hasOwn(READERS, kind);
}

/** Adds the object to the collection; other kinds add nothing. */
export function collectAttachment(
  cursor: Cursor,
  kind: string,
  into: CollectedAttachments,
  inList: boolean,
): void {
  if (isAttachmentKind(kind)) READERS[kind]?.(cursor, into, inList);
}

function readConfigMap(cursor: Cursor): ConfigMap {
  const fields = openFields(cursor, CONFIG_MAP);
  return { name: readName(fields), data: textMapField(fields, 'data') ?? new Map() };
}

/** `stringData` replaces entries of `data`, as the API server does it. */
function readSecret(cursor: Cursor): Secret {
  const fields = openFields({ ...cursor, confidential: true }, SECRET);
  const data = new Map(textMapField(fields, 'data'));
  for (const [key, text] of textMapField(fields, 'stringData') ?? []) {
    data.set(key, Buffer.from(text).toString('base64'));
  }
  return { name: readName(fields), data };
}

function readName(object: Fields): string {
  const metadata = requiredField(object, 'metadata');
  return metadata === undefined ? '' : requiredText(openFields(metadata, METADATA), 'name');
}

/** Claims are not checked, as in the reference: only their storage class is of interest. */
function readClaim(cursor: Cursor, inList: boolean): readonly Claim[] {
  const node = nodeOf(cursor);
  const name = textAt(childOf(node, 'metadata'), 'name');
  if (name === undefined) return [];
  const storageClassName = textAt(childOf(node, 'spec'), 'storageClassName');
  return [withoutAbsent({ name, inList, storageClassName })];
}
