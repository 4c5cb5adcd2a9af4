/** JSON text within a template -> value. */
import { ToolError } from '../../../core/error.js';
import { type JsonNode, parseJsonTree } from '../../../core/json-tree.js';
import type { ArmValue, Budget } from '../value.js';
import { misfit } from './row.js';

/** The value of a JSON text that an expression made. Messages hold nothing of the text. */
export function parseArmJson(text: string, budget: Budget): ArmValue {
  budget.produce(text.length);
  try {
    const options = { duplicates: 'refuse', singleQuotes: true } as const;
    return valueOfNode(parseJsonTree(text, 'the argument', options).root, budget);
  } catch (error) {
    if (error instanceof ToolError && error.code === 'JSON_SYNTAX') {
      throw misfit('argument 1 is not valid JSON');
    }
    throw error;
  }
}

/** The value of a tree without any evaluation: strings are what they are. */
export function valueOfNode(node: JsonNode, budget: Budget): ArmValue {
  budget.step();
  switch (node.kind) {
    case 'null':
      return null;
    case 'boolean':
    case 'string':
      return node.value;
    case 'number':
      return numberOf(node.text);
    case 'array':
      return node.items.map((item) => valueOfNode(item, budget));
    case 'object':
      return new Map(node.members.map(({ key, value }) => [key, valueOfNode(value, budget)]));
  }
}

/** An integer keeps all its digits. */
export function numberOf(text: string): bigint | number {
  return /^-?[0-9]+$/.test(text) ? BigInt(text) : Number(text);
}
