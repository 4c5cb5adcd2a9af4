/** Parameters of a template: their declarations, values from a parameters file, defaults. */
import { ToolError } from '../../core/error.js';
import type { JsonDocument, JsonMap, JsonMember, JsonNode } from '../../core/json-tree.js';
import { locate } from '../../core/locate.js';
import { evaluateNode } from './evaluate.js';
import { valueOfNode } from './functions/json-text.js';
import { misfit } from './functions/row.js';
import { assertDistinctNames, memberAnyCase } from './nodes.js';
import type { Scope } from './scope.js';
import {
  type ArmValue,
  type Budget,
  isArmList,
  isArmObject,
  isUnknown,
  kindOfArm,
  sameArm,
  type Unknown,
  unknownBecause,
} from './value.js';

/** Values that are given to the parameters of a template, by name in lower case. */
export type GivenParameters = ReadonlyMap<string, GivenParameter>;

export interface GivenParameter {
  readonly name: string;
  readonly value: ArmValue;
  /** Where it is given, for messages. */
  readonly at: string;
}

/**
 * The values of a parameters file. References into a key vault are unknown values. Throws MANIFEST_INVALID for an entry
 * without value, and for a name that stands there twice. Values are taken as they are: expressions have no meaning there.
 */
export function readParametersFile(document: JsonDocument, budget: Budget): GivenParameters {
  const parameters = memberAnyCase(document.root, 'parameters')?.value;
  for (const node of [document.root, parameters]) assertDistinctNames(document, node);
  if (parameters?.kind !== 'object') {
    throw new ToolError('MANIFEST_INVALID', `${document.file} has no parameters`, {
      where: document.file,
      want: '"parameters": {"NAME": {"value": ...}}',
    });
  }
  return new Map(
    parameters.members.map(({ key, start, value }) => {
      const at = `${locate(document, start)} parameters.${key}`;
      return [key.toLowerCase(), { name: key, value: givenValue(key, value, budget, at), at }];
    }),
  );
}

function givenValue(name: string, entry: JsonNode, budget: Budget, at: string): ArmValue {
  const value = memberAnyCase(entry, 'value')?.value;
  if (value !== undefined) return valueOfNode(value, budget);
  if (memberAnyCase(entry, 'reference') !== undefined) {
    return unknownBecause(`parameter ${name} comes from a key vault`, name);
  }
  throw new ToolError('MANIFEST_INVALID', `parameter ${name} has no value`, {
    where: at,
    want: '{"value": ...} or {"reference": ...}',
  });
}

const KINDS: Readonly<Record<string, (value: ArmValue) => boolean>> = {
  string: (value) => typeof value === 'string',
  securestring: (value) => typeof value === 'string',
  int: (value) => typeof value === 'bigint',
  bool: (value) => typeof value === 'boolean',
  object: isArmObject,
  secureobject: isArmObject,
  array: isArmList,
};

/** The parameters that a template declares. */
export interface Declarations {
  readonly map: JsonMap | undefined;
  /** Of the template that holds them, for messages. */
  readonly path: string;
  /** The user can give them values: they belong to the outermost template. */
  readonly isOutermost: boolean;
}

/** The parameters of a template as a scope finds them. `given` must name declared parameters only. */
export function buildParameters(
  declarations: Declarations,
  given: GivenParameters,
  scope: () => Scope,
): (name: string) => ArmValue | undefined {
  const { map, path, isOutermost } = declarations;
  const declared = new Map(
    (map?.members ?? []).map((member) => [member.key.toLowerCase(), member] as const),
  );
  for (const [key, { name, at }] of given) {
    if (declared.has(key)) continue;
    throw new ToolError('MANIFEST_INVALID', `the template has no parameter ${name}`, {
      where: at,
      want: [...declared.values()].map((member) => member.key).join(', ') || 'no parameters',
    });
  }
  const known = new Map<string, ArmValue>();
  const running = new Set<string>();
  return (wanted) => {
    const key = wanted.toLowerCase();
    const member = declared.get(key);
    if (member === undefined) return undefined;
    const before = known.get(key);
    if (before !== undefined) return before;
    if (running.has(key)) throw misfit(`the default of parameter ${member.key} needs itself`);
    running.add(key);
    const at = `${path}parameters.${member.key}`;
    const found = given.get(key);
    // Null stands for no value, as in the parameters that Bicep passes to its modules.
    const value = found?.value ?? withoutValue(member, scope(), at, isOutermost);
    const where = found === undefined ? scope().locate(member.value, at) : found.at;
    checkValue(member.key, member.value, value, where, scope().engine.budget);
    if (isSecure(member.value) && typeof value === 'string') scope().engine.secrets.add(value);
    running.delete(key);
    known.set(key, value);
    return value;
  };
}

/** The value of a parameter that nobody gives; where it is not known, the parameter itself could make it so. */
function withoutValue(
  { key: name, value: declaration }: JsonMember,
  scope: Scope,
  path: string,
  isOutermost: boolean,
): ArmValue {
  const value = defaultOf(declaration, scope, path);
  const parameter = isOutermost ? name : undefined;
  const of = isOutermost ? '' : ' of a nested template';
  if (value === undefined) return unknownBecause(`parameter ${name}${of} has no value`, parameter);
  return isUnknown(value) && isOutermost ? namingParameter(value, name) : value;
}

/** Undefined where there is no default. */
function defaultOf(declaration: JsonNode, scope: Scope, path: string): ArmValue | undefined {
  // A value in the declaration is what the generator of Azure's command line understands; Azure itself does not.
  const given = memberAnyCase(declaration, 'value')?.value;
  if (given !== undefined) return evaluateNode(given, scope, `${path}.value`);
  const value = memberAnyCase(declaration, 'defaultValue')?.value;
  if (value !== undefined) return evaluateNode(value, scope, `${path}.defaultValue`);
  const nullable = memberAnyCase(declaration, 'nullable')?.value;
  return nullable?.kind === 'boolean' && nullable.value ? null : undefined;
}

/** The value with this parameter for causes that name none. */
function namingParameter({ opaque, causes }: Unknown, name: string): Unknown {
  return { opaque, causes: causes.map((cause) => ({ parameter: name, ...cause })) };
}

function isSecure(declaration: JsonNode): boolean {
  const type = memberAnyCase(declaration, 'type')?.value;
  return type?.kind === 'string' && type.value.toLowerCase() === 'securestring';
}

/** Type and allowed values. Messages hold no values, which may be secret. */
function checkValue(
  name: string,
  declaration: JsonNode,
  value: ArmValue,
  where: string,
  budget: Budget,
): void {
  if (isUnknown(value) || value === null) return;
  const type = memberAnyCase(declaration, 'type')?.value;
  const word = type?.kind === 'string' ? type.value.toLowerCase() : '';
  const fits = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
  if (fits !== undefined && !fits(value)) {
    throw new ToolError('MANIFEST_INVALID', `parameter ${name} has the wrong type`, {
      where,
      want: word,
      got: kindOfArm(value),
    });
  }
  const allowed = memberAnyCase(declaration, 'allowedValues')?.value;
  if (allowed?.kind !== 'array' || isArmList(value)) return;
  const accepts = allowed.items.some((item) => isSame(valueOfNode(item, budget), value));
  if (accepts) return;
  throw new ToolError('MANIFEST_INVALID', `parameter ${name} has a value that is not allowed`, {
    where,
    want: 'one of its allowedValues',
  });
}

function isSame(allowed: ArmValue, value: ArmValue): boolean {
  const bothText = typeof allowed === 'string' && typeof value === 'string';
  return bothText ? allowed.toLowerCase() === value.toLowerCase() : sameArm(allowed, value);
}
