import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { inferTarget } from '../../src/manifest/target.js';
import { thrownBy } from '../support/failure.js';

const pod = (spec: string, metadata = 'name: p') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {${metadata}}\nspec: {${spec}}\n`;
const infer = (...texts: string[]) =>
  inferTarget(texts.map((text, index) => ({ file: `${index}.yaml`, text })));

function refusal(...texts: string[]): ToolError {
  try {
    infer(...texts);
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('was inferred');
}

const ARM =
  '{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", // c\n "resources": []}';

describe('inferTarget', () => {
  it.each([
    ['aks', pod('runtimeClassName: kata-cc')],
    ['aks', pod('runtimeClassName: kata-cc-isolation')],
    ['aks', pod('runtimeClassName: "kata-cc", nodeSelector: {virtualization: virtualnode2}')],
    ['kata', pod('runtimeClassName: kata')],
    ['kata', pod('runtimeClassName: kata-qemu-snp')],
    ['vn2', pod('nodeSelector: {virtualization: virtualnode2}')],
    ['vn2', pod('tolerations: [{key: virtual-kubelet.io/provider, operator: Exists}]')],
    ['vn2', pod('', 'annotations: {microsoft.containerinstance.virtualnode.ccepolicy: x}')],
    ['vn2', pod('', 'labels: {virtualnode2: "true"}')],
    ['aci', ARM],
    ['aci', '{"version": "1.0", "containers": []}'],
    [
      'aks',
      'apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {runtimeClassName: kata-cc}}}}}\n',
    ],
    ['kata', `apiVersion: v1\nkind: List\nitems: [{kind: Pod, spec: {runtimeClassName: kata}}]\n`],
    ['kata', `${pod('runtimeClassName: kata')}---\nkind: Service\n---\n${pod('')}`],
  ])('%s: %j', (target, text) => {
    expect(infer(text)).toBe(target);
  });

  it('refuses Bicep with the remedy', () => {
    expect(thrownBy(() => infer("param image string = 'x'\n"))).toMatchObject({
      code: 'MANIFEST_UNSUPPORTED',
      hints: ['az bicep build --file 0.yaml makes JSON of it: give that file'],
    });
  });

  it('looks at all files', () => {
    expect(infer(pod(''), pod('runtimeClassName: kata'))).toBe('kata');
  });

  it.each([
    ['', []],
    [pod(''), []],
    [pod('runtimeClassName: runc'), []],
    [pod('runtimeClassName: Kata'), []],
    [pod('', 'labels: {app: my-virtual-node-tool}'), []],
    ['just text', []],
    [`${pod('runtimeClassName: kata')}---\n${pod('runtimeClassName: kata-cc')}`, ['kata', 'aks']],
  ])('asks for the target where it is not clear: %j', (text, named) => {
    const error = refusal(text);
    expect(error.code).toBe('MANIFEST_TARGET_UNKNOWN');
    expect(error.hints.map((hint) => hint.split(':')[0])).toEqual([
      '--target aci',
      '--target vn2',
      '--target aks',
      '--target kata',
    ]);
    for (const target of named) expect(error.got).toContain(`${target} (0.yaml)`);
  });

  it('says what is wrong with a text that cannot be parsed', () => {
    expect(refusal('a: [').code).toBe('MANIFEST_SYNTAX');
  });
});
