/**
 * A blob as a stream: exact bytes, back-pressure, and a broken download goes on where it stopped (Range). Each try asks
 * the registry again, so that a fresh token and a fresh storage address are used.
 */
import { ToolError } from '../../core/error.js';
import type { Descriptor } from '../../image/types.js';
import { refuseEncoding, refuseWebPage } from './answer.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';
import { printUrl } from './failure.js';
import { pauseAfter, TransientFailure } from './retry.js';
import type { Session } from './session.js';
import type { HttpAnswer } from './transport.js';

/** A download that moved on by this much since it last broke has all its tries again. */
const PROGRESS_BYTES = 1024 * 1024;

export interface BlobPorts {
  readonly session: Session;
  readonly clock: Clock;
}

/** The bytes of a blob from the first one. Never more than `descriptor.size`; throws SIZE_MISMATCH if fewer come. */
export async function* streamBlob(
  { session, clock }: BlobPorts,
  endpoint: Endpoint,
  descriptor: Descriptor,
): AsyncIterable<Uint8Array> {
  const what = `blob ${descriptor.digest} of ${endpoint.host}/${endpoint.repository}`;
  let offset = 0;
  let brokenAt = 0;
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await session.send(endpoint, {
        path: `blobs/${descriptor.digest}`,
        what,
        headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
        accept: offset === 0 ? [200] : [200, 206],
      });
      for await (const chunk of bodyFrom(answer, { offset, size: descriptor.size, what })) {
        offset += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      // Only the end of the connection was lost; the reader checks size and digest anyway.
      if (offset > 0 && offset === descriptor.size && error instanceof TransientFailure) return;
      if (offset - brokenAt >= PROGRESS_BYTES) tries = 1;
      brokenAt = offset;
      await pauseAfter(error, tries, clock);
    }
  }
}

interface Part {
  /** Bytes that are already delivered. */
  readonly offset: number;
  /** Size of the whole blob. */
  readonly size: number;
  readonly what: string;
}

/** The bytes from `offset` to the end; throws TransientFailure if the body ends before that. */
async function* bodyFrom(answer: HttpAnswer, part: Part): AsyncIterable<Uint8Array> {
  checkHead(answer, part);
  // A server without ranges sends the blob from its start.
  let position = answer.status === 206 ? part.offset : 0;
  for await (const chunk of answer.body) {
    const start = Math.max(0, part.offset - position);
    position += chunk.length;
    if (position > part.size) {
      answer.discard();
      throw wrongSize(answer, part, `more than ${part.size} bytes`);
    }
    if (start < chunk.length) yield chunk.subarray(start);
  }
  // The end of a connection may look like the end of a body, so it is worth another try.
  if (position < part.size) {
    throw new TransientFailure(wrongSize(answer, part, `${position} bytes`));
  }
}

/** What the headers say must fit what was asked for. */
function checkHead(answer: HttpAnswer, part: Part): void {
  refuseEncoding(answer);
  refuseWebPage(answer);
  const length = answer.header('content-length');
  const want = answer.status === 206 ? part.size - part.offset : part.size;
  if (length !== undefined && Number(length) !== want) {
    answer.discard();
    throw wrongSize(answer, part, `content-length: ${length.slice(0, 30)}`);
  }
  if (answer.status !== 206) return;
  const range = answer.header('content-range') ?? '';
  const fits = [part.size, '*'].some(
    (size) => range === `bytes ${part.offset}-${part.size - 1}/${size}`,
  );
  if (fits) return;
  answer.discard();
  throw new ToolError('REGISTRY_PROTOCOL', `${part.what} goes on at a wrong place`, {
    where: printUrl(answer.url),
    want: `content-range: bytes ${part.offset}-${part.size - 1}/${part.size}`,
    got: range.slice(0, 100),
  });
}

function wrongSize(answer: HttpAnswer, part: Part, got: string): ToolError {
  return new ToolError('SIZE_MISMATCH', `${part.what} has not the size of its descriptor`, {
    where: printUrl(answer.url),
    want: `${part.size} bytes`,
    got,
  });
}
