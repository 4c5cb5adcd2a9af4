/** The content of an entry as runs of stored bytes with holes between them (layer hash specification, section 3.6). */
import type { Refuse } from './refusal.js';
import type { Fragment } from './tar-sparse.js';

/** Receives content in order. */
export interface ContentTarget {
  /** Next bytes: a view of the caller's chunk. */
  writeContent(bytes: Uint8Array): void;
  /** Next `count` bytes are zero. */
  writeHole(count: number): void;
}

/** A sparse file: where its stored bytes belong, and its size with all holes. */
export interface SparseLayout {
  readonly fragments: readonly Fragment[];
  readonly sizeBytes: number;
}

/** Delivers one entry's content after the other. */
export class ContentRuns {
  readonly #target: ContentTarget;
  #sparse: SparseLayout | undefined;
  #next = 0;
  /** Content bytes delivered; of sparse files. */
  #position = 0;
  #run = 0;

  constructor(target: ContentTarget) {
    this.#target = target;
  }

  /** Stored bytes up to the next hole or the end; 0 at the end of the content. */
  get run(): number {
    return this.#run;
  }

  /** Begins a content of `storedBytes`. Throws rule `sparse-data` if the map is for more or fewer. */
  start(storedBytes: number, sparse: SparseLayout | undefined, refuse: Refuse): void {
    this.#sparse = sparse;
    this.#next = 0;
    this.#position = 0;
    this.#run = storedBytes;
    if (sparse === undefined) return;
    const mapped = sparse.fragments.reduce((sum, { length }) => sum + length, 0);
    if (mapped !== storedBytes) {
      throw refuse('sparse-data', `map of ${mapped} bytes, ${storedBytes} bytes stored`);
    }
    this.#startRun(sparse);
  }

  /** Delivers stored bytes, at most `run`. */
  write(bytes: Uint8Array): void {
    this.#target.writeContent(bytes);
    this.#run -= bytes.length;
    this.#position += bytes.length;
    if (this.#run === 0 && this.#sparse !== undefined) this.#startRun(this.#sparse);
  }

  /** Delivers the hole in front of the next fragment that has bytes, or the one at the end. */
  #startRun({ fragments, sizeBytes }: SparseLayout): void {
    this.#run = 0;
    while (this.#run === 0 && this.#next < fragments.length) {
      const fragment = fragments[this.#next++]!;
      this.#fillUpTo(fragment.offset);
      this.#run = fragment.length;
    }
    if (this.#run === 0) this.#fillUpTo(sizeBytes);
  }

  #fillUpTo(end: number): void {
    if (end > this.#position) this.#target.writeHole(end - this.#position);
    this.#position = end;
  }
}
