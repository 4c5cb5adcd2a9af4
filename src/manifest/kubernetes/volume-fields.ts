/** Field tables of volumes and claims (kata policy data, sections 9.4 and 10). */
import { each, type FieldTable, harmless, read, refused } from './field-rules.js';

const NO_RULE = 'no rule of the guest covers such a mount';

export const VOLUME: FieldTable = {
  ...each(
    read(),
    'name emptyDir hostPath persistentVolumeClaim configMap azureFile projected secret downwardAPI',
  ),
  ephemeral: read('CV', 'its policy does not know storage classes'),
  csi: refused(NO_RULE, { remedy: 'use a persistentVolumeClaim of the driver' }),
  ...each(
    refused(NO_RULE, { remedy: 'use a persistentVolumeClaim' }),
    'awsElasticBlockStore azureDisk cephfs cinder fc flexVolume flocker gcePersistentDisk gitRepo glusterfs image iscsi nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume',
  ),
};

export const EMPTY_DIR: FieldTable = { medium: read(), sizeLimit: harmless };
export const HOST_PATH: FieldTable = { path: read(), type: harmless };

export const CLAIM_SOURCE: FieldTable = {
  claimName: read(),
  readOnly: refused('the policy takes the access from the volumeMounts', {
    unless: false,
    remedy: 'set readOnly in the volumeMounts',
  }),
};

/** Content of these volumes comes from the host; the policy holds the mount only. */
export const CONFIG_MAP_SOURCE: FieldTable = each(harmless, 'name defaultMode items optional');
export const SECRET_SOURCE: FieldTable = each(harmless, 'secretName defaultMode items optional');
export const PROJECTED_SOURCE: FieldTable = each(harmless, 'defaultMode sources');
export const DOWNWARD_SOURCE: FieldTable = each(harmless, 'defaultMode items');
export const AZURE_FILE_SOURCE: FieldTable = each(harmless, 'secretName shareName readOnly');

export const EPHEMERAL_SOURCE: FieldTable = { volumeClaimTemplate: read() };

export const CLAIM_TEMPLATE: FieldTable = {
  ...each(read(), 'metadata spec'),
  ...each(harmless, 'apiVersion kind status'),
};

export const CLAIM_SPEC: FieldTable = {
  storageClassName: read(),
  volumeMode: refused('a claim of the policy is a file system', {
    known: 'MU',
    unless: 'Filesystem',
    remedy: 'remove it, or set it to Filesystem',
  }),
  ...each(
    harmless,
    'accessModes dataSource dataSourceRef resources selector volumeAttributesClassName volumeName',
  ),
};
