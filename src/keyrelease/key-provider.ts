/**
 * The JSON inside the messages of the gRPC key provider (package key_provider), as encrypted container images use it.
 * Inputs hold secrets and come from image manifests: never logged, every part checked. Member names are matched without
 * regard to case, as the peers' readers do; unknown members are ignored.
 */
import { decodeBase64 } from '../core/base64.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { parseKeyId } from './hosts.js';

const AGENT = 'attestation-agent';

/** What WrapKey is asked for. */
export interface WrapInput {
  readonly keyName: string;
  /** Secret. */
  readonly plaintext: Buffer;
}

/** The annotation that goes with an encrypted layer: the wrapped key, and who releases the key to unwrap it. */
export interface KeyAnnotation {
  readonly kid: string;
  readonly wrappedData: Buffer;
  readonly wrapType: string;
  readonly vault: string;
  readonly attestationService: string;
}

/** Where WrapKey finds the public key and the services: the file `KEY-info.json`. */
export interface KeyInfo {
  readonly publicKeyPath: string;
  readonly vault: string;
  readonly attestationService: string;
}

/** Reads the input of WrapKey. Throws KEY_PROVIDER_INPUT (or KEY_ID_INVALID for the name of a key that is none). */
export function readWrapInput(text: string): WrapInput {
  const input = readInput(text, 'keywrap');
  const params = memberObject(input, 'keywrapparams');
  const agent = readAgent(memberObject(params, 'ec'));
  const [name, keyName] = agent.split(':');
  if (keyName === undefined) throw invalid('Key id is not provided in the request');
  if (name!.toLowerCase() !== 'skr') throw invalid('Unexpected attestation agent ');
  const key = parseKeyId(keyName);
  if (key.version !== undefined) throw invalid('Key id is not provided in the request');
  const data = member(params, 'optsdata');
  const plaintext = typeof data === 'string' ? decodeBase64(data) : undefined;
  if (plaintext === undefined) throw invalid('Optsdata is not base64 encoding: ');
  return { keyName: key.name, plaintext };
}

/** Reads the input of UnWrapKey. Throws KEY_PROVIDER_INPUT. */
export function readUnwrapInput(text: string): KeyAnnotation {
  const input = readInput(text, 'keyunwrap');
  const params = memberObject(input, 'keyunwrapparams');
  const [name] = readAgent(memberObject(params, 'dc')).split(':');
  if (name!.toLowerCase() !== 'skr') throw invalid('Unexpected attestation agent ');
  const encoded = member(params, 'annotation');
  const bytes = typeof encoded === 'string' ? decodeBase64(encoded) : undefined;
  if (bytes === undefined) throw invalid('Annotation is not a base64 encoding: ');
  return readAnnotation(bytes.toString('utf8'));
}

/** Reads an annotation. Throws KEY_PROVIDER_INPUT. */
export function readAnnotation(text: string): KeyAnnotation {
  const object = parseInput(text, 'Ill-formed annotation packet: ');
  const textOf = (name: string) => {
    const value = member(object, name);
    if (typeof value === 'string' && value !== '') return value;
    throw invalid(`Ill-formed annotation packet: ${name} is missing`);
  };
  const wrappedData = decodeBase64(textOf('wrapped_data'));
  if (wrappedData === undefined) {
    throw invalid('Ill-formed annotation packet: wrapped_data is not base64');
  }
  return {
    kid: textOf('kid'),
    wrappedData,
    wrapType: textOf('wrap_type'),
    vault: textOf('kms_endpoint'),
    attestationService: textOf('attester_endpoint'),
  };
}

/** JSON text of an annotation, in the member order of the peers. */
export function printAnnotation(annotation: KeyAnnotation): string {
  return JSON.stringify({
    kid: annotation.kid,
    wrapped_data: annotation.wrappedData.toString('base64'),
    wrap_type: annotation.wrapType,
    kms_endpoint: annotation.vault,
    attester_endpoint: annotation.attestationService,
  });
}

/** Output of WrapKey. */
export function printWrapOutput(annotation: KeyAnnotation): string {
  const text = Buffer.from(printAnnotation(annotation)).toString('base64');
  return JSON.stringify({
    keywrapresults: { annotation: text },
    keyunwrapresults: { optsdata: null },
  });
}

/** Output of UnWrapKey: holds the secret. */
export function printUnwrapOutput(plaintext: Buffer): string {
  return JSON.stringify({
    keywrapresults: { annotation: null },
    keyunwrapresults: { optsdata: plaintext.toString('base64') },
  });
}

/** Reads `KEY-info.json`; `what` names the file. Throws JSON_SYNTAX and KEY_CONFIG_INVALID. */
export function readKeyInfo(text: string, what: string): KeyInfo {
  const value = parseJson(text, what);
  const textOf = (name: string) => {
    const found = isJsonObject(value) ? value[name] : undefined;
    if (typeof found === 'string' && found !== '') return found;
    throw new ToolError('KEY_CONFIG_INVALID', `${what}: ${name} is missing`, { where: what });
  };
  return {
    publicKeyPath: textOf('public_key_path'),
    vault: textOf('kms_endpoint'),
    attestationService: textOf('attester_endpoint'),
  };
}

function readInput(text: string, op: 'keywrap' | 'keyunwrap'): JsonObject {
  const input = parseInput(text, 'Ill-formed key provider input: ');
  const named = member(input, 'op');
  if (named === undefined || named === '' || named === op) return input;
  throw invalid('Ill-formed key provider input: op names another call');
}

/** The agent text, base64 in the first element of the parameter. */
function readAgent(config: JsonObject): string {
  const list = member(memberObject(config, 'Parameters'), AGENT);
  const [encoded] = Array.isArray(list) ? list : [];
  const bytes = typeof encoded === 'string' ? decodeBase64(encoded) : undefined;
  if (bytes === undefined || bytes.length === 0) {
    throw invalid(`${AGENT} must be specified in the parameters`);
  }
  return bytes.toString('utf8');
}

function parseInput(text: string, problem: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(text, 'input');
  } catch (error) {
    if (error instanceof ToolError) throw invalid(`${problem}not JSON`);
    throw error;
  }
  if (isJsonObject(value)) return value;
  throw invalid(`${problem}not an object`);
}

/** The member of that name, or one that differs in case only. Of two, readers take different ones: they are refused. */
function member(object: JsonObject, name: string): JsonValue | undefined {
  const keys = Object.keys(object).filter((one) => one.toLowerCase() === name.toLowerCase());
  const [key, other] = keys;
  if (other !== undefined)
    throw invalid(`Ill-formed key provider input: ${name} stands there twice`);
  return key === undefined ? undefined : object[key];
}

function memberObject(object: JsonObject, name: string): JsonObject {
  const value = member(object, name);
  return isJsonObject(value) ? value : {};
}

function invalid(message: string): ToolError {
  return new ToolError('KEY_PROVIDER_INPUT', message);
}
