/** What has no order or meaning is no difference; every other change of one place is one, and is told where it is. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { Difference } from '../../../src/core/finding.js';
import { generateAci } from '../../../src/pipeline/aci/generate.js';
import { CCE_POINTS } from '../../../src/pipeline/review/base.js';
import { compareCcePolicies } from '../../../src/policy/aci/differences.js';
import { ACI_GUEST_IDS, findAciGuest } from '../../../src/policy/aci/guests.js';
import { readCcePolicy } from '../../../src/policy/aci/read-policy.js';
import {
  aciRequest,
  containerGroup,
  groupContainer,
  plainAciPorts,
} from '../../support/container-groups.js';
import { editJson, type Json, type JsonPath, pathsOf, valueAt } from '../../support/json-edit.js';
import { CONTAINER, policyText } from './sample-policy.js';

const SEED = 0xcce;

/** A policy: its data as JSON, and the lines that decide its points. */
interface Parts {
  readonly data: { readonly [name: string]: Json };
  readonly rest: string;
}

const STATEMENT = /^([a-z_]+) := ([[{"0-9tf][\s\S]*?)(?=\n\n|\n[a-z_]+ :=)/gm;

function partsOf(text: string): Parts {
  const found = [...text.matchAll(STATEMENT)].filter(([, name]) => name !== 'reason');
  const data = Object.fromEntries(
    found.map(([, name, value]) => [name ?? '', JSON.parse(value ?? '') as Json]),
  );
  return { data, rest: found.reduce((left, [all]) => left.replace(all, () => ''), text) };
}

function textOf(data: Parts['data'], rest: string): string {
  const lines = Object.entries(data).map(([name, value]) => `${name} := ${JSON.stringify(value)}`);
  return rest.replace('\n', () => `\n${lines.join('\n')}\n`);
}

const read = (text: string) => readCcePolicy(text, 'p.rego');
const compare = (before: string, after: string): readonly Difference[] =>
  compareCcePolicies(read(before), read(after), { points: CCE_POINTS });

const RICH = policyText({
  fragments: [
    {
      issuer: 'did:x509:0:sha256:x::eku:1.2',
      feed: 'example.org/f',
      minimum_svn: '2',
      includes: ['containers', 'fragments'],
      parameters: { place: 'here' },
      required_receipts: ['a', 'b'],
    },
    { issuer: 'did:x509:0:sha256:y::eku:1.3', feed: 'example.org/g', minimum_svn: 7, includes: [] },
  ],
  containers: [CONTAINER, { ...CONTAINER, name: 'db', command: ['db'], layers: ['3'.repeat(64)] }],
  external_processes: [
    {
      command: ['bash', '-c', 'x'],
      env_rules: [
        { pattern: 'A=1', strategy: 'string', required: true },
        { pattern: 'B=.+', strategy: 're2', required: false },
      ],
      working_dir: '/',
      allow_stdio_access: false,
    },
  ],
  platform_rules: [
    { env_rules: [{ pattern: 'P=1', strategy: 'string' }], mounts: CONTAINER.mounts },
  ],
  transparency_trust_lists: [
    { issuer: 'i', subject: 's', minimum_svn: 1, allowed_ledgers: ['l', 'm'] },
  ],
  allowed_log_providers: ['p', 'q'],
});

let policies: readonly Parts[];

beforeAll(async () => {
  const group = containerGroup({
    containers: [
      groupContainer({
        env: [{ pattern: 'A=1', strategy: 'string' }],
        mounts: [{ type: 'azureFile', destination: '/share', readOnly: true }],
        execProcesses: [{ command: ['probe'], signals: [] }],
      }),
      groupContainer({ name: 'b', command: ['b', '-x'] }),
    ],
  });
  const made = await Promise.all(
    ACI_GUEST_IDS.map(async (id) => {
      const request = {
        ...aciRequest(group),
        guest: findAciGuest(id),
        debugMode: id.endsWith('8'),
      };
      const [only] = await generateAci(request, plainAciPorts());
      return only!.policy;
    }),
  );
  policies = [RICH, ...made].map(partsOf);
});

/** Lists in which the order counts: below them nothing is shuffled. */
const ORDERED: readonly string[] = ['command', 'layers', 'parameters'];

/** The value with the keys of its objects and the elements of its lists in another order. */
function shuffled(value: Json, random: () => number): Json {
  if (Array.isArray(value)) return inOrder(value, random).map((item) => shuffled(item, random));
  if (typeof value !== 'object' || value === null) return value;
  const entries = inOrder(Object.entries(value), random);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, ORDERED.includes(key) ? item : shuffled(item, random)]),
  );
}

function inOrder<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item);
}

describe('laws of comparing CCE policies', () => {
  it('nothing differs from itself, however it is written', () => {
    for (const { data, rest } of policies) {
      const text = textOf(data, rest);
      expect(compare(text, textOf(data, `${rest}\n# a comment\n`))).toEqual([]);
    }
  });

  it('the order of keys and of lists without order is no difference', () => {
    const property = fc.property(
      fc.nat(policies.length - 1),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      (index, stream) => {
        const { data, rest } = policies[index]!;
        const random = () => stream.next().value as number;
        const other = shuffled(data, random) as Parts['data'];
        expect(compare(textOf(data, rest), textOf(other, rest))).toEqual([]);
      },
    );
    fc.assert(property, { seed: SEED, numRuns: 100 });
  });

  /** Another value of the same kind. */
  function other(value: Json): Json {
    if (typeof value === 'string') return `${value}x`;
    if (typeof value === 'number') return value + 1;
    if (typeof value === 'boolean') return !value;
    if (value === null) return 'new';
    return Array.isArray(value) ? value.slice(1) : { ...value, more: 1 };
  }

  /** `containers[1].env_rules`, `fragments[0]`, `allow_dump_stacks`: what a difference has to name. */
  function nameOf([list, index, field]: JsonPath): string {
    if (index === undefined) return String(list);
    return list === 'containers' && field !== undefined
      ? `containers[${index}].${field}`
      : list === 'fragments' || list === 'containers'
        ? `${list}[${index}]`
        : String(list);
  }

  /** Fields that no guest reads, and values that are the same to guests. */
  function isVoid(path: JsonPath, value: Json, changed: Json | undefined): boolean {
    const last = path.at(-1);
    return (
      (typeof changed === 'object' && changed !== null && 'more' in changed) ||
      ((last === 'required' || path.length === 1) && changed === undefined && value === false)
    );
  }

  it('every change of one place is a difference that names the place, in both directions', () => {
    const place = fc.nat(policies.length - 1).chain((index) =>
      fc.record({
        index: fc.constant(index),
        path: fc.constantFrom(...pathsOf(policies[index]!.data as Json)),
        isRemoval: fc.boolean(),
      }),
    );
    let compared = 0;
    const property = fc.property(place, ({ index, path, isRemoval }) => {
      const { data, rest } = policies[index]!;
      const value = valueAt(data as Json, path);
      const changed = isRemoval ? undefined : other(value);
      const text = textOf(data, rest);
      const edited = editJson(JSON.stringify(data), path, changed);
      const after = textOf(JSON.parse(edited), rest);
      fc.pre(JSON.stringify(JSON.parse(edited)) !== JSON.stringify(data));
      fc.pre(!isVoid(path, value, changed) && isReadable(after));
      compared += 1;
      const found = compare(text, after);
      const told = `${path.join('.')}: ${JSON.stringify(found)}`;
      expect(
        found.some((one) => one.path.startsWith(nameOf(path))),
        told,
      ).toBe(true);
      if (path[0] === 'containers' && path.length > 2) {
        const container = data.containers as { name: string }[];
        const title = `container ${container[Number(path[1])]!.name}`;
        expect(found[0]?.subject.startsWith(title) || found[0]?.kind === 'renamed', told).toBe(
          true,
        );
      }
      expect(compare(after, text)).not.toEqual([]);
    });
    fc.assert(property, { seed: SEED, numRuns: 300 });
    expect(compared).toBeGreaterThan(200);
  });

  function isReadable(text: string): boolean {
    try {
      return read(text).kind === 'document';
    } catch (error) {
      if (error instanceof ToolError) return false;
      throw error;
    }
  }

  it('what widens one way narrows the other way', () => {
    const opposite: Readonly<Record<string, string>> = {
      widened: 'narrowed',
      narrowed: 'widened',
      added: 'removed',
      removed: 'added',
    };
    const texts = policies.map(({ data, rest }) => textOf(data, rest));
    for (const a of texts) {
      for (const b of texts) {
        const kinds = (found: readonly Difference[]) => found.map(({ kind }) => kind);
        const there = kinds(compare(a, b)).map((kind) => opposite[kind] ?? kind);
        expect(there.toSorted()).toEqual(kinds(compare(b, a)).toSorted());
      }
    }
  });
});
