import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.js';
import { parseCertificates } from '../../src/core/x509.js';
import {
  buildCertificateRequest,
  type CertificateSourceKind,
  completeCertificateSource,
  parseTcb,
  printTcb,
} from '../../src/keyrelease/collateral.js';
import { deriveSymmetricKey } from '../../src/keyrelease/derive.js';
import {
  buildImportRequest,
  buildOctJwk,
  printImportPolicy,
  readImportConfig,
} from '../../src/keyrelease/import-key.js';
import { parseJws } from '../../src/keyrelease/jws.js';
import {
  readAnnotation,
  readUnwrapInput,
  readWrapInput,
} from '../../src/keyrelease/key-provider.js';
import {
  isWrapAlgorithm,
  unwrapAesKwp,
  unwrapReleasedKey,
} from '../../src/keyrelease/key-unwrap.js';
import { buildAttestationRequest } from '../../src/keyrelease/maa-request.js';
import { verifyMaaToken } from '../../src/keyrelease/maa-token.js';
import { redactToken } from '../../src/keyrelease/redact.js';
import { openReleaseAnswer } from '../../src/keyrelease/release-answer.js';
import { readSidecarArgs } from '../../src/keyrelease/sidecar-args.js';
import { buildReleaseRequest } from '../../src/keyrelease/vault-requests.js';
import { buildWrappingKeySet, reportDataFor } from '../../src/keyrelease/wrapping-key.js';
import { evaluateReleasePolicy } from '../../src/release/evaluate.js';
import { readReleasePolicy } from '../../src/release/grammar.js';
import { blockingFindings, lintReleasePolicy } from '../../src/release/lint.js';
import { vectorsDir } from '../support/vectors.js';

const dir = vectorsDir('skr');
const snp = vectorsDir('snp');

// biome-ignore lint/suspicious/noExplicitAny: the vectors are read as they are
type Case = any;

const load = (name: string): Case =>
  dir === undefined ? { cases: [] } : JSON.parse(readFileSync(join(dir, name), 'utf8'));

const privateKey = (pem: string): KeyObject => createPrivateKey(pem);

describe.runIf(dir)('secure key release vectors', () => {
  const wraps = load('keywrap.json');
  it.each(wraps.cases as Case[])('AES key wrap $id', ({ kek, wrapped, key }) => {
    const found = unwrapAesKwp(Buffer.from(kek, 'hex'), Buffer.from(wrapped, 'hex'));
    expect(found?.toString('hex')).toBe(key);
  });

  const unwraps = load('rsa-aes-unwrap.json');
  it.each(unwraps.cases as Case[])('RSA-AES unwrap $id', (one) => {
    const key = privateKey(unwraps.keys[one.key_name]);
    const found = isWrapAlgorithm(one.enc)
      ? unwrapReleasedKey(one.enc, Buffer.from(one.ciphertext, 'base64url'), key)
      : undefined;
    expect(found?.toString('hex')).toBe(one.error === true ? undefined : one.key);
  });

  const keySets = load('jwks-runtime-data.json');
  it.each(keySets.cases as Case[])('runtime data $id', ({ private_key_pem, jwks, report_data }) => {
    const text = buildWrappingKeySet(createPublicKey(private_key_pem));
    expect(text).toBe(jwks);
    expect(reportDataFor(Buffer.from(text))).toBe(report_data);
  });

  const reportData = load('report-data.json');
  it.each((reportData.cases as Case[]).filter((one) => one.error === undefined))(
    'REPORT_DATA $id',
    ({ runtime_data, report_data }) =>
      expect(reportDataFor(Buffer.from(runtime_data, 'base64'))).toBe(report_data),
  );

  const tokens = load('maa-token.json');
  it.each(tokens.cases as Case[])('token $id', ({ token, verdict }) => {
    const { issuer, now, skew_s, hostdata } = tokens.expect;
    const found = verifyMaaToken(token, {
      issuer,
      jwks: tokens.jwks,
      now,
      skew: skew_s,
      hostData: hostdata,
    });
    expect(found.accepted, JSON.stringify(found)).toBe(verdict === 'accept');
  });

  const releases = load('akv-release.json');
  it.each(releases.cases as Case[])('release answer $id', (one) => {
    const [name, version] = releases.kid.split('/');
    const found = openReleaseAnswer(JSON.stringify(one.response), {
      host: releases.endpoint,
      key: { name, version },
      wrappingKey: privateKey(releases.wrapping_key_pem),
      roots: parseCertificates(Buffer.from(releases.root_pem), 'root'),
      now: releases.now,
    });
    if (one.verdict === 'reject') expect(found.released).toBe(false);
    else {
      const jwk = found.released ? JSON.parse(found.jwk) : found;
      expect(jwk).toEqual(one.jwk);
    }
  });

  it('asks for a release as the service wants it', () => {
    const [name, version] = releases.kid.split('/');
    const { url, method, body } = buildReleaseRequest(
      releases.endpoint,
      { name, version },
      { target: 'token' },
    );
    expect({ url, method }).toEqual({ url: releases.request.url, method: releases.request.method });
    expect(body).toBe('{"target":"token"}');
  });

  const policies = load('release-policy.json');
  it.each(policies.cases as Case[])('release policy $id', (one) => {
    const text = one.policy_text ?? JSON.stringify(one.policy);
    if (one.decision === 'invalid') {
      expect(() => readReleasePolicy(text, 'policy')).toThrow();
      return;
    }
    const policy = readReleasePolicy(text, 'policy');
    const claims = one.claims ?? policies.claims;
    expect(evaluateReleasePolicy(policy, claims).decision).toBe(one.decision);
    if (one.decision === 'unsure') {
      expect(blockingFindings(lintReleasePolicy(policy, 'policy'))).not.toEqual([]);
    }
  });

  const imports = load('import-key.json');
  it.each(imports.cases as Case[])('import $id', (one) => {
    const config = readImportConfig(JSON.stringify(one.config), 'config');
    const policy = printImportPolicy(config);
    expect(policy).toBe(one.policy);
    const jwk = buildOctJwk(Buffer.from(one.key_hex, 'hex'), config.keyOps);
    const request = buildImportRequest(config, jwk, policy);
    expect(request).toMatchObject({ method: one.method, url: one.url, body: one.body });
  });

  const derived = load('hkdf.json');
  it.each(derived.cases as Case[])('derived key $id', (one) => {
    const key = deriveSymmetricKey(
      privateKey(one.private_key_pem),
      Buffer.from(one.salt, 'hex'),
      one.label,
    );
    expect(key.toString('hex')).toBe(one.key);
  });

  const sources = load('cert-endpoints.json');
  it.each((sources.cases as Case[]).filter((one) => one.fetcher !== undefined))(
    'certificate source $id',
    ({ fetcher, chip_id, tcb, url, chain_url, headers }) => {
      const source = completeCertificateSource(fetcher.endpoint_type as CertificateSourceKind, {
        endpoint: fetcher.endpoint,
        teeType: fetcher.tee_type,
        apiVersion: fetcher.api_version,
        clientId: fetcher.client_id,
      });
      const request = buildCertificateRequest(source, chip_id ?? '', parseTcb(tcb ?? '0'));
      expect(request.url).toBe(url);
      expect(request.chainUrl).toBe(chain_url);
      if (headers !== undefined) expect(request.headers).toEqual(headers);
    },
  );

  it.each((sources.cases as Case[]).filter((one) => one.tcbm !== undefined))(
    'TCB $id',
    ({ tcbm, bytes_le, error }) => {
      if (error === true) expect(() => parseTcb(tcbm)).toThrow();
      else if (bytes_le !== undefined) {
        const bytes = Buffer.from(printTcb(parseTcb(tcbm)), 'hex')
          .reverse()
          .toString('hex');
        expect(bytes).toBe(bytes_le);
      }
    },
  );

  const messages = load('key-provider.json');
  it.each(messages.cases as Case[])('key provider $id', (one) => {
    if (one.annotation_b64 !== undefined) {
      const text = Buffer.from(one.annotation_b64, 'base64').toString();
      expect(readAnnotation(text).wrappedData).toHaveLength(one.wrapped_len);
      return;
    }
    const text = typeof one.json === 'string' ? one.json : JSON.stringify(one.json);
    const read = one.id.startsWith('wrap') ? readWrapInput : readUnwrapInput;
    if (one.error === true) expect(() => read(text)).toThrow();
    else expect(read(text)).toBeDefined();
  });

  it.each(load('jws-form.json').cases as Case[])('JWS $token', ({ token, ok }) => {
    const problem = parseJws(token);
    const parts = 'problem' in problem && problem.problem.startsWith('want 3 parts');
    expect(parts).toBe(!ok);
  });

  it.each(load('token-redaction.json').cases as Case[])('redaction $input', ({ input, output }) =>
    expect(redactToken(input)).toBe(output),
  );

  const args = (load('http-api.json').cases as Case[]).find(({ id }) => id === 'args-sample');
  it('reads the sample of SkrSideCarArgs', () => {
    const { certificates } = readSidecarArgs(args.env.SkrSideCarArgs);
    const { endpoint_type: kind, endpoint } = args.decoded.certcache;
    expect(certificates).toMatchObject({ kind, endpoint });
  });

  const requests = load('maa-request.json');
  it.runIf(snp).each(requests.cases as Case[])('attestation request $id', (one) => {
    const file = (path: string) => readFileSync(join(dir!, path.replace(/:.*$/, '')));
    const thim = JSON.parse(file(one.chain).toString());
    const body = buildAttestationRequest({
      report: file(one.report),
      certificateChain: thim.vcekCert + thim.certificateChain,
      ...(one.uvm === null ? {} : { uvmEndorsement: file(one.uvm) }),
      runtimeData: Buffer.from(one.runtime_data, 'base64'),
      nonce: BigInt(one.nonce),
    });
    expect(body).toHaveLength(one.body_length);
    expect(sha256Hex(body)).toBe(one.body_sha256);
  });
});
