import { describe, expect, it } from 'vitest';
import { ERROR_CATALOGUE, EXIT, ToolError, throwAll } from '../../src/core/error.js';
import { printError } from '../../src/io/terminal.js';

describe('errors', () => {
  it('every code has an exit status of the table', () => {
    const statuses = Object.values(EXIT) as number[];
    for (const row of Object.values(ERROR_CATALOGUE)) expect(statuses).toContain(row.exit);
    expect(new ToolError('DIGEST_MISMATCH', 'x').exit).toBe(5);
  });

  it('throwAll keeps every error of an input', () => {
    const errors = ['a', 'b', 'c'].map(
      (text) => new ToolError('MANIFEST_INVALID', text, { where: text }),
    );
    expect(() => throwAll([])).not.toThrow();
    try {
      throwAll(errors);
      expect.unreachable();
    } catch (error) {
      const text = printError(error, false);
      expect(text.match(/^error: [abc] \[MANIFEST_INVALID\]$/gm)).toHaveLength(3);
      expect(text).toContain('  where: c');
    }
  });

  it('text from outside cannot steer the terminal', () => {
    const text = printError(
      new ToolError('MANIFEST_INVALID', 'bad \x1b[2Jname', { got: '\x07\r' }),
      false,
    );
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
    expect(text).toContain('\\x1b[2J');
  });

  it('what is not a ToolError is called a bug, without a stack trace', () => {
    const text = printError(new TypeError('x is undefined'), false);
    expect(text).toContain('[INTERNAL]');
    expect(text).not.toContain('at ');
  });
});
