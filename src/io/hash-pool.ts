/**
 * Block hashing on worker threads, for all layers of a run. Batches are handed to a thread and back without being
 * copied, and used again; threads start when there is work for them; an idle pool does not keep the program alive.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { BATCH_BLOCKS, BLOCK_BYTES, HASH_BYTES, hashBlocks } from '../core/block-hash.mjs';
import { ToolError } from '../core/error.js';
import type { BlockHasher } from '../layer/ports.js';

/** A hasher with threads. After `close` nothing can be hashed. */
export interface HashPool extends BlockHasher {
  close(): Promise<void>;
}

/** Inflating a layer costs three times as much as hashing it, so a few threads serve many layers. */
const MOST_THREADS = 4;
/** Blocks hashed on the calling thread before the first worker starts: most layers of metadata are smaller. */
const INLINE_BLOCKS = 4 * BATCH_BLOCKS;
/** Jobs sent to a worker at once: it need not wait for this thread between two of them. */
const JOBS_AHEAD = 2;
/** The worker keeps almost nothing; without these caps V8 lets its heap grow by garbage. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

const BATCH_BYTES = BATCH_BLOCKS * BLOCK_BYTES;

/** Opens a pool of at most `threads` workers; by default one less than there are cores. */
export function openHashPool(
  threads: number = Math.min(MOST_THREADS, Math.max(1, availableParallelism() - 1)),
): HashPool {
  return new WorkerPool(threads);
}

interface Job {
  readonly memory: ArrayBuffer;
  readonly count: number;
  readonly resolve: (hashes: Uint8Array) => void;
  readonly reject: (error: ToolError) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Job[];
}

class WorkerPool implements HashPool {
  readonly #mostThreads: number;
  readonly #threads: Thread[] = [];
  readonly #queue: Job[] = [];
  readonly #free: ArrayBuffer[] = [];
  #inlineBlocks = INLINE_BLOCKS;
  #failure: ToolError | undefined;

  constructor(mostThreads: number) {
    this.#mostThreads = mostThreads;
  }

  takeBuffer(): Uint8Array {
    const memory = this.#free.pop() ?? new ArrayBuffer(BATCH_BYTES + BATCH_BLOCKS * HASH_BYTES);
    return new Uint8Array(memory, 0, BATCH_BYTES);
  }

  hashBlocks(buffer: Uint8Array, count: number): Promise<Uint8Array> {
    const memory = buffer.buffer as ArrayBuffer;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#inlineBlocks >= count) return Promise.resolve(this.#hashInline(memory, count));
    return new Promise((resolve, reject) => {
      this.#queue.push({ memory, count, resolve, reject });
      this.#startWork();
    });
  }

  async close(): Promise<void> {
    this.#fail(new ToolError('INTERNAL', 'the hash pool is closed'));
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  #hashInline(memory: ArrayBuffer, count: number): Uint8Array {
    this.#inlineBlocks -= count;
    const hashes = new Uint8Array(count * HASH_BYTES);
    hashBlocks(new Uint8Array(memory), count, hashes);
    this.#free.push(memory);
    return hashes;
  }

  /** Hands queued jobs to the threads with the least to do; starts another thread while all are busy. */
  #startWork(): void {
    while (this.#queue.length > 0) {
      const thread = this.#pickThread();
      const job = thread === undefined ? undefined : this.#queue.shift();
      if (thread === undefined || job === undefined) return;
      thread.worker.ref();
      thread.jobs.push(job);
      const { memory, count } = job;
      thread.worker.postMessage({ memory, count }, [memory]);
    }
  }

  #pickThread(): Thread | undefined {
    const idlest = this.#threads.reduce<Thread | undefined>(
      (least, thread) => (least && least.jobs.length <= thread.jobs.length ? least : thread),
      undefined,
    );
    if (idlest?.jobs.length === 0) return idlest;
    if (this.#threads.length < this.#mostThreads) return this.#startThread();
    return idlest !== undefined && idlest.jobs.length < JOBS_AHEAD ? idlest : undefined;
  }

  #startThread(): Thread {
    const worker = new Worker(new URL('../io/hash-worker.mjs', import.meta.url), {
      resourceLimits: WORKER_LIMITS,
      execArgv: [],
    });
    const thread: Thread = { worker, jobs: [] };
    worker.on('message', (memory: ArrayBuffer) => this.#finishJob(thread, memory));
    worker.on('error', (cause) =>
      this.#fail(new ToolError('INTERNAL', 'a hashing thread failed', { cause })),
    );
    worker.on('exit', () => this.#fail(new ToolError('INTERNAL', 'a hashing thread ended')));
    this.#threads.push(thread);
    return thread;
  }

  #finishJob(thread: Thread, memory: ArrayBuffer): void {
    const job = thread.jobs.shift();
    if (job === undefined) return;
    if (thread.jobs.length === 0) thread.worker.unref();
    const hashes = new Uint8Array(memory, BATCH_BYTES, job.count * HASH_BYTES).slice();
    this.#free.push(memory);
    job.resolve(hashes);
    this.#startWork();
  }

  /** Rejects all that is under way and all that will come. Only the first failure counts. */
  #fail(failure: ToolError): void {
    this.#failure ??= failure;
    const jobs = this.#threads.flatMap((thread) => thread.jobs.splice(0));
    for (const job of [...jobs, ...this.#queue.splice(0)]) job.reject(this.#failure);
  }
}
