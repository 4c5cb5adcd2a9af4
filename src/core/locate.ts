/** Where an offset stands in a text, for messages. */

/** A text with its name. Kept as one object, its lines are counted once. */
export interface NamedText {
  readonly file: string;
  readonly text: string;
}

/** `file:line:column` of an offset in UTF-16 code units. Lines end with LF, CRLF or CR; both count from 1. */
export function locate(source: NamedText, offset: number): string {
  const starts = lineStartsOf(source);
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle;
  }
  return `${source.file}:${low + 1}:${offset - starts[low]! + 1}`;
}

const knownStarts = new WeakMap<NamedText, readonly number[]>();

/** Offsets at which lines start. Found when first asked for: most texts never are, some are for each container. */
function lineStartsOf(source: NamedText): readonly number[] {
  const known = knownStarts.get(source);
  if (known !== undefined) return known;
  const starts = [0];
  for (const { index, 0: mark } of source.text.matchAll(/\r\n|\n|\r/g)) {
    starts.push(index + mark.length);
  }
  knownStarts.set(source, starts);
  return starts;
}
