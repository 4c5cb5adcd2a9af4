/** Damaged manifests and settings through the whole of policy generation: a policy or an error, never a crash. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { parseEvents } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import type { Notice } from '../../src/core/notice.js';
import { generateAsReference } from '../../src/pipeline/katapolicygen.js';
import { type GeneratedPolicy, generateKata, type KataPorts } from '../../src/pipeline.js';
import { KATA_GUESTS, type KataFamily } from '../../src/policy/kata/guests.js';
import { parseSettings } from '../../src/policy/kata/settings.js';
import { fullPod } from '../support/full-pod.js';
import { goldenCases, goldenPorts, goldenRequest } from '../support/golden-pipeline.js';
import { guestOf, ownSettingsText } from '../support/kata-golden.js';
import { type Mapping, printValues, type Value } from '../support/manifest-values.js';
import { mutate, mutation } from '../support/text-mutations.js';

const SEED = 0xc0de;
const FAMILIES = KATA_GUESTS.map(({ family }) => family);

let ports: KataPorts;
beforeAll(async () => {
  const { obtain, notices } = await goldenPorts();
  const find: KataPorts['obtain'] = (reference, needs) =>
    obtain(reference, needs).catch((cause: unknown) => {
      throw new ToolError('IMAGE_NOT_FOUND', `no image ${reference}`, { cause });
    });
  ports = { obtain: find, notices };
});

/** The result, or the error if it is one that users are told; bugs and crashes pass through. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T | ToolError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ToolError && error.code !== 'INTERNAL') return error;
    throw error;
  }
}

function isYaml(text: string): boolean {
  try {
    parseEvents(text, { maxDepth: 200 });
    return true;
  } catch {
    return false;
  }
}

/** What holds for any policy that is made, whatever it is made from. */
function expectWhole({ policy, initdata, measurement }: GeneratedPolicy): void {
  const [, data = ''] = policy.split('\npolicy_data := ');
  expect(JSON.parse(data)).toHaveProperty('containers');
  const algorithm = /^algorithm = "(\w+)"$/m.exec(initdata ?? '')?.[1] ?? 'sha256';
  const digest = createHash(algorithm)
    .update(initdata ?? policy)
    .digest('hex');
  expect(measurement).toBe(digest.slice(0, 64));
}

const damaged = (texts: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...texts), fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([text, mutations]) => mutations.reduce(mutate, text));

describe('damaged manifests', () => {
  const rows = FAMILIES.flatMap((family) =>
    goldenCases(family)
      .filter(({ outcome }) => outcome[family] === 'ok')
      .map((row) => ({ row, family, text: goldenRequest(row, family).inputs[0]?.text ?? '' })),
  ).filter(({ text }) => text !== '' && text.length < 10_000);
  const cases = fc
    .constantFrom(...rows)
    .chain(({ row, family, text }) => damaged([text]).map((broken) => ({ row, family, broken })));

  it('give whole policies or an error, and none if they are no YAML', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ row, family, broken }) => {
        const made = await attempt(() => generateKata(goldenRequest(row, family, broken), ports));
        if (!isYaml(broken)) expect(made, broken).toBeInstanceOf(ToolError);
        if (!(made instanceof ToolError)) made.forEach(expectWhole);
      }),
      { seed: SEED, numRuns: 1500 },
    );
  });

  const ofReference = cases.filter(({ family }) => family === 'C');

  it('are rewritten as a whole, readable or with a notice', async () => {
    await fc.assert(
      fc.asyncProperty(ofReference, async ({ row, broken }) => {
        const notices: Notice[] = [];
        const noting = { ...ports, notices: (notice: Notice) => notices.push(notice) };
        const request = goldenRequest(row, 'C', broken);
        const made = await attempt(() => generateAsReference(request, noting));
        if (made instanceof ToolError) return;
        const { manifest, policies, documents } = made;
        expect(manifest.match(/^---$/gm) ?? []).toHaveLength(documents.length);
        for (const { value } of policies) expect(manifest).toContain(value);
        const isUnreadable = notices.some(({ code }) => code === 'rewritten-unreadable');
        if (!isYaml(manifest)) expect(isUnreadable, broken).toBe(true);
      }),
      { seed: SEED, numRuns: 800 },
    );
  });
});

describe('damaged settings', () => {
  /** What a value may be replaced by. */
  const OTHERS: readonly Value[] = [null, true, -1, 2 ** 53, 'text', '', [], {}, [null], [['x']]];

  /** The settings with one member, found by `pick`, removed or replaced. */
  function damage(root: Value, pick: () => number, other: Value | undefined): Value {
    const copy = structuredClone(root);
    let node = copy as Mapping;
    for (;;) {
      const keys = Object.keys(node);
      const key = keys[pick() % keys.length]!;
      const child = node[key];
      const isLeaf = child === null || typeof child !== 'object' || Object.keys(child).length === 0;
      if (!isLeaf && pick() % 4 > 0) {
        node = child as Mapping;
        continue;
      }
      if (other !== undefined) node[key] = other;
      else if (Array.isArray(node)) node.splice(Number(key), 1);
      else delete node[key];
      return copy;
    }
  }

  const structural = (family: KataFamily) =>
    fc
      .tuple(
        fc.infiniteStream(fc.nat(1_000_000)),
        fc.option(fc.constantFrom(...OTHERS), { nil: undefined }),
      )
      .map(([stream, other]) => {
        const settings = JSON.parse(ownSettingsText(guestOf(family))) as Value;
        return JSON.stringify(damage(settings, () => Number(stream.next().value), other));
      });

  async function expectSafe(family: KataFamily, text: string): Promise<void> {
    const guest = guestOf(family);
    const settings = await attempt(() => parseSettings(text, 'settings.json', guest));
    if (settings instanceof ToolError) return;
    JSON.parse(text);
    const row = goldenCases(family).find(({ name }) => name === 'kind-pod-minimal')!;
    const request = { ...goldenRequest(row, family, printValues([fullPod(family)])), settings };
    const made = await attempt(() => generateKata(request, ports));
    if (!(made instanceof ToolError)) made.forEach(expectWhole);
  }

  it.each(FAMILIES)('of %s: members removed or replaced', async (family) => {
    await fc.assert(
      fc.asyncProperty(structural(family), (text) => expectSafe(family, text)),
      { seed: SEED, numRuns: 400 },
    );
  });

  it.each(FAMILIES)('of %s: broken texts', async (family) => {
    const text = ownSettingsText(guestOf(family));
    await fc.assert(
      fc.asyncProperty(damaged([text]), (broken) => expectSafe(family, broken)),
      { seed: SEED, numRuns: 300 },
    );
  });
});
