import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { parseCceRequests } from '../../../src/rego/aci/requests.js';

const codeOf = (text: string): string => {
  try {
    parseCceRequests(text, 'r');
    return 'none';
  } catch (error) {
    if (error instanceof ToolError) return error.code;
    throw error;
  }
};

describe('requests for CCE policies', () => {
  it('are lines with their numbers', () => {
    const text =
      '\n{"enforcementPoint": "dump_stacks"}\n\n{"enforcementPoint": "mount_device", "input": {"target": "a"}}\n';
    expect(parseCceRequests(text, 'r')).toEqual({
      form: 'lines',
      requests: [
        { line: 2, point: 'dump_stacks', input: {} },
        { line: 4, point: 'mount_device', input: { target: 'a' } },
      ],
    });
  });

  it('are commands of an array', () => {
    expect(
      parseCceRequests(
        ' [{"name": "dump_stacks", "input": {"a": 1}}, {"name": "get_properties"}]',
        'r',
      ),
    ).toEqual({
      form: 'commands',
      requests: [
        { line: 1, point: 'dump_stacks', input: { a: 1 } },
        { line: 2, point: 'get_properties', input: {} },
      ],
    });
  });

  it('take a user with the files of the container', () => {
    const line = {
      enforcementPoint: 'create_container',
      input: { user: '7', umask: '9' },
      etc: { passwd: 'web:x:7:8' },
    };
    const [request] = parseCceRequests(JSON.stringify(line), 'r').requests;
    expect(request?.input).toEqual({
      user: { id: '7', name: 'web' },
      groups: [{ id: '8', name: '' }],
      umask: '0022',
    });
  });

  it.each([
    ['{', 'JSON_SYNTAX'],
    ['[{]', 'JSON_SYNTAX'],
    ['{"enforcementPoint": "constructor"}', 'REQUEST_INVALID'],
    ['{"enforcementPoint": 1}', 'REQUEST_INVALID'],
    ['{"input": {}}', 'REQUEST_INVALID'],
    ['[{"name": "x"}]', 'REQUEST_INVALID'],
    ['[1]', 'REQUEST_INVALID'],
    [
      '{"enforcementPoint": "create_container", "input": {"user": {}}, "etc": {}}',
      'REQUEST_INVALID',
    ],
    [
      '{"enforcementPoint": "create_container", "input": {"user": "x"}, "etc": {}}',
      'REQUEST_INVALID',
    ],
    ['{"enforcementPoint": "create_container", "etc": {"passwd": 1}}', 'REQUEST_INVALID'],
  ])('%s: %s', (text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it('have a limit', () => {
    const line = '{"enforcementPoint":"dump_stacks"}\n';
    expect(codeOf(line.repeat(LIMITS.simulatedRequests))).toBe('none');
    expect(codeOf(line.repeat(LIMITS.simulatedRequests + 1))).toBe('LIMIT_EXCEEDED');
  });

  it('any text is read or refused', () => {
    const whole = JSON.stringify([
      { name: 'create_container', input: { user: 'a', argList: ['x'] } },
    ]);
    const text = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc
        .tuple(fc.nat(whole.length), fc.string({ maxLength: 3 }))
        .map(([at, add]) => whole.slice(0, at) + add + whole.slice(at + 1)),
      fc
        .jsonValue()
        .map((value) =>
          JSON.stringify({ enforcementPoint: 'create_container', input: value, etc: value }),
        ),
    );
    fc.assert(
      fc.property(text, (one) => {
        codeOf(one);
      }),
      { seed: 7, numRuns: 1000 },
    );
  });
});
