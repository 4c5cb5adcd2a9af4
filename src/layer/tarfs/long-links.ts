/**
 * Targets of symbolic links that do not stand in the tar header (spec layer-hash-tarfs sections 4.4, 5.3). The platform
 * writes all of them in archive order, but hands out their places in the order in which it meets the links in the tree.
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';

export class LongLinks {
  /** Every target ever seen (one byte per character), in archive order: also those of links that were replaced later. */
  readonly targets: string[] = [];
  /** Member names that belong to `targets`, one byte per character. */
  readonly names: string[] = [];
  /** Total length of the targets. */
  bytes = 0;
  #heldBytes = 0;
  /** Nodes that still have a long target -> its index. */
  readonly #places = new Map<number, number>();

  /** Appends a target and the name of its member; gives their index. Throws LIMIT_EXCEEDED. */
  add(target: string, name: string): number {
    this.bytes += target.length;
    this.#heldBytes += target.length + name.length;
    if (this.#heldBytes > LIMITS.tarNameBytes) {
      throw new ToolError('LIMIT_EXCEEDED', 'a layer has longer link targets than podseal reads', {
        want: `at most ${LIMITS.tarNameBytes} bytes in all`,
      });
    }
    this.names.push(name);
    return this.targets.push(target) - 1;
  }

  /** Says which target a node has now; undefined for none. */
  place(node: number, index: number | undefined): void {
    if (index !== undefined) this.#places.set(node, index);
    else if (this.#places.size > 0) this.#places.delete(node);
  }

  /** Index of the target that a node should have. */
  indexOf(node: number): number | undefined {
    return this.#places.get(node);
  }
}
