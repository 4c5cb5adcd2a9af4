/** The rows of fixtures/divergences.json: where we decide otherwise than a reference, and why. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Divergence {
  readonly id: string;
  readonly area: string;
  readonly case: string;
  /** What the reference does. */
  readonly reference: string;
  readonly ours: string;
  readonly reason: string;
}

const FILE = join(import.meta.dirname, '../../fixtures/divergences.json');

/** All rows. */
export function readDivergences(): readonly Divergence[] {
  return JSON.parse(readFileSync(FILE, 'utf8')) as readonly Divergence[];
}
