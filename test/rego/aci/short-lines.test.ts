import { describe, expect, it } from 'vitest';
import { withShortLines } from '../../../src/rego/aci/short-lines.js';

describe('lines that the native engine takes', () => {
  it('are left where they are short', () => {
    const text = 'package p\nx := [1, 2]';
    expect(withShortLines(text)).toBe(text);
  });

  it('end between elements, not inside of texts', () => {
    const long = 'a,'.repeat(35_000);
    const text = `package p\nx := ["b,c", {"d": "e", "f": "${long}"}] # g, h`;
    expect(withShortLines(text)).toBe(
      `package p\nx := ["b,c",\n {"d": "e",\n "f": "${long}"}] # g, h`,
    );
  });
});
