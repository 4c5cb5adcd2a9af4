/** Fragments whose numbers, namespaces or entries are unusual: both engines answer as OPA, the engine of the guest, does. */
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.js';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { loadNative } from '../../../src/io/native.js';
import { loadFragment } from '../../../src/rego/aci/load.js';
import { CceSession } from '../../../src/rego/aci/session.js';

const ISSUER = 'did:x509:0:sha256:AA::subject:CN:A';
const engine = openFrameworkEngine();
const hasNative = loadNative().kind === 'loaded';

const entry = (more: JsonObject = {}): JsonObject => ({
  issuer: ISSUER,
  feed: 'f',
  minimum_svn: '1',
  includes: ['containers'],
  ...more,
});
const policyOf = (entries: readonly JsonObject[]) =>
  [
    'package policy',
    'api_version := "0.12.0"',
    'framework_version := "0.5.0"',
    `fragments := ${JSON.stringify(entries)}`,
    'load_fragment := data.framework.load_fragment',
    'reason := data.framework.reason',
  ].join('\n');
const fragment = (svn: unknown, ...lines: readonly string[]) =>
  [
    'package fragment',
    `svn := ${JSON.stringify(svn)}`,
    'framework_version := "0.5.0"',
    ...lines,
  ].join('\n');

const open = (entries: readonly JsonObject[], plain: boolean) =>
  new CceSession(engine, policyOf(entries), { guest: 'framework-0.5.0', plain });

async function verdictOf(
  session: CceSession,
  text: string,
  { feed = 'f', headerSvn }: { readonly feed?: string; readonly headerSvn?: number } = {},
) {
  const given = headerSvn === undefined ? {} : { headerSvn };
  const { decision } = await loadFragment(session, { issuer: ISSUER, feed, text, ...given });
  return decision.verdict;
}

const ENGINES = [true, ...(hasNative ? [false] : [])].map((plain) => [
  plain ? 'WebAssembly' : 'modules',
  plain,
]) as readonly (readonly [string, boolean])[];

describe.each(ENGINES)('%s', (_name, plain) => {
  it.each<readonly [svn: unknown, minimum: string | number, headerSvn: number | undefined, string]>(
    [
      ['01', '1', undefined, 'allow'],
      ['01', '1', 1, 'allow'],
      ['007', '1', 7, 'allow'],
      ['007', '1', 8, 'deny'],
      ['1', '02', undefined, 'deny'],
      ['2', '02', undefined, 'allow'],
      ['+2', '1', undefined, 'allow'],
      ['-5', '-7', undefined, 'allow'],
      ['-7', '-5', undefined, 'deny'],
      ['-0', 0, undefined, 'allow'],
      ['00', 0, 0, 'allow'],
      ['1e1', '9', undefined, 'allow'],
      ['1.5', '1', undefined, 'allow'],
      [' 2', '1', undefined, 'deny'],
      ['2 ', '1', undefined, 'deny'],
      ['0x10', '1', undefined, 'deny'],
      ['', '1', undefined, 'deny'],
      ['--2', '1', undefined, 'deny'],
      [2, '1', 2, 'allow'],
    ],
  )('svn %j, minimum %j, header %j: %s', async (svn, minimum, headerSvn, verdict) => {
    const session = open([entry({ minimum_svn: minimum })], plain);
    const header = headerSvn === undefined ? {} : { headerSvn };
    expect(await verdictOf(session, fragment(svn), header)).toBe(verdict);
  });

  it('does not load by an entry that includes nothing at all', async () => {
    const { includes: _includes, ...rest } = entry();
    expect(await verdictOf(open([rest], plain), fragment('1'))).toBe('deny');
  });

  it('takes the newer of two fragments of one feed', async () => {
    const session = open([entry({ includes: ['namespace'] })], plain);
    expect(await verdictOf(session, fragment('1'))).toBe('allow');
    expect(await verdictOf(session, fragment('2'))).toBe('allow');
  });

  it('loads a second fragment of a namespace that says the same', async () => {
    const session = open([entry({ includes: ['namespace'] }), entry({ feed: 'g' })], plain);
    expect(await verdictOf(session, fragment('1', 'containers := []'))).toBe('allow');
    expect(await verdictOf(session, fragment('1'), { feed: 'g' })).toBe('allow');
  });

  it.runIf(hasNative)('fails at one that says something else', async () => {
    for (const [first, second] of [
      [fragment('1'), fragment('2')],
      [fragment('1', 'containers := []'), fragment('1', 'containers := [{}]')],
    ] as const) {
      const session = open([entry({ includes: ['namespace'] }), entry({ feed: 'g' })], plain);
      expect(await verdictOf(session, first)).toBe('allow');
      expect(await verdictOf(session, second, { feed: 'g' })).toBe('error');
      expect(session.activeFragments.map(({ id }) => id)).toEqual([`${ISSUER}>f`]);
    }
  });
});
