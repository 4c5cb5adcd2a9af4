import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { assertReferenceFields } from '../../../src/manifest/kubernetes/reference-check.js';
import { goldenManifests } from '../../support/golden-manifests.js';
import { openGolden } from '../../support/kata-golden.js';
import { vectorsDir } from '../../support/vectors.js';

function refusal(text: string): ToolError | undefined {
  try {
    assertReferenceFields(text, 'input.yaml');
    return undefined;
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
}

const placesOf = (error: ToolError | undefined) =>
  error === undefined ? [] : [error, ...error.also].map(({ where }) => where);

/** Path of the reference (`spec.containers.0.env.?.1`) in our notation. */
const pathOf = (path: string) => path.replace(/\.\?/g, '').replace(/\.(\d+)(?=\.|$)/g, '[$1]');

/** Cases that ask for unknown fields to be left out. */
const silent = new Set(
  openGolden(vectorsDir('kata-golden'))
    .cases.filter(({ args }) => args.silent_unsupported_fields === true)
    .map(({ name }) => name),
);
const golden = goldenManifests().filter(({ family }) => family === 'C');

describe('golden manifests', () => {
  const accepted = golden.filter(({ outcome, name }) => outcome === 'ok' && !silent.has(name));
  it.each(accepted)('$name is taken', ({ text }) => {
    expect(refusal(text)).toBeUndefined();
  });

  const refused = golden.filter(({ outcome }) => outcome === 'unsupported-field');
  it.each(refused)('$name is refused, naming the field of the reference', ({ text, expected }) => {
    const places = placesOf(refusal(text)).map((where) => where?.split(' ')[1]);
    expect(places).toContain(pathOf(expected.error?.path ?? ''));
  });

  const mistyped = golden.filter(
    ({ outcome, expected }) => outcome === 'invalid-type' && expected.error?.path !== undefined,
  );
  it.each(mistyped)('$name is refused for its value', ({ text, expected }) => {
    const error = refusal(text);
    expect(error?.code).toBe('MANIFEST_INVALID');
    expect(placesOf(error).map((where) => where?.split(' ')[1])).toContain(
      pathOf(expected.error?.path ?? ''),
    );
  });
});

describe('all problems of a text', () => {
  it('are told at once, in order, with line and column', () => {
    const error = refusal(`kind: Ingress
---
kind: Pod
metadata: {name: p, creationTimestamp: null}
spec:
  hostNetwork: True
  containers:
    - {name: c, image: a, stdinOnce: true}
---
kind: List
items:
  - {kind: Secret, stringData: {a: b}}
  - {kind: List, items: [{kind: Job, spec: {completions: 1}}]}
`);
    expect(placesOf(error)).toEqual([
      'input.yaml:1:1',
      'input.yaml:4:21 metadata.creationTimestamp',
      'input.yaml:6:16 spec.hostNetwork',
      'input.yaml:8:27 spec.containers[0].stdinOnce',
      'input.yaml:12:20 items[0].stringData',
      'input.yaml:13:45 items[1].items[0].spec.completions',
    ]);
    expect(error?.also.map(({ code }) => code).at(1)).toBe('MANIFEST_INVALID');
  });

  it.each([
    ['null in place of anything known', 'kind: Pod\nspec: {hostNetwork: null, containers: null}'],
    ['an object that is not looked into', 'kind: Service\nspec: {anything: [goes]}'],
    ['an empty text', ''],
    [
      'a percentage where it is text',
      'kind: StatefulSet\nspec: {updateStrategy: {rollingUpdate: {maxUnavailable: 25%}}}',
    ],
    ['an empty binaryData', 'kind: ConfigMap\nbinaryData: {}'],
    [
      'a label selector',
      'kind: Deployment\nspec: {selector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [b]}]}}',
    ],
  ])('%s is none', (_what, text) => {
    expect(refusal(text)).toBeUndefined();
  });

  it.each([
    ['kind: StatefulSet\nspec: {updateStrategy: {a: b}}', 'spec.updateStrategy.a'],
    ['kind: Deployment\nspec: {replicas: "2"}', 'spec.replicas'],
    ['kind: Deployment\nspec: {selector: {app: a}}', 'spec.selector.app'],
    ['kind: ConfigMap\nbinaryData: {K: aGk=}', 'binaryData.K'],
    ['kind: Secret\nimmutable: True', 'immutable'],
    ['kind: CronJob\nspec: {suspend: yes}', 'spec.suspend'],
    [
      'kind: Pod\nspec: {tolerations: [{tolerationSeconds: 1.5}]}',
      'spec.tolerations[0].tolerationSeconds',
    ],
    ['kind: Pod\nspec: {affinity: {nodeAffinity: {}}}', 'spec.affinity.nodeAffinity'],
    [
      'kind: Pod\nspec: {containers: [{ports: [{containerPort: "80"}]}]}',
      'spec.containers[0].ports[0].containerPort',
    ],
    [
      'kind: Pod\nspec: {containers: [{livenessProbe: {periodSeconds: 5s}}]}',
      'spec.containers[0].livenessProbe.periodSeconds',
    ],
    [
      'kind: Pod\nspec: {containers: [{envFrom: [{configMapRef: {name: a, key: b}}]}]}',
      'spec.containers[0].envFrom[0].configMapRef.key',
    ],
  ])('%s is one', (text, path) => {
    expect(placesOf(refusal(text)).map((where) => where?.split(' ')[1])).toEqual([path]);
  });
});
