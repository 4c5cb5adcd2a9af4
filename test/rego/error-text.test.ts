import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.js';
import { LIMITS } from '../../src/core/limits.js';
import { hasSurvived, readErrorText } from '../../src/rego/error-text.js';

const REQUEST: JsonObject = {
  container_id: 'abc',
  OCI: {
    Version: '1.1.0',
    Process: { Args: ['sh', '-c', 'echo "a\\b"\n'], Env: ['A={"b":"c"}', 'P=x'] },
    Mounts: [{ destination: '/a', source: 'b' }],
    Annotations: { 'io.kubernetes.cri.container-name': 'web' },
  },
};
const BLOCKED = `CreateContainerRequest is blocked by policy: agent_policy:81: input = ${JSON.stringify(REQUEST)} agent_policy:90: no container fits`;

/** What one program on the way makes of a text. */
const quoted = (text: string) => JSON.stringify(text).slice(1, -1);
const escaped = (text: string, levels: number): string =>
  levels === 0 ? text : escaped(quoted(text), levels - 1);
const event = (text: string, levels: number) =>
  `Error: failed to create containerd task: failed to create shim task: "${escaped(text, levels)}": unknown`;

describe('readErrorText', () => {
  it.each([0, 1, 2, 4, 6])('finds the request under %i levels of escapes', (levels) => {
    const told = readErrorText(event(BLOCKED, levels));
    expect(told).toMatchObject({ outcome: 'denied', kind: 'CreateContainerRequest' });
    expect(told.request).toEqual(REQUEST);
    expect(told.cutAt).toBeUndefined();
    expect(told.lines).toEqual(['input =', 'no container fits']);
  });

  it.each([
    ['"Mounts"', 'OCI'],
    ['"P=x"', 'OCI.Process.Env[1]'],
    ['"destination"', 'OCI.Mounts[0]'],
  ])('says where a text is cut in front of %s', (before, cutAt) => {
    const text = escaped(BLOCKED.slice(0, BLOCKED.indexOf(before)), 2);
    expect(readErrorText(`Warning Failed "${text}`)).toMatchObject({
      cutAt,
      kind: 'CreateContainerRequest',
    });
  });

  it('reads a text that is cut inside of an escape', () => {
    const text = escaped(BLOCKED, 2);
    const at = text.indexOf('Mounts') - 2;
    expect(text[at - 1]).toBe('\\');
    const told = readErrorText(text.slice(0, at));
    expect(told.request).toMatchObject({ container_id: 'abc' });
    expect(told.cutAt).toBe('OCI');
  });

  it('tells the lines of rules that do not print the request', () => {
    const text = event(
      'ExecProcessRequest is blocked by policy: agent_policy:102: the process is refused, failed checks: command',
      1,
    );
    const told = readErrorText(text);
    expect(told).toEqual({
      outcome: 'denied',
      kind: 'ExecProcessRequest',
      lines: ['the process is refused, failed checks: command'],
      depth: 0,
    });
  });

  it('tells a policy that fails from one that denies', () => {
    const text =
      'rpc error: code = Internal desc = CopyFileRequest: internal error complex rule should not produce multiple outputs';
    expect(readErrorText(text)).toMatchObject({
      outcome: 'failed',
      kind: 'CopyFileRequest',
      lines: ['complex rule should not produce multiple outputs'],
    });
  });

  it.each([
    [{ kind: 'CreateContainerRequest', request: REQUEST }, REQUEST],
    [
      { base: REQUEST, env_map: {} },
      { base: REQUEST, env_map: {} },
    ],
    [REQUEST.OCI as JsonObject, { OCI: REQUEST.OCI }],
  ])('takes a request out of what stands around it', (printed, request) => {
    const text = `CreateContainerRequest is blocked by policy: ${JSON.stringify(printed)}`;
    expect(readErrorText(text).request).toEqual(request);
  });

  it('takes a line of a log without any verdict', () => {
    const line = JSON.stringify({ kind: 'CreateContainerRequest', request: REQUEST });
    expect(readErrorText(line)).toMatchObject({
      outcome: 'unknown',
      kind: 'CreateContainerRequest',
    });
  });

  it.each([
    [''],
    ['pulling image failed'],
    ['{"a": 1}'],
    ['\\\\\\\\'],
    ['is blocked by policy: {}'],
  ])('finds nothing in %j', (text) => {
    expect(readErrorText(text)).toMatchObject({ outcome: 'unknown' });
    expect(readErrorText(text).kind).toBeUndefined();
  });

  it('reads no further than its limit', () => {
    const far = `${' '.repeat(LIMITS.errorTextChars)}${BLOCKED}`;
    expect(readErrorText(far).outcome).toBe('unknown');
    expect(readErrorText(far.slice(BLOCKED.length)).outcome).toBe('denied');
  });

  it('never throws', () => {
    const part = fc.constantFrom(
      '{',
      '}',
      '"',
      '\\',
      '[',
      ']',
      ':',
      ',',
      'OCI',
      ' is blocked by policy: ',
      'ExecProcessRequest',
      '\\u00',
      'process',
      '\n',
      '1',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
        expect(readErrorText(parts.join('')).depth).toBeLessThan(16);
      }),
      { seed: 3, numRuns: 1000 },
    );
  });
});

describe('hasSurvived', () => {
  const told = {
    outcome: 'denied',
    lines: [],
    depth: 0,
    request: REQUEST,
    cutAt: 'OCI.Mounts[1]',
  } as const;

  it.each([
    ['OCI.Process.Env[1]', true],
    ['OCI.Annotations["io.kubernetes.cri.container-name"]', true],
    ['OCI.Mounts[0].source', true],
    ['OCI.Process.Env[2]', false],
    ['OCI.Linux.Seccomp', false],
    ['OCI.Annotations["other"]', false],
    ['OCI.Mounts', false],
    ['OCI.Mounts[1]', false],
  ])('%s: %s', (path, survived) => {
    expect(hasSurvived(told, path)).toBe(survived);
  });
});
