import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { parseFragment, readNamespace } from '../../src/fragment/payload.js';
import { printFragment } from '../../src/fragment/text.js';
import { thrownBy } from '../support/failure.js';

describe('readNamespace', () => {
  it.each([
    ['package a', 'a'],
    ['package  a_1 \t', 'a_1'],
    ['package a\r\nx := 1', 'a'],
    ['package defaultMounts\n', 'defaultMounts'],
    ['package Framework', 'Framework'],
  ])('%j', (text, namespace) => {
    expect(readNamespace(text, 'x')).toBe(namespace);
  });

  it.each([
    '',
    '\npackage a',
    ' package a',
    'package\ta',
    'package a.b',
    'package a # x',
    'package 1a',
    'package',
    'package framework',
    'package api',
    'package policy',
    'package metadata',
  ])('refuses %j', (text) => {
    expect(thrownBy(() => readNamespace(text, 'x')).code).toBe('FRAGMENT_INVALID');
  });
});

describe('parseFragment', () => {
  const parse = (text: string) => parseFragment(Buffer.from(text), 'x');

  it('reads what printFragment writes', () => {
    const text = printFragment(
      {
        namespace: 'contoso',
        svn: '7',
        frameworkVersion: '0.2.3',
        fragments: [new Map([['feed', 'é']])],
        containers: [new Map([['id', 'app:1']])],
      },
      true,
    );
    expect(parse(text)).toMatchObject({
      namespace: 'contoso',
      svn: '7',
      frameworkVersion: '0.2.3',
      lists: ['containers', 'fragments'],
      containers: [{ id: 'app:1' }],
      fragments: [{ feed: 'é' }],
      rules: [],
    });
  });

  it('names what is more than data, and leaves out what it cannot know', () => {
    const text =
      'package a\nsvn := data.x\nallow := true\nextra { input.x }\ncontainers := [parameter("p")]\n';
    expect(parse(text)).toMatchObject({
      svn: undefined,
      lists: ['containers'],
      containers: [],
      rules: ['extra'],
    });
  });

  it('throws nothing but its own errors, whatever the text', () => {
    const words = fc.constantFrom(
      'package a\n',
      'svn',
      ' := ',
      '"1"',
      '{',
      '}',
      '[',
      ']',
      '\n',
      ',',
      '#',
      '`',
      '"',
      'é',
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(words, fc.string({ maxLength: 4 })), { maxLength: 16 }),
        (parts) => {
          try {
            parse(`package a\n${parts.join('')}`);
          } catch (error) {
            if (!(error instanceof ToolError)) throw error;
          }
        },
      ),
      { seed: 0xf4a6, numRuns: 1_000 },
    );
  });
});
