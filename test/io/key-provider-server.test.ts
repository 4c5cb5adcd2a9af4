import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ErrorCode, ToolError } from '../../src/core/error.js';
import { serveKeyProvider } from '../../src/io/services/key-provider-server.js';

/** What a caller is told when the handler of GetReport throws. */
async function toldFor(error: Error): Promise<Pick<ServiceError, 'code' | 'details'>> {
  const fail = () => Promise.reject(error);
  const limits = { messageBytes: 1000, requests: 1, answerMs: 10_000 };
  const server = await serveKeyProvider(
    { address: '127.0.0.1', port: 0, ...limits },
    {
      wrapKey: fail,
      unwrapKey: fail,
      getReport: fail,
      getAttestationData: fail,
      onCall: async () => {},
    },
  );
  onTestFinished(() => server.close());
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const same = (bytes: Buffer) => bytes;
  const path = '/key_provider.KeyProviderService/GetReport';
  return await new Promise((done, failed) => {
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), (told) =>
      told === null ? failed(new Error('it answered')) : done(told),
    );
  });
}

describe('the key provider tells', () => {
  it.each<[ErrorCode, number, string]>([
    ['KEY_PROVIDER_INPUT', 3, 'why'],
    ['DEVICE_ABSENT', 9, 'SEV guest driver is missing: why'],
    ['KEY_CONFIG_INVALID', 13, 'why'],
    ['KEY_UNWRAP_FAILED', 2, 'why'],
    ['ATTESTATION_REFUSED', 2, 'SKR failed: why'],
  ])('%s as status %d', async (code, status, details) => {
    expect(await toldFor(new ToolError(code, 'why'))).toMatchObject({ code: status, details });
  });

  it('nothing of a bug', async () => {
    expect(await toldFor(new TypeError('swordfish'))).toMatchObject({
      code: 13,
      details: 'the key provider failed',
    });
  });
});
