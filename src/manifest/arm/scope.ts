/** What an expression can see: parameters, variables, functions and loops of the template that it belongs to. */
import type { JsonNode } from '../../core/json-tree.js';
import type { Expression } from './expression.js';
import type { ArmValue, Budget } from './value.js';

export interface Scope {
  readonly engine: Engine;
  /** Value of a parameter, whatever the case of its name; undefined if there is none. Throws if it needs itself. */
  readonly parameter: (name: string) => ArmValue | undefined;
  /** As `parameter`, for variables. */
  readonly variable: (name: string) => ArmValue | undefined;
  readonly userFunction: (namespace: string, name: string) => UserFunction | undefined;
  /** Indexes of the loops around, by name in lower case. */
  readonly loops: ReadonlyMap<string, bigint>;
  /** The loop of the resource, which copyIndex() without name means. */
  readonly resourceLoop?: string;
  /** Variables of the lambdas around. */
  readonly lambda: ReadonlyMap<string, ArmValue>;
  /** `file:line:column PATH` of a node of the template that is evaluated. */
  readonly locate: (node: JsonNode, path: string) => string;
}

/** What all scopes of one evaluation share. */
export interface Engine {
  readonly budget: Budget;
  /** Syntax tree of an expression; each text is parsed once. */
  readonly parse: (source: string) => Expression;
  /** Texts that secure parameters hold; they must show in no message. */
  readonly secrets: Set<string>;
  /** Tells about something that is not certain; told once. */
  readonly doubt: (message: string) => void;
}

/** A function of the template's own. */
export interface UserFunction {
  readonly parameters: readonly string[];
  readonly output: JsonNode;
  readonly path: string;
}

/** A scope within a loop. */
export function withLoop(scope: Scope, name: string, index: number, ofResource: boolean): Scope {
  const key = name.toLowerCase();
  const loops = new Map(scope.loops).set(key, BigInt(index));
  return ofResource ? { ...scope, loops, resourceLoop: key } : { ...scope, loops };
}
