import { afterEach, describe, expect, it } from 'vitest';
import type { DataMap } from '../../../src/core/data.js';
import { sha256Hex } from '../../../src/core/digest.js';
import type { JsonValue } from '../../../src/core/json.js';
import type { Notice } from '../../../src/core/notice.js';
import { dataFromJson } from '../../../src/fragment/coverage.js';
import { attachFragment, pushFragment } from '../../../src/fragment/registry.js';
import { openRegistryArtifacts } from '../../../src/io/registry/artifacts.js';
import { parseArmFileAsReference } from '../../../src/manifest/arm/parse.js';
import { readArmGroupsAsReference } from '../../../src/manifest/arm/reference.js';
import { generateAci } from '../../../src/pipeline/aci/generate.js';
import {
  type FragmentSources,
  openPolicyFragments,
  type PolicyFragmentPorts,
} from '../../../src/pipeline/aci/policy-fragments.js';
import { findAciGuest } from '../../../src/policy/aci/guests.js';
import type { ContainerGroup } from '../../../src/workload/container-group.js';
import { aciCases, aciPorts, aciVectors } from '../../support/aci-vectors.js';
import { digestOf, openArtifactRegistry } from '../../support/artifact-registry.js';
import { containerGroup, groupContainer } from '../../support/container-groups.js';
import { failureOf } from '../../support/images.js';
import { NO_CREDENTIALS } from '../../support/registry-bench.js';
import { issuerOf, makeSigner, makeStatement } from '../../support/statements.js';

const signer = makeSigner();
const ISSUER = issuerOf(signer.chain);
const data = (value: JsonValue) => dataFromJson(value) as DataMap;
const importOf = (feed: string, more: { readonly [key: string]: JsonValue } = {}) =>
  data({ feed, issuer: ISSUER, minimum_svn: '1', includes: ['containers', 'fragments'], ...more });

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

/** Signed bytes of a fragment that allows the container `name`. */
function signed(feed: string, name: string, fragments: JsonValue = [], svn = 'svn := "1"\n') {
  const lists = `containers := ${JSON.stringify([{ name, layers: ['1'] }])}\nfragments := ${JSON.stringify(fragments)}`;
  const text = `package ${name}\n${svn}framework_version := "0.2.3"\n${lists}\n`;
  const headers = new Map([['feed', feed]]);
  return makeStatement({ ...signer, payload: Buffer.from(text), headers });
}

const container = (name: string) => data({ name, layers: ['1'] });

/** A registry with one image, and ports that reach it. */
async function start() {
  const registry = await openArtifactRegistry({ referrers: true });
  const clock = { now: () => 0, random: () => 0, sleep: async () => undefined };
  const store = openRegistryArtifacts({ env: {}, credentials: NO_CREDENTIALS, clock });
  open.push(registry, store);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, layers: [] }));
  for (const name of ['v1', digestOf(bytes)]) {
    registry.content.set(`manifests/${name}`, { bytes, mediaType: MANIFEST });
  }
  const notices: Notice[] = [];
  const ports: PolicyFragmentPorts = {
    store,
    readFile: () => Promise.reject(new Error('no file is named')),
    isInRegistry: () => true,
    notices: (notice) => notices.push(notice),
  };
  return { registry, store, notices, ports, image: `${registry.host}/team/app:v1` };
}

const codesOf = (notices: readonly Notice[]) => notices.map(({ code }) => code);
const sources = (imports: readonly DataMap[], files: FragmentSources['files'] = []) => ({
  imports,
  files,
});
const file = (bytes: Buffer, what: string) => ({ bytes, what });

describe('fragments of policies', () => {
  it('are taken from what is attached to the images of the group, each group by itself', async () => {
    const { store, image, ports, notices, registry } = await start();
    await attachFragment(store, image, { bytes: signed('f', 'a'), name: 'a.cose' });
    await attachFragment(store, image, { bytes: signed('other', 'b'), name: 'b.cose' });
    const containers = [groupContainer({ image })];
    const groups = [containerGroup({ containers }), containerGroup({ containers })];
    const without = containerGroup({ containers: [] });
    const opened = await openPolicyFragments([...groups, without], sources([importOf('f')]), ports);
    expect(groups.map((group) => opened.isCovered(container('a'), group))).toEqual([true, true]);
    expect(opened.isCovered(container('b'), groups[0]!)).toBe(false);
    expect(opened.isCovered(container('a'), without)).toBe(false);
    expect(opened.importsOf(without)).toEqual([importOf('f')]);
    expect(codesOf(notices)).toEqual([
      'fragment-skipped',
      'fragment-skipped',
      ...['container-left-to-fragment', 'container-left-to-fragment'],
    ]);
    const lists = registry.log.filter((line) => line.includes('/referrers/'));
    expect(lists).toHaveLength(1);
  });

  it('are loaded in the order in which they import each other', async () => {
    const { ports } = await start();
    const group = containerGroup();
    const inner = { issuer: ISSUER, feed: 'inner', minimum_svn: '1', includes: ['containers'] };
    const files = [
      file(signed('inner', 'inside'), 'inner.cose'),
      file(signed('outer', 'outside', [inner]), 'outer.cose'),
    ];
    const opened = await openPolicyFragments([group], sources([importOf('outer')], files), {
      ...ports,
      isInRegistry: () => false,
    });
    const order = opened.fragmentsOf(group).map(({ what }) => what);
    expect(order).toEqual(['outer.cose', 'inner.cose']);
    expect(opened.isCovered(container('inside'), group)).toBe(true);
  });

  it('are left alone where a fragment imports them with receipts', async () => {
    const { ports, registry, notices } = await start();
    const inner = {
      ...{ issuer: ISSUER, feed: `${registry.host}/team/app:inner`, minimum_svn: '1' },
      ...{ includes: ['containers'], required_receipts: ['*'] },
    };
    const outer = file(signed('outer', 'outside', [inner]), 'outer.cose');
    const group = containerGroup();
    const opened = await openPolicyFragments([group], sources([importOf('outer')], [outer]), {
      ...ports,
      isInRegistry: () => false,
    });
    expect(opened.fragmentsOf(group).map(({ what }) => what)).toEqual(['outer.cose']);
    expect(registry.log).toEqual([]);
    expect(notices).toMatchObject([{ message: expect.stringContaining('requires receipts') }]);
  });

  it('are no concern of groups that import nothing but the platform', async () => {
    const { ports, registry, image } = await start();
    const group = containerGroup({ containers: [groupContainer({ image })] });
    const opened = await openPolicyFragments([group], sources([]), ports);
    expect(opened.fragmentsOf(group)).toEqual([]);
    expect(registry.log).toEqual([]);
  });

  it('have the svn of their envelope where the text has none', async () => {
    const { store, registry, ports, notices } = await start();
    const claims = new Map<bigint | string, string | bigint>([
      [1n, ISSUER],
      [2n, 'f'],
      ['svn', 7n],
    ]);
    const text = 'package a\nframework_version := "0.2.3"\ncontainers := []\n';
    const bytes = makeStatement({
      ...signer,
      payload: Buffer.from(text),
      headers: new Map([[15n, claims]]),
    });
    const reference = `${registry.host}/team/app:frag`;
    await pushFragment(store, reference, { bytes, name: 'a.cose' });
    const group = containerGroup({ standaloneFragments: [reference] });
    const opened = await openPolicyFragments([group], sources([]), {
      ...ports,
      isInRegistry: () => false,
    });
    expect(opened.importsOf(group)).toEqual([
      data({ feed: 'f', includes: ['containers'], issuer: ISSUER, minimum_svn: '7' }),
    ]);
    expect(codesOf(notices)).toEqual(['standalone-fragment-trusted']);
  });

  it.each<[string, Buffer, string]>([
    ['without svn', signed('f', 'a', [], ''), 'states no svn'],
    ['that are not signed', Buffer.from('package a\n'), 'is not a signed fragment'],
    [
      'whose issuer is not that of their certificates',
      makeStatement({ ...signer, headers: new Map([['iss', issuerOf(makeSigner().chain)]]) }),
      'does not fit its import',
    ],
  ])('of a template are refused %s', async (_what, bytes, problem) => {
    const { store, registry, ports } = await start();
    const reference = `${registry.host}/team/app:frag`;
    await pushFragment(store, reference, { bytes, name: 'a.cose' });
    const group = containerGroup({ standaloneFragments: [reference] });
    const error = await failureOf(() =>
      openPolicyFragments([group], sources([]), { ...ports, isInRegistry: () => false }),
    );
    expect([error.code, error.message]).toEqual([
      'FRAGMENT_INVALID',
      expect.stringContaining(problem),
    ]);
  });

  it('are refused where a registry that has to give them does not', async () => {
    const { ports, registry } = await start();
    const entry = importOf(`${registry.host}/team/app:none`);
    const error = await failureOf(() =>
      openPolicyFragments([containerGroup()], sources([entry]), {
        ...ports,
        isInRegistry: () => false,
      }),
    );
    expect([error.code, error.hints.at(-1)]).toEqual([
      'REGISTRY_NOT_FOUND',
      'or give the signed fragment as a file: --fragment FILE',
    ]);
  });
});

interface CoverageCase {
  readonly name: string;
  readonly input: {
    readonly template: string;
    readonly import: { readonly [key: string]: JsonValue };
    readonly fragment_texts: readonly string[];
  };
  readonly expect: Readonly<
    Record<string, { readonly policies: readonly { readonly sha256: string }[] }>
  >;
}

describe.runIf(aciVectors !== undefined)('recorded cases, the fragments signed', () => {
  const cases = aciCases<CoverageCase>('coverage.json').flatMap((each) =>
    Object.keys(each.expect).map((profile) => [each.name, profile, each] as const),
  );
  it.each(cases)('%s %s', async (_name, profile, { input, expect: expected }) => {
    const template = parseArmFileAsReference(input.template, 'in.json');
    const reading = { approve: () => true, notices: () => undefined };
    const [group] = readArmGroupsAsReference({ template, ...reading }) as [ContainerGroup];
    const feed = String(input.import.feed);
    const headers = new Map([['feed', feed]]);
    const files = input.fragment_texts.map((text, index) =>
      file(makeStatement({ ...signer, payload: Buffer.from(text), headers }), `${index}.cose`),
    );
    const { ports } = await start();
    const entry = data({ ...input.import, issuer: ISSUER });
    const opened = await openPolicyFragments([group], sources([entry], files), {
      ...ports,
      isInRegistry: () => false,
    });
    const [policy] = await generateAci(
      {
        groups: [group],
        guest: findAciGuest(`confcom-${profile}`),
        ...{ debugMode: false, stdio: true, omitId: false },
        fragments: { imports: [data(input.import)], excludeInfrastructure: false },
        isCovered: opened.isCovered,
      },
      aciPorts(),
    );
    expect(sha256Hex(policy!.policy)).toBe(expected[profile]!.policies[0]!.sha256);
  });
});
