/** Our rules as policies/build.mjs compiled them: NAME.wasm, and NAME.wasm.json with the digests of both sides. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { parseJson } from '../core/json.js';
import { type JsonPlace, oneOf, readObject, readString, requiredField } from '../core/json-read.js';
import { assetPath } from './assets.js';
import { readBinaryFile, readTextFile } from './files.js';

/** One rules file and its WebAssembly. */
export interface BuiltRules {
  /** SHA-256 of the rules file, lower-case hex. */
  readonly rulesSha256: string;
  /** File in the same folder, and its SHA-256. */
  readonly wasmFile: string;
  readonly wasmSha256: string;
}

const FORMAT = 'podseal.rules-wasm/v1';
const SUFFIX = '.wasm.json';

/** Everything that is built. Throws FILE_NOT_FOUND or SETTINGS_INVALID for a broken installation. */
export async function readBuiltRules(folder = assetPath('kata')): Promise<readonly BuiltRules[]> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new ToolError('FILE_NOT_FOUND', `${folder} does not exist or cannot be read`, { cause });
  }
  const files = names.filter((name) => name.endsWith(SUFFIX)).sort();
  return Promise.all(files.map((name) => readDescription(join(folder, name))));
}

async function readDescription(path: string): Promise<BuiltRules> {
  const place: JsonPlace = { code: 'SETTINGS_INVALID', what: path, path: '' };
  const about = readObject(parseJson(await readTextFile(path), path), place);
  requiredField(about, 'format', place, oneOf([FORMAT]));
  const rules = requiredField(about, 'rules', place, readObject);
  const wasm = requiredField(about, 'wasm', place, readObject);
  return {
    rulesSha256: requiredField(rules, 'sha256', place, readString),
    wasmFile: requiredField(wasm, 'file', place, readString),
    wasmSha256: requiredField(wasm, 'sha256', place, readString),
  };
}

/** Bytes of the module. Throws FILE_NOT_FOUND, and DIGEST_MISMATCH if it is not the one that was built. */
export async function readRulesWasm(
  { wasmFile, wasmSha256 }: BuiltRules,
  folder = assetPath('kata'),
): Promise<Uint8Array> {
  const path = join(folder, wasmFile);
  const bytes = await readBinaryFile(path);
  const found = sha256Hex(bytes);
  if (found === wasmSha256) return bytes;
  throw new ToolError('DIGEST_MISMATCH', `${path} does not match its digest`, {
    want: wasmSha256,
    got: found,
    hints: ['install podseal again; in a clone, run npm run build-policies'],
  });
}
