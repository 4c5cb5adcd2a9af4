import { describe, expect, it } from 'vitest';
import { readSecurityContext } from '../../src/attest/security-context.js';
import { thrownBy } from '../support/failure.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('security context', () => {
  it('is decoded, line ends skipped', () => {
    const context = readSecurityContext(
      {
        certificates: `${base64('{}')}\n`,
        endorsement: base64('COSE'),
        policy: base64('package policy').replace(/.{4}/g, '$&\r\n'),
      },
      '/context',
    );
    expect(context).toEqual({
      thim: '{}',
      uvmEndorsement: Buffer.from('COSE'),
      policy: Buffer.from('package policy'),
    });
  });

  it('has only what is there', () => {
    expect(readSecurityContext({ endorsement: '' }, '/context')).toEqual({});
  });

  it.each(['e30', 'e3 0=', '{}'])('refuses %j', (text) => {
    const error = thrownBy(() => readSecurityContext({ certificates: text }, '/context'));
    expect([error.code, error.where]).toEqual([
      'COLLATERAL_INVALID',
      '/context/host-amd-cert-base64',
    ]);
  });
});
