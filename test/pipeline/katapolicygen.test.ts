import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { generateAsReference, printAsReference } from '../../src/pipeline/katapolicygen.js';
import { generateKata, type KataPorts } from '../../src/pipeline.js';
import { readDivergences } from '../support/divergences.js';
import { golden, goldenCases, goldenPorts, goldenRequest } from '../support/golden-pipeline.js';
import {
  caseFile,
  expectationOf,
  type GoldenCase,
  type GoldenExpectation,
} from '../support/kata-golden.js';

const cases = goldenCases('C');

interface Expectation extends GoldenExpectation {
  readonly stdout_bytes?: number;
  readonly stdout_sha256?: string;
  readonly yaml: {
    readonly rewritten_sha256: string;
    readonly complete_sha256: string;
    readonly file?: string;
  };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const wantedOf = (row: GoldenCase) => expectationOf(golden, row, 'C') as Expectation;

let ports: KataPorts;
beforeAll(async () => {
  ports = await goldenPorts();
});

const run = async (row: GoldenCase) => generateAsReference(goldenRequest(row, 'C'), ports);

describe('golden cases that the generator of azl3 accepts', () => {
  const good = cases.filter(({ outcome }) => outcome.C === 'ok');

  it.each(good)('$name: the same manifest, byte for byte', async (row) => {
    const { manifest, policies } = await run(row);
    const { yaml } = wantedOf(row);
    const marked = policies.reduce(
      (text, { key, value }) => text.replace(`${key}: ${value}\n`, `${key}: @POLICY@\n`),
      manifest,
    );
    const stored = yaml.file === undefined ? undefined : caseFile(golden, row, yaml.file);
    if (stored !== undefined) expect(marked).toBe(stored);
    expect(sha256(marked)).toBe(yaml.rewritten_sha256);
    expect(sha256(manifest)).toBe(yaml.complete_sha256);
  });

  it.each([
    ['cli-base64', { raw: false, base64: true }],
    ['cli-raw', { raw: true, base64: false }],
  ])('%s: the same standard output', async (name, forms) => {
    const row = good.find((one) => one.name === name);
    if (row === undefined) throw new Error(`there is no case ${name}`);
    const printed = printAsReference(await run(row), forms);
    const { stdout_bytes, stdout_sha256 } = wantedOf(row);
    expect([Buffer.byteLength(printed), sha256(printed)]).toEqual([stdout_bytes, stdout_sha256]);
  });

  it('print both forms document by document, and of a List one line', async () => {
    const row = good.find(({ name }) => name === 'kind-list');
    const product = await run(row!);
    const [policy] = product.policies;
    expect(product.documents).toEqual([{ document: 0, items: 3 }]);
    expect(printAsReference(product, { raw: true, base64: true })).toBe(
      `${policy?.policy}${policy?.value}::\n`,
    );
  });

  it('are what they are when run again on their own output', async () => {
    const row = good.find(({ name }) => name === 'kind-cronjob')!;
    const request = goldenRequest(row, 'C');
    const first = await generateAsReference(request, ports);
    const inputs = [{ file: 'input.yaml', text: first.manifest }];
    const second = await generateAsReference({ ...request, inputs }, ports);
    expect(second.manifest).toBe(first.manifest);
  });
});

describe('golden cases that the generator of azl3 refuses', () => {
  /** What the reference gets wrong; each has a row in fixtures/divergences.json. Its fields are held to. */
  const ACCEPTED = ['bad-config-file', 'missing-reference', 'assertion', 'missing-field'];
  const rows = readDivergences().filter(({ area }) => area === 'kata-golden');
  const refused = cases.filter(({ outcome }) => outcome.C !== 'ok');

  it.each(refused)('$name', async (row) => {
    const class_ = row.outcome.C ?? '';
    const error = await run(row).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof ToolError) return;
    expect(error).toBeUndefined();
    expect(ACCEPTED).toContain(class_);
    expect(rows.filter((one) => one.case === row.name && one.reference === class_)).toHaveLength(1);
  });
});

describe('a manifest that is refused', () => {
  const POD = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
    - {name: c, image: "busybox:1.36"}
`;
  const minimal = cases.find(({ name }) => name === 'kind-pod-minimal')!;
  const request = (text: string) => goldenRequest(minimal, 'C', text);

  it('costs no image, whoever refuses it', async () => {
    const obtain = () => expect.unreachable();
    const silent = { obtain, notices: () => undefined };
    for (const field of ['workingDir: /x', 'stdinOnce: true', 'nonsense: 1']) {
      const text = POD.replace('name: c', `name: c, ${field}`);
      await expect(generateAsReference(request(text), silent)).rejects.toThrow(ToolError);
    }
  });

  it('has the policy of podseal policy once it is taken', async () => {
    const { policies } = await generateAsReference(request(POD), ports);
    expect(policies).toEqual(await generateKata(request(POD), ports));
  });

  it('is nothing without an input', async () => {
    const product = await generateAsReference({ ...request(''), inputs: [] }, ports);
    expect(product).toEqual({ policies: [], manifest: '', documents: [] });
    expect(printAsReference(product, { raw: true, base64: true })).toBe('');
  });
});
