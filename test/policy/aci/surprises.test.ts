import { describe, expect, it } from 'vitest';
import { requireCceDocument } from '../../../src/policy/aci/read-policy.js';
import { surprisesOf } from '../../../src/policy/aci/surprises.js';
import { CONTAINER, policyText } from './sample-policy.js';

const codesOf = (changes: Readonly<Record<string, unknown>>) =>
  surprisesOf(requireCceDocument(policyText(changes), 't')).map(({ code }) => code);
const withContainer = (changes: object) => codesOf({ containers: [{ ...CONTAINER, ...changes }] });
const withPattern = (pattern: string) =>
  withContainer({ env_rules: [{ pattern, strategy: 're2', required: false }] });
const entry = { issuer: 'i', feed: 'f', minimum_svn: '1', includes: ['containers'] };

describe('what guests do otherwise than expected', () => {
  it('is nothing for a policy without such parts', () => {
    expect(codesOf({})).toEqual([]);
    expect(
      codesOf({ fragments: [entry, entry, { ...entry, feed: 'g', minimum_svn: '2' }] }),
    ).toEqual([]);
  });

  it.each(['A=1|B=2', '(A)|B', '[|]|A', '\\(|A'])('%s has open alternatives', (pattern) => {
    expect(withPattern(pattern)).toEqual(['pattern-alternatives-open']);
  });

  it.each(['(A|B)=1', 'A=[|]', 'A\\|B', 'A=1\\\\$'])('%s has none', (pattern) => {
    expect(withPattern(pattern)).toEqual([]);
  });

  it('tells an end that stays open', () => {
    expect(withPattern('A=1\\$')).toEqual(['pattern-end-open']);
  });

  it.each<[string, object]>([
    [
      'repeated-exec-command',
      { exec_processes: [CONTAINER.exec_processes[0], CONTAINER.exec_processes[0]] },
    ],
    [
      'capability-never-matches',
      { capabilities: { ...CONTAINER.capabilities, bounding: ['NET_ADMIN'] } },
    ],
    [
      'hugepages-without-slash',
      { mounts: [{ ...CONTAINER.mounts[0], source: 'hugepages://2M/x' }] },
    ],
    ['privileged-default-capabilities', { allow_elevated: true, capabilities: null }],
  ])('tells %s', (code, changes) => {
    expect(withContainer(changes)).toEqual([code]);
  });

  it('tells what older versions do to Windows containers and trust lists', () => {
    const windows = { ...CONTAINER, user: 'ContainerUser' };
    const list = { issuer: 'i', subject: 's', minimum_svn: 1, allowed_ledgers: ['*'] };
    expect(codesOf({ framework_version: '0.4.1', containers: [windows] })).toEqual([
      'windows-container-dropped',
    ]);
    expect(codesOf({ framework_version: '0.4.1', transparency_trust_lists: [list] })).toEqual([
      'trust-lists-of-older-policy',
    ]);
    expect(codesOf({ containers: [windows], transparency_trust_lists: [list] })).toEqual([]);
  });

  it("tells imports that get in each other's way", () => {
    expect(codesOf({ fragments: [entry, { ...entry, includes: [] }] })).toEqual([
      'imports-contradict',
    ]);
    const other = { ...entry, minimum_svn: '5', parameters: { a: 1 } };
    expect(codesOf({ fragments: [entry, other] })).toEqual(['imports-share-parameters']);
  });
});
