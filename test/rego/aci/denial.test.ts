import { describe, expect, it } from 'vitest';
import { denialOf, errorsOf, faultOf, goJson } from '../../../src/rego/aci/denial.js';
import {
  PRIVILEGED_CAPABILITIES,
  UNPRIVILEGED_CAPABILITIES,
} from '../../../src/rego/aci/guest-data.js';

const INSIDE = /^policyDecision< (.*) >policyDecision$/;
const inside = (message: string): unknown =>
  JSON.parse(Buffer.from(INSIDE.exec(message)?.[1] ?? '', 'base64').toString());

describe('the denial of a guest', () => {
  it('is that of the worked example', () => {
    const { message } = denialOf('dump_stacks', {}, { errors: [], error_objects: null }, 0);
    expect(message).toBe(
      'policyDecision< eyJkZWNpc2lvbiI6ImRlbnkiLCJpbnB1dCI6eyJydWxlIjoiZHVtcF9zdGFja3MifSwicmVhc29uIjp7ImVycm9yX29iamVjdHMiOm51bGwsImVycm9ycyI6W119fQ== >policyDecision',
    );
    expect(message).toHaveLength(160);
  });

  it('is written as Go writes JSON', () => {
    expect(goJson({ b: '<&>\u2028', a: [1, null, true], 9: 1, 10: 2, é: {} })).toBe(
      '{"10":2,"9":1,"a":[1,null,true],"b":"\\u003c\\u0026\\u003e\\u2028","é":{}}',
    );
  });

  it('holds no values of variables, and usual capabilities by name', () => {
    const usual = [...UNPRIVILEGED_CAPABILITIES];
    const all = [...PRIVILEGED_CAPABILITIES];
    const input = {
      envList: ['A=secret', 'B', 'C=x=y'],
      capabilities: {
        bounding: usual,
        effective: usual,
        permitted: usual,
        inheritable: [],
        ambient: [],
      },
    };
    const object = {
      capabilities: {
        bounding: all,
        effective: all,
        permitted: all,
        inheritable: all,
        ambient: [],
      },
    };
    const reversed = { capabilities: { ...object.capabilities, bounding: all.toReversed() } };
    const reason = { errors: [], error_objects: [object, reversed] };
    expect(denialOf('create_container', input, reason, 0).decision).toEqual({
      decision: 'deny',
      input: {
        envList: ['A=<<redacted>>', 'B=<<redacted>>', 'C=<<redacted>>'],
        capabilities: '[unprivileged]',
        rule: 'create_container',
      },
      reason: { errors: [], error_objects: [{ capabilities: '[privileged]' }, reversed] },
    });
    expect(faultOf(input, 'no', 0).message).not.toContain('secret');
  });

  it('leaves out part after part until it fits', () => {
    const objects = ['x'.repeat(4000)];
    const reason = { errors: ['e'], error_objects: objects };
    const at = (most: number) => denialOf('p', { a: 'y'.repeat(900) }, reason, most);
    const whole = at(0).message.length;
    expect(at(whole).decision.truncated).toBeUndefined();
    expect(at(whole - 1).decision).toMatchObject({
      truncated: ['reason.error_objects'],
      reason: { errors: ['e'] },
    });
    const shorter = at(whole - 1).message.length;
    expect(at(shorter).decision.input).toBeDefined();
    expect(at(shorter - 1).decision).toEqual({
      decision: 'deny',
      reason: { errors: ['e'] },
      truncated: ['reason.error_objects', 'input'],
    });
    expect(at(1).decision).toEqual({
      decision: 'deny',
      truncated: ['reason.error_objects', 'input', 'reason'],
    });
    expect(inside(at(1).message)).toEqual(at(1).decision);
  });

  it('says so where the policy gives no reason', () => {
    expect(denialOf('p', {}, undefined, 0).decision.reason).toMatch('did not provide a reason');
    expect(denialOf('p', {}, 'no', 10).decision).toEqual({
      decision: 'deny',
      truncated: ['input', 'reason'],
    });
  });

  it('lists errors once, in order', () => {
    expect(errorsOf({ errors: ['b', 'a', 'b'] })).toEqual(['a', 'b']);
    expect(errorsOf('no')).toBeUndefined();
  });
});
