import { describe, expect, it } from 'vitest';
import { parseRequestLog } from '../../src/rego/request-log.js';

const parse = (text: string) => parseRequestLog(text, 'policy.jsonl');

describe('parseRequestLog', () => {
  it('reads one request per line and passes over empty lines', () => {
    const text =
      '{"kind":"CreateSandboxRequest","request":{}}\r\n\n  {"kind":"X","request":null,"more":1}\n';
    expect(() => parse(text)).toThrow(/request/);
    expect(parse('\n{"kind":"CreateSandboxRequest","request":{"hostname":"a"}}\n\n')).toEqual([
      { line: 2, kind: 'CreateSandboxRequest', request: { hostname: 'a' } },
    ]);
  });

  it('passes over what an agent logs beside its requests', () => {
    const log = [
      '{"kind":"AllowRequestsFailingPolicy","request":{}}',
      '{"kind":"CreateContainerRequest","request":{"container_id":"a"}}',
      '{"kind":"CreateContainerRequest","request":{"allowed":true,"ops":[]}}',
      '{"kind":"RemoveContainerRequest","request":{"allowed":true,"ops":null}}',
      '{"kind":"RemoveContainerRequest","request":{"allowed":false}}',
    ];
    expect(parse(log.join('\n')).map(({ line }) => line)).toEqual([2]);
  });

  it('keeps a request that only looks like an answer', () => {
    const text = '{"kind":"CreateSandboxRequest","request":{"allowed":true,"hostname":"a"}}';
    expect(parse(text)).toHaveLength(1);
    expect(parse('{"kind":"CreateSandboxRequest","request":{"allowed":"yes"}}')).toHaveLength(1);
  });

  it.each([
    ['{"kind":"A","request":{}}\n{"kind":', 'JSON_SYNTAX', 'policy.jsonl:2:9'],
    ['\n[1]', 'REQUEST_INVALID', 'policy.jsonl:2'],
    ['{"request":{}}', 'REQUEST_INVALID', 'policy.jsonl:1 kind'],
    ['{"kind":7,"request":{}}', 'REQUEST_INVALID', 'policy.jsonl:1 kind'],
    ['{"kind":"A"}', 'REQUEST_INVALID', 'policy.jsonl:1 request'],
  ])('names the line of what is wrong: %j', (text, code, where) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code, where }));
  });
});
