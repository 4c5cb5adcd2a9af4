import { describe, expect, it } from 'vitest';
import {
  buildCertificateRequest,
  completeCertificateSource,
  parseTcb,
} from '../../src/keyrelease/collateral.js';
import { readSidecarArgs } from '../../src/keyrelease/sidecar-args.js';

const refusal = (code: string) => expect.objectContaining({ code });

describe('certificate sources', () => {
  it.each(['', 'g', '12345678901234567', '0x12', '-1'])('refuse the TCB %j', (text) =>
    expect(() => parseTcb(text)).toThrow(refusal('CERTIFICATE_SOURCE_INVALID')),
  );
  it.each([
    ['Milan', 'ab'.repeat(64), 'ucodeSPL=8&snpSPL=7&teeSPL=2&blSPL=1'],
    ['Genoa', 'ab'.repeat(64), 'ucodeSPL=8&snpSPL=7&teeSPL=2&blSPL=1'],
    ['Turin', 'ab'.repeat(8), 'fmcSPL=1&blSPL=2&teeSPL=3&snpSPL=4&ucodeSPL=8'],
  ])('ask AMD for a %s by its own levels', (teeType, chip, query) => {
    const source = completeCertificateSource('AMD', { teeType });
    const request = buildCertificateRequest(source, 'ab'.repeat(64), 0x0807060504030201n);
    const service = `https://kdsintf.amd.com/vcek/v1/${teeType}`;
    expect(request.url).toBe(`${service}/${chip}?${query}`);
    expect(request.chainUrl).toBe(`${service}/cert_chain`);
  });
  it('write every digit of the TCB', () => {
    const source = completeCertificateSource('AzCache', {});
    const { url } = buildCertificateRequest(source, 'ab'.repeat(64), 0x07n);
    expect(url).toContain('/0000000000000007?');
  });
});

describe('SkrSideCarArgs', () => {
  const of = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
  it('may be empty, and ignore what they do not know', () => {
    expect(readSidecarArgs('')).toEqual({});
    expect(
      readSidecarArgs(
        of({ other: 1, identity: { client_id: 'c' }, maaconfig: { user_agent: 'u' } }),
      ),
    ).toEqual({
      clientId: 'c',
      userAgent: 'u',
    });
  });
  it.each([{}, null, { endpoint_type: '', endpoint: '' }])('take %j for no source', (certcache) =>
    expect(readSidecarArgs(of({ certcache, identity: null }))).toEqual({}),
  );
  it.each([
    '!',
    'e30',
    Buffer.from('[]').toString('base64'),
    Buffer.from('{').toString('base64'),
    of({ certcache: { endpoint_type: 'Mine' } }),
    of({ certcache: { endpoint_type: 'AMD', endpoint: 'https://x' } }),
    of({ certcache: { endpoint_type: 'AMD', endpoint: 'x@y/z' } }),
    of({ certcache: { endpoint_type: 'AMD', endpoint: 'x:65536/y' } }),
    of({ certcache: { endpoint_type: 'AMD', tee_type: '../x' } }),
    of({ certcache: { endpoint_type: 'AzCache', api_version: 'a=b#' } }),
    of({ certcache: { endpoint_type: 'AzCache', client_id: 'a b' } }),
    of({ maaconfig: { user_agent: 'a\nb' } }),
    of({ identity: { client_id: 7 } }),
    of({ identity: 'c' }),
    of({ maaconfig: [] }),
    of({ certcache: 'AMD' }),
    of({ certcache: { endpoint: 'x' } }),
  ])('refuse %s', (text) =>
    expect(() => readSidecarArgs(text)).toThrow(refusal('SIDECAR_ARGS_INVALID')),
  );
});
