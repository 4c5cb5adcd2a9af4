/** What the rows of the area `kata-manifest` say: each is shown here for its guests, and each case has its row. */
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { Notice } from '../../../src/core/notice.js';
import { readManifest } from '../../../src/manifest/kubernetes/read-manifest.js';
import type { ContainerData } from '../../../src/policy/kata/data.js';
import { buildKataPolicyData } from '../../../src/policy/kata/document.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import { readDivergences } from '../../support/divergences.js';
import { guestOf } from '../../support/kata-golden.js';
import { imageOf, settingsOf } from '../../support/pod-models.js';

interface ManifestCase {
  readonly text: string;
  readonly extra?: string;
  /** Families where the reference does what the row says; all if absent. */
  readonly families?: string;
  /** What our policy holds: of the only container, where ours is "accepted". */
  readonly shows?: (container: ContainerData) => unknown;
  readonly want?: unknown;
  /** What the policy holds where the bytes of the reference are wanted, if that differs. */
  readonly wantOfReference?: unknown;
}

const pod = (container: string, more = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - {name: c, image: i${container}}\n${more}`;
const object = (kind: string, more: string) =>
  `---\napiVersion: v1\nkind: ${kind}\nmetadata: {name: ${kind.toLowerCase()}}\n${more}\n`;

const FIELD = 'valueFrom: {fieldRef: {fieldPath: metadata.name}}';
const CLAIM =
  '{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: claim}, spec: {storageClassName: cc-managed-csi}}';

const CASES: Readonly<Record<string, ManifestCase>> = {
  'env-value-and-source': { text: pod(`, env: [{name: A, value: x, ${FIELD}}]`) },
  'env-empty-value-and-source': { text: pod(`, env: [{name: A, value: "", ${FIELD}}]`) },
  'env-two-sources': {
    text: pod(
      ', env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}, resourceFieldRef: {resource: limits.cpu}}}]',
    ),
  },
  'env-from-two-objects': {
    text:
      pod(', envFrom: [{configMapRef: {name: configmap}, secretRef: {name: secret}}]') +
      object('ConfigMap', 'data: {A: b}') +
      object('Secret', 'data: {B: Zm9v}'),
  },
  'env-from-empty-object': {
    text: pod(', envFrom: [{configMapRef: {name: configmap}}]') + object('ConfigMap', ''),
    shows: ({ OCI }) => OCI.Process.Env?.length,
    want: 2,
  },
  'list-null': { text: pod(', args: [a, null]') },
  'text-null': { text: pod(', volumeMounts: [{name: null, mountPath: /m}]') },
  'volumes-two-sources': {
    text: pod('', '  volumes: [{name: v, emptyDir: {}, hostPath: {path: /x}}]\n'),
  },
  'volume-without-source': { text: pod('', '  volumes: [{name: v}]\n') },
  'tag-binary': { text: pod(', args: [!!binary aGk=]') },
  'tag-octal': { text: pod(', securityContext: {runAsUser: !!int 010}') },
  'tag-of-a-collection': { text: pod('').replace('{name: p}', '{name: p, labels: !own {a: b}}') },
  'config-map-binary-data': {
    text: pod('') + object('ConfigMap', 'binaryData: {K: aGk=}'),
    families: 'C',
  },
  'config-map-number': {
    text: pod(', envFrom: [{configMapRef: {name: configmap}}]'),
    extra: object('ConfigMap', 'data: {K: 12}'),
    families: 'CV',
    shows: ({ OCI }) => OCI.Process.Env?.at(-1),
    want: 'K=12',
  },
  'secret-string-data': {
    text:
      pod(', envFrom: [{secretRef: {name: secret}}]') + object('Secret', 'stringData: {K: clear}'),
    shows: ({ OCI }) => OCI.Process.Env?.at(-1),
    want: 'K=clear',
  },
  'template-metadata-null': {
    text: 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p}\nspec: {selector: {}, template: {metadata: null, spec: {containers: [{name: c, image: i}]}}}\n',
  },
  'cron-job-user': {
    text: 'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: p}\nspec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: {securityContext: {runAsUser: 1000}, containers: [{name: c, image: i}]}}}}}\n',
    families: 'C',
    shows: ({ OCI }) => OCI.Process.User.UID,
    want: 1000,
    wantOfReference: 0,
  },
  'termination-path-empty': {
    text: pod(', terminationMessagePath: ""'),
    shows: ({ OCI }) =>
      OCI.Mounts?.map((mount) => mount.destination).filter(
        (path) => path === '' || path === '/dev/termination-log',
      ),
    want: ['/dev/termination-log'],
    wantOfReference: [''],
  },
  'claim-in-list': {
    text: `apiVersion: v1\nkind: List\nitems:\n  - ${CLAIM}\n  - {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /m}]}], volumes: [{name: v, persistentVolumeClaim: {claimName: claim}}]}}\n`,
    families: 'CV',
    shows: ({ storages }) =>
      storages.some(({ mount_point: at }) => at === '$(spath)/$(b64-direct-vol-path)'),
    want: true,
    wantOfReference: false,
  },
};

function makeContainer(
  family: KataFamily,
  { text, extra }: ManifestCase,
  asReference = false,
  notices: Notice[] = [],
): ContainerData {
  const { workloads, attachments } = readManifest(
    [
      { file: 'pod.yaml', text },
      ...(extra === undefined
        ? []
        : [{ file: 'extra.yaml', text: extra, role: 'attachment' as const }]),
    ],
    { guest: family, notices: () => {} },
  );
  const [workload] = workloads;
  if (workload === undefined) throw new Error('no workload');
  const { containers } = buildKataPolicyData({
    workload,
    attachments,
    images: (reference) => imageOf(reference, {}),
    settings: settingsOf(family),
    guest: guestOf(family),
    asReference,
    notices: (notice) => notices.push(notice),
  });
  const container = containers[1];
  if (container === undefined) throw new Error('no container');
  return container;
}

function outcomeOf(family: KataFamily, row: ManifestCase): string {
  try {
    makeContainer(family, row);
    return 'accepted';
  } catch (error) {
    if (error instanceof ToolError) return error.code;
    throw error;
  }
}

const familiesOf = ({ families = 'CVMU' }: ManifestCase) => [...families] as KataFamily[];

describe('manifests that the reference reads otherwise', () => {
  const rows = readDivergences().filter(({ area }) => area === 'kata-manifest');

  it('have a row each, and each row has its manifest', () => {
    expect(rows.map((row) => row.case).toSorted()).toEqual(Object.keys(CASES).toSorted());
  });

  it.each(rows)('$case: $ours', (row) => {
    const found = CASES[row.case];
    if (found === undefined) throw new Error(`no manifest for ${row.case}`);
    for (const family of familiesOf(found)) {
      expect([family, outcomeOf(family, found)]).toEqual([family, row.ours]);
      if (found.shows === undefined) continue;
      expect(found.shows(makeContainer(family, found))).toEqual(found.want);
    }
  });

  const defects = Object.entries(CASES).filter(([, found]) => 'wantOfReference' in found);

  it.each(defects)('%s: the bytes of the reference where they are asked for', (_, found) => {
    for (const family of familiesOf(found)) {
      const notices: Notice[] = [];
      const container = makeContainer(family, found, true, notices);
      expect([family, found.shows?.(container)]).toEqual([family, found.wantOfReference]);
      expect(notices.map(({ code }) => code)).toContain('reference-defect');
    }
  });
});
