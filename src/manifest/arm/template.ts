/**
 * Template -> the container groups that it deploys, with all expressions evaluated: loops, conditions, nested and linked
 * templates included. Values that only the deployment knows stay unknown values.
 */
import { ToolError } from '../../core/error.js';
import type { JsonDocument, JsonMap, JsonNode } from '../../core/json-tree.js';
import { LIMITS } from '../../core/limits.js';
import type { NoticeSink } from '../../core/notice.js';
import { readCount } from './copy.js';
import { evaluateNode } from './evaluate.js';
import { parseExpression } from './expression.js';
import { mapOf, memberAnyCase, type NodePath, printPath } from './nodes.js';
import type { GivenParameters } from './parameters.js';
import { linkedPath } from './parse.js';
import { type Engine, type Scope, withLoop } from './scope.js';
import { buildScope, type TemplatePlace } from './template-scope.js';
import {
  type ArmValue,
  armMember,
  type Budget,
  findUnknown,
  isUnknown,
  unknownBecause,
} from './value.js';

/** Types of resources that run containers, in lower case, with their proper spelling. */
export const GROUP_TYPES: Readonly<Record<string, string>> = {
  'microsoft.containerinstance/containergroups': 'Microsoft.ContainerInstance/containerGroups',
  'microsoft.containerinstance/containergroupprofiles':
    'Microsoft.ContainerInstance/containerGroupProfiles',
};

const DEPLOYMENT_TYPE = 'microsoft.resources/deployments';
/** Members of a group that its policy depends on; the others are not evaluated. */
const READ_MEMBERS = new Set(['name', 'tags', 'properties']);
const READ_PROPERTIES = new Set([
  'ostype',
  'containers',
  'initcontainers',
  'volumes',
  'confidentialcomputeproperties',
  'copy',
]);

/** What is evaluated. */
export interface TemplateInput {
  readonly document: JsonDocument;
  readonly given: GivenParameters;
  /** Linked templates by the path that listLinkedTemplates gives them. */
  readonly linked: ReadonlyMap<string, JsonDocument>;
  readonly budget: Budget;
  readonly notices: NoticeSink;
}

/** One container group (or profile) that is deployed. */
export interface EvaluatedGroup {
  /** Type in its proper spelling. */
  readonly kind: string;
  /** Members name, tags and properties as far as policies depend on them. */
  readonly value: ReadonlyMap<string, ArmValue>;
  /** The file that it stands in, and where there. Instances of a loop share it. */
  readonly document: JsonDocument;
  readonly path: NodePath;
}

export interface EvaluatedTemplate {
  /** In document order. */
  readonly groups: readonly EvaluatedGroup[];
  /** Texts that secure parameters hold. */
  readonly secrets: ReadonlySet<string>;
}

/** All container groups of a template. Throws MANIFEST_*, ARM_EXPRESSION, LIMIT_EXCEEDED. */
export function evaluateTemplate(input: TemplateInput): EvaluatedTemplate {
  const engine = buildEngine(input);
  const walk: Walk = { input, engine, groups: [] };
  const { document, given } = input;
  const place: TemplatePlace = { document, path: [], depth: 0 };
  walkResources(document.root, buildScope(document.root, given, place, engine), place, walk);
  return { groups: walk.groups, secrets: engine.secrets };
}

function buildEngine({ budget, document, notices }: TemplateInput): Engine {
  const trees = new Map<string, ReturnType<typeof parseExpression>>();
  const told = new Set<string>();
  return {
    budget,
    secrets: new Set(),
    parse: (source) => {
      const tree = trees.get(source) ?? parseExpression(source);
      trees.set(source, tree);
      return tree;
    },
    doubt: (message) => {
      if (told.has(message)) return;
      told.add(message);
      notices({ code: 'template-result-uncertain', message, where: document.file });
    },
  };
}

interface Walk {
  readonly input: TemplateInput;
  readonly engine: Engine;
  readonly groups: EvaluatedGroup[];
}

/** Visits the resources of a template: a list, or a map of symbolic names. */
function walkResources(template: JsonNode, scope: Scope, place: TemplatePlace, walk: Walk): void {
  const member = memberAnyCase(template, 'resources');
  const { value: resources, key = 'resources' } = member ?? {};
  if (resources?.kind === 'array') {
    for (const [i, item] of resources.items.entries()) {
      walkResource(item, scope, { ...place, path: [...place.path, key, i] }, walk);
    }
  } else if (resources?.kind === 'object') {
    for (const { key: name, value } of resources.members) {
      walkResource(value, scope, { ...place, path: [...place.path, key, name] }, walk);
    }
  } else {
    throw new ToolError('MANIFEST_INVALID', `${place.document.file} has no resources`, {
      where: scope.locate(template, printPath(place.path)),
      want: 'a list or map named resources',
    });
  }
}

function walkResource(node: JsonNode, scope: Scope, place: TemplatePlace, walk: Walk): void {
  const path = printPath(place.path);
  if (node.kind !== 'object') {
    throw new ToolError('MANIFEST_INVALID', 'a resource is not an object', {
      where: scope.locate(node, path),
      got: node.kind,
    });
  }
  const type = typeOf(node, scope, path, walk);
  const isGroup = type !== undefined && Object.hasOwn(GROUP_TYPES, type);
  if (!isGroup && type !== DEPLOYMENT_TYPE) return;
  if (isExisting(node) || !isDeployed(node, scope, path, walk)) return;
  for (const instance of instancesOf(node, scope, path)) {
    if (isGroup) addGroup(GROUP_TYPES[type]!, node, instance, place, walk);
    else walkDeployment(node, instance, place, walk);
  }
}

/** The type in lower case; undefined, with a notice, if it is not known. */
function typeOf(node: JsonMap, scope: Scope, path: string, { input }: Walk): string | undefined {
  const member = memberAnyCase(node, 'type');
  if (member === undefined) {
    throw new ToolError('MANIFEST_INVALID', 'a resource has no type', {
      where: scope.locate(node, path),
    });
  }
  const type = evaluateNode(member.value, scope, `${path}.${member.key}`);
  if (typeof type === 'string') return type.toLowerCase();
  input.notices({
    code: 'resource-type-unknown',
    message: 'the type of a resource is not known before the deployment; it gets no policy',
    where: scope.locate(node, path),
  });
  return undefined;
}

/** True for a resource of language version 2.0 that is only referred to. */
function isExisting(node: JsonMap): boolean {
  const existing = memberAnyCase(node, 'existing')?.value;
  return existing?.kind === 'boolean' && existing.value;
}

function isDeployed(node: JsonMap, scope: Scope, path: string, { input }: Walk): boolean {
  const member = memberAnyCase(node, 'condition');
  if (member === undefined) return true;
  const inLoop = memberAnyCase(node, 'copy') !== undefined;
  const condition = inLoop ? true : evaluateNode(member.value, scope, `${path}.${member.key}`);
  if (isUnknown(condition)) {
    input.notices({
      code: 'condition-unknown',
      message:
        'the condition of a resource is not known before the deployment; it is taken as true',
      where: scope.locate(member.value, `${path}.${member.key}`),
    });
    return true;
  }
  if (typeof condition === 'boolean') return condition;
  throw new ToolError('MANIFEST_INVALID', 'the condition of a resource is no bool', {
    where: scope.locate(member.value, `${path}.${member.key}`),
  });
}

/** One scope per instance of a resource: one without copy loop. */
function instancesOf(node: JsonMap, scope: Scope, path: string): readonly Scope[] {
  const copy = memberAnyCase(node, 'copy');
  if (copy === undefined) return [scope];
  const at = `${path}.${copy.key}`;
  const name = memberAnyCase(copy.value, 'name')?.value;
  const count = memberAnyCase(copy.value, 'count')?.value;
  if (name?.kind !== 'string' || count === undefined) {
    throw new ToolError('MANIFEST_INVALID', 'a copy loop has no name or no count', {
      where: scope.locate(copy.value, at),
    });
  }
  const times = readCount(count, scope, `${at}.count`);
  if (typeof times !== 'number') {
    throw new ToolError('ARM_UNKNOWN_VALUE', 'the count of a copy loop is not known', {
      where: scope.locate(count, `${at}.count`),
      got: times.opaque,
    });
  }
  const condition = memberAnyCase(node, 'condition');
  const all = Array.from({ length: times }, (_value, index) =>
    withLoop(scope, name.value, index, true),
  );
  if (condition === undefined) return all;
  return all.filter((one) => evaluateNode(condition.value, one, `${path}.condition`) !== false);
}

function addGroup(
  kind: string,
  node: JsonMap,
  scope: Scope,
  place: TemplatePlace,
  walk: Walk,
): void {
  if (walk.groups.length >= LIMITS.armGroups) {
    throw new ToolError('LIMIT_EXCEEDED', 'the template has too many container groups', {
      where: scope.locate(node, printPath(place.path)),
      want: `at most ${LIMITS.armGroups}`,
    });
  }
  const path = printPath(place.path);
  const value = new Map<string, ArmValue>();
  for (const member of node.members) {
    const key = member.key.toLowerCase();
    if (!READ_MEMBERS.has(key)) continue;
    const at = `${path}.${member.key}`;
    const part = key === 'properties' ? readPart(member.value) : member.value;
    const evaluated = evaluateNode(part, scope, at);
    // Bounds the depth of what other stages walk through.
    findUnknown([evaluated], walk.input.budget);
    value.set(member.key, evaluated);
  }
  walk.groups.push({ kind, value, document: place.document, path: place.path });
}

/** The properties without those that no policy depends on. */
function readPart(properties: JsonNode): JsonNode {
  if (properties.kind !== 'object') return properties;
  const members = properties.members.filter(({ key }) => READ_PROPERTIES.has(key.toLowerCase()));
  return { ...properties, members };
}

/** A deployment within the template: its own template, nested or linked. */
function walkDeployment(node: JsonMap, scope: Scope, place: TemplatePlace, walk: Walk): void {
  const path = printPath(place.path);
  if (place.depth >= LIMITS.armTemplateDepth) {
    throw new ToolError('LIMIT_EXCEEDED', 'templates are nested too deeply', {
      where: scope.locate(node, path),
      want: `at most ${LIMITS.armTemplateDepth} levels`,
    });
  }
  const member = memberAnyCase(node, 'properties');
  const properties = member?.value;
  const template = memberAnyCase(properties, 'template');
  const nested = template?.value.kind === 'object' ? template : undefined;
  const key = member?.key ?? 'properties';
  if (nested === undefined) {
    walkLinked(node, scope, place, walk);
    return;
  }
  const inner: TemplatePlace = {
    ...place,
    depth: place.depth + 1,
    path: [...place.path, key, nested.key],
  };
  const isInner = scopeOf(properties) === 'inner';
  const given = isInner ? passedParameters(properties, scope, `${path}.${key}`) : new Map();
  const innerScope = isInner ? buildScope(nested.value, given, inner, walk.engine) : scope;
  walkResources(nested.value, innerScope, inner, walk);
}

/** Where expressions of a nested template are evaluated; without a word in the template around it. */
function scopeOf(properties: JsonNode | undefined): 'inner' | 'outer' {
  const options = memberAnyCase(properties, 'expressionEvaluationOptions')?.value;
  const scope = memberAnyCase(options, 'scope')?.value;
  return scope?.kind === 'string' && scope.value.toLowerCase() === 'inner' ? 'inner' : 'outer';
}

/** The parameters that a deployment passes on, evaluated where it stands. */
function passedParameters(
  properties: JsonNode | undefined,
  scope: Scope,
  path: string,
): GivenParameters {
  const parameters = mapOf(memberAnyCase(properties, 'parameters')?.value);
  return new Map(
    (parameters?.members ?? []).map(({ key, value }) => {
      const at = `${path}.parameters.${key}`;
      const entry = evaluateNode(value, scope, at);
      const where = scope.locate(value, at);
      return [key.toLowerCase(), { name: key, value: passedValue(key, entry, where), at: where }];
    }),
  );
}

/** The value of `{"value": ...}`, which may be null. */
function passedValue(name: string, entry: ArmValue, where: string): ArmValue {
  if (isUnknown(entry)) return entry;
  const value = armMember(entry, 'value');
  if (value !== undefined) return value;
  if (armMember(entry, 'reference') !== undefined) {
    return unknownBecause(`parameter ${name} of a nested template comes from a key vault`);
  }
  throw new ToolError('MANIFEST_INVALID', `parameter ${name} of a nested template has no value`, {
    where,
    want: '{"value": ...} or {"reference": ...}',
  });
}

function walkLinked(node: JsonMap, scope: Scope, place: TemplatePlace, walk: Walk): void {
  const path = printPath(place.path);
  const member = memberAnyCase(node, 'properties');
  const link = memberAnyCase(member?.value, 'templateLink')?.value;
  const relative = memberAnyCase(link, 'relativePath')?.value;
  const target =
    relative === undefined ? null : evaluateNode(relative, scope, `${path}.relativePath`);
  const linked =
    typeof target === 'string'
      ? walk.input.linked.get(linkedPath(place.document.file, target))
      : undefined;
  if (linked === undefined) {
    walk.input.notices({
      code: 'linked-template-not-read',
      message:
        'the template of a deployment is not at hand; its container groups, if any, get no policy',
      where: scope.locate(node, path),
    });
    return;
  }
  const inner: TemplatePlace = { document: linked, path: [], depth: place.depth + 1 };
  const given = passedParameters(member?.value, scope, `${path}.properties`);
  walkResources(linked.root, buildScope(linked.root, given, inner, walk.engine), inner, walk);
}
