import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findDeepRules } from '../../src/core/rego-depth.js';

const head = 'package agent_policy\nimport future.keywords.in\n';
const POLICIES = join(import.meta.dirname, '../../policies');

/** True if any rule may run deep: a name that no rule has stands for all. */
const mayRunDeep = (texts: readonly string[]) => findDeepRules(texts)('anything');

describe('findDeepRules', () => {
  it.each([
    ['itself', 'f(x) { f(x + 1) }'],
    ['itself in an else', 'f(x) { x } else = y { y := f(x + 1) }'],
    ['itself on the next line', 'f(x) if\n  f(x + 1)'],
    ['itself as a value', 'f(x) :=\n  f(x + 1)'],
    ['itself by its path', 'f(x) { data.agent_policy.f(x + 1) }'],
    ['itself with a blank', 'f(x) { f (x + 1) }'],
    ['another that calls it', 'f(x) { g(x) }\ng(x) { h(x) }\nh(x) { f(x) }'],
    ['itself in a comprehension', 'f(x) := [y | y := f(x)]'],
    ['itself below a constant', 'a := {"f": ["("]}\nf(x) { f(x) }'],
    ['itself by default', 'default f(_) := true\nf(x) if f(x)'],
    ['itself under a longer name', 'a.f(x) if { a.f(x) }'],
    ['what takes its place', 'f(x) { g(1) with g as f }\ng(x) { x }'],
  ])('finds a function that calls %s', (_name, text) => {
    expect(mayRunDeep([head + text])).toBe(true);
  });

  it('tells which rules lead there', () => {
    const isDeep = findDeepRules([
      `${head}f(x) { f(x) }\ng(x) { f(x) }\na { g(1) }\nb { c }\nc { true }`,
    ]);
    expect(['f', 'g', 'a', 'b', 'c', 'd'].filter(isDeep)).toEqual(['f', 'g', 'a', 'd']);
  });

  it('finds functions of two modules that call each other', () => {
    const one = 'package a\nf(x) { data.b.g(x) }';
    const other = 'package b\ng(x) { data.a.f(x) }';
    expect(mayRunDeep([one, other])).toBe(true);
    expect(mayRunDeep([one])).toBe(false);
  });

  const row = (length: number) =>
    Array.from({ length }, (_, i) => `r${i} { ${i === 0 ? 'true' : `r${i - 1}`} }`).join('\n');

  it('finds rules in a long row', () => {
    expect(mayRunDeep([`${head}${row(151)}`])).toBe(true);
    expect(mayRunDeep([`${head}${row(150)}`])).toBe(false);
  });

  it('finds a long row of functions', () => {
    const calls = Array.from({ length: 200 }, (_, i) => `f${i}(x) { f${i + 1}(x) }`);
    expect(mayRunDeep([`${head}${calls.join('\n')}\nf200(x) { x }`])).toBe(true);
  });

  it('takes a text that it cannot read for one', () => {
    expect(mayRunDeep([`${head}f(x) { "open`])).toBe(true);
  });

  it.each([
    ['functions that call others', 'f(x) { g(x) }\ng(x) { startswith(x, "f(") }'],
    ['names in strings and comments', 'f(x) { x == "f(x)" } # f(x)'],
    ['several rules of one name', 'f(x) { x == 1 }\n\nf(x) { x == 2 }'],
    ['rules below one another', 'f(x) { x }\na { f(1) }\nf_of(x) { f(x) }'],
    ['rules without arguments, which engines notice', 'a { b }\nb { a }'],
    ['a rule with its own name in it', 'a { policy_data.request_defaults.a == true }'],
  ])('passes over %s', (_name, text) => {
    expect(mayRunDeep([head + text])).toBe(false);
  });

  it('finds none in rules of ours', () => {
    const folders = ['kata/rules', 'aci/rules'];
    for (const folder of folders.map((name) => join(POLICIES, name))) {
      const texts = readdirSync(folder)
        .filter((name) => name.endsWith('.rego'))
        .map((name) => readFileSync(join(folder, name), 'utf8'));
      expect(texts.length).toBeGreaterThan(0);
      for (const text of texts) expect(mayRunDeep([text])).toBe(false);
    }
  });
});
