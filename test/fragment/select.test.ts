import { describe, expect, it } from 'vitest';
import type { DataMap } from '../../src/core/data.js';
import { LIMITS } from '../../src/core/limits.js';
import { importAsData } from '../../src/fragment/import-statement.js';
import { type OfferedFragment, selectFragments } from '../../src/fragment/select.js';
import { failureOf } from '../support/images.js';
import { issuerOf, makeSigner, makeStatement } from '../support/statements.js';

const signer = makeSigner();
const ISSUER = issuerOf(signer.chain);
const entry = (feed: string, minimumSvn = '1', issuer = ISSUER) =>
  importAsData({ feed, issuer, includes: ['containers', 'fragments'], minimumSvn });

/** A signed fragment that imports other feeds. */
const offered = (
  feed: string,
  namespace = 'a',
  imports: readonly string[] = [],
): OfferedFragment => {
  const list = imports.map((each) => ({
    feed: each,
    issuer: ISSUER,
    minimum_svn: '1',
    includes: ['fragments'],
  }));
  const text = [
    `package ${namespace}`,
    'svn := "2"',
    'framework_version := "0.2.3"',
    `fragments := ${JSON.stringify(list)}`,
    `containers := [{"id": "${namespace}"}]`,
    '',
  ].join('\n');
  const headers = new Map([['feed', feed]]);
  return { bytes: makeStatement({ ...signer, payload: Buffer.from(text), headers }), what: feed };
};

async function select(
  imports: readonly DataMap[],
  attached: readonly OfferedFragment[],
  others: Readonly<Record<string, OfferedFragment>> = {},
) {
  const skipped: string[] = [];
  const asked: string[] = [];
  const selected = await selectFragments(imports, attached, {
    fetch: async (each) => {
      const feed = String(each.get('feed'));
      asked.push(feed);
      return others[feed];
    },
    notices: ({ message }) => skipped.push(message),
    isPlatform: (each) => each.get('feed') === 'platform',
    frameworkVersion: '0.5.0',
  });
  return { names: selected.payloads.map(({ namespace }) => namespace), selected, skipped, asked };
}

describe('selectFragments', () => {
  it('takes what is attached, then asks for the rest', async () => {
    const { names, asked, selected } = await select(
      [entry('platform'), entry('one'), entry('two')],
      [offered('two', 'b')],
      { one: offered('one') },
    );
    expect([names, asked]).toEqual([['b', 'a'], ['one']]);
    expect(selected.containers.map((each) => each.get('id'))).toEqual(['b', 'a']);
  });

  it('follows the imports of fragments, each once', async () => {
    const { names, asked } = await select([entry('one')], [], {
      one: offered('one', 'a', ['two', 'one', 'platform']),
      two: offered('two', 'b', ['one', 'two']),
    });
    expect([names, asked]).toEqual([
      ['a', 'b'],
      ['one', 'two'],
    ]);
  });

  it.each([
    ['a feed that nothing imports', [entry('other')], offered('one')],
    ['an svn that is too low', [entry('one', '3')], offered('one')],
    [
      'the issuer of others',
      [entry('one', '1', 'did:x509:0:sha256:x::subject:CN:x')],
      offered('one'),
    ],
    ['a broken signature', [entry('one')], { bytes: Buffer.from('x'), what: 'one' }],
  ])('leaves out %s', async (_what, imports, attached) => {
    const { names, skipped } = await select(imports, [attached]);
    expect(names).toEqual([]);
    expect(skipped).toHaveLength(1);
    const byFeed = await select(imports, [], { one: attached });
    expect(byFeed.names).toEqual([]);
  });

  it('refuses two fragments of one namespace', async () => {
    const both = [offered('one'), offered('two')];
    const error = await failureOf(() => select([entry('one'), entry('two')], both));
    expect(error.code).toBe('FRAGMENT_INVALID');
  });

  it('takes as many fragments as the limit says, and no more', async () => {
    const many = (count: number) => {
      const feeds = Array.from({ length: count }, (_each, at) => `f${at}`);
      const others = Object.fromEntries(feeds.map((feed) => [feed, offered(feed, feed)]));
      return select(
        feeds.map((feed) => entry(feed)),
        [],
        others,
      );
    };
    expect((await many(LIMITS.fragments)).names).toHaveLength(LIMITS.fragments);
    expect((await failureOf(() => many(LIMITS.fragments + 1))).code).toBe('LIMIT_EXCEEDED');
  });
});
