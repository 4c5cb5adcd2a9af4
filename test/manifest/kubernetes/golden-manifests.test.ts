import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { readDivergences } from '../../support/divergences.js';
import { type GoldenManifest, goldenManifests } from '../../support/golden-manifests.js';

/** Codes for the error classes of the reference that are about the manifest alone. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  'unsupported-field': ['MANIFEST_UNSUPPORTED', 'MANIFEST_UNKNOWN_FIELD'],
  'unsupported-kind': ['MANIFEST_UNSUPPORTED'],
  'unsupported-volume': ['MANIFEST_UNSUPPORTED'],
  'sub-path': ['MANIFEST_UNSUPPORTED'],
  'bad-config-file': ['MANIFEST_UNSUPPORTED'],
  'missing-field': ['MANIFEST_INVALID'],
  'invalid-type': ['MANIFEST_INVALID'],
  'bad-number': ['MANIFEST_INVALID'],
  'no-name': ['MANIFEST_INVALID'],
  assertion: ['MANIFEST_INVALID'],
  'yaml-syntax': ['MANIFEST_SYNTAX'],
};
/** Cases whose fault is in the settings, not in the manifest. */
const SETTINGS_FAULT = /^settings-/;

function refusal(golden: GoldenManifest): ToolError | undefined {
  try {
    golden.read();
    return undefined;
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
}

const accepted = readDivergences().filter(({ area }) => area === 'kata-golden');

/** True where a row says that we accept what the reference refuses. */
function isDivergence({ name, outcome }: GoldenManifest): boolean {
  return accepted.some((row) => row.case === name && row.reference === outcome);
}

/** Path of the reference (`spec.containers.0.env.?.1`) in our notation. */
function pathOf(path: string): string {
  return path.replace(/\.\?/g, '').replace(/\.(\d+)(?=\.|$)/g, '[$1]');
}

const all = goldenManifests();

describe('manifests that the reference accepts', () => {
  const good = all.filter(({ outcome }) => outcome === 'ok');
  it.each(good)('$name $family: the same documents and places', ({ expected, read }) => {
    const { documents, workloads } = read();
    for (const [index, { kind, name }] of expected.documents.entries()) {
      expect(documents[index]?.kind).toBe(kind);
      if (name !== null) expect(documents[index]?.name).toBe(name);
    }
    expect(documents).toHaveLength(expected.documents.length);
    expect(workloads).toHaveLength(expected.policies.length);
    for (const [index, want] of expected.policies.entries()) {
      const { placement, kind, name, generateName } = workloads[index]!;
      const document = documents.findIndex((one) => one.index === placement.document);
      expect([document, kind]).toEqual([want.document, want.kind]);
      if (want.annotation_path === null) continue;
      expect(placement.path.join('.')).toBe(want.annotation_path);
      expect(name ?? generateName ?? null).toBe(want.name ?? generateName ?? null);
    }
    const counts = documents.map(({ policies }) => policies);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(workloads.length);
  });
});

describe('manifests that the reference refuses', () => {
  const refused = all.filter(
    ({ name, outcome }) => CODES[outcome] !== undefined && !SETTINGS_FAULT.test(name),
  );
  it.each(refused)('$name $family: $outcome', (golden) => {
    const error = refusal(golden);
    if (isDivergence(golden)) {
      expect(error).toBeUndefined();
      return;
    }
    expect(CODES[golden.outcome]).toContain(error?.code);
    const { path } = golden.expected.error ?? {};
    if (path === undefined) return;
    const found = [error, ...(error?.also ?? [])].map((one) => one?.where?.split(' ')[1]);
    expect(found).toContain(pathOf(path));
  });

  it('are named with line and column, all problems at once', () => {
    const golden = all.find(({ name }) => name === 'error-unknown-field');
    const error = refusal(golden!);
    expect([error?.where, ...(error?.also ?? []).map(({ where }) => where)]).toEqual([
      'input.yaml:3:21 metadata.bar',
      'input.yaml:8:5 spec.containers[0].foo',
    ]);
  });

  it('are refused on the way to the first field that a guest cannot have', () => {
    const golden = all.filter(({ name }) => name === 'kind-deployment-full-u');
    const codes = golden.map((one) => [one.family, refusal(one)?.code]);
    expect(Object.fromEntries(codes)).toEqual({
      C: 'MANIFEST_UNSUPPORTED',
      V: 'MANIFEST_UNSUPPORTED',
      M: undefined,
      U: undefined,
    });
  });
});
