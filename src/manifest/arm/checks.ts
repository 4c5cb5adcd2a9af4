/**
 * Checks of an evaluated container group before it is read: what its policy depends on is known, except for values of
 * variables, and no key stands there twice in different case, which readers would take for different values.
 */
import { ToolError } from '../../core/error.js';
import { locatePath, type NodePath } from './nodes.js';
import type { EvaluatedGroup } from './template.js';
import { type ArmObject, type ArmValue, isArmList, isArmObject, isUnknown } from './value.js';

/** Members that no policy depends on, by the member that holds them, in lower case. */
const WITHOUT_EFFECT: Readonly<Record<string, ReadonlySet<string>>> = {
  containers: new Set(['ports', 'resources']),
  initcontainers: new Set(['ports', 'resources']),
  environmentvariables: new Set(['value', 'securevalue']),
  readinessprobe: new Set(['httpget']),
  livenessprobe: new Set(['httpget']),
};
/** Parts of a group of which only names count; what is below them need not be known. */
const NAMES_ONLY = new Set(['azurefile', 'secret', 'gitrepo', 'emptydir', 'configmap']);

/** Throws ARM_UNKNOWN_VALUE and MANIFEST_INVALID with the place in the template. */
export function assertReadable(group: EvaluatedGroup): void {
  for (const [key, value] of group.value) {
    const name = key.toLowerCase();
    if (name === 'tags') assertTags(value, group, key);
    else if (name === 'properties') visit(value, [key], '', group);
  }
  assertDistinct(group.value, [], group);
}

/** Tags other than the one that counts need not be known. */
function assertTags(tags: ArmValue, group: EvaluatedGroup, key: string): void {
  if (isUnknown(tags)) throw notKnown(tags, [key], group);
  if (!isArmObject(tags)) return;
  assertDistinct(tags, [key], group);
  for (const [name, value] of tags) {
    if (isUnknown(value) && name.toLowerCase() === 'annotate-zero-sidecar') {
      throw notKnown(value, [key, name], group);
    }
  }
}

/** `owner` is the nearest named member around, in lower case. */
function visit(value: ArmValue, path: NodePath, owner: string, group: EvaluatedGroup): void {
  if (isUnknown(value)) throw notKnown(value, path, group);
  if (isArmList(value)) {
    for (const [index, item] of value.entries()) visit(item, [...path, index], owner, group);
  } else if (isArmObject(value)) {
    assertDistinct(value, path, group);
    for (const [key, member] of value) {
      const name = key.toLowerCase();
      const skipped = owner === 'properties' ? holderOf(path) : owner;
      if (WITHOUT_EFFECT[skipped]?.has(name) || name === 'ccepolicy') continue;
      if (NAMES_ONLY.has(name) && !isUnknown(member)) continue;
      visit(member, [...path, key], name, group);
    }
  }
}

/** The list that the container of `[..., LIST, INDEX, properties]` stands in. */
function holderOf(path: NodePath): string {
  return String(path.at(-3) ?? '').toLowerCase();
}

function assertDistinct(object: ArmObject, path: NodePath, group: EvaluatedGroup): void {
  const seen = new Map<string, string>();
  for (const key of object.keys()) {
    const other = seen.get(key.toLowerCase());
    if (other !== undefined) {
      throw new ToolError('MANIFEST_INVALID', `${key} and ${other} are the same property`, {
        where: locatePath(group.document, [...group.path, ...path, key]),
        hints: ['properties of resources are the same whatever the case of their names'],
      });
    }
    seen.set(key.toLowerCase(), key);
  }
}

function notKnown(
  { causes }: Extract<ArmValue, { causes: unknown }>,
  path: NodePath,
  group: EvaluatedGroup,
): ToolError {
  const parameters = [...new Set(causes.flatMap(({ parameter }) => parameter ?? []))];
  return new ToolError('ARM_UNKNOWN_VALUE', 'the policy needs a value that is not known', {
    where: locatePath(group.document, [...group.path, ...path]),
    got: causes.map(({ reason }) => reason).join('; '),
    hints:
      parameters.length > 0
        ? [`give a value to ${parameters.join(', ')} with --parameters FILE`]
        : ['write the value itself, or take it from a parameter'],
  });
}
