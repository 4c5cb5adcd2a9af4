import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { DataDocument, type ValueMemory } from '../../src/io/rego-data.js';

/** Values by address; an address is where memory was free when the value was made. */
class FakeMemory implements ValueMemory {
  readonly written: string[] = [];
  readonly #values = new Map<number, JsonValue>();
  #heap = 100;

  get heap(): number {
    return this.#heap;
  }

  set heap(address: number) {
    this.#heap = address;
    for (const key of this.#values.keys()) if (key >= address) this.#values.delete(key);
  }

  valueAt(address: number): JsonValue {
    const value = this.#values.get(address);
    if (value === undefined) throw new Error(`nothing is at ${address}`);
    return value;
  }

  write(json: string): number {
    const address = this.#heap;
    this.written.push(json);
    this.#values.set(address, JSON.parse(json));
    this.#heap += json.length;
    return address;
  }

  put(object: number, path: number, value: number): void {
    const [holder, name] = this.#holderOf(object, path);
    holder[name] = this.valueAt(value);
  }

  remove(object: number, path: number): void {
    const [holder, name] = this.#holderOf(object, path);
    if (!(name in holder)) throw new Error(`there is no ${name}`);
    delete holder[name];
  }

  #holderOf(object: number, path: number): [{ [name: string]: JsonValue }, string] {
    const names = [...(this.valueAt(path) as string[])];
    const last = names.pop()!;
    let holder = this.valueAt(object) as { [name: string]: JsonValue };
    for (const name of names) holder = holder[name] as { [name: string]: JsonValue };
    return [holder, last];
  }
}

const POLICY = { containers: [{ name: 'a' }], api_version: '0.11.0' };

function placed(memory: FakeMemory, data: DataDocument, document: JsonObject): JsonValue {
  return memory.valueAt(data.place(document));
}

describe('the data document', () => {
  it('is what was given last', () => {
    const part = fc.oneof(fc.integer(), fc.constantFrom('x', null, true), fc.constant([1]));
    const name = fc.constantFrom('a', 'b', 'toString', 'fixed');
    const level = (inner: fc.Arbitrary<JsonValue>) =>
      fc.dictionary(name, fc.oneof(part, inner), { maxKeys: 4 });
    const document = level(level(level(level(part)))) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(fc.array(document, { minLength: 1, maxLength: 6 }), (documents) => {
        const memory = new FakeMemory();
        const data = new DataDocument(memory, { name: 'fixed', json: '{"policy":1}' });
        for (const one of documents) {
          expect(placed(memory, data, one)).toEqual({ ...one, fixed: { policy: 1 } });
          memory.write('"what an evaluation left behind"');
        }
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('is written where it differs only', () => {
    const memory = new FakeMemory();
    const data = new DataDocument(memory);
    const first = { m0: { of: ['a'] } };
    data.place({ policy: POLICY, state: { devices: first, names: ['x'] } });
    memory.written.length = 0;
    const document = { policy: POLICY, state: { devices: { ...first, m1: 'b' } } };
    expect(placed(memory, data, document)).toEqual(document);
    const changes = ['"b"', '["state","devices","m1"]', '["state","names"]'];
    expect(memory.written).toEqual(changes);
  });

  it('does not let garbage pile up', () => {
    const memory = new FakeMemory();
    const data = new DataDocument(memory, { name: 'fixed', json: '"stays"' });
    const large = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 100; i += 1) {
      const document = { policy: POLICY, state: `${large}${i}` };
      expect(placed(memory, data, document)).toEqual({ ...document, fixed: 'stays' });
      expect(data.end).toBeLessThan(12 * 1024 * 1024);
    }
  });
});
