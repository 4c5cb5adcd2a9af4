/**
 * ARM template -> findings about its container groups. Only what stands in the text is judged: what generation would
 * refuse is passed over, and a value that only the deployment knows is no finding.
 */
import { type Finding, sortFindings } from '../../core/finding.js';
import type { JsonDocument, JsonNode } from '../../core/json-tree.js';
import { locate } from '../../core/locate.js';
import type { SecretVariables } from '../../core/secret.js';
import { memberAnyCase } from '../arm/nodes.js';
import { parseArmFile } from '../arm/parse.js';
import { type ManifestAuditId, type ManifestHit, manifestFinding } from './rules.js';

export interface TemplateAudit {
  /** Worst first. */
  readonly findings: readonly Finding[];
  /** How many container groups there are. */
  readonly groups: number;
}

interface Group {
  readonly document: JsonDocument;
  readonly node: JsonNode;
  /** From the root of the template. */
  readonly path: string;
  /** `containerGroup web`, the name as it is written. */
  readonly subject: string;
}

const TYPES: readonly string[] = [
  'microsoft.containerinstance/containergroups',
  'microsoft.containerinstance/containergroupprofiles',
];

/** The audit of a template. Throws what parseArmFile throws. */
export function auditTemplate(text: string, file: string): TemplateAudit {
  const document = parseArmFile(text, file);
  const groups = findGroups(document, document.root, '');
  return {
    findings: sortFindings(groups.flatMap(auditGroup).map(manifestFinding)),
    groups: groups.length,
  };
}

/** Variables that a template gives as secure values, by group. Throws what parseArmFile throws. */
export function templateSecrets(text: string, file: string): ReadonlyMap<string, SecretVariables> {
  const document = parseArmFile(text, file);
  const groups = findGroups(document, document.root, '');
  return new Map(groups.map(({ subject, node }) => [subject, secretsOf(node)]));
}

function findGroups(document: JsonDocument, node: JsonNode, path: string): readonly Group[] {
  if (node.kind === 'array') {
    return node.items.flatMap((item, i) => findGroups(document, item, `${path}[${i}]`));
  }
  if (node.kind !== 'object') return [];
  if (TYPES.includes((textAt(node, 'type') ?? '').toLowerCase())) {
    const subject = `containerGroup ${textAt(node, 'name') ?? ''}`.trim();
    return [{ document, node, path, subject }];
  }
  return node.members.flatMap(({ key, value }) =>
    findGroups(document, value, path === '' ? key : `${path}.${key}`),
  );
}

function auditGroup(group: Group): readonly ManifestHit[] {
  const { node } = group;
  const confidential = nodeAt(node, 'properties', 'confidentialComputeProperties');
  const policy = nodeAt(confidential, 'ccePolicy');
  if (policy !== undefined && !(policy.kind === 'string' && policy.value === '')) return [];
  const sku = textAt(node, 'properties', 'sku');
  if (confidential !== undefined || sku?.toLowerCase() === 'confidential') {
    const message = 'the container group has no policy: the host may run anything in it';
    return [hitAt('group-without-policy', message, group, policy ?? confidential ?? node)];
  }
  if (sku?.startsWith('[') === true) return [];
  const message = `the container group runs without a confidential guest, with sku ${sku ?? 'Standard'}`;
  return [hitAt('group-not-confidential', message, group, node)];
}

function hitAt(
  id: ManifestAuditId,
  message: string,
  { document, subject, path }: Group,
  node: JsonNode,
): ManifestHit {
  return { id, message, subject, at: locate(document, node.start), path };
}

function secretsOf(group: JsonNode): SecretVariables {
  const containers = ['containers', 'initContainers'].flatMap((list) =>
    itemsAt(group, 'properties', list),
  );
  return new Map(
    containers.map((container) => {
      const variables = itemsAt(container, 'properties', 'environmentVariables');
      const secure = variables.filter((one) => (textAt(one, 'secureValue') ?? '') !== '');
      const names = secure.map((one) => [textAt(one, 'name') ?? '', 'a secureValue'] as const);
      return [textAt(container, 'name') ?? '', new Map(names)];
    }),
  );
}

function nodeAt(node: JsonNode | undefined, ...keys: readonly string[]): JsonNode | undefined {
  return keys.reduce((inner, key) => memberAnyCase(inner, key)?.value, node);
}

function textAt(node: JsonNode, ...keys: readonly string[]): string | undefined {
  const found = nodeAt(node, ...keys);
  return found?.kind === 'string' ? found.value : undefined;
}

function itemsAt(node: JsonNode, ...keys: readonly string[]): readonly JsonNode[] {
  const found = nodeAt(node, ...keys);
  return found?.kind === 'array' ? found.items : [];
}
