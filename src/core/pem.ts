/** PEM (RFC 7468): text with BEGIN and END lines -> labelled blocks of bytes. Text around the blocks is passed over. */
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';

/** One block: the label of its BEGIN line and the decoded bytes. */
export interface PemBlock {
  readonly label: string;
  readonly bytes: Buffer;
  /** True for a block with header lines (`Proc-Type: 4,ENCRYPTED`), the old encrypted form; `bytes` is empty then. */
  readonly hasHeaders: boolean;
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,64})-----$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const HEADER = /^[A-Za-z0-9-]+: /;

/**
 * The blocks of a PEM text in order; none for a text without a BEGIN line. `what` names the text; its content is never
 * part of a message, since it may be a key. Throws PEM_INVALID, and LIMIT_EXCEEDED beyond LIMITS.pemBytes.
 */
export function parsePem(bytes: Uint8Array, what: string): readonly PemBlock[] {
  if (bytes.length > LIMITS.pemBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} is too large for a PEM file`, {
      want: `at most ${LIMITS.pemBytes} bytes`,
    });
  }
  const lines = Buffer.from(bytes).toString('latin1').split(/\r?\n/);
  const blocks: PemBlock[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const label = BEGIN.exec(lines[index]?.trimEnd() ?? '')?.[1];
    if (label === undefined) continue;
    const last = `-----END ${label}-----`;
    let end = index + 1;
    while (end < lines.length && lines[end]?.trimEnd() !== last) end += 1;
    if (end === lines.length) throw pemInvalid(what, index + 1, 'a block does not end');
    blocks.push(readBlock(label, lines.slice(index + 1, end), `${what}:${index + 1}`));
    index = end;
  }
  return blocks;
}

function readBlock(label: string, lines: readonly string[], where: string): PemBlock {
  if (HEADER.test(lines[0] ?? '')) return { label, bytes: Buffer.alloc(0), hasHeaders: true };
  const text = lines.map((line) => line.trim()).join('');
  if (!BASE64.test(text)) {
    throw new ToolError('PEM_INVALID', `a ${label} block is not base64`, { where });
  }
  return { label, bytes: Buffer.from(text, 'base64'), hasHeaders: false };
}

function pemInvalid(what: string, line: number, problem: string): ToolError {
  return new ToolError('PEM_INVALID', `${what} is not valid PEM: ${problem}`, {
    where: `${what}:${line}`,
  });
}
