import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { findAgentVariant } from '../../src/rego/guests.js';
import { buildPolicyInput } from '../../src/rego/policy-input.js';

function inputOf(guest: string, kind: string, message: JsonValue): JsonObject {
  const made = buildPolicyInput(findAgentVariant(guest), kind, message);
  if (made.kind === 'refused') throw new Error(made.reason);
  return JSON.parse(JSON.stringify(made.input)) as JsonObject;
}

const bytes = (text: string) => [...Buffer.from(text)];

describe('CopyFileRequest', () => {
  it.each([
    [0o100644, 'Regular', null],
    [0o040755, 'Directory', null],
    [0o120777, 'Symlink', 'abc'],
    [0o140000, 'Unknown', null],
    [0o010000, 'Unknown', null],
    [0o160000, 'Unknown', null],
    [0, 'Unknown', null],
  ])('kata-4.1 names the type of mode %i', (file_mode, file_type, symlink_target) => {
    const input = inputOf('kata-4.1', 'CopyFileRequest', {
      path: '/p',
      file_mode,
      data: bytes('abc'),
    });
    expect(input).toEqual({
      path: '/p',
      file_type,
      symlink_target,
      file_size: 0,
      file_mode,
      dir_mode: 0,
      uid: 0,
      gid: 0,
      offset: 0,
    });
  });

  it.each([
    ['azl3', 0o120777, 'abc'],
    ['azl3', 0o160000, 'abc'],
    ['azl3', 0o100644, ''],
    ['aks-3.15', 0o120777, 'abc'],
  ])('%s tells the source of a link by the bits of mode %i', (guest, file_mode, symlink_src) => {
    const input = inputOf(guest, 'CopyFileRequest', { file_mode, data: bytes('abc') });
    expect(input.symlink_src).toBe(symlink_src);
    expect(input).not.toHaveProperty('data');
  });

  it('msft-main hands it over as received', () => {
    expect(inputOf('msft-main', 'CopyFileRequest', { data: [1, 2] }).data).toEqual([1, 2]);
    expect(inputOf('msft-main', 'CopyFileRequest', {}).data).toEqual([]);
  });

  it('takes the rewritten form as it is', () => {
    const link = { path: '/p', file_type: 'Symlink', symlink_target: 'x' };
    expect(inputOf('kata-4.1', 'CopyFileRequest', link)).toMatchObject(link);
    expect(inputOf('kata-4.1', 'CopyFileRequest', {}).file_type).toBe('Unknown');
    expect(inputOf('azl3', 'CopyFileRequest', { symlink_src: 'x' }).symlink_src).toBe('x');
  });

  it('is refused without asking when the target of a link is not UTF-8', () => {
    const message = { file_mode: 0o120777, data: [0xff] };
    const refused = expect.objectContaining({ kind: 'refused' });
    for (const guest of ['kata-4.1', 'azl3'])
      expect(buildPolicyInput(findAgentVariant(guest), 'CopyFileRequest', message)).toEqual(
        refused,
      );
    const plain = { file_mode: 0o100644, data: [0xff] };
    expect(inputOf('kata-4.1', 'CopyFileRequest', plain).file_type).toBe('Regular');
  });
});

describe('CreateContainerRequest', () => {
  const message = { OCI: { Process: { Env: ['A=1', 'B=x=y', 'NONE', 'A=2', '__proto__=p'] } } };

  it('is wrapped with a map of its variables by azl5 and aks-3.15', () => {
    for (const guest of ['azl5', 'aks-3.15']) {
      const input = inputOf(guest, 'CreateContainerRequest', message);
      expect(JSON.stringify(input.env_map)).toBe('{"A":"2","B":"x=y","__proto__":"p"}');
      expect(input.base).toMatchObject({ OCI: { Version: '', Process: { Cwd: '' } } });
    }
  });

  it('keeps a map that is given', () => {
    const given = { base: message, env_map: { C: '3' } };
    expect(inputOf('azl5', 'CreateContainerRequest', given).env_map).toEqual({ C: '3' });
    const empty = { base: message, env_map: null };
    expect(inputOf('azl5', 'CreateContainerRequest', empty).env_map).toBeNull();
  });

  it('is the message itself elsewhere, and has `shared` storages only upstream', () => {
    const storages = [{ driver: 'blk' }];
    const upstream = inputOf('kata-4.1', 'CreateContainerRequest', { storages });
    const azl3 = inputOf('azl3', 'CreateContainerRequest', { storages });
    expect(upstream.storages).toMatchObject([{ driver: 'blk', shared: false }]);
    expect(JSON.stringify(azl3.storages)).not.toContain('shared');
  });
});

it('refuses what is no request', () => {
  for (const kind of ['Storage', 'NoRequest', 'constructor'])
    expect(buildPolicyInput(findAgentVariant('azl3'), kind, {})).toEqual({
      kind: 'refused',
      reason: `request ${kind} is not one of the kata agent`,
    });
  for (const kind of ['', 'a.b', '1', 'x'.repeat(201)])
    expect(() => inputOf('azl3', kind, {})).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    );
  expect(() => findAgentVariant('azl9')).toThrow(
    expect.objectContaining({ code: 'USAGE_CONFLICT' }),
  );
});
