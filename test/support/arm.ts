/** Templates for tests: single expressions with what they can see, and whole templates with one container group. */
import { parseJsonTree } from '../../src/core/json-tree.js';
import type { Notice } from '../../src/core/notice.js';
import { evaluateNode } from '../../src/manifest/arm/evaluate.js';
import { parseExpression } from '../../src/manifest/arm/expression.js';
import { readParametersFile } from '../../src/manifest/arm/parameters.js';
import { parseArmFile } from '../../src/manifest/arm/parse.js';
import { readArmGroups } from '../../src/manifest/arm/read-arm.js';
import { buildScope } from '../../src/manifest/arm/template-scope.js';
import {
  type ArmValue,
  buildBudget,
  isArmList,
  isArmObject,
  isUnknown,
} from '../../src/manifest/arm/value.js';
import type {
  ContainerGroup,
  GroupContainer,
  WildcardQuestion,
} from '../../src/workload/container-group.js';

/** The value of an expression within a template, as plain data; an unknown value is `{unknown: REASONS}`. */
export function evaluate(expression: string, template: object = {}, given: object = {}): unknown {
  const budget = buildBudget();
  const document = parseJsonTree(JSON.stringify(template), 't.json', { duplicates: 'refuse' });
  const parameters = parseJsonTree(JSON.stringify({ parameters: given }), 'p.json', {
    duplicates: 'refuse',
  });
  const values = readParametersFile(parameters, budget);
  const engine = {
    budget,
    parse: parseExpression,
    secrets: new Set<string>(),
    doubt: () => undefined,
  };
  const scope = buildScope(document.root, values, { document, path: [], depth: 0 }, engine);
  const node = parseJsonTree(JSON.stringify(expression), 'x.json', { duplicates: 'refuse' }).root;
  return plain(evaluateNode(node, scope, 'x'));
}

/** Ints are numbers, floats are `{float}`. */
function plain(value: ArmValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return { float: value };
  if (isUnknown(value)) return { unknown: value.causes.map(({ reason }) => reason) };
  if (isArmList(value)) return value.map(plain);
  if (isArmObject(value)) {
    return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

export const GROUP_TYPE = 'Microsoft.ContainerInstance/containerGroups';

/** A container group whose only container has these properties beside an image. */
export function groupResource(properties: object = {}, more: object = {}): object {
  return {
    type: GROUP_TYPE,
    apiVersion: '2023-05-01',
    name: 'group',
    properties: {
      osType: 'Linux',
      containers: [{ name: 'app', properties: { image: 'img:1', ...properties } }],
    },
    ...more,
  };
}

export interface ReadResult {
  readonly groups: readonly ContainerGroup[];
  readonly notices: readonly Notice[];
  readonly questions: readonly WildcardQuestion[];
}

export interface ReadInput {
  readonly parameters?: object;
  readonly linked?: Readonly<Record<string, object>>;
  readonly approve?: boolean;
}

/** The container groups of a template, evaluated. */
export function readTemplate(template: object | string, input: ReadInput = {}): ReadResult {
  const notices: Notice[] = [];
  const questions: WildcardQuestion[] = [];
  const text = typeof template === 'string' ? template : JSON.stringify(template, null, 2);
  const parameters =
    input.parameters === undefined
      ? []
      : [parseArmFile(JSON.stringify({ parameters: input.parameters }), 'parameters.json')];
  const linked = Object.entries(input.linked ?? {}).map(
    ([file, value]) => [file, parseArmFile(JSON.stringify(value), file)] as const,
  );
  const groups = readArmGroups({
    template: parseArmFile(text, 'template.json'),
    parameters,
    linked: new Map(linked),
    approve: (question) => {
      questions.push(question);
      return input.approve ?? true;
    },
    notices: (notice) => notices.push(notice),
  });
  return { groups, notices, questions };
}

/** The only container of the only group. */
export function onlyContainer({ groups }: ReadResult): GroupContainer {
  const [group, ...others] = groups;
  const [container, ...more] = group?.containers ?? [];
  if (container === undefined || others.length + more.length > 0) {
    throw new Error('not one container');
  }
  return container;
}
