/** What each case of the vectors of secure key release must show of the stages; see skr-service.ts for the program. */
import { createPrivateKey, createPublicKey, privateDecrypt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { decodeBase64 } from '../../src/core/base64.js';
import { sha256Hex } from '../../src/core/digest.js';
import { type Certificate, parseCertificate, parseCertificates } from '../../src/core/x509.js';
import {
  buildCertificateRequest,
  type CertificateSourceKind,
  completeCertificateSource,
  parseTcb,
  printTcb,
} from '../../src/keyrelease/collateral.js';
import { deriveSymmetricKey } from '../../src/keyrelease/derive.js';
import { parseJws } from '../../src/keyrelease/jws.js';
import {
  printAnnotation,
  readAnnotation,
  readKeyInfo,
  readUnwrapInput,
  readWrapInput,
} from '../../src/keyrelease/key-provider.js';
import {
  isWrapAlgorithm,
  unwrapAesKwp,
  unwrapReleasedKey,
} from '../../src/keyrelease/key-unwrap.js';
import { ATTEST_PATH, buildAttestationRequest } from '../../src/keyrelease/maa-request.js';
import { verifyMaaToken } from '../../src/keyrelease/maa-token.js';
import { redactToken } from '../../src/keyrelease/redact.js';
import { openReleaseAnswer } from '../../src/keyrelease/release-answer.js';
import { certificateProblem } from '../../src/keyrelease/vault-certificate.js';
import { buildReleaseRequest } from '../../src/keyrelease/vault-requests.js';
import { buildWrappingKeySet, reportDataFor } from '../../src/keyrelease/wrapping-key.js';
import { evaluateReleasePolicy } from '../../src/release/evaluate.js';
import { readReleasePolicy } from '../../src/release/grammar.js';
import type * as Vectors from './skr-vectors.js';

type CaseOf<F extends { readonly cases: readonly unknown[] }> = F['cases'][number];

export function checkKeyWrap({ kek, wrapped, key }: CaseOf<Vectors.KeyWrapFile>): void {
  const found = unwrapAesKwp(Buffer.from(kek, 'hex'), Buffer.from(wrapped, 'hex'));
  expect(found?.toString('hex')).toBe(key);
}

export function checkRsaAesUnwrap(
  one: CaseOf<Vectors.RsaAesUnwrapFile>,
  { keys }: Vectors.RsaAesUnwrapFile,
): void {
  const ciphertext = Buffer.from(one.ciphertext, 'base64url');
  const found = isWrapAlgorithm(one.enc)
    ? unwrapReleasedKey(one.enc, ciphertext, createPrivateKey(keys[one.key_name]!))
    : undefined;
  expect(found?.toString('hex')).toBe(one.error === true ? undefined : one.key);
}

export function checkRuntimeData(one: CaseOf<Vectors.RuntimeDataFile>): void {
  const text = buildWrappingKeySet(createPublicKey(one.private_key_pem));
  expect(text).toBe(one.jwks);
  expect(sha256Hex(Buffer.from(text))).toBe(one.sha256);
  expect(reportDataFor(Buffer.from(text))).toBe(one.report_data);
}

export function checkToken(
  { token, verdict }: CaseOf<Vectors.TokenFile>,
  { jwks, expect: { issuer, now, skew_s: skew, hostdata: hostData } }: Vectors.TokenFile,
): void {
  const found = verifyMaaToken(token, { issuer, jwks, now, skew, hostData });
  expect(found.accepted, JSON.stringify(found)).toBe(verdict === 'accept');
}

export function checkReleaseAnswer(
  one: CaseOf<Vectors.ReleaseAnswerFile>,
  file: Vectors.ReleaseAnswerFile,
): void {
  const [name = '', version = ''] = file.kid.split('/');
  const found = openReleaseAnswer(JSON.stringify(one.response), {
    host: file.endpoint,
    key: { name, version },
    wrappingKey: createPrivateKey(file.wrapping_key_pem),
    roots: parseCertificates(Buffer.from(file.root_pem), 'root'),
    now: file.now,
    ...(isWrapAlgorithm(one.enc) ? { enc: one.enc } : {}),
    ...(one.nonce === undefined ? {} : { nonce: one.nonce }),
  });
  if (one.verdict === 'reject') expect(found.released).toBe(false);
  else expect(found.released ? JSON.parse(found.jwk) : found).toEqual(one.jwk);
}

/** The request that the answers belong to: no case of its own, so it is checked once a file. */
export function checkReleaseRequest({ endpoint, kid, request }: Vectors.ReleaseAnswerFile): void {
  const [name = '', version = ''] = kid.split('/');
  const built = buildReleaseRequest(endpoint, { name, version }, { target: 'token' });
  expect({ method: built.method, url: built.url }).toEqual({
    method: request.method,
    url: request.url,
  });
  expect(built.body).toBe('{"target":"token"}');
}

export function checkDecision(
  one: CaseOf<Vectors.ReleasePolicyFile>,
  file: Vectors.ReleasePolicyFile,
): void {
  const text = one.policy_text ?? JSON.stringify(one.policy);
  if (one.decision === 'invalid') {
    expect(() => readReleasePolicy(text, 'policy')).toThrow(
      expect.objectContaining({ name: 'ToolError' }),
    );
    return;
  }
  const policy = readReleasePolicy(text, 'policy');
  expect(evaluateReleasePolicy(policy, one.claims ?? file.claims).decision).toBe(one.decision);
}

export function checkDerivedKey(one: CaseOf<Vectors.DerivedKeyFile>): void {
  const salt = Buffer.from(one.salt, 'hex');
  const key = deriveSymmetricKey(createPrivateKey(one.private_key_pem), salt, one.label);
  expect(key.toString('hex')).toBe(one.key);
}

export function checkCertificateSource(one: CaseOf<Vectors.CertificateSourceFile>): void {
  const { fetcher, tcbm, bytes_le: bytes, parts, error } = one;
  if (fetcher !== undefined) {
    const source = completeCertificateSource(fetcher.endpoint_type as CertificateSourceKind, {
      endpoint: fetcher.endpoint ?? '',
      teeType: fetcher.tee_type ?? '',
      apiVersion: fetcher.api_version ?? '',
      clientId: fetcher.client_id ?? '',
    });
    const request = buildCertificateRequest(source, one.chip_id ?? '', parseTcb(one.tcb ?? '0'));
    expect({ url: request.url, chainUrl: request.chainUrl }).toEqual({
      url: one.url,
      chainUrl: one.chain_url,
    });
    if (one.headers !== undefined) expect(request.headers).toEqual(one.headers);
    return;
  }
  if (error === true) {
    expect(() => parseTcb(tcbm!)).toThrow(expect.objectContaining({ name: 'ToolError' }));
    return;
  }
  const tcb = Buffer.from(printTcb(parseTcb(tcbm!)), 'hex').reverse();
  expect(tcb).toHaveLength(8);
  if (bytes !== undefined) expect(tcb.toString('hex')).toBe(bytes);
  // Without bytes it is the mark of a peer's test flag: reserved bytes that no firmware reports.
  else expect(tcb.subarray(2, 6).equals(Buffer.alloc(4))).toBe(false);
  const [bl, tee] = tcb;
  if (parts !== undefined) expect({ bl, tee, snp: tcb[6], ucode: tcb[7] }).toEqual(parts);
}

export function checkKeyProvider(one: CaseOf<Vectors.KeyProviderFile>): void {
  if (one.annotation_b64 !== undefined) {
    const read = readAnnotation(Buffer.from(one.annotation_b64, 'base64').toString());
    expect(read.wrappedData).toHaveLength(one.wrapped_len!);
    expect(JSON.parse(printAnnotation(read))).toEqual(one.annotation);
    if (one.private_key_pem !== undefined) {
      const key = { key: one.private_key_pem, oaepHash: 'sha256' };
      expect(privateDecrypt(key, read.wrappedData).toString('base64')).toBe(one.plaintext_b64);
    }
    return;
  }
  const text = typeof one.json === 'string' ? one.json : JSON.stringify(one.json);
  const wraps = !text.includes('"keyunwrapparams"');
  if (one.error === true) {
    expect(() => (wraps ? readWrapInput : readUnwrapInput)(text)).toThrow(
      expect.objectContaining({ name: 'ToolError' }),
    );
    return;
  }
  const input = JSON.parse(text);
  if (!wraps) {
    const { annotation } = input.keyunwrapparams as { readonly annotation: string };
    const given = Buffer.from(annotation, 'base64').toString();
    expect(JSON.parse(printAnnotation(readUnwrapInput(text)))).toEqual(JSON.parse(given));
    return;
  }
  const { ec, optsdata } = input.keywrapparams;
  const [agent] = ec.Parameters['attestation-agent'] as readonly string[];
  const { keyName, plaintext } = readWrapInput(text);
  expect(keyName).toBe(Buffer.from(agent!, 'base64').toString().split(':')[1]);
  expect(plaintext.toString('base64')).toBe(optsdata);
  if (one.key_info === undefined) return;
  expect(readKeyInfo(JSON.stringify(one.key_info), 'info')).toEqual({
    publicKeyPath: one.key_info.public_key_path,
    vault: one.key_info.kms_endpoint,
    attestationService: one.key_info.attester_endpoint,
  });
}

/** The reference tells only the number of parts. */
export function checkJws({ token, ok }: CaseOf<Vectors.JwsFile>): void {
  const jws = parseJws(token);
  expect('problem' in jws && jws.problem.startsWith('want 3 parts')).toBe(!ok);
}

export function checkRedaction({ input, output }: CaseOf<Vectors.RedactionFile>): void {
  expect(redactToken(input)).toBe(output);
}

const certificate = (base64: string): Certificate => {
  const der = decodeBase64(base64);
  if (der === undefined) throw new Error('not base64');
  return parseCertificate(der, 'certificate');
};

/** The time at which the recorded chain was valid, as the vectors say. */
const CHAIN_TIME = Date.UTC(2023, 0, 1) / 1000;

export function checkX509(one: CaseOf<Vectors.X509File>): void {
  if (one.cert !== undefined) {
    if (one.ok) expect(certificate(one.cert).x509.subject).toContain('CN=');
    else expect(() => certificate(one.cert!)).toThrow();
    return;
  }
  const [leaf, ...others] = one.x5c!.map(certificate);
  const roots = [certificate(one.root!)];
  const judge = (now: number, host: string) =>
    certificateProblem(leaf!, others, undefined, { roots, now, host })?.reason;
  const now = (one.at === undefined ? Date.now() : Date.parse(one.at)) / 1000;
  const found = judge(now, one.dns!);
  if (one.ok) expect(found).toBeUndefined();
  else {
    const isName = one.reference_message?.includes('is valid for') === true;
    expect(found).toBe(isName ? 'certificate-name' : 'certificate-chain');
  }
  // The same chain is good at its time under its own name, without its root in x5c and under no other root.
  const own = leaf!.x509.subjectAltName!.split(', ')[0]!.replace('DNS:', '').replace('*', 'any');
  expect(judge(CHAIN_TIME, own)).toBeUndefined();
  const noRoots = { roots: [], now: CHAIN_TIME, host: own };
  expect(certificateProblem(leaf!, others, undefined, noRoots)?.reason).toBe('certificate-chain');
}

export function checkAttestationRequest(
  one: CaseOf<Vectors.AttestationRequestFile>,
  folder: string,
): void {
  const file = (path: string) => readFileSync(join(folder, path.replace(/:.*$/, '')));
  const thim = JSON.parse(file(one.chain).toString());
  const body = buildAttestationRequest({
    report: file(one.report),
    certificateChain: thim.vcekCert + thim.certificateChain,
    ...(one.uvm === null ? {} : { uvmEndorsement: file(one.uvm) }),
    runtimeData: Buffer.from(one.runtime_data, 'base64'),
    nonce: BigInt(one.nonce),
  });
  expect(one.url.endsWith(ATTEST_PATH)).toBe(true);
  expect(body).toHaveLength(one.body_length);
  expect(sha256Hex(Buffer.from(body))).toBe(one.body_sha256);
  const inner = Buffer.from(JSON.parse(body).report, 'base64url');
  expect(sha256Hex(inner)).toBe(one.inner_sha256);
  if (one.body !== undefined) expect(body).toBe(one.body);
}
