/**
 * Requests for a CCE policy as text: JSON lines `{"enforcementPoint": "create_container", "input": {...}}`, or a command
 * file of the reference's simulator, an array of `{"name", "input"}` (spec aci-framework 15).
 */
import { ToolError } from '../../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../../core/json.js';
import {
  arrayOf,
  invalidAt,
  type JsonPlace,
  optionalField,
  readObject,
  readString,
  requiredField,
} from '../../core/json-read.js';
import { LIMITS } from '../../core/limits.js';
import { ENFORCEMENT_POINTS } from './guests.js';
import { type EtcFiles, resolveUser } from './resolve-user.js';

export interface CceRequest {
  /** Line in the text, or number of the command, counted from 1. */
  readonly line: number;
  readonly point: string;
  readonly input: JsonObject;
}

export interface CceRequests {
  /** Command files are decided on as the reference's simulator does, which leaves out a part of the guest. */
  readonly form: 'lines' | 'commands';
  readonly requests: readonly CceRequest[];
}

/**
 * The requests of a text in order; `file` names it. Throws JSON_SYNTAX and REQUEST_INVALID with the line, and
 * LIMIT_EXCEEDED.
 */
export function parseCceRequests(text: string, file: string): CceRequests {
  const isArray = text.trimStart().startsWith('[');
  const requests = isArray ? parseCommands(text, file) : parseLines(text, file);
  if (requests.length <= LIMITS.simulatedRequests) {
    return { form: isArray ? 'commands' : 'lines', requests };
  }
  throw new ToolError('LIMIT_EXCEEDED', `${file} has too many requests`, {
    want: `at most ${LIMITS.simulatedRequests}`,
    got: String(requests.length),
  });
}

function parseCommands(text: string, file: string): readonly CceRequest[] {
  const place: JsonPlace = { code: 'REQUEST_INVALID', what: file, path: '' };
  const commands = arrayOf(readObject)(parseJson(text, file), place);
  return commands.map((command, index) => {
    const at = { ...place, path: `[${index}]` };
    return {
      line: index + 1,
      point: requiredField(command, 'name', at, readPoint),
      input: optionalField(command, 'input', at, readObject) ?? {},
    };
  });
}

function parseLines(text: string, file: string): readonly CceRequest[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const place: JsonPlace = { code: 'REQUEST_INVALID', what: `${file}:${index + 1}`, path: '' };
    const object = readObject(parseLine(line, index + 1, file), place);
    const point = requiredField(object, 'enforcementPoint', place, readPoint);
    const input = optionalField(object, 'input', place, readObject) ?? {};
    const etc = optionalField(object, 'etc', place, readEtc);
    const whole = etc === undefined ? input : withResolvedUser(input, etc, place);
    return [{ line: index + 1, point, input: whole }];
  });
}

/** The error of a line names the line in the file. */
function parseLine(text: string, line: number, file: string): JsonValue {
  try {
    return parseJson(text, file);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const column = /:1:(\d+)$/.exec(error.where ?? '')?.[1] ?? '1';
    throw new ToolError(error.code, error.message, {
      where: `${file}:${line}:${column}`,
      hints: [
        'each line is one JSON object: {"enforcementPoint": "create_container", "input": {...}}',
      ],
      cause: error,
    });
  }
}

function readPoint(value: JsonValue, place: JsonPlace): string {
  const point = readString(value, place);
  if (Object.hasOwn(ENFORCEMENT_POINTS, point)) return point;
  throw invalidAt(place, 'is no enforcement point', {
    want: Object.keys(ENFORCEMENT_POINTS).join(', '),
    got: point.slice(0, 100),
  });
}

/** Text of /etc/passwd and /etc/group of the container; an absent one does not exist there. */
function readEtc(value: JsonValue, place: JsonPlace): EtcFiles {
  const object = readObject(value, place);
  const passwd = optionalField(object, 'passwd', place, readString);
  const group = optionalField(object, 'group', place, readString);
  return { ...(passwd === undefined ? {} : { passwd }), ...(group === undefined ? {} : { group }) };
}

/** `"user": "1000:1000"` with the files beside it becomes what the guest would ask with. */
function withResolvedUser(input: JsonObject, etc: EtcFiles, place: JsonPlace): JsonObject {
  const user = requiredField(input, 'user', { ...place, path: 'input' }, readString);
  const resolved = resolveUser({ user }, etc);
  if (resolved.kind === 'resolved') return { ...input, ...resolved.identity };
  throw invalidAt({ ...place, path: 'input.user' }, `cannot be resolved: ${resolved.reason}`, {
    got: user.slice(0, 100),
  });
}
