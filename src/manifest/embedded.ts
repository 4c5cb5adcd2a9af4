/**
 * Policies that stand in a deployment document: in annotations of Kubernetes objects, or as `ccePolicy` in an ARM
 * template. Read only; nothing is checked but the place.
 */
import { ToolError } from '../core/error.js';
import type { JsonNode, JsonString } from '../core/json-tree.js';
import { locate } from '../core/locate.js';
import { memberAnyCase } from './arm/nodes.js';
import { parseArmFile } from './arm/parse.js';
import { childOf, type YamlContent, type YamlDocument } from './yaml/node.js';
import { parseYaml } from './yaml/parse.js';

export interface EmbeddedPolicy {
  /** The encoded policy as it stands there. */
  readonly value: string;
  readonly target: 'aks' | 'kata' | 'vn2' | 'aci';
  /** Kind, namespace and name of the workload, as far as they are known: `Pod kafka/consumer`. */
  readonly workload: string;
  /** `file:line:column path`. */
  readonly at: string;
}

/** Annotation keys that carry policies. */
const POLICY_ANNOTATIONS: Readonly<Record<string, EmbeddedPolicy['target']>> = {
  'io.katacontainers.config.agent.policy': 'aks',
  'io.katacontainers.config.hypervisor.cc_init_data': 'kata',
  'microsoft.containerinstance.virtualnode.ccepolicy': 'vn2',
};

/** Paths from an object to the metadata that may carry one, outermost last: the pod template's own comes first. */
const METADATA_PATHS: readonly (readonly string[])[] = [
  ['metadata'],
  ['spec', 'template', 'metadata'],
  ['spec', 'jobTemplate', 'spec', 'template', 'metadata'],
];

/** All policies in the annotations of a YAML (or JSON) manifest, in document order. Throws as parseYaml. */
export function findAnnotatedPolicies(text: string, file: string): EmbeddedPolicy[] {
  return parseYaml(text, file).flatMap((document) =>
    policiesOf(document, document.root as YamlContent, ''),
  );
}

function policiesOf(
  document: YamlDocument,
  object: YamlContent | undefined,
  path: string,
): EmbeddedPolicy[] {
  const items = childOf(object, 'items');
  if (items?.kind === 'sequence') {
    return items.items.flatMap((item, i) =>
      policiesOf(document, item as YamlContent, `${path}items[${i}].`),
    );
  }
  return METADATA_PATHS.flatMap((metadataPath) => {
    const metadata = metadataPath.reduce<YamlContent | undefined>(
      (node, key) => (node === undefined ? undefined : childOf(node, key)),
      object,
    );
    const annotations = childOf(metadata, 'annotations');
    return Object.entries(POLICY_ANNOTATIONS).flatMap(([key, target]) => {
      const value = childOf(annotations, key);
      if (value?.kind !== 'scalar' || value.text === '') return [];
      const at = `${locate(document.source, value.start)} ${path}${metadataPath.join('.')}.annotations["${key}"]`;
      return [{ value: value.text, target, workload: describe(object), at }];
    });
  });
}

function describe(object: YamlContent | undefined): string {
  const text = (node: YamlContent | undefined) => (node?.kind === 'scalar' ? node.text : '');
  const metadata = childOf(object, 'metadata');
  const name = text(childOf(metadata, 'name')) || text(childOf(metadata, 'generateName'));
  const namespace = text(childOf(metadata, 'namespace'));
  return `${text(childOf(object, 'kind'))} ${namespace === '' ? name : `${namespace}/${name}`}`.trim();
}

/**
 * All policies of container groups in an ARM template: each `confidentialComputeProperties.ccePolicy` that is a text,
 * names in any case, comments skipped. An expression in its place is an error: it has no measurement before deployment.
 * Throws as parseArmFile.
 */
export function findTemplatePolicies(text: string, file: string): EmbeddedPolicy[] {
  const found: EmbeddedPolicy[] = [];
  const document = parseArmFile(text, file);
  walk(document.root, '', '', (node, path, name) => {
    const at = `${locate(document, node.start)} ${path}`;
    if (node.value.startsWith('[')) {
      throw new ToolError('POLICY_UNREADABLE', 'the policy is an expression', {
        where: at,
        hints: ['measure the template after the policy text was written into it'],
      });
    }
    found.push({ value: node.value, target: 'aci', workload: `containerGroup ${name}`.trim(), at });
  });
  return found;
}

type Visit = (node: JsonString, path: string, name: string) => void;

function walk(node: JsonNode, path: string, name: string, visit: Visit): void {
  if (node.kind === 'array') {
    for (const [i, item] of node.items.entries()) walk(item, `${path}[${i}]`, name, visit);
  }
  if (node.kind !== 'object') return;
  const [named, typed] = ['name', 'type'].map((key) => memberAnyCase(node, key)?.value);
  const own = named?.kind === 'string' && typed?.kind === 'string' ? named.value : name;
  for (const { key, value } of node.members) {
    const here = path === '' ? key : `${path}.${key}`;
    const isPlace = key.toLowerCase() === 'confidentialcomputeproperties';
    const policy = isPlace ? memberAnyCase(value, 'ccePolicy')?.value : undefined;
    if (policy?.kind === 'string' && policy.value !== '') visit(policy, `${here}.ccePolicy`, own);
    else walk(value, here, own, visit);
  }
}
