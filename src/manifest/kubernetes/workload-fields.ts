/** Field tables of workload objects and attachments (kata policy data, sections 8.4 and 10). */
import type { PodWorkloadKind } from '../../workload/pod.js';
import { each, type FieldTable, harmless, read, refused } from './field-rules.js';

/** Any object that makes pods. */
export const WORKLOAD: FieldTable = {
  ...each(read(), 'metadata spec'),
  ...each(harmless, 'apiVersion kind status'),
};

export const LIST: FieldTable = each(harmless, 'apiVersion kind items metadata');

/** Spec of each kind whose pods come from a template; a Pod's own spec is POD_SPEC. */
export const SPECS: Readonly<Record<Exclude<PodWorkloadKind, 'Pod'>, FieldTable>> = {
  Deployment: {
    template: read(),
    ...each(
      harmless,
      'minReadySeconds paused progressDeadlineSeconds replicas revisionHistoryLimit selector strategy',
    ),
  },
  StatefulSet: {
    ...each(read(), 'template volumeClaimTemplates serviceName selector'),
    ...each(
      harmless,
      'minReadySeconds ordinals persistentVolumeClaimRetentionPolicy podManagementPolicy replicas revisionHistoryLimit updateStrategy',
    ),
  },
  DaemonSet: {
    template: read(),
    ...each(harmless, 'selector minReadySeconds updateStrategy revisionHistoryLimit'),
  },
  ReplicaSet: {
    ...each(read(), 'template selector'),
    ...each(harmless, 'replicas minReadySeconds'),
  },
  ReplicationController: {
    template: read(),
    ...each(harmless, 'selector replicas minReadySeconds'),
  },
  Job: {
    template: read(),
    ...each(
      harmless,
      'activeDeadlineSeconds backoffLimit backoffLimitPerIndex completions managedBy manualSelector maxFailedIndexes parallelism podFailurePolicy podReplacementPolicy selector successPolicy suspend ttlSecondsAfterFinished',
    ),
    completionMode: refused('the index reaches the container as a variable that no rule allows', {
      known: 'U',
      unless: 'NonIndexed',
      remedy: 'remove it, or set it to NonIndexed',
    }),
  },
  CronJob: {
    jobTemplate: read(),
    ...each(
      harmless,
      'schedule concurrencyPolicy failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit suspend timeZone',
    ),
  },
};

/** Fields that the reference requires beside the template; only their presence is looked at. */
export const REQUIRED: Readonly<Partial<Record<PodWorkloadKind, readonly string[]>>> = {
  StatefulSet: ['serviceName', 'selector'],
  ReplicaSet: ['selector'],
};

const OBJECT: FieldTable = { metadata: read(), ...each(harmless, 'apiVersion kind') };

export const CONFIG_MAP: FieldTable = {
  ...OBJECT,
  data: read(),
  ...each(harmless, 'binaryData immutable'),
};

export const SECRET: FieldTable = {
  ...OBJECT,
  ...each(read(), 'data stringData'),
  ...each(harmless, 'immutable type'),
};
