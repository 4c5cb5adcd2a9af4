/**
 * The data document in the memory of a module. Its members lie there one above the other, those that change seldom below,
 * so that a change of the state leaves the policy where it is.
 */

/** A member of the document: its name, and its value as JSON text. */
export type DataMember = readonly [name: string, json: string];

/** What is done in the memory; values are known by their addresses. */
export interface ValueMemory {
  /** Makes a value of JSON text. */
  write(json: string): number;
  /** Puts a value into an object, at the path that another value holds. Throws where that cannot be. */
  put(object: number, path: number, value: number): void;
  /** Where memory is free; set, all values from there on are gone. */
  heap: number;
}

interface Layer {
  readonly name: string;
  readonly json: string;
  readonly path: number;
  readonly value: number;
  readonly heapBehind: number;
}

/** The members of one document after the other, in memory above what is there already. */
export class DataLayers {
  readonly #memory: ValueMemory;
  readonly #base: number;
  readonly #layers: Layer[] = [];
  /** How often each member changed. */
  readonly #changes = new Map<string, number>();

  constructor(memory: ValueMemory) {
    this.#memory = memory;
    this.#base = memory.heap;
  }

  /** Address of an object of these members, each name once, in that order. The document before it is gone. */
  place(members: readonly DataMember[]): number {
    this.#dropChanged(new Map(members));
    const kept = new Set(this.#layers.map(({ name }) => name));
    const missing = members.filter(([name]) => !kept.has(name));
    for (const member of missing.toSorted((a, b) => this.#changesOf(a) - this.#changesOf(b))) {
      this.#add(member);
    }
    const empty = members.map(([name]) => `${JSON.stringify(name)}:0`);
    const document = this.#memory.write(`{${empty.join(',')}}`);
    for (const { path, value } of this.#layers) this.#memory.put(document, path, value);
    return document;
  }

  #dropChanged(wanted: ReadonlyMap<string, string>): void {
    const changed = this.#layers.filter(({ name, json }) => wanted.get(name) !== json);
    for (const { name } of changed) this.#changes.set(name, (this.#changes.get(name) ?? 0) + 1);
    const [lowest] = changed;
    if (lowest !== undefined) this.#layers.length = this.#layers.indexOf(lowest);
    this.#memory.heap = this.#layers.at(-1)?.heapBehind ?? this.#base;
  }

  #changesOf([name]: DataMember): number {
    return this.#changes.get(name) ?? 0;
  }

  #add([name, json]: DataMember): void {
    const path = this.#memory.write(JSON.stringify([name]));
    const value = this.#memory.write(json);
    this.#layers.push({ name, json, path, value, heapBehind: this.#memory.heap });
  }
}
