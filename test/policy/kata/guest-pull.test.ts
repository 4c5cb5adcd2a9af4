import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { ContainerSecurityContext, PodSecurityContext } from '../../../src/workload/pod.js';
import {
  buildPolicy,
  containerOf,
  GROUP,
  imageOf,
  PASSWD,
  podOf,
  userFile,
} from '../../support/pod-models.js';

const FILES = [userFile('passwd', PASSWD), userFile('group', GROUP)];

function outcome(
  user: string,
  pod: PodSecurityContext,
  own: ContainerSecurityContext = {},
  family: 'U' | 'M' = 'U',
  guestPull = true,
): string | undefined {
  const workload = podOf({
    containers: [containerOf({ image: 'app', securityContext: own })],
    securityContext: pod,
  });
  try {
    buildPolicy(family, workload, {
      images: { app: imageOf('app', { user }, [FILES]) },
      patch: [{ op: 'replace', path: '/cluster_config/guest_pull', value: guestPull }],
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'MANIFEST_UNSUPPORTED') throw error;
    expect(error.where).toBe('pod.yaml:5:5 spec.containers[0]');
    return error.want?.replace('the user in the manifest: ', '');
  }
}

describe('a guest that pulls images', () => {
  it.each<[string, PodSecurityContext, ContainerSecurityContext, string | undefined]>([
    ['', {}, {}, undefined],
    ['0', {}, {}, undefined],
    ['5000', {}, {}, 'runAsUser: 5000'],
    ['5000', { runAsUser: 5000 }, {}, undefined],
    ['5000', { runAsUser: 1 }, { runAsUser: 5000 }, undefined],
    ['app', {}, {}, 'runAsUser: 1000, runAsGroup: 1001, supplementalGroups: [10, 63]'],
    ['app', { runAsUser: 1000 }, {}, 'runAsGroup: 1001, supplementalGroups: [10, 63]'],
    ['app', { runAsUser: 1000, runAsGroup: 1001 }, {}, 'supplementalGroups: [10, 63]'],
    ['app', { runAsUser: 1000, runAsGroup: 1001, fsGroup: 10 }, {}, 'supplementalGroups: [63]'],
    ['app', { runAsUser: 1000, runAsGroup: 1001, supplementalGroups: [63, 10] }, {}, undefined],
    ['', { fsGroup: 5 }, { runAsUser: 1002, runAsGroup: 9 }, 'supplementalGroups: [0, 10, 1003]'],
  ])('image user %s, pod %j, container %j', (user, pod, own, expected) => {
    expect(outcome(user, pod, own)).toBe(expected);
    expect(outcome(user, pod, own, 'U', false)).toBeUndefined();
    expect(outcome(user, pod, own, 'M')).toBeUndefined();
  });
});
