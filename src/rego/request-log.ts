/**
 * Requests as JSON lines, `{"kind": "CreateContainerRequest", "request": {...}}`: the form of the agent's own debug log
 * (spec kata-policy-rules section 2), which is taken as it is. What the agent logs beside requests is passed over: the
 * objects that its policy answered, and its own question about failing requests.
 */
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import { type JsonPlace, readObject, readString, requiredField } from '../core/json-read.js';

export interface LoggedRequest {
  /** Line in the text, counted from 1. */
  readonly line: number;
  readonly kind: string;
  readonly request: JsonValue;
}

/** Members of an answer; no request has the first. */
const ANSWER_MEMBERS: readonly string[] = ['allowed', 'ops'];
const OWN_QUESTION = 'AllowRequestsFailingPolicy';

/**
 * The requests of a text in order; `file` names it. Empty lines are passed over. Throws JSON_SYNTAX and REQUEST_INVALID
 * with the line.
 */
export function parseRequestLog(text: string, file: string): readonly LoggedRequest[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const logged = parseLine(line, index + 1, file);
    return isRequest(logged) ? [logged] : [];
  });
}

function parseLine(text: string, line: number, file: string): LoggedRequest {
  const place: JsonPlace = { code: 'REQUEST_INVALID', what: `${file}:${line}`, path: '' };
  const object = readObject(parseJsonLine(text, line, file), place);
  const kind = requiredField(object, 'kind', place, readString);
  return { line, kind, request: requiredField(object, 'request', place, (value) => value) };
}

/** The error of a line names the line in the file. */
function parseJsonLine(text: string, line: number, file: string): JsonValue {
  try {
    return parseJson(text, file);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const column = /:1:(\d+)$/.exec(error.where ?? '')?.[1] ?? '1';
    throw new ToolError(error.code, error.message, {
      where: `${file}:${line}:${column}`,
      hints: ['each line is one JSON object: {"kind": "CreateContainerRequest", "request": {...}}'],
      cause: error,
    });
  }
}

function isRequest({ kind, request }: LoggedRequest): boolean {
  return kind !== OWN_QUESTION && !isAnswer(request);
}

function isAnswer(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const answer = value as JsonObject;
  const known = Object.keys(answer).every((key) => ANSWER_MEMBERS.includes(key));
  return known && typeof answer.allowed === 'boolean';
}
