/** Damage to texts: what a slip of the hand, a broken download or an attacker makes of them. */
import fc from 'fast-check';

/** Pieces that change the structure of what is around them. */
const PIECES =
  '{ } [ ] , : - ? # & * ! | > \' " % @ ` ~ \\ \t \n \r\n \u0000 \u0085 \u2028 \ufeff \ud800 <<: &a *a !!str --- ... |+ >- null';

export interface Mutation {
  readonly kind: 'insert' | 'delete' | 'copy' | 'swap-lines' | 'cut';
  readonly at: number;
  readonly length: number;
  readonly piece: string;
}

/** A random mutation of any text. */
export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('insert', 'insert', 'delete', 'copy', 'swap-lines', 'cut'),
  at: fc.nat(1_000_000),
  length: fc.integer({ min: 1, max: 30 }),
  piece: fc.constantFrom(...PIECES.split(' '), ' ', '  '),
});

/** The text after a mutation; places beyond its end are counted from its start. */
export function mutate(text: string, { kind, at, length, piece }: Mutation): string {
  const place = at % (text.length + 1);
  const behind = text.slice(place + length);
  switch (kind) {
    case 'insert':
      return text.slice(0, place) + piece + text.slice(place);
    case 'delete':
      return text.slice(0, place) + behind;
    case 'copy':
      return text.slice(0, place + length) + text.slice(place, place + length) + behind;
    case 'cut':
      return text.slice(0, place);
    case 'swap-lines': {
      const lines = text.split('\n');
      const [first, second] = [at % lines.length, (at + length) % lines.length];
      const moved = lines.with(first, lines[second]!).with(second, lines[first]!);
      return moved.join('\n');
    }
  }
}
