/** Fresh key pairs, made while garbage is collected all the time. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeEcPair, makeRsaPair } from '../../src/core/key-pair.js';
import { ROOT } from '../support/cli.js';
import { recordOutput } from '../support/secrets/record.js';

const SCRIPT = `
import { makeEcPair, makeRsaPair } from ${JSON.stringify(join(ROOT, 'dist/core/key-pair.js'))};
for (let pair = 0; pair < 20; pair += 1) {
  for (const { publicKey, privateKey } of [await makeRsaPair(1024), await makeEcPair('P-256')]) {
    for (const key of [publicKey, privateKey]) {
      key.export({ format: 'jwk' });
      key.asymmetricKeyDetails;
    }
  }
}
console.log('through');
`;

describe('a fresh key pair', () => {
  it('has halves that fit', async () => {
    const [rsa, ec] = await Promise.all([makeRsaPair(2048), makeEcPair('P-384')]);
    expect(rsa.publicKey.asymmetricKeyDetails).toEqual({
      modulusLength: 2048,
      publicExponent: 65537n,
    });
    expect(ec.privateKey.asymmetricKeyDetails).toEqual({ namedCurve: 'secp384r1' });
    for (const { publicKey, privateKey } of [rsa, ec]) {
      const { n, x } = privateKey.export({ format: 'jwk' });
      expect(publicKey.export({ format: 'jwk' })).toMatchObject(n === undefined ? { x } : { n });
    }
  });

  /** With the keys as the library makes them, this one does not end. */
  it('is exported whatever is collected meanwhile', () => {
    const args = ['--gc-interval=37', '--input-type=module', '-e', SCRIPT];
    const text = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
    recordOutput('exports of key pairs', text);
    expect(text).toBe('through\n');
  });
});
