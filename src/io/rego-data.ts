/**
 * The data document in the memory of a module. A new document is compared with the one that is there, and only what
 * differs is written: the state of a guest changes with nearly every request, the policy beside it does not.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';

/** What is done in the memory of a module; values and objects are known by their addresses. */
export interface ValueMemory {
  /** Makes a value of JSON text. */
  write(json: string): number;
  /** Puts a value into an object, at a path of names which is a value too; what was there is freed. */
  put(object: number, path: number, value: number): void;
  /** Takes away what is at a path. */
  remove(object: number, path: number): void;
  /** Where memory is free; set, all values from there on are gone. */
  heap: number;
}

/** A member that no document changes: its name, and its value as JSON text. */
export interface FixedMember {
  readonly name: string;
  readonly json: string;
}

/** Objects so far down are compared member by member: the state has entries by name, in them values by name. */
const COMPARED_LEVELS = 3;
/** Memory that changes may leave behind before all is written anew. */
const MOST_GARBAGE = 8 * 1024 * 1024;

export class DataDocument {
  readonly #memory: ValueMemory;
  readonly #fixed: { readonly name: string; readonly address: number } | undefined;
  /** Where memory is free behind the fixed member, and behind the document when it was written as a whole. */
  readonly #base: number;
  #freshEnd = 0;
  #end = 0;
  #root = 0;
  /** What is there; undefined before the first document. */
  #document: JsonObject | undefined;

  constructor(memory: ValueMemory, fixed?: FixedMember) {
    this.#memory = memory;
    this.#fixed = fixed && { name: fixed.name, address: memory.write(fixed.json) };
    this.#base = memory.heap;
  }

  /** Where memory is free behind the document. */
  get end(): number {
    return this.#end;
  }

  /**
   * Address of the document. It holds the members given and the fixed one, in whose place no other is taken. An object
   * that was in the last document is taken to be what it was then.
   */
  place(members: JsonObject): number {
    const document = this.#withoutFixed(members);
    if (this.#document === undefined || this.#end - this.#freshEnd > MOST_GARBAGE) {
      this.#writeAnew(document);
    } else {
      this.#memory.heap = this.#end;
      this.#change([], this.#document, document);
    }
    this.#document = document;
    this.#end = this.#memory.heap;
    return this.#root;
  }

  #withoutFixed(members: JsonObject): JsonObject {
    const name = this.#fixed?.name;
    if (name === undefined || !Object.hasOwn(members, name)) return members;
    const { [name]: _left, ...others } = members;
    return others;
  }

  #writeAnew(document: JsonObject): void {
    this.#memory.heap = this.#base;
    this.#root = this.#memory.write(JSON.stringify(document));
    if (this.#fixed !== undefined) {
      const { name, address } = this.#fixed;
      this.#memory.put(this.#root, this.#memory.write(JSON.stringify([name])), address);
    }
    this.#freshEnd = this.#memory.heap;
  }

  #change(path: readonly string[], before: JsonObject, after: JsonObject): void {
    let stayed = 0;
    for (const name of Object.keys(after)) {
      const value = after[name]!;
      // What an object has by its prototype is no JSON value, so that it is never the same.
      const isSame = before[name] === value;
      const wasThere = isSame || Object.hasOwn(before, name);
      if (wasThere) stayed += 1;
      if (!isSame) this.#changeOne([...path, name], wasThere ? before[name] : undefined, value);
    }
    const names = Object.keys(before);
    if (stayed === names.length) return;
    for (const name of names.filter((one) => !Object.hasOwn(after, one))) {
      this.#memory.remove(this.#root, this.#memory.write(JSON.stringify([...path, name])));
    }
  }

  #changeOne(path: readonly string[], before: JsonValue | undefined, after: JsonValue): void {
    if (path.length < COMPARED_LEVELS && isJsonObject(before) && isJsonObject(after)) {
      this.#change(path, before, after);
    } else {
      const value = this.#memory.write(JSON.stringify(after));
      this.#memory.put(this.#root, this.#memory.write(JSON.stringify(path)), value);
    }
  }
}
