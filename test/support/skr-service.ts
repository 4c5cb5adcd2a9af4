/**
 * What the vectors of secure key release must show of the program: side-car and `podseal key` as processes of their own,
 * which reach the services under their real names, through a proxy to the stand-ins.
 */
import { createPrivateKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { printImportPolicy, readImportConfig } from '../../src/keyrelease/import-key.js';
import { readSidecarArgs } from '../../src/keyrelease/sidecar-args.js';
import { reportDataFor } from '../../src/keyrelease/wrapping-key.js';
import { makeSyntheticPlatform } from '../../src/pipeline/rehearsal/platform.js';
import { podseal } from './cli.js';
import { type FakeProxy, openFakeProxy } from './fake-proxy.js';
import { GUEST, policyFor } from './released-guest.js';
import type * as Vectors from './skr-vectors.js';
import {
  type AtEnd,
  type Fault,
  post,
  type ServiceNames,
  type Sidecar,
  type StandIns,
  secondsNow,
  startSidecar,
  startStandIns,
} from './stand-ins.js';

/** A request that reached a service. */
type Reached = Parameters<Fault>[0];

export interface SkrService {
  readonly standIns: StandIns;
  readonly sidecar: Sidecar;
  readonly proxy: FakeProxy;
  readonly reached: readonly Reached[];
}

/** The names that the cases call services by. */
export function namesOf(http: Vectors.HttpFile, imports: Vectors.ImportFile): ServiceNames {
  const orders = http.cases
    .filter(({ status }) => status === 200)
    .map(({ request_text: text }) => JSON.parse(text ?? '{}') as Readonly<Record<string, string>>);
  const release = orders.find(({ akv_endpoint: vault }) => vault !== undefined);
  const others = imports.cases.map(({ url }) => new URL(url).host);
  return {
    attestation: release?.maa_endpoint ?? 'sharedeus2.eus2.attest.azure.net',
    vault: release?.akv_endpoint ?? 'kv.vault.azure.net',
    others,
  };
}

/** Starts stand-ins, proxy and side-car. */
export async function startSkrService(names: ServiceNames, atEnd: AtEnd): Promise<SkrService> {
  const reached: Reached[] = [];
  const record: Fault = async (request, answer) => {
    reached.push(request);
    if (request.method !== 'PUT') return await answer();
    const kid = `${request.url.split('?')[0]}/${'0'.repeat(32)}`;
    return { status: 200, body: Buffer.from(JSON.stringify({ key: { kid, kty: 'oct-HSM' } })) };
  };
  const standIns = await startStandIns(
    {
      platform: await makeSyntheticPlatform(secondsNow()),
      guest: GUEST,
      policy: policyFor,
      fault: record,
      names,
    },
    atEnd,
  );
  const port = Number(standIns.host.split(':')[1]);
  const all = [names.attestation, names.vault, ...(names.others ?? [])];
  const proxy = await openFakeProxy(new Map(all.map((name) => [`${name}:443`, port])));
  atEnd(() => proxy.close());
  const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const through = { ...standIns, env };
  return { standIns: through, sidecar: await startSidecar(through, [], atEnd), proxy, reached };
}

/** Shapes of answers, as the vectors name them. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  '*': /^/,
  '<2368 lower-case hex digits>': /^[0-9a-f]{2368}$/,
  '<JWT>': /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/,
  '<base64>': /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  '<hex>': /^[0-9a-fA-F]+$/,
};

/** The member of an answer has the shape that is asked for, or is exactly the text. */
function checkMember(value: unknown, shape: string): void {
  expect(value).toBeTypeOf('string');
  const text = String(value);
  const form = SHAPES[shape];
  if (shape === '<JWK as a JSON text>') expect(JSON.parse(text)).toHaveProperty('kty');
  else if (form !== undefined) expect(text).toMatch(form);
  else expect(text).toBe(shape);
}

/** One request, sent as it stands. */
export async function checkHttp(
  one: Vectors.HttpFile['cases'][number],
  { sidecar, standIns }: SkrService,
  atEnd: AtEnd,
): Promise<void> {
  if (one.env !== undefined) return await checkArguments(one, standIns, atEnd);
  const answer = await fetch(`http://127.0.0.1:${sidecar.port}${one.path}`, {
    method: one.method!,
    ...(one.request_text === undefined ? {} : { body: one.request_text }),
  });
  const text = await answer.text();
  expect(answer.status, text).toBe(one.status);
  if (one.body === '*' || one.body === undefined) return;
  const members = JSON.parse(text) as Readonly<Record<string, unknown>>;
  // Ours says of made-up evidence that it is.
  const { fake_evidence: fake, ...plain } = members;
  expect(fake).toBe(one.method === 'POST' && one.status === 200 ? true : undefined);
  expect(Object.keys(plain).sort()).toEqual(Object.keys(one.body).sort());
  for (const [name, shape] of Object.entries(one.body)) checkMember(plain[name], shape);
  if (one.snp_report_data === undefined) return;
  expect(String(plain.report).slice(0x50 * 2, 0x90 * 2)).toBe(one.snp_report_data);
}

/** A side-car starts with the environment, and reads it as the case says. */
async function checkArguments(
  { env = {}, decoded = {} }: Vectors.HttpFile['cases'][number],
  standIns: StandIns,
  atEnd: AtEnd,
): Promise<void> {
  type Part = Readonly<Record<string, string>>;
  const { certcache, identity, maaconfig } = decoded as Readonly<Record<string, Part | undefined>>;
  const read = readSidecarArgs(env.SkrSideCarArgs ?? '');
  expect(read.certificates?.kind).toBe(certcache?.endpoint_type);
  if (certcache?.endpoint) expect(read.certificates?.endpoint).toBe(certcache.endpoint);
  expect(read.clientId).toBe(identity?.client_id);
  expect(read.userAgent).toBe(maaconfig?.user_agent);
  const started = await startSidecar({ ...standIns, machine: '', env }, [], atEnd);
  const status = await fetch(`http://127.0.0.1:${started.port}/status`);
  expect(await status.json()).toEqual({ message: 'Status OK' });
  expect(await started.stop()).toBe(0);
}

/** REPORT_DATA as the library makes it, and as a report of the side-car has it. */
export async function checkReportData(
  { runtime_data: data, report_data: wanted, error }: Vectors.ReportDataFile['cases'][number],
  { sidecar }: SkrService,
): Promise<void> {
  const answer = await post(sidecar, '/attest/raw', { runtime_data: data });
  if (error !== undefined) {
    expect(String(answer.status)).toBe(error);
    return;
  }
  expect(reportDataFor(Buffer.from(data, 'base64'))).toBe(wanted);
  // An empty member counts as missing.
  expect(answer.status).toBe(data === '' ? 400 : 200);
  if (data === '') return;
  expect(JSON.parse(answer.text).report.slice(0x50 * 2, 0x90 * 2)).toBe(wanted);
}

/** `podseal key import` sends the request to the byte. */
export async function checkImport(
  one: Vectors.ImportFile['cases'][number],
  { standIns, reached }: SkrService,
): Promise<void> {
  const config = JSON.stringify(one.config);
  expect(printImportPolicy(readImportConfig(config, 'config'))).toBe(one.policy);
  expect(Buffer.from(one.policy).toString('base64url')).toBe(one.policy_b64url);
  const file = join(standIns.folder, `${one.id}.json`);
  const key = join(standIns.folder, `${one.id}.key`);
  writeFileSync(file, config);
  const { key_hex: hex, private_key_pem: pem } = one;
  writeFileSync(key, hex ?? createPrivateKey(pem!).export({ type: 'pkcs8', format: 'pem' }));
  const source = hex === undefined ? '--key-pem' : '--key-hex-file';
  const args = ['-c', file, source, key, '--ca-file', standIns.caFile, '--apply'];
  const before = reached.length;
  const result = await podseal(['key', 'import', ...args], { env: { ...standIns.env } });
  expect(result).toMatchObject({ status: 0, stderr: '' });
  const [sent, ...more] = reached.slice(before);
  expect(more).toEqual([]);
  expect(sent).toMatchObject({ method: one.method, url: one.url, body: one.body });
  for (const [name, value] of Object.entries(one.headers)) {
    expect(sent!.headers[name.toLowerCase()], name).toBe(value);
  }
}

/** Neither lint nor `key create` lets a policy pass whose decision is unsure. */
export async function checkUnsure(
  { id, policy, policy_text: text }: Vectors.ReleasePolicyFile['cases'][number],
  { standIns }: SkrService,
): Promise<void> {
  const file = join(standIns.folder, `${id}.json`);
  writeFileSync(file, text ?? JSON.stringify(policy));
  const lint = await podseal(['release-policy', 'lint', file, '--json']);
  expect(lint.status).toBe(11);
  const doubts = /release-undocumented|release-authority-form|release-old-version/;
  expect(lint.stdout).toMatch(doubts);
  expect(JSON.parse(lint.stdout)).toMatchObject({ storable: false });
  const create = ['key', 'create', 'made', '--vault', 'kv.vault.azure.net', '--policy', file];
  expect(await podseal(create)).toMatchObject({ status: 3, stdout: '' });
}
