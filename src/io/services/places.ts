/**
 * Places for the requests that a server works on at once, and a time for each. A place is held until the work has ended,
 * also when its caller has long been told to come back: what is begun stays bounded whatever services do.
 */
import { ToolError } from '../../core/error.js';

export interface PlaceLimits {
  /** Requests at once. */
  readonly requests: number;
  /** Milliseconds for an answer; any time if absent. */
  readonly answerMs?: number;
}

export interface Places {
  /** Runs `work`; throws SERVER_BUSY at once if there is no place, and SERVICE_TIMEOUT if it takes too long. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Opens as many places as the limits say. */
export function openPlaces({ requests, answerMs }: PlaceLimits): Places {
  let taken = 0;
  return {
    async run(work) {
      if (taken >= requests) {
        throw new ToolError('SERVER_BUSY', 'too many requests at once', {
          want: `at most ${requests}`,
        });
      }
      taken += 1;
      const running = work().finally(() => {
        taken -= 1;
      });
      return await (answerMs === undefined ? running : within(running, answerMs));
    },
  };
}

/** What `running` gives, or SERVICE_TIMEOUT once `ms` have passed; it goes on then, and nobody hears of its end. */
function within<T>(running: Promise<T>, ms: number): Promise<T> {
  return new Promise((done, failed) => {
    const late = setTimeout(() => {
      failed(
        new ToolError('SERVICE_TIMEOUT', 'the request takes too long', {
          want: `an answer within ${ms / 1000} s`,
        }),
      );
    }, ms);
    running.then(done, failed).finally(() => clearTimeout(late));
  });
}
