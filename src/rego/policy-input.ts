/** A message of the agent's protocol -> what the agent of a guest hands to its policy (spec kata-policy-rules section 5). */
import { ToolError } from '../core/error.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { arrayOf, type JsonPlace, readObject, readString } from '../core/json-read.js';
import { recordOf } from '../core/record.js';
import type { AgentVariant, CopyFileForm } from './guests.js';
import { MESSAGES, type MessageFields, REQUEST_KINDS } from './messages.js';
import { normaliseFields, normaliseMessage } from './normalise.js';

/** What the policy is asked, or why the agent refuses the message without asking. */
export type PolicyInput =
  | { readonly kind: 'input'; readonly input: JsonObject }
  | { readonly kind: 'refused'; readonly reason: string };

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,199}$/;
const LONGEST_SHOWN = 200;

/** File type bits of a mode (stat.h), and the types that the policy is told by name. */
const TYPE_BITS = 0o170000;
const LINK_BITS = 0o120000;
const FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [0o100000, 'Regular'],
  [0o040000, 'Directory'],
  [LINK_BITS, 'Symlink'],
]);

/** Fields that messages of older agents do not have. */
const WITHOUT_SHARED: readonly string[] = ['Storage.shared'];
const NONE: readonly string[] = [];

const { data: _data, ...COPY_FILE_WITHOUT_DATA } = MESSAGES.CopyFileRequest ?? {};

/** Fields of a CopyFileRequest as the policy sees it. */
const COPY_FILE_FIELDS: Readonly<Record<CopyFileForm, MessageFields>> = {
  'file-type': { ...COPY_FILE_WITHOUT_DATA, file_type: 'string?', symlink_target: 'string?' },
  'link-source': { ...COPY_FILE_WITHOUT_DATA, symlink_src: 'string' },
  'as-received': MESSAGES.CopyFileRequest ?? {},
};

/**
 * The input of query `kind` for `message`, which may be the message itself or the rewritten form that agents log. A kind
 * that the agent does not have is refused. Throws REQUEST_INVALID if `kind` is no name, or the message has a value of a
 * wrong type.
 */
export function buildPolicyInput(
  variant: AgentVariant,
  kind: string,
  message: JsonValue,
): PolicyInput {
  const place: JsonPlace = { code: 'REQUEST_INVALID', what: kind, path: '' };
  if (!REQUEST_KINDS.includes(kind)) {
    if (NAME.test(kind)) {
      return { kind: 'refused', reason: `request ${kind} is not one of the kata agent` };
    }
    throw new ToolError('REQUEST_INVALID', 'request kind is not a name', {
      got: kind.slice(0, LONGEST_SHOWN),
      hints: ['the kind is the name of a message, such as CreateContainerRequest'],
    });
  }
  if (kind === 'CopyFileRequest') return copyFileInput(variant.copyFile, message, place);
  const without = variant.storageShared ? NONE : WITHOUT_SHARED;
  if (kind === 'CreateContainerRequest' && variant.wrapsCreateContainer) {
    return { kind: 'input', input: wrappedContainer(message, place, without) };
  }
  return { kind: 'input', input: normaliseMessage(kind, message, place, without) };
}

function copyFileInput(form: CopyFileForm, message: JsonValue, place: JsonPlace): PolicyInput {
  const object = readObject(message, place);
  const isMessage = object.data !== undefined && object.data !== null;
  if (!isMessage || form === 'as-received') {
    const input = normaliseFields(COPY_FILE_FIELDS[form], object, place);
    if (form !== 'file-type') return { kind: 'input', input };
    return { kind: 'input', input: { ...input, file_type: input.file_type ?? 'Unknown' } };
  }
  const { data, ...plain } = normaliseMessage('CopyFileRequest', object, place);
  const mode = plain.file_mode as number;
  const fileType = FILE_TYPES.get(mode & TYPE_BITS) ?? 'Unknown';
  const isLink = form === 'file-type' ? fileType === 'Symlink' : (mode & LINK_BITS) === LINK_BITS;
  const target = isLink ? decodeText(data as readonly number[]) : undefined;
  if (isLink && target === undefined) {
    return { kind: 'refused', reason: 'the target of the symbolic link is not UTF-8' };
  }
  const rewritten: JsonObject =
    form === 'file-type'
      ? { file_type: fileType, symlink_target: target ?? null }
      : { symlink_src: target ?? '' };
  return { kind: 'input', input: { ...plain, ...rewritten } };
}

function decodeText(bytes: readonly number[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes),
    );
  } catch {
    return undefined;
  }
}

/** `{base, env_map}`: a message that is not wrapped yet gets the map that the agent makes of its variables. */
function wrappedContainer(
  message: JsonValue,
  place: JsonPlace,
  without: readonly string[],
): JsonObject {
  const object = readObject(message, place);
  const isWrapped = object.base !== undefined;
  const base = normaliseMessage('CreateContainerRequest', object.base ?? object, place, without);
  if (!isWrapped) return { base, env_map: environmentMap(base, place) };
  const given = normaliseFields(
    { env_map: object.env_map === null ? 'any' : '{string}' },
    object,
    place,
  );
  return { base, ...given };
}

/** Variables split at their first `=`; entries without one are dropped, of equal names the last counts. */
function environmentMap(base: JsonObject, place: JsonPlace): JsonObject {
  const oci = base.OCI === null ? {} : readObject(base.OCI ?? {}, place);
  const run = oci.Process === null ? {} : readObject(oci.Process ?? {}, place);
  const variables = arrayOf(readString)(run.Env ?? [], place).filter((entry) =>
    entry.includes('='),
  );
  return recordOf(
    variables.map((entry) => {
      const at = entry.indexOf('=');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}
