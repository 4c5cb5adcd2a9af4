// How benchmarks print: a wide first column, then right-aligned cells.

/** One row of a table. */
export function printCells([first, ...cells]) {
  print([first.padEnd(36), ...cells.map((cell) => cell.padStart(14))].join('').trimEnd());
}

/** One line. */
export function print(line) {
  process.stdout.write(`${line}\n`);
}
