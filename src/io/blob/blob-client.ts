/**
 * An Azure blob as a range of bytes (Azure Storage REST: Get Blob, Put Page). What comes back is not trusted: the
 * encryption of the image is what protects it. Answers that are not exactly what was asked for are refused.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { ToolError } from '../../core/error.js';
import type { BinaryAnswer, TransferRequest } from '../../keyrelease/ports.js';

/** A file that is elsewhere. */
export interface RemoteFile {
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes; they must be within the file. */
  read(offset: number, length: number): Promise<Buffer>;
  /** Whole pages of 512 bytes; they are there when this settles. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
}

export interface BlobOptions {
  /** May hold a shared access signature: secret. */
  readonly url: string;
  readonly transfer: (request: TransferRequest) => Promise<BinaryAnswer>;
  /** An access token for the storage account; absent: none is sent. */
  readonly accessToken?: () => Promise<string>;
  /** Replaced by tests. */
  readonly waitsMs?: readonly number[];
}

const VERSION = '2021-12-02';
const PAGE_BYTES = 512;
/** Waits before further tries: a filesystem gives up for good when a block cannot be had. */
const WAITS_MS = [200, 1_000, 3_000, 9_000];
const AGAIN = (status: number) => status === 408 || status === 429 || status >= 500;
/** Codes of certificates that are not trusted: asking again does not help. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO/;
const RANGE = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15})$/;

const HINTS: Readonly<Record<number, string>> = {
  401: 'the identity has no access token that the storage account takes',
  403: 'the identity needs the role Storage Blob Data Reader (Contributor for read_write)',
  404: 'the blob is not there, or not public while azure_url_private is false',
  409: 'the blob must be a page blob for read_write',
};

/** The blob, when its first bytes could be read. Throws BLOB_REFUSED, and what the transfer throws. */
export async function openBlob(options: BlobOptions): Promise<RemoteFile> {
  const { host } = new URL(options.url);
  const send = makeSender(options, host);
  const get = async (offset: number, length: number) => {
    const range = `bytes=${offset}-${offset + length - 1}`;
    const answer = await send({
      method: 'GET',
      url: options.url,
      headers: { 'x-ms-range': range },
    });
    const [, first, last, total] = RANGE.exec(String(answer.headers['content-range'])) ?? [];
    const fits = Number(first) === offset && Number(last) - offset + 1 === answer.body.length;
    if (answer.status === 206 && fits) return { body: answer.body, size: Number(total) };
    throw refusal(answer.status, host, answer.status === 206 ? 'another range' : undefined);
  };
  const { size } = await get(0, PAGE_BYTES);
  return {
    size,
    read: async (offset, length) => {
      const answer = await get(offset, length);
      if (answer.body.length === length && answer.size === size) return answer.body;
      throw refusal(206, host, `${answer.body.length} of ${length} bytes, size ${answer.size}`);
    },
    write: async (offset, bytes) => {
      const url = new URL(options.url);
      url.searchParams.set('comp', 'page');
      const range = `bytes=${offset}-${offset + bytes.length - 1}`;
      const headers = { 'x-ms-range': range, 'x-ms-page-write': 'update' };
      const answer = await send({ method: 'PUT', url: url.href, headers, body: bytes });
      if (answer.status !== 201) throw refusal(answer.status, host);
    },
  };
}

/** Sends with a token, which is renewed when it is refused, and again after failures that pass. */
function makeSender(options: BlobOptions, host: string) {
  const { transfer, accessToken, waitsMs = WAITS_MS } = options;
  let token: Promise<string> | undefined;
  const once = async (request: TransferRequest): Promise<BinaryAnswer> => {
    token ??= accessToken?.();
    const bearer = await token;
    const headers = {
      ...request.headers,
      'x-ms-version': VERSION,
      'x-ms-date': new Date().toUTCString(),
      ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
    };
    return await transfer({ ...request, headers });
  };
  const withToken = async (request: TransferRequest) => {
    const used = token;
    const answer = await once(request);
    if (answer.status !== 401 || used === undefined) return answer;
    if (token === used) token = undefined;
    return await once(request);
  };
  return async (request: TransferRequest): Promise<BinaryAnswer> => {
    for (const pause of [...waitsMs, undefined]) {
      const outcome = await withToken(request).catch((error: unknown) => {
        if (error instanceof ToolError) return error;
        throw error;
      });
      if (outcome instanceof ToolError) {
        token = undefined;
        if (pause === undefined || UNTRUSTED.test(outcome.got ?? '')) throw outcome;
      } else if (pause === undefined || !AGAIN(outcome.status)) return outcome;
      await wait(pause);
    }
    throw refusal(0, host);
  };
}

function refusal(status: number, host: string, problem?: string): ToolError {
  const hint = HINTS[status];
  return new ToolError('BLOB_REFUSED', `${host} does not give the blob as asked`, {
    got: problem ?? `status ${status}`,
    ...(hint === undefined ? {} : { hints: [hint] }),
  });
}
