import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.js';
import { MESSAGES, REQUEST_KINDS } from '../../src/rego/messages.js';
import { normaliseMessage } from '../../src/rego/normalise.js';
import { vectorsDir } from '../support/vectors.js';

const PLACE = { code: 'REQUEST_INVALID', what: 'request', path: '' } as const;
const normalise = (name: string, value: JsonValue, without: readonly string[] = []) =>
  JSON.parse(JSON.stringify(normaliseMessage(name, value, PLACE, without)));

describe('normaliseMessage', () => {
  it('gives every field its default', () => {
    expect(normalise('CreateSandboxRequest', {})).toEqual({
      hostname: '',
      sandbox_id: '',
      guest_hook_path: '',
      dns: [],
      storages: [],
      sandbox_pidns: false,
      kernel_modules: [],
    });
    expect(normalise('UpdateInterfaceRequest', {})).toEqual({ interface: null });
    expect(normalise('MemAgentMemcgConfig', { swap: true })).toMatchObject({
      swap: true,
      disabled: null,
    });
  });

  it('completes nested messages that are present, and keeps absent ones null', () => {
    const { OCI } = normalise('CreateContainerRequest', { OCI: { Process: { Args: ['a'] } } });
    expect(OCI.Process).toMatchObject({ Args: ['a'], Env: [], Terminal: false, User: null });
    expect(OCI.Linux).toBeNull();
    expect(OCI.Annotations).toEqual({});
  });

  it('drops what the message does not have', () => {
    expect(
      normalise('PauseContainerRequest', { container_id: 'a', type: 'x', __proto__: 1 }),
    ).toEqual({
      container_id: 'a',
    });
    const storage = { storages: [{ driver: 'blk', shared: true }] };
    const [kept] = normalise('UpdateEphemeralMountsRequest', storage).storages;
    const [dropped] = normalise('UpdateEphemeralMountsRequest', storage, [
      'Storage.shared',
    ]).storages;
    expect(kept.shared).toBe(true);
    expect(dropped).not.toHaveProperty('shared');
  });

  it.each<[string, string, JsonValue, string]>([
    ['a number for a string', 'PauseContainerRequest', { container_id: 1 }, 'container_id'],
    ['a string for a list', 'CreateSandboxRequest', { dns: 'x' }, 'dns'],
    ['a null in a list', 'CreateSandboxRequest', { dns: [null] }, 'dns[0]'],
    ['a null for a message in a list', 'CreateSandboxRequest', { storages: [null] }, 'storages[0]'],
    ['a fraction', 'SignalProcessRequest', { signal: 1.5 }, 'signal'],
    ['a negative count', 'SignalProcessRequest', { signal: -1 }, 'signal'],
    ['a count beyond 32 bits', 'SignalProcessRequest', { signal: 2 ** 32 }, 'signal'],
    ['a byte beyond 255', 'ReseedRandomDevRequest', { data: [256] }, 'data[0]'],
    [
      'a number in a map of strings',
      'CreateContainerRequest',
      { OCI: { Annotations: { a: 1 } } },
      'OCI.Annotations.a',
    ],
    ['a list for a message', 'CreateContainerRequest', { OCI: [] }, 'OCI'],
    ['no object at all', 'PauseContainerRequest', 'x', 'request'],
  ])('refuses %s and names it', (_, name, value, path) => {
    expect(() => normalise(name, value)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', where: expect.stringContaining(path) }),
    );
  });

  it('takes integers up to the ends of their types', () => {
    expect(normalise('SignalProcessRequest', { signal: 2 ** 32 - 1 }).signal).toBe(2 ** 32 - 1);
    expect(normalise('SetGuestDateTimeRequest', { Sec: -(2 ** 63) }).Sec).toBe(-(2 ** 63));
  });

  it('leads from every request to known types only', () => {
    expect(REQUEST_KINDS.length).toBeGreaterThan(40);
    const scalar = /^(string|bool|bytes|any|enum|u?int(32|64))$/;
    for (const fields of Object.values(MESSAGES))
      for (const type of Object.values(fields)) {
        const name = type.replace(/\?$/, '').replace(/^[[{](.*)[\]}]$/, '$1');
        expect(scalar.test(name) || name in MESSAGES, type).toBe(true);
      }
  });
});

const root = vectorsDir('kata-requests');
const file = join(root ?? '', 'messages.json');

describe.runIf(root !== undefined && existsSync(file))('table of messages', () => {
  it('has the fields and types of the protocol', () => {
    const protocol = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const spell = (type: string) =>
      type
        .replace(/^array<(.*)>$/, '[$1]')
        .replace(/^map<string,string>$/, '{string}')
        .replace(/^oneof\|null$/, 'any?')
        .replace(/\|null$/, '?');
    const enums = Object.keys(protocol).filter((name) => typeof protocol[name] === 'string');
    const want = Object.fromEntries(
      Object.entries(protocol)
        .filter(([name]) => !enums.includes(name))
        .map(([name, fields]) => [
          name,
          Object.fromEntries(
            Object.entries(fields as Record<string, string>).map(([field, type]) => [
              field,
              enums.includes(type) ? 'enum' : spell(type),
            ]),
          ),
        ]),
    );
    expect(MESSAGES).toEqual(want);
  });
});
