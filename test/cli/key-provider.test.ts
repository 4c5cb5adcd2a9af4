/** The gRPC key provider of `podseal sidecar`, called by clients that are not ours: by reflection, and by a proto text. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Client,
  type ClientDuplexStream,
  type ClientUnaryCall,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeSyntheticPlatform } from '../../src/pipeline/rehearsal/platform.js';
import { GUEST, policyFor } from '../support/released-guest.js';
import { keepSecret } from '../support/secrets/record.js';
import {
  type Fault,
  type Sidecar,
  type StandIns,
  secondsNow,
  startSidecar,
  startStandIns,
} from '../support/stand-ins.js';

const PROTO = `syntax = "proto3";
package key_provider;
message WrapIn { bytes key_provider_key_wrap_protocol_input = 1; }
message WrapOut { bytes key_provider_key_wrap_protocol_output = 1; }
message ReportIn { string report_data_hex_string = 1; }
message ReportOut { string report_hex_string = 1; }
message DataIn { string b64_runtime_data_string = 1; }
message DataOut { string endorsed_tcb = 1; string certs = 2; string attestation_report = 3; string uvm_reference_info = 4; }
message Hello { string name = 1; }
message Reply { string message = 1; }
service KeyProviderService {
  rpc WrapKey(WrapIn) returns (WrapOut);
  rpc UnWrapKey(WrapIn) returns (WrapOut);
  rpc GetReport(ReportIn) returns (ReportOut);
  rpc GetAttestationData(DataIn) returns (DataOut);
  rpc SayHello(Hello) returns (Reply);
}
`;
const REFLECTION = `syntax = "proto3";
package grpc.reflection.v1;
message Request { string host = 1; string list_services = 7; }
message Service { string name = 1; }
message List { repeated Service service = 1; }
message Response { List list_services_response = 6; }
service ServerReflection { rpc ServerReflectionInfo(stream Request) returns (stream Response); }
`;

let standIns: StandIns;
let sidecar: Sidecar;
let fault: Fault = (_, answer) => answer();
const atEnd: (() => void | Promise<void>)[] = [];
const SECRET = keepSecret(Buffer.from('a layer key that nobody may log!'), 'the key of a layer');

type Fields = Readonly<Record<string, string | Buffer>>;

/** The stubs of both services; grpc-js makes them from the proto text. */
interface KeyProviderClient extends Client {
  readonly [method: string]: unknown;
}
type Unary = (
  this: Client,
  input: object,
  callback: (error: ServiceError | null, answer: Fields) => void,
) => ClientUnaryCall;

interface ReflectionClient extends Client {
  ServerReflectionInfo(): ClientDuplexStream<
    { readonly list_services: string },
    { readonly list_services_response: { readonly service: readonly { readonly name: string }[] } }
  >;
}

/** A stub of a service from a proto text. */
function clientOf(text: string, path: readonly string[]): Client {
  const file = join(standIns.folder, `${path.at(-1)}.proto`);
  writeFileSync(file, text);
  let at: GrpcObject[string] = loadPackageDefinition(loadSync(file, { keepCase: true }));
  for (const name of path) at = (at as GrpcObject)[name]!;
  const Service = at as ServiceClientConstructor;
  const client = new Service(`127.0.0.1:${sidecar.port}`, credentials.createInsecure());
  atEnd.push(() => client.close());
  return client;
}

function call(name: string, input: object): Promise<Fields> {
  const client = clientOf(PROTO, ['key_provider', 'KeyProviderService']) as KeyProviderClient;
  return new Promise((done, failed) => {
    (client[name] as Unary).call(client, input, (error, answer) =>
      error === null ? done(answer) : failed(error),
    );
  });
}

const wrapCall = async (name: string, value: unknown) => {
  const input = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  const answer = await call(name, { key_provider_key_wrap_protocol_input: input });
  return JSON.parse(String(answer.key_provider_key_wrap_protocol_output));
};

const b64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const wrapInput = (agent: string) => ({
  op: 'keywrap',
  keywrapparams: {
    ec: { Parameters: { 'attestation-agent': [b64(agent)] }, DecryptConfig: {} },
    optsdata: b64(SECRET),
  },
});
const unwrapInput = (annotation: string) => ({
  op: 'keyunwrap',
  keyunwrapparams: { dc: { Parameters: { 'attestation-agent': [b64('skr')] } }, annotation },
});

beforeAll(async () => {
  const later = (close: () => void | Promise<void>) => {
    atEnd.unshift(close);
  };
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  standIns = await startStandIns(
    {
      platform: await makeSyntheticPlatform(secondsNow()),
      guest: GUEST,
      material: privateKey.export({ type: 'pkcs8', format: 'der' }),
      fault: (request, answer) => fault(request, answer),
      policy: policyFor,
    },
    later,
  );
  const { host, folder } = standIns;
  writeFileSync(join(folder, 'key1.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  const info = { public_key_path: 'key1.pem', kms_endpoint: host, attester_endpoint: host };
  writeFileSync(join(folder, 'key1-info.json'), JSON.stringify(info));
  // `podseal key create` writes the path as it was given.
  const absolute = { ...info, public_key_path: join(folder, 'key1.pem') };
  writeFileSync(join(folder, 'absolute-info.json'), JSON.stringify(absolute));
  writeFileSync(join(folder, 'lost-info.json'), JSON.stringify({ ...info, public_key_path: 'x' }));
  writeFileSync(join(folder, 'bad-info.json'), '{');
  sidecar = await startSidecar(standIns, ['--server-type', 'grpc', '--key-dir', folder], later);
});

afterAll(async () => {
  for (const close of atEnd) await close();
  expect(sidecar.output()).toContain('"call":"WrapKey"');
  expect(sidecar.output()).not.toContain(b64(SECRET).slice(0, 20));
});

describe('the key provider', () => {
  it('says what it serves', async () => {
    const path = ['grpc', 'reflection', 'v1', 'ServerReflection'];
    const client = clientOf(REFLECTION, path) as ReflectionClient;
    const names = await new Promise<string[]>((done, failed) => {
      const stream = client.ServerReflectionInfo();
      stream.on('data', ({ list_services_response: { service } }) => {
        done(service.map(({ name }: { name: string }) => name));
        stream.end();
      });
      stream.on('error', failed);
      stream.write({ list_services: '*' });
    });
    expect(names).toContain('key_provider.KeyProviderService');
  });

  it('greets', async () => {
    expect(await call('SayHello', { name: 'you' })).toEqual({ message: 'Hello you' });
  });

  it('wraps a key, and unwraps it with what the vault releases', async () => {
    const wrapped = await wrapCall('WrapKey', wrapInput('skr:key1'));
    expect(wrapped.keyunwrapresults.optsdata).toBeNull();
    const { annotation } = wrapped.keywrapresults;
    const text = JSON.parse(Buffer.from(annotation, 'base64').toString());
    expect(text).toMatchObject({ kid: 'key1', wrap_type: 'rsa_3072', kms_endpoint: standIns.host });
    const unwrapped = await wrapCall('UnWrapKey', unwrapInput(annotation));
    expect(Buffer.from(unwrapped.keyunwrapresults.optsdata, 'base64')).toEqual(SECRET);

    const other = b64(JSON.stringify({ ...text, wrapped_data: b64(Buffer.alloc(384, 1)) }));
    await expect(wrapCall('UnWrapKey', unwrapInput(other))).rejects.toMatchObject({
      code: 2,
      details: 'Unwrapping failed',
    });
    const evil = b64(JSON.stringify({ ...text, kms_endpoint: 'evil.example' }));
    await expect(wrapCall('UnWrapKey', unwrapInput(evil))).rejects.toMatchObject({ code: 3 });
  });

  it('finds the public key by an absolute path too', async () => {
    const { keywrapresults } = await wrapCall('WrapKey', wrapInput('skr:absolute'));
    const annotation = JSON.parse(Buffer.from(keywrapresults.annotation, 'base64').toString());
    expect(annotation.kid).toBe('absolute');
    const missing = wrapCall('UnWrapKey', unwrapInput(keywrapresults.annotation));
    await expect(missing).rejects.toMatchObject({
      code: 2,
      details: expect.stringMatching(/^SKR failed: /),
    });
  });

  it('unwraps the keys of many layers with one attestation where they come together', async () => {
    const wrapped = await wrapCall('WrapKey', wrapInput('skr:key1'));
    let attestations = 0;
    fault = async (request, answer) => {
      if (!request.url.includes('/attest/')) return await answer();
      attestations += 1;
      await call('SayHello', { name: 'meanwhile' });
      return await answer();
    };
    onTestFinished(() => {
      fault = (_, answer) => answer();
    });
    const input = unwrapInput(wrapped.keywrapresults.annotation);
    const layers = await Promise.all(Array.from({ length: 8 }, () => wrapCall('UnWrapKey', input)));
    for (const { keyunwrapresults } of layers) {
      expect(Buffer.from(keyunwrapresults.optsdata, 'base64')).toEqual(SECRET);
    }
    expect(attestations).toBeGreaterThan(0);
    expect(attestations).toBeLessThan(8);
  });

  it.each<[string, unknown, number, string]>([
    ['WrapKey', '{', 3, 'Ill-formed key provider input: '],
    ['WrapKey', wrapInput('skr'), 3, 'Key id is not provided'],
    ['WrapKey', wrapInput('other:key1'), 3, 'Unexpected attestation agent '],
    ['WrapKey', wrapInput('skr:../../etc/shadow'), 3, ''],
    ['WrapKey', wrapInput('skr:absent'), 13, 'failed to read key info file'],
    ['WrapKey', wrapInput('skr:bad'), 13, 'invalid RSA key info file'],
    ['WrapKey', wrapInput('skr:lost'), 13, 'failed to read public key file'],
    [
      'WrapKey',
      { ...wrapInput('skr:key1'), op: 'keyunwrap' },
      3,
      'Ill-formed key provider input: ',
    ],
    ['UnWrapKey', unwrapInput('!'), 3, 'Annotation is not a base64 encoding: '],
    ['UnWrapKey', unwrapInput(b64('{')), 3, 'Ill-formed annotation packet: '],
  ])('%s refuses input %#, which would show in the title', async (name, input, code, begin) => {
    await expect(wrapCall(name, input)).rejects.toMatchObject({
      code,
      details: expect.stringMatching(new RegExp(`^${begin}`)),
    });
  });

  it('gives reports with the given report data, left-aligned', async () => {
    const { report_hex_string: hex } = await call('GetReport', {
      report_data_hex_string: 'c0ffee',
    });
    expect(String(hex).slice(0xa0, 0x120)).toBe(`c0ffee${'0'.repeat(122)}`);
    // The manual's sample asks without report data.
    const { report_hex_string: empty } = await call('GetReport', { report_data_hex_string: '' });
    expect(String(empty).slice(0xa0, 0x120)).toBe('0'.repeat(128));
    for (const text of ['c0f', 'zz', 'aa'.repeat(65)])
      await expect(call('GetReport', { report_data_hex_string: text })).rejects.toMatchObject({
        code: 3,
      });
  });

  it('gives attestation data', async () => {
    const data = await call('GetAttestationData', { b64_runtime_data_string: 'AAAA' });
    expect(data).toMatchObject({ endorsed_tcb: 'DB18000000000004', uvm_reference_info: '' });
    expect(Buffer.from(String(data.attestation_report), 'base64')).toHaveLength(1184);
    expect(Buffer.from(String(data.certs), 'base64').toString()).toContain('BEGIN CERTIFICATE');
    await expect(call('GetAttestationData', {})).rejects.toMatchObject({ code: 3 });
  });
});
