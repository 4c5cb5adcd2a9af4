/**
 * The key provider of encrypted images: wraps a layer's key under a public key, and unwraps it with the private key that
 * the vault releases to this guest. Inputs hold secrets and come from image manifests; none of it is logged.
 */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { decodeBase64 } from '../../core/base64.js';
import { ToolError } from '../../core/error.js';
import {
  type KeyAnnotation,
  type KeyInfo,
  printUnwrapOutput,
  printWrapOutput,
  readUnwrapInput,
  readWrapInput,
} from '../../keyrelease/key-provider.js';
import { type ReleasePorts, releaseKey } from './release.js';

export interface KeyProviderPorts extends ReleasePorts {
  /** The information file of a key and the PEM of its public key. Throws KEY_CONFIG_INVALID. */
  readonly readKey: (name: string) => Promise<{ readonly info: KeyInfo; readonly pem: string }>;
}

/** Name of the scheme in annotations, whatever the size of the key. */
const WRAP_TYPE = 'rsa_3072';

/** What REPORT_DATA can hold, in bytes. */
const REPORT_DATA_BYTES = 64;

/** Answers WrapKey: JSON text in, JSON text out. */
export async function wrapKey(ports: KeyProviderPorts, input: string): Promise<string> {
  const { keyName, plaintext } = readWrapInput(input);
  const { info, pem } = await ports.readKey(keyName);
  return printWrapOutput(wrapForKey(keyName, plaintext, info, pem));
}

/** The annotation for `plaintext`, which is wiped. Throws KEY_CONFIG_INVALID for a key that is not RSA, or too short. */
export function wrapForKey(
  kid: string,
  plaintext: Buffer,
  info: KeyInfo,
  pem: string,
): KeyAnnotation {
  try {
    const key = createPublicKey(pem);
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const wrappedData = publicEncrypt({ key, padding, oaepHash: 'sha256' }, plaintext);
    return {
      kid,
      wrappedData,
      wrapType: WRAP_TYPE,
      vault: info.vault,
      attestationService: info.attestationService,
    };
  } catch {
    throw new ToolError('KEY_CONFIG_INVALID', `invalid public key in ${info.publicKeyPath}`, {
      want: 'PEM of an RSA public key that is long enough for the data',
    });
  } finally {
    plaintext.fill(0);
  }
}

/** Answers UnWrapKey: JSON text in, JSON text with the secret out. */
export async function unwrapKey(ports: KeyProviderPorts, input: string): Promise<string> {
  const annotation = readUnwrapInput(input);
  const jwk = JSON.parse(
    await releaseKey(ports, {
      attestationService: annotation.attestationService,
      vault: annotation.vault,
      kid: annotation.kid,
    }),
  ) as { readonly kty: string };
  if (jwk.kty !== 'RSA') {
    throw new ToolError('KEY_UNWRAP_FAILED', 'Released key is not a RSA private key');
  }
  let plaintext: Buffer;
  try {
    const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    plaintext = privateDecrypt({ key, padding, oaepHash: 'sha256' }, annotation.wrappedData);
  } catch {
    throw new ToolError('KEY_UNWRAP_FAILED', 'Unwrapping failed');
  }
  return printUnwrapOutput(plaintext);
}

/** Answers GetReport: up to 64 bytes of REPORT_DATA in hex, left-aligned; the report in hex. */
export async function getReport(ports: KeyProviderPorts, reportDataHex: string): Promise<string> {
  const bytes = Buffer.from(reportDataHex, 'hex');
  const even = /^([0-9a-fA-F]{2})*$/.test(reportDataHex);
  if (!even || bytes.length > REPORT_DATA_BYTES) {
    throw new ToolError('KEY_PROVIDER_INPUT', 'the report data is not hex of at most 64 bytes');
  }
  const padded = Buffer.concat([bytes, Buffer.alloc(REPORT_DATA_BYTES - bytes.length)]);
  return Buffer.from(await ports.evidence.reportWith(padded)).toString('hex');
}

/** What GetAttestationData answers. */
export interface AttestationData {
  readonly endorsedTcb: string;
  readonly certificates: string;
  readonly report: string;
}

/** Answers GetAttestationData for base64 runtime data. */
export async function getAttestationData(
  ports: KeyProviderPorts,
  runtimeDataBase64: string,
): Promise<AttestationData> {
  const runtimeData = decodeBase64(runtimeDataBase64);
  if (runtimeData === undefined || runtimeData.length === 0) {
    throw new ToolError('KEY_PROVIDER_INPUT', 'the runtime data is not base64 with padding');
  }
  const { report, collateral } = await ports.evidence.collect(runtimeData);
  return {
    endorsedTcb: collateral.tcbText,
    certificates: Buffer.from(collateral.chain).toString('base64'),
    report: Buffer.from(report).toString('base64'),
  };
}
