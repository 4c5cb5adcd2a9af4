import { describe, expect, it } from 'vitest';
import {
  printAnnotation,
  printUnwrapOutput,
  printWrapOutput,
  readAnnotation,
  readKeyInfo,
  readUnwrapInput,
  readWrapInput,
} from '../../src/keyrelease/key-provider.js';
import { VERSION } from '../support/release.js';

const refusal = (code: string) => expect.objectContaining({ code });

describe('the key provider', () => {
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  const annotation = {
    kid: 'k',
    wrappedData: Buffer.from('w'),
    wrapType: 'rsa_3072',
    vault: 'v',
    attestationService: 'a',
  };
  const wrap = (change: object = {}, agent = 'skr:key1') => ({
    op: 'keywrap',
    keywrapparams: {
      ec: { Parameters: { 'attestation-agent': [b64(agent)] } },
      optsdata: b64('secret'),
    },
    ...change,
  });
  const unwrap = (agent = 'skr', text = printAnnotation(annotation)) => ({
    op: 'keyunwrap',
    keyunwrapparams: {
      dc: { Parameters: { 'attestation-agent': [b64(agent)] } },
      annotation: b64(text),
    },
  });

  it('reads both inputs, whatever the case of their members', () => {
    expect(readWrapInput(JSON.stringify(wrap()))).toEqual({
      keyName: 'key1',
      plaintext: Buffer.from('secret'),
    });
    const upper = JSON.stringify(wrap()).replace('"keywrapparams"', '"KeyWrapParams"');
    expect(readWrapInput(upper).keyName).toBe('key1');
    expect(readUnwrapInput(JSON.stringify(unwrap('SKR')))).toEqual(annotation);
    expect(readAnnotation(printAnnotation(annotation))).toEqual(annotation);
  });

  it.each<[unknown, string]>([
    [wrap({ op: 'keyunwrap' }), 'Ill-formed key provider input: '],
    [wrap({ keywrapparams: {} }), 'attestation-agent must be specified in '],
    [wrap({}, 'skr'), 'Key id is not provided in the request'],
    [wrap({}, 'other:key1'), 'Unexpected attestation agent '],
    [
      wrap({ keywrapparams: { ...wrap().keywrapparams, optsdata: '!' } }),
      'Optsdata is not base64 encoding: ',
    ],
    [[], 'Ill-formed key provider input: '],
    [wrap({ OP: 'keywrap' }), 'Ill-formed key provider input: '],
  ])('refuses to wrap %j', (value, begin) =>
    expect(() => readWrapInput(JSON.stringify(value))).toThrow(
      expect.objectContaining({
        code: 'KEY_PROVIDER_INPUT',
        message: expect.stringMatching(`^${begin}`),
      }),
    ),
  );

  it.each(['skr:../../etc/shadow', 'skr:a/b', `skr:a/${VERSION}`, 'skr:'])(
    'refuses the key of %j',
    (agent) => expect(() => readWrapInput(JSON.stringify(wrap({}, agent)))).toThrow(),
  );

  it.each<[unknown, string]>([
    [unwrap('other'), 'Unexpected attestation agent '],
    [unwrap('skr', '{'), 'Ill-formed annotation packet: '],
    [unwrap('skr', '{"kid":"k"}'), 'Ill-formed annotation packet: '],
    [unwrap('skr', printAnnotation(annotation).replace('{', '{"Kid":"x",')), 'Ill-formed '],
    [
      { ...unwrap(), keyunwrapparams: { ...unwrap().keyunwrapparams, annotation: '!' } },
      'Annotation is not a base64 encoding: ',
    ],
  ])('refuses to unwrap %j', (value, begin) =>
    expect(() => readUnwrapInput(JSON.stringify(value))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(`^${begin}`) }),
    ),
  );

  it('prints its outputs', () => {
    expect(JSON.parse(printUnwrapOutput(Buffer.from('x')))).toEqual({
      keywrapresults: { annotation: null },
      keyunwrapresults: { optsdata: b64('x') },
    });
    const { keywrapresults } = JSON.parse(printWrapOutput(annotation));
    expect(readAnnotation(Buffer.from(keywrapresults.annotation, 'base64').toString())).toEqual(
      annotation,
    );
  });

  it('reads key information files', () => {
    const text = '{"public_key_path":"p","kms_endpoint":"v","attester_endpoint":"a"}';
    expect(readKeyInfo(text, 'f')).toEqual({
      publicKeyPath: 'p',
      vault: 'v',
      attestationService: 'a',
    });
    expect(() => readKeyInfo('{}', 'f')).toThrow(refusal('KEY_CONFIG_INVALID'));
  });
});
