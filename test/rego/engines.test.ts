/**
 * Our rules in both engines: equal decisions, down to the printed lines and the changes of the state, for every case,
 * every vector, and requests made up from them. Without the native part the WebAssembly alone is held to what is expected.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import type { JsonValue } from '../../src/core/json.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { openWasmEngine } from '../../src/io/rego-wasm.js';
import { QUERIES } from '../../src/policy/kata/read-rules.js';
import { createPolicySession, type Decision, type PolicySession } from '../../src/rego/session.js';
import { type Probe, policyText, RequestVectors } from '../support/kata-requests.js';
import { loadingOnce, nativeAddon } from '../support/native.js';
import { readRuleCases, rulesText } from '../support/rule-cases.js';
import { vectorsDir } from '../support/vectors.js';

interface Guest {
  readonly guest: string;
  /** Testcases of others, below the vectors. */
  readonly set?: string;
  readonly probes?: string;
  /** Policy data of all probes, where it is not that of the testcase. */
  readonly data?: string;
}

const GUESTS: readonly Guest[] = [
  { guest: 'azl3', set: 'microsoft-azl5', probes: 'azl3.json', data: 'azl3/createContainer' },
  { guest: 'aks-3.15' },
  { guest: 'msft-main', set: 'microsoft', probes: 'microsoft.json' },
  { guest: 'kata-4.1', set: 'upstream', probes: 'upstream.json' },
];

const wasm = loadingOnce(openWasmEngine());
const native = nativeAddon() === undefined ? undefined : loadingOnce(openNativeEngine());
const root = vectorsDir('kata-requests');

/** Sessions in both engines. Each question goes to both, and the answers must be equal but for the words of a failure. */
async function openBoth(rules: string, data: JsonValue, guest: string) {
  const text = policyText(rules, data);
  const session = await createPolicySession(wasm, text, guest);
  const other = native && (await createPolicySession(native, text, guest));
  return (ask: (asked: PolicySession) => Decision): Decision['verdict'] => {
    const { reason, ...answer } = ask(session);
    if (other === undefined) return answer.verdict;
    const { reason: otherReason, ...otherAnswer } = ask(other);
    const where = `${reason} / ${otherReason}`;
    expect({ ...answer, state: session.state }, where).toEqual({
      ...otherAnswer,
      state: other.state,
    });
    return answer.verdict;
  };
}

describe.each(GUESTS)('rules for $guest in both engines', ({ guest, set, probes, data }) => {
  const rules = rulesText(guest);
  const vectors = root === undefined ? undefined : new RequestVectors(root, guest);

  it('answer every query', async () => {
    const ask = await openBoth(rules, {}, guest);
    const verdicts = QUERIES.map((kind) => ask((session) => session.decide(kind, {})));
    expect(verdicts).toEqual(expect.arrayContaining(['allow', 'deny']));
  });

  it.each([
    ['^/a', 'allow'],
    ['^\\Q/a\\E', 'deny'],
    ['^\\57a', 'deny'],
    ['^/a{', 'deny'],
    ['^[/&&a]', 'deny'],
  ])('pattern %s of the settings: %s', async (pattern, verdict) => {
    const common = { sfprefix: '^x', cpath: '/c', mount_source_cpath: '/c' };
    const data = { common, request_defaults: { CopyFileRequest: [pattern] } };
    const ask = await openBoth(rules, data, guest);
    const request = { path: '/a{', file_type: 'Regular', file_mode: 0o100000 };
    expect(ask((session) => session.receive('CopyFileRequest', request))).toBe(verdict);
  });

  it.each(readRuleCases(guest))('$id', async (row) => {
    const ask = await openBoth(rules, row.data, guest);
    for (const { kind, input } of row.before)
      expect(ask((session) => session.decide(kind, input))).toBe('allow');
    expect(ask((session) => session.decide(row.kind, row.input))).toBe(row.expect);
  });

  it.each(vectors && probes ? vectors.probes(probes) : [])('$id', async (probe: Probe) => {
    const ask = await openBoth(rules, vectors!.probeData(probe, data ?? probe.policy), guest);
    const verdicts = probe.steps.map((step) => {
      const input = vectors!.stepInput(step);
      return ask((session) => session.decide(step.kind, input));
    });
    expect(verdicts).toHaveLength(probe.steps.length);
  });

  it.each(vectors && set ? vectors.folders(set) : [])('%s', async (folder) => {
    const ask = await openBoth(rules, vectors!.policyData(data ?? folder), guest);
    for (const { kind, request, allowed, description } of vectors!.cases(folder)) {
      const verdict = ask((session) => session.receive(kind, request));
      expect([description, verdict]).toEqual([description, allowed ? 'allow' : 'deny']);
    }
  });
});

/** Texts that rules might take apart, compare as patterns or put into patterns. */
const TEXTS = [
  ...'/ .. ../ a/.. = a= =a ^ $ .* ( [ \\ $$ $( $(sandbox-name) $(node-name) addr= : ,'.split(' '),
  ...'1.2.3.4 256.1.1.1 01.2.3.4 TERM=xterm HOSTNAME=\u00e9 \u00e9 \u{1f600} \u0663 \u212a'.split(
    ' ',
  ),
  ...['', ' ', '\0', '\n', 'a\nb', '1.2.3.4\n', 'TERM=xterm\n'],
];
const OTHER = fc.oneof(
  fc.constantFrom<JsonValue>(...TEXTS, null, true, false, 0, -1, 1.5, 2 ** 53, [], {}),
  fc.constantFrom(...TEXTS).map((text) => [text]),
);

/** A request of the cases with one value exchanged, or a text at its end or start. */
function mutations(inputs: readonly JsonValue[]): fc.Arbitrary<JsonValue> {
  const row = fc.record({
    input: fc.constantFrom(...inputs),
    where: fc.nat(10_000),
    value: OTHER,
    how: fc.constantFrom('replace', 'append', 'prepend'),
  });
  return row.map(({ input, where, value, how }) => {
    const paths = pathsOf(input);
    const path = paths[where % paths.length] ?? [];
    return exchange(input, path, (old) => {
      if (typeof old !== 'string' || typeof value !== 'string' || how === 'replace') return value;
      return how === 'append' ? old + value : value + old;
    });
  });
}

function pathsOf(value: JsonValue, path: readonly string[] = []): (readonly string[])[] {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [path, ...inner.flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

function exchange(
  value: JsonValue,
  [key, ...rest]: readonly string[],
  change: (old: JsonValue) => JsonValue,
): JsonValue {
  if (key === undefined) return change(value);
  const copy = structuredClone(value) as Record<string, JsonValue>;
  copy[key] = exchange(copy[key] ?? null, rest, change);
  return copy;
}

describe.runIf(native !== undefined)('requests made up from the cases', () => {
  it.each(GUESTS)('for $guest', async ({ guest }) => {
    const cases = readRuleCases(guest);
    const allowed = cases.filter((row) => row.expect === 'allow' && row.before.length === 0);
    const seen = new Set<string>();
    const receive = async (kind: string, message: JsonValue) => {
      const ask = await openBoth(rulesText(guest), cases[0]!.data, guest);
      try {
        seen.add(ask((session) => session.receive(kind, message)));
      } catch (error) {
        // No agent receives a message with a value of a wrong type.
        if (!(error instanceof ToolError) || error.code !== 'REQUEST_INVALID') throw error;
      }
    };
    for (const kind of new Set(allowed.map((row) => row.kind))) {
      const inputs = allowed.filter((row) => row.kind === kind).map((row) => row.input);
      const law = fc.asyncProperty(mutations(inputs), (message) => receive(kind, message));
      await fc.assert(law, { seed: 9, numRuns: 50 });
    }
    expect([...seen]).toEqual(expect.arrayContaining(['allow', 'deny']));
  });
});
