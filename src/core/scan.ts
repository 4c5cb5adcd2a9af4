/** A text that is read from start to end. */
export interface Scan {
  readonly text: string;
  /** UTF-16 code units read so far. */
  offset: number;
}

/** What a sticky expression matches at the current offset; moves behind it. */
export function match(scan: Scan, expression: RegExp): string | undefined {
  expression.lastIndex = scan.offset;
  const found = expression.exec(scan.text)?.[0];
  scan.offset += found?.length ?? 0;
  return found;
}
