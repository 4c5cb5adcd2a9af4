/**
 * Release policies as text and as the member `release_policy` of a key (Key Vault REST API, KeyReleasePolicy): the
 * content type, and base64url without padding of the policy's JSON bytes.
 */
import { decodeBase64Url } from '../core/base64.js';
import { ToolError } from '../core/error.js';
import { type JsonValue, parseJson, parseJsonBytes } from '../core/json.js';
import {
  type ConditionNode,
  isGroup,
  type ReleasePolicyDocument,
  readReleasePolicy,
} from './grammar.js';

export const RELEASE_POLICY_CONTENT_TYPE = 'application/json; charset=utf-8';

/** As the service takes it in key create, import and update. */
export interface EncodedReleasePolicy {
  readonly contentType: string;
  readonly data: string;
  /** Present only if true: the policy of this key version can then never be changed. */
  readonly immutable?: true;
}

/** A policy read from a file, with what the wrapping of a key version says about it. */
export interface OpenedReleasePolicy {
  readonly policy: ReleasePolicyDocument;
  readonly immutable: boolean;
}

/** JSON text of a policy: two spaces, final newline. Members in the order of the grammar. */
export function printReleasePolicyDocument(policy: ReleasePolicyDocument): string {
  return `${JSON.stringify(plainPolicy(policy), null, 2)}\n`;
}

/** `text` is sent as it is, so that what was reviewed is what is stored; trailing line feeds are cut. */
export function encodeReleasePolicy(text: string, immutable: boolean): EncodedReleasePolicy {
  const data = Buffer.from(text.trimEnd(), 'utf8').toString('base64url');
  return {
    contentType: RELEASE_POLICY_CONTENT_TYPE,
    data,
    ...(immutable ? { immutable: true } : {}),
  };
}

/**
 * A policy from its JSON, or from the JSON of a key version's `release_policy` (or of a whole key, as `az keyvault key
 * show` prints it). `what` names the text. Throws JSON_SYNTAX, LIMIT_EXCEEDED and RELEASE_POLICY_INVALID.
 */
export function openReleasePolicy(text: string, what: string): OpenedReleasePolicy {
  const wrapped = wrapperOf(parseJson(text, what));
  if (wrapped === undefined) return { policy: readReleasePolicy(text, what), immutable: false };
  const [encoded, other] = [wrapped.data, wrapped.encodedPolicy].filter((one) => one !== undefined);
  const bytes = typeof encoded === 'string' ? decodePolicy(encoded) : undefined;
  if (bytes === undefined || other !== undefined) {
    throw new ToolError('RELEASE_POLICY_INVALID', `${what}: release_policy.data is not base64url`);
  }
  const inner = `${what}: policy`;
  parseJsonBytes(bytes, inner);
  return {
    policy: readReleasePolicy(bytes.toString('utf8'), inner),
    immutable: wrapped.immutable === true,
  };
}

/** Some programs print the padding that the service leaves out. */
function decodePolicy(text: string): Buffer | undefined {
  const plain = text.length % 4 === 0 ? text.replace(/={1,2}$/, '') : text;
  return plain === '' ? undefined : decodeBase64Url(plain);
}

type Wrapper = { readonly [key: string]: JsonValue };

/** The wrapping; undefined for a policy, which nothing beside it makes a wrapping. */
function wrapperOf(value: JsonValue): Wrapper | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const object = value as Wrapper;
  if (object.version !== undefined || object.anyOf !== undefined) return undefined;
  for (const key of ['release_policy', 'releasePolicy']) {
    const inner = object[key];
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner))
      return inner as Wrapper;
  }
  return object.data !== undefined || object.encodedPolicy !== undefined ? object : undefined;
}

function plainPolicy({ version, anyOf }: ReleasePolicyDocument): object {
  return {
    version,
    anyOf: anyOf.map((entry) => ({ authority: entry.authority, ...plainCondition(entry) })),
  };
}

function plainCondition(node: ConditionNode): object {
  if (isGroup(node)) return { [node.kind]: node.conditions.map(plainCondition) };
  return { claim: node.claim, [node.operator]: node.value };
}
