import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseJsonData } from '../../../src/core/data-json.js';
import type { Notice } from '../../../src/core/notice.js';
import { readSeccompSha256 } from '../../../src/manifest/group/seccomp.js';
import { readSecurity } from '../../../src/manifest/group/security.js';
import { vectorsDir } from '../../support/vectors.js';

const PLACE = { code: 'MANIFEST_INVALID', what: 'group.json', path: 'securityContext' } as const;
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringMatching(message) });

const read = (json: string, notices: Notice[] = []) =>
  readSecurity(parseJsonData(json, 'x'), PLACE, (notice) => notices.push(notice));

describe('readSecurity', () => {
  it('has defaults', () => {
    expect(read('null')).toEqual({
      privileged: false,
      allowPrivilegeEscalation: true,
      addCapabilities: [],
      dropCapabilities: [],
      seccompSha256: '',
    });
    expect(read('{"runAsUser":null,"capabilities":[],"privileged":0}')).toEqual(read('null'));
  });

  it('reads every field, whatever the case of its key', () => {
    const json =
      '{"Privileged":"TRUE","ALLOWPRIVILEGEESCALATION":"False","runasuser":0,"runAsGroup":4294967296,"capabilities":{"ADD":["CAP_X"],"Drop":["CAP_Y"]}}';
    expect(read(json)).toEqual({
      privileged: true,
      allowPrivilegeEscalation: false,
      addCapabilities: ['CAP_X'],
      dropCapabilities: ['CAP_Y'],
      runAsUser: 0n,
      runAsGroup: 4294967296n,
      seccompSha256: '',
    });
  });

  it.each([
    ['[]', /is not a map/],
    ['"text"', /is not a map/],
    ['{"privileged":1}', /privileged has a wrong type/],
    ['{"allowPrivilegeEscalation":[]}', /allowPrivilegeEscalation has a wrong type/],
    ['{"capabilities":"ALL"}', /capabilities is not a map/],
    ['{"capabilities":{"add":"ALL"}}', /capabilities\.add is not a list/],
    ['{"capabilities":{"drop":["CAP_X",1]}}', /capabilities\.drop\[1\] is not a text/],
    ['{"runAsUser":true}', /runAsUser is not a user/],
    ['{"runAsUser":"0"}', /runAsUser is not a user/],
    ['{"runAsGroup":-1}', /runAsGroup is not a user/],
    ['{"runAsGroup":1.0}', /runAsGroup is not a user/],
    ['{"seccompProfile":1}', /seccompProfile is neither/],
    ['{"seccompProfile":{"type":"Localhost"}}', /is Localhost/],
  ])('refuses %s', (json, message) => {
    expect(() => read(json)).toThrow(invalid(message));
  });

  it('notes names and flags that a guest does not read as meant', () => {
    const notices: Notice[] = [];
    const json =
      '{"privileged":"[parameters(\'p\')]","capabilities":{"add":["NET_ADMIN","CAP_KILL"],"drop":["ALL"]}}';
    expect(read(json, notices)).toMatchObject({
      privileged: false,
      addCapabilities: ['NET_ADMIN', 'CAP_KILL'],
    });
    expect(notices.map(({ code }) => code).sort()).toEqual([
      'capability-name',
      'capability-name',
      'flag-taken-as-false',
    ]);
  });
});

interface SeccompCase {
  readonly profile: string;
  readonly profile_base64: string;
  readonly sha256?: string;
}

const readHash = (value: Parameters<typeof readSeccompSha256>[0]) =>
  readSeccompSha256(value, PLACE, () => undefined);

/** What is told about a profile. */
function noticesOf(profile: object): readonly string[] {
  const told: string[] = [];
  const text = Buffer.from(JSON.stringify(profile)).toString('base64');
  readSeccompSha256(text, PLACE, ({ code, message }) => told.push(`${code} ${message}`));
  return told;
}

describe('readSeccompSha256', () => {
  it('is empty without a profile that the guest checks', () => {
    expect(readHash(null)).toBe('');
    expect(readHash(new Map([['type', 'RuntimeDefault']]))).toBe('');
    expect(readHash(new Map())).toBe('');
  });

  it('skips characters outside the alphabet and what follows the padding', () => {
    const plain = readHash('e30=');
    for (const text of ['e 3\n0=', 'e30=garbage', '=e30=', '"e30="', 'e30==']) {
      expect(readHash(text)).toBe(plain);
    }
  });

  it.each([
    ['e30', /not base64/],
    ['e3', /not base64/],
    ['/w==', /not UTF-8/],
    ['bm90IGpzb24=', /not a JSON profile/],
    ['W10=', /not a map/],
  ])('refuses %s', (text, message) => {
    expect(() => readHash(text)).toThrow(invalid(message));
  });

  it.each<readonly [object, string]>([
    [{ architectures: [], flags: [], listenerPath: '' }, 'architectures, flags, listenerPath'],
    [{ syscalls: [] }, 'syscalls'],
    [
      { syscalls: [{ names: ['a'], args: [] }, { args: [{ valueTwo: 0 }] }, { args: [] }] },
      'args, valueTwo',
    ],
    [{ defaultAction: 'a<b' }, 'a text'],
    [{ defaultAction: 'é' }, 'a text'],
  ])('tells that the guest hashes %j in another form', (profile, parts) => {
    const [notice, ...others] = noticesOf(profile);
    expect(notice).toContain(`seccomp-other-form securityContext: the guest hashes`);
    expect(notice).toContain(`(${parts})`);
    expect(others).toEqual([]);
  });

  it.each([
    {},
    { defaultAction: 'A', defaultErrnoRet: 0, architectures: ['x'] },
    { syscalls: [{ names: [], action: 'A', args: [{ index: 0, value: 0, valueTwo: 1 }] }] },
  ])('tells nothing about %j', (profile) => {
    expect(noticesOf(profile)).toEqual([]);
  });

  const folder = vectorsDir('aci');
  describe.runIf(folder !== undefined)('vectors', () => {
    const { cases } = JSON.parse(
      folder === undefined
        ? '{"cases":[]}'
        : readFileSync(join(folder, 'cases/seccomp.json'), 'utf8'),
    ) as { cases: SeccompCase[] };
    it.each(cases)('$profile', ({ profile_base64, sha256 }) => {
      if (sha256 === undefined) {
        expect(() => readHash(profile_base64)).toThrow(invalid(/./));
      } else expect(readHash(profile_base64)).toBe(sha256);
    });
  });
});
