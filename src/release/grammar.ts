/**
 * The grammar of key release policies (Azure Key Vault and Managed HSM share it): text -> typed policy, strictly. A
 * policy that the grammar does not allow must never be stored, so every deviation is an error, all of them in one go.
 */
import { ToolError, throwAll } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { LIMITS } from '../core/limits.js';

/** Operators of a condition. All samples of the services use `equals`; the others came with a later grammar. */
export const OPERATORS = [
  'equals',
  'notEquals',
  'less',
  'lessOrEquals',
  'greater',
  'greaterOrEquals',
  'exists',
] as const;
export type Operator = (typeof OPERATORS)[number];

/** One claim of the token held against a value. A boolean value is outside the grammar; it is read to be named. */
export interface ClaimNode {
  readonly claim: string;
  readonly operator: Operator;
  readonly value: string | number | boolean;
  /** Path in the policy: `anyOf[0].allOf[2]`. */
  readonly path: string;
}

/** Several conditions, of which all or any must hold. */
export interface GroupNode {
  readonly kind: GroupKind;
  readonly conditions: readonly ConditionNode[];
  readonly path: string;
}

export type GroupKind = 'allOf' | 'anyOf';
export type ConditionNode = ClaimNode | GroupNode;

/** The conditions that tokens of one attestation service must meet. */
export interface AuthorityNode extends GroupNode {
  /** As written. */
  readonly authority: string;
}

/** A policy holds if any of its entries holds. */
export interface ReleasePolicyDocument {
  /** `1.0.0`, or `0.2` of older scripts. */
  readonly version: string;
  readonly anyOf: readonly AuthorityNode[];
}

/** Versions that are read; only the first is written. */
export const POLICY_VERSIONS: readonly string[] = ['1.0.0', '0.2'];

/** True for a condition that holds further ones. */
export function isGroup(node: ConditionNode): node is GroupNode {
  return 'conditions' in node;
}

/**
 * The policy in a JSON text; `what` names the text. Throws JSON_SYNTAX, LIMIT_EXCEEDED and RELEASE_POLICY_INVALID (one
 * error for each deviation).
 */
export function readReleasePolicy(text: string, what: string): ReleasePolicyDocument {
  if (Buffer.byteLength(text) > LIMITS.releasePolicyBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} is too large for a key release policy`, {
      want: `at most ${LIMITS.releasePolicyBytes} bytes`,
      got: `${Buffer.byteLength(text)} bytes`,
    });
  }
  return readReleasePolicyValue(parseJson(text, what), what);
}

/** As readReleasePolicy, for a parsed value. */
export function readReleasePolicyValue(value: JsonValue, what: string): ReleasePolicyDocument {
  const reader = new Reader(what);
  const policy = reader.policy(value);
  throwAll(reader.errors);
  return policy;
}

/** Collects what is wrong; what it returns is complete only if `errors` stays empty. */
class Reader {
  readonly errors: ToolError[] = [];
  readonly what: string;
  conditions = 0;

  constructor(what: string) {
    this.what = what;
  }

  policy(value: JsonValue): ReleasePolicyDocument {
    const none = { version: '', anyOf: [] };
    if (!isJsonObject(value)) return this.refuse('', 'is not an object', none);
    this.onlyMembers(value, ['version', 'anyOf'], '');
    const { version, anyOf } = value;
    if (typeof version !== 'string' || !POLICY_VERSIONS.includes(version)) {
      this.refuse('version', version === undefined ? 'is missing' : 'is unknown', undefined, {
        want: '"1.0.0"',
      });
    }
    const entries = this.list(anyOf, 'anyOf').map((entry, i) =>
      this.authority(entry, `anyOf[${i}]`),
    );
    return { version: textOf(version), anyOf: entries };
  }

  private authority(value: JsonValue, path: string): AuthorityNode {
    const none: AuthorityNode = { authority: '', kind: 'allOf', conditions: [], path };
    if (!isJsonObject(value)) return this.refuse(path, 'is not an object', none);
    this.onlyMembers(value, ['authority', 'allOf', 'anyOf'], path);
    if (typeof value.authority !== 'string' || value.authority === '') {
      this.refuse(`${path}.authority`, 'is missing or not a text', undefined, {
        want: 'https://HOST of the attestation service',
      });
    }
    return { ...this.group(value, path, 1), authority: textOf(value.authority) };
  }

  private group(value: JsonObject, path: string, depth: number): GroupNode {
    const kinds = (['allOf', 'anyOf'] as const).filter((kind) => value[kind] !== undefined);
    const [kind, other] = kinds;
    if (kind === undefined || other !== undefined) {
      return this.refuse(path, 'needs exactly one of allOf and anyOf', {
        kind: 'allOf',
        conditions: [],
        path,
      });
    }
    const conditions = this.list(value[kind], `${path}.${kind}`).map((condition, i) =>
      this.condition(condition, `${path}.${kind}[${i}]`, depth),
    );
    return { kind, conditions, path };
  }

  private condition(value: JsonValue, path: string, depth: number): ConditionNode {
    const none: GroupNode = { kind: 'allOf', conditions: [], path };
    if (!isJsonObject(value)) return this.refuse(path, 'is not an object', none);
    this.conditions += 1;
    if (this.conditions > LIMITS.releasePolicyConditions || depth > LIMITS.releasePolicyDepth) {
      throw new ToolError('LIMIT_EXCEEDED', `${this.what} has too many or too deep conditions`, {
        where: `${this.what} ${path}`,
        want: `at most ${LIMITS.releasePolicyConditions} conditions in ${LIMITS.releasePolicyDepth} levels`,
      });
    }
    if (value.claim !== undefined) return this.claim(value, path);
    this.onlyMembers(value, ['allOf', 'anyOf'], path);
    return this.group(value, path, depth + 1);
  }

  private claim(value: JsonObject, path: string): ClaimNode {
    const none: ClaimNode = { claim: '', operator: 'equals', value: '', path };
    this.onlyMembers(value, ['claim', ...OPERATORS], path);
    if (typeof value.claim !== 'string' || value.claim === '') {
      this.refuse(`${path}.claim`, 'is empty or not a text', none);
    }
    const operators = OPERATORS.filter((operator) => value[operator] !== undefined);
    const [operator, other] = operators;
    if (operator === undefined || other !== undefined) {
      return this.refuse(path, 'needs exactly one operator', none, { want: OPERATORS.join(', ') });
    }
    const operand = value[operator]!;
    if (typeof operand === 'object') {
      return this.refuse(`${path}.${operator}`, 'is neither text nor number', none);
    }
    return { claim: textOf(value.claim), operator, value: operand, path };
  }

  private list(value: JsonValue | undefined, path: string): readonly JsonValue[] {
    if (Array.isArray(value) && value.length > 0) return value;
    const problem = value === undefined ? 'is missing' : 'needs at least one element';
    return this.refuse(path, problem, [], {
      hints: ['an empty list would release the key to every guest, or to none'],
    });
  }

  private onlyMembers(value: JsonObject, known: readonly string[], path: string): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const meant = known.find((name) => name.toLowerCase() === key.toLowerCase());
      this.refuse(
        path === '' ? key : `${path}.${key}`,
        'is not a member of the grammar',
        undefined,
        {
          want: meant ?? known.join(', '),
          got: key.slice(0, 200),
        },
      );
    }
  }

  /** Notes the error and goes on with `instead`. */
  private refuse<T>(
    path: string,
    problem: string,
    instead: T,
    details: { want?: string; got?: string; hints?: readonly string[] } = {},
  ): T {
    const object = path === '' ? this.what : `${this.what}: ${path}`;
    this.errors.push(
      new ToolError('RELEASE_POLICY_INVALID', `${object} ${problem}`, {
        where: path === '' ? this.what : `${this.what} ${path}`,
        ...details,
      }),
    );
    return instead;
  }
}

/** The text; nothing of what is none, which has been refused. */
const textOf = (value: JsonValue | undefined) => (typeof value === 'string' ? value : '');
