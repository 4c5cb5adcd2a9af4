/**
 * Template -> container groups as the reference generator reads it (aci policy 8.1 to 8.4): plain resources only, and
 * partial evaluation of their texts. Where it leaves something out without a word, a notice says so.
 */
import {
  type DataMap,
  type DataValue,
  exactly,
  isList,
  isMap,
  isTruthy,
  lookUp,
} from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import type { JsonDocument } from '../../core/json-tree.js';
import type { NoticeSink } from '../../core/notice.js';
import type { ContainerGroup, WildcardApproval } from '../../workload/container-group.js';
import { valueOfNode } from './functions/json-text.js';
import { type GroupResource, groupName, readContainerGroup } from './group.js';
import { locatePath } from './nodes.js';
import { buildReferenceTexts, type ReferenceTables } from './reference-texts.js';
import { GROUP_TYPES } from './template.js';
import { buildBudget } from './value.js';

/** What the reference reads: at most one parameters file, no linked templates. */
export interface ReferenceArmRequest {
  readonly template: JsonDocument;
  readonly parameters?: JsonDocument;
  readonly approve: WildcardApproval;
  readonly notices: NoticeSink;
}

/** Members of a resource that the reference does not understand, and what it makes of them. */
const NOT_UNDERSTOOD: Readonly<Record<string, string>> = {
  copy: 'the copy loop of a container group is not evaluated; it gets one policy',
  condition: 'the condition of a container group is not evaluated; it is taken as true',
};
const DEPLOYMENT = 'microsoft.resources/deployments';

/** The container groups in order. Throws MANIFEST_INVALID for what the reference refuses or fails at. */
export function readArmGroupsAsReference(request: ReferenceArmRequest): readonly ContainerGroup[] {
  const { approve, notices } = request;
  const { resources, tables } = openTemplate(request);
  const texts = buildReferenceTexts(tables, notices);
  return resources.map((resource) => readContainerGroup(resource, { texts, approve, notices }));
}

/** A policy that stands in a template, or its absence. */
export interface StandingPolicy {
  /** Of the container group; empty if it has none. */
  readonly name: string;
  /** Base64 as written; empty if there is none. */
  readonly policy: string;
  /** False without confidentialComputeProperties. */
  readonly isConfidential: boolean;
  readonly at: string;
}

/** The policies that stand in the container groups of a template, in order. Throws as readArmGroupsAsReference. */
export function listStandingPolicies(
  request: Omit<ReferenceArmRequest, 'approve'>,
): readonly StandingPolicy[] {
  const { resources, tables } = openTemplate(request);
  const texts = buildReferenceTexts(tables, () => undefined);
  return resources.map(({ value, document, path }) => {
    const at = locatePath(document, path);
    const place = { code: 'MANIFEST_INVALID', what: at, path: 'name' } as const;
    const confidential = lookUp(lookUp(value, 'properties'), 'confidentialComputeProperties');
    const policy = lookUp(confidential, 'ccePolicy');
    return {
      name: groupName(value, texts, place) ?? '',
      policy: typeof policy === 'string' ? policy : '',
      isConfidential: confidential !== null,
      at,
    };
  });
}

/** The container groups of a template, not read yet, and the tables that their texts are looked up in. */
function openTemplate(request: Omit<ReferenceArmRequest, 'approve'>): {
  readonly resources: readonly GroupResource[];
  readonly tables: ReferenceTables;
} {
  const { template, notices } = request;
  const root = valueOfNode(template.root, buildBudget()) as DataValue;
  const listed = readResources(root, template);
  const key = [...(root as DataMap).keys()].find((one) => one.toLowerCase() === 'resources');
  const tables = {
    parameters: mergeParameters(lookUp(root, 'parameters'), request),
    variables: lookUp(root, 'variables'),
  };
  const resources = listed.flatMap((value, index) => {
    const path = [key ?? 'resources', index];
    const kind = kindOfResource(value, locatePath(template, path), notices);
    return kind === undefined || !isMap(value) ? [] : [{ kind, value, document: template, path }];
  });
  if (resources.length > 0) return { resources, tables };
  throw new ToolError('MANIFEST_INVALID', `${template.file} has no container group`, {
    where: template.file,
    want: `a resource of type ${Object.values(GROUP_TYPES).join(' or ')}`,
  });
}

function readResources(root: DataValue, { file }: JsonDocument): readonly DataValue[] {
  const resources = lookUp(root, 'resources');
  if (isList(resources) && resources.length > 0) return resources;
  const hint = 'podseal policy reads resources with symbolic names';
  throw new ToolError('MANIFEST_INVALID', `${file} has no list of resources`, {
    where: file,
    ...(isMap(resources) ? { hints: [hint] } : {}),
  });
}

/** The type of a container group; undefined for any other resource. */
function kindOfResource(value: DataValue, where: string, notices: NoticeSink): string | undefined {
  const type = exactly(value, 'type');
  if (typeof type !== 'string') {
    throw new ToolError('MANIFEST_INVALID', 'a resource has no type', { where });
  }
  const proper = Object.hasOwn(GROUP_TYPES, type.toLowerCase())
    ? GROUP_TYPES[type.toLowerCase()]
    : undefined;
  if (type === proper) {
    for (const [key, message] of Object.entries(NOT_UNDERSTOOD)) {
      if (exactly(value, key) !== null) notices({ code: 'template-not-evaluated', message, where });
    }
    return proper;
  }
  if (proper !== undefined || type.toLowerCase() === DEPLOYMENT) {
    const message =
      proper === undefined
        ? 'a nested or linked template is not read; its container groups, if any, get no policy'
        : `a resource is left out, since its type is not written ${proper}`;
    notices({ code: 'template-not-evaluated', message, where });
  }
  return undefined;
}

/** The declared parameters with the values of the parameters file put into them (8.3). */
function mergeParameters(
  declared: DataValue,
  request: Omit<ReferenceArmRequest, 'approve'>,
): DataValue {
  const { parameters: file, notices } = request;
  if (file === undefined) return declared;
  const root = valueOfNode(file.root, buildBudget()) as DataValue;
  if (!isTruthy(root)) return declared;
  const given = lookUp(root, 'parameters');
  if (!isMap(given) || given.size === 0) {
    throw new ToolError('MANIFEST_INVALID', `${file.file} has no parameters`, {
      where: file.file,
      want: '"parameters": {"NAME": {"value": ...}}',
    });
  }
  const merged = new Map(isMap(declared) ? declared : []);
  for (const [name, entry] of given) {
    const where = locatePath(file, ['parameters', name]);
    const key = declaredKey(merged, name);
    const declaration = key === undefined ? undefined : merged.get(key);
    if (key === undefined || !isMap(declaration) || declaration.size === 0) {
      throw new ToolError('MANIFEST_INVALID', `the template has no parameter ${name}`, { where });
    }
    merged.set(key, new Map(declaration).set('value', givenValue(name, entry, where, notices)));
  }
  return merged;
}

/** The name as it is declared: the same, else the same in another case. */
function declaredKey(declared: DataMap, name: string): string | undefined {
  if (declared.has(name)) return name;
  return [...declared.keys()].find((key) => key.toLowerCase() === name.toLowerCase());
}

/** An empty value counts as missing, and hides the default. */
function givenValue(name: string, entry: DataValue, where: string, notices: NoticeSink): DataValue {
  const value = lookUp(entry, 'value');
  if (isTruthy(value)) return value;
  if (value !== null) {
    notices({
      code: 'parameter-value-lost',
      message: `the value of parameter ${name} is taken as missing, since it is empty, zero or false; podseal policy takes it as it is`,
      where,
    });
  }
  return lookUp(entry, 'secureValue');
}
