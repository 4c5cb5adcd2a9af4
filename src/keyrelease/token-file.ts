/** Claims of a token that a user keeps in a file, for rehearsal: its signature is checked where keys are given. */
import { ToolError } from '../core/error.js';
import { type JsonObject, parseJson } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { parseJws, verifyRs256 } from './jws.js';
import { findSigningKey } from './maa-token.js';

/**
 * The claims of the token in `text` (blanks around it are cut, `{"token": "..."}` is opened); `what` names the file.
 * With `jwks` its RS256 signature must be by one of these keys. Times are not judged. Throws TOKEN_INVALID.
 */
export function readTokenClaims(text: string, what: string, jwks?: string): JsonObject {
  const jws = parseJws(bareToken(text, what));
  if ('problem' in jws) throw invalid(what, `is not a token: ${jws.problem}`);
  if (jwks === undefined) return jws.payload;
  const keys = parseJson(jwks, 'the key set');
  const key = isJsonObject(keys) ? findSigningKey(keys, jws.header.kid) : undefined;
  if (jws.header.alg !== 'RS256') throw invalid(what, 'is not signed with RS256');
  if (key === undefined) throw invalid(what, 'is signed by a key that the key set does not hold');
  if (!verifyRs256(jws, key)) throw invalid(what, 'has a wrong signature');
  return jws.payload;
}

function bareToken(text: string, what: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return trimmed;
  const value = parseJson(trimmed, what);
  const token = isJsonObject(value) ? value.token : undefined;
  if (typeof token === 'string') return token;
  throw invalid(what, 'is a JSON object without the text "token"');
}

function invalid(what: string, problem: string): ToolError {
  return new ToolError('TOKEN_INVALID', `${what} ${problem}`, { where: what });
}
