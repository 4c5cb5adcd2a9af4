/**
 * The sort that orders attributes in an external block. The reference compares with something that is no order, so
 * that the result depends on the algorithm: the pattern-defeating quicksort of Go's sort.Slice (layer hash
 * specification, section 5.6.3 and appendix A). Ranges are half open.
 */

/** Says whether `a` comes before `b`; need not be an order. */
export type Less<T> = (a: T, b: T) => boolean;

const SHORT = 12;
const LONG = 50;
const NEARLY_STEPS = 5;
const NINTHER_SWAPS = 12;

type Hint = 'ascending' | 'descending' | 'none';

/** Shifts (left, right, left) of the generator that breaks patterns: up to Go 1.23, and since Go 1.24. */
const SHIFTS = { old: [13n, 17n, 5n], new: [13n, 7n, 17n] } as const;
type Shifts = (typeof SHIFTS)[keyof typeof SHIFTS];

/**
 * Sorts `list` in place, step by step as the reference built with Go up to 1.23. False if one built with a newer Go
 * gives another order (possible only for more than 12 elements).
 */
export function sortLikeReference<T>(list: T[], less: Less<T>): boolean {
  const other = [...list];
  const isScattered = sortWith(list, less, SHIFTS.old);
  if (!isScattered) return true;
  sortWith(other, less, SHIFTS.new);
  return other.every((item, i) => item === list[i]);
}

/** Sorts and says whether the generator was used. */
function sortWith<T>(list: T[], less: Less<T>, shifts: Shifts): boolean {
  const sorter = new Sorter(list, less, shifts);
  sorter.quick(0, list.length, bitLength(list.length));
  return sorter.isScattered;
}

function bitLength(n: number): number {
  return 32 - Math.clz32(n);
}

class Sorter<T> {
  readonly #list: T[];
  readonly #less: Less<T>;
  readonly #shifts: Shifts;
  isScattered = false;

  constructor(list: T[], less: Less<T>, shifts: Shifts) {
    this.#list = list;
    this.#less = less;
    this.#shifts = shifts;
  }

  quick(from: number, to: number, depth: number): void {
    let [a, b, limit] = [from, to, depth];
    let balanced = true;
    let parted = true;
    for (;;) {
      const length = b - a;
      if (length <= SHORT || limit === 0) {
        if (length <= SHORT) this.#insertion(a, b);
        else this.#heap(a, b);
        return;
      }
      if (!balanced) {
        this.#scatter(a, b);
        limit--;
      }
      const chosen = this.#choosePivot(a, b);
      let pivot = chosen.pivot;
      if (chosen.hint === 'descending') {
        this.#reverse(a, b);
        pivot = b - 1 - (pivot - a);
      }
      if (balanced && parted && chosen.hint !== 'none' && this.#finishNearlySorted(a, b)) return;
      if (a > 0 && !this.#lt(a - 1, pivot)) {
        a = this.#partitionEqual(a, b, pivot);
        continue;
      }
      const split = this.#partition(a, b, pivot);
      parted = split.parted;
      const left = split.middle - a;
      const right = b - split.middle;
      const enough = Math.floor(length / 8);
      if (left < right) {
        balanced = left >= enough;
        this.quick(a, split.middle, limit);
        a = split.middle + 1;
      } else {
        balanced = right >= enough;
        this.quick(split.middle + 1, b, limit);
        b = split.middle;
      }
    }
  }

  #lt(i: number, j: number): boolean {
    return this.#less(this.#list[i]!, this.#list[j]!);
  }

  #swap(i: number, j: number): void {
    const list = this.#list;
    const item = list[i]!;
    list[i] = list[j]!;
    list[j] = item;
  }

  #insertion(a: number, b: number): void {
    for (let i = a + 1; i < b; i++) {
      for (let j = i; j > a && this.#lt(j, j - 1); j--) this.#swap(j, j - 1);
    }
  }

  #heap(a: number, b: number): void {
    const n = b - a;
    for (let i = Math.floor((n - 1) / 2); i >= 0; i--) this.#sift(a, i, n);
    for (let i = n - 1; i >= 0; i--) {
      this.#swap(a, a + i);
      this.#sift(a, 0, i);
    }
  }

  #sift(a: number, start: number, end: number): void {
    let root = start;
    for (let child = 2 * root + 1; child < end; child = 2 * root + 1) {
      if (child + 1 < end && this.#lt(a + child, a + child + 1)) child++;
      if (!this.#lt(a + root, a + child)) return;
      this.#swap(a + root, a + child);
      root = child;
    }
  }

  #choosePivot(a: number, b: number): { pivot: number; hint: Hint } {
    const length = b - a;
    const quarter = Math.floor(length / 4);
    const count = { swaps: 0 };
    let i = a + quarter;
    let j = a + 2 * quarter;
    let k = a + 3 * quarter;
    if (length >= LONG) {
      i = this.#median([i - 1, i, i + 1], count);
      j = this.#median([j - 1, j, j + 1], count);
      k = this.#median([k - 1, k, k + 1], count);
    }
    j = this.#median([i, j, k], count);
    if (count.swaps === 0) return { pivot: j, hint: 'ascending' };
    return { pivot: j, hint: count.swaps === NINTHER_SWAPS ? 'descending' : 'none' };
  }

  #median(indexes: readonly [number, number, number], count: { swaps: number }): number {
    let [x, y, z] = indexes;
    const order = (p: number, q: number): [number, number] => {
      if (!this.#lt(q, p)) return [p, q];
      count.swaps++;
      return [q, p];
    };
    [x, y] = order(x, y);
    [y, z] = order(y, z);
    [x, y] = order(x, y);
    return y;
  }

  #reverse(a: number, b: number): void {
    for (let i = a, j = b - 1; i < j; i++, j--) this.#swap(i, j);
  }

  #partition(a: number, b: number, pivot: number): { middle: number; parted: boolean } {
    this.#swap(a, pivot);
    let i = a + 1;
    let j = b - 1;
    const narrow = (): void => {
      while (i <= j && this.#lt(i, a)) i++;
      while (i <= j && !this.#lt(j, a)) j--;
    };
    narrow();
    const parted = i > j;
    while (i <= j) {
      this.#swap(i, j);
      i++;
      j--;
      narrow();
    }
    this.#swap(j, a);
    return { middle: j, parted };
  }

  #partitionEqual(a: number, b: number, pivot: number): number {
    this.#swap(a, pivot);
    let i = a + 1;
    let j = b - 1;
    for (;;) {
      while (i <= j && !this.#lt(a, i)) i++;
      while (i <= j && this.#lt(a, j)) j--;
      if (i > j) return i;
      this.#swap(i, j);
      i++;
      j--;
    }
  }

  /** Mends a few neighbours; true if that sorted the range. The way down ends at index 1 of the whole list. */
  #finishNearlySorted(a: number, b: number): boolean {
    let i = a + 1;
    for (let step = 0; step < NEARLY_STEPS; step++) {
      while (i < b && !this.#lt(i, i - 1)) i++;
      if (i === b) return true;
      if (b - a < LONG) return false;
      this.#swap(i, i - 1);
      if (i - a >= 2) {
        for (let j = i - 1; j >= 1 && this.#lt(j, j - 1); j--) this.#swap(j, j - 1);
      }
      if (b - i >= 2) {
        for (let j = i + 1; j < b && this.#lt(j, j - 1); j++) this.#swap(j, j - 1);
      }
    }
    return false;
  }

  /** Breaks patterns with a 64-bit xorshift that is seeded with the length. */
  #scatter(a: number, b: number): void {
    this.isScattered = true;
    const [first, second, third] = this.#shifts;
    const length = b - a;
    const mask = (1n << BigInt(bitLength(length))) - 1n;
    let random = BigInt(length);
    for (let offset = -1; offset <= 1; offset++) {
      random = BigInt.asUintN(64, random ^ (random << first));
      random ^= random >> second;
      random = BigInt.asUintN(64, random ^ (random << third));
      const other = Number(random & mask);
      const index = a + Math.floor(length / 4) * 2 + offset;
      this.#swap(index, a + (other >= length ? other - length : other));
    }
  }
}
