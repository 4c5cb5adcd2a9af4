import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { resolveReferences } from '../../../src/policy/kata/substitution.js';

const AT = 'pod.yaml:5:5 spec.containers[0]';
const resolveEnv = (...env: string[]) => resolveReferences(env, [], AT).env;

function failure(env: readonly string[], args: readonly string[] = []): ToolError {
  try {
    resolveReferences(env, args, AT);
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('the references ended');
}

describe('references in variables', () => {
  it('are resolved as the reference generator does', () => {
    expect(
      resolveEnv(
        'A=a',
        'B=$(A)-$(A)',
        'C=$(B)$(NOPE)',
        'D=$$(A)',
        'E=x=$(A)',
        'H=$(LATER)',
        'I=$(NOPE) $(A)',
        'J=$(pod-ip)',
        'K=http://$(J):80',
        'LATER=later',
        'EQ=a=b',
        'EQ2=$(EQ)',
        'OPEN=$(',
        'BARE',
        'BARE2=$(BARE)',
      ),
    ).toEqual([
      'A=a',
      'B=a-a',
      'C=a-a$(NOPE)',
      'D=$a',
      'E=x=$(A)',
      'H=later',
      'I=$(NOPE) $(A)',
      'J=$(pod-ip)',
      'K=http://$(pod-ip):80',
      'LATER=later',
      'EQ=a=b',
      'EQ2=$(EQ)',
      'OPEN=$(',
      'BARE',
      'BARE2=$(BARE)',
    ]);
  });

  it('take the first variable of a name that can be inserted', () => {
    expect(resolveEnv('A=1', 'A=2', 'B=$(A)')).toEqual(['A=1', 'A=2', 'B=1']);
    expect(resolveEnv('A=x=y', 'A=2', 'B=$(A)')).toEqual(['A=x=y', 'A=2', 'B=2']);
    expect(resolveEnv('A=$(NOPE)', 'A=2', 'B=$(A)')).toEqual(['A=$(NOPE)', 'A=2', 'B=2']);
    expect(resolveEnv('A=$(A)', 'A=2')).toEqual(['A=2', 'A=2']);
    expect(resolveEnv('A', 'A=2', 'B=$(A)')).toEqual(['A', 'A=2', 'B=2']);
  });

  it.each([
    'bundle-id',
    'host-ip',
    'node-name',
    'pod-ip',
    'pod-uid',
    'sandbox-id',
    'sandbox-name',
    'sandbox-namespace',
  ])('insert a value with the placeholder %s', (name) => {
    expect(resolveEnv(`A=$(${name})`, 'B=<$(A)>')[1]).toBe(`B=<$(${name})>`);
  });

  it('insert a value with a placeholder of the rules, but no other reference', () => {
    expect(resolveEnv('N=$(sandbox-name)', 'M=$(N).svc')).toEqual([
      'N=$(sandbox-name)',
      'M=$(sandbox-name).svc',
    ]);
    expect(resolveEnv('N=$(host-name)', 'M=$(N)')).toEqual(['N=$(host-name)', 'M=$(N)']);
  });

  it('treat $& and $1 in a value as text', () => {
    expect(resolveEnv('A=$&$1$$', 'B=<$(A)>')).toEqual(['A=$&$1$$', 'B=<$&$1$$>']);
  });

  it('without a name are refused where they would be resolved', () => {
    expect(failure(['A=$()']).code).toBe('MANIFEST_UNSUPPORTED');
    expect(failure(['A=1'], ['echo $()']).where).toBe(AT);
    expect(resolveEnv('A=x=$()')).toEqual(['A=x=$()']);
  });

  it('to itself are refused instead of an endless loop', () => {
    expect(failure(['host-ip=$(host-ip)']).code).toBe('MANIFEST_UNSUPPORTED');
    expect(failure(['host-ip=$(pod-ip)', 'pod-ip=$(host-ip)']).code).toBe('MANIFEST_UNSUPPORTED');
    const message = failure(['node-name=$(node-name)']).message;
    expect(message).toBe('variable node-name refers to itself without end');
    expect(resolveEnv('SELF=$(SELF)')).toEqual(['SELF=$(SELF)']);
  });

  it('that grow without end are refused', () => {
    expect(failure(['pod-ip=x$(pod-ip)$(pod-ip)']).code).toBe('LIMIT_EXCEEDED');
    expect(failure(['pod-ip=x$(pod-ip)']).code).toBe('LIMIT_EXCEEDED');
    expect(failure(['host-ip= $(pod-ip)', 'pod-ip= $(host-ip)']).code).toBe('LIMIT_EXCEEDED');
  });

  it('may produce so much text and no more', () => {
    const big = 'x'.repeat(LIMITS.referenceChars / 4);
    const env = (count: number) => [`A=${big}`, `B=${'$(A)'.repeat(count)}`];
    expect(resolveEnv(...env(3))[1]).toHaveLength(3 * big.length + 2);
    const error = failure(env(4));
    expect([error.code, error.got]).toEqual(['LIMIT_EXCEEDED', 'more, at $(A)']);
  });

  it('that double at each step end at the limit, not with the memory', () => {
    const env = ['A0=0123456789'];
    for (let step = 1; step < 60; step++) env.push(`A${step}=$(A${step - 1})$(A${step - 1})`);
    expect(failure(env).code).toBe('LIMIT_EXCEEDED');
  });
});

describe('references in arguments', () => {
  it('see the resolved variables', () => {
    const { args } = resolveReferences(
      ['A=a', 'B=$(A)$(A)', 'EQ=a=b'],
      ['/bin/sh', '$(A)', '$$(A)', '$(NOPE)', '$(B)/x=$(A)', '$(', '$ (A)', '$(EQ)'],
      AT,
    );
    expect(args).toEqual(['/bin/sh', 'a', '$a', '$(NOPE)', 'aa/x=a', '$(', '$ (A)', '$(EQ)']);
  });
});
