/**
 * Bytes -> measurement: the 32 bytes that the platform puts in HOST_DATA of the SNP report. For ACI and AKS it is the
 * SHA-256 of the policy text after one base64 decoding (spec kata-policy-rules 3.3); for upstream kata the digest of
 * the initdata TOML by the algorithm it names, cut or zero-padded to 32 bytes (3.4).
 */
import { gunzipSync } from 'node:zlib';
import { sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import type { NoticeSink } from '../core/notice.js';
import { type Measurement, measureInitdataText, measurePolicyText } from './host-data.js';
import { readInitdata } from './read-initdata.js';

/** A policy text: Rego whose first statement is a package clause. */
const REGO = /^\uFEFF?(?:\s|#[^\n]*\n)*package\s+[A-Za-z_]/;
const BASE64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

/** Measurement of an initdata TOML document. Throws POLICY_UNREADABLE if it is none. */
export function measureInitdata(toml: Uint8Array, where: string): Measurement {
  return measureInitdataText(toml, readInitdata(toml, where).algorithm);
}

/** True if the bytes are a policy text. */
export function isPolicyText(bytes: Uint8Array): boolean {
  return REGO.test(Buffer.from(bytes.subarray(0, 65_536)).toString('latin1'));
}

/**
 * Measurement of an encoded value, as an annotation or `ccePolicy` holds it: base64 of a policy text, or base64 of
 * gzip of initdata. `where` names it in messages. Says when it was encoded twice: the platform decodes once.
 * Throws POLICY_UNREADABLE.
 */
export function measureEncoded(value: string, where: string, notices: NoticeSink): Measurement {
  const decoded = decodeBase64(value, where);
  if (isGzip(decoded)) return measureInitdata(gunzip(decoded, where), where);
  if (isPolicyText(decoded)) return measurePolicyText(decoded);
  const inner = decodeAgain(decoded);
  if (inner === undefined) {
    throw new ToolError('POLICY_UNREADABLE', 'the decoded text is not a policy', {
      where,
      want: 'Rego that begins with `package`, or gzip of an initdata document',
    });
  }
  notices({
    code: 'encoded-twice',
    message: `the policy was base64-encoded twice: the platform decodes it once and measures the inner base64 text; the policy itself has the measurement ${sha256Hex(inner)}`,
    where,
  });
  return measurePolicyText(decoded);
}

/** Measurement of a file that holds a policy text, initdata (TOML, gzip), or either of them encoded. */
export function measurePolicyBytes(
  bytes: Uint8Array,
  where: string,
  notices: NoticeSink,
): Measurement {
  if (isGzip(bytes)) return measureInitdata(gunzip(bytes, where), where);
  if (isPolicyText(bytes)) return measurePolicyText(bytes);
  const text = Buffer.from(bytes).toString('latin1');
  if (BASE64.test(text)) return measureEncoded(text, where, notices);
  if (/^\s*(?:#[^\n]*\n|\s)*(?:version|algorithm|\[data\])/.test(text))
    return measureInitdata(bytes, where);
  throw new ToolError('POLICY_UNREADABLE', 'this is not something that podseal can measure', {
    where,
    want: 'a policy (Rego), its base64, initdata (TOML, gzip or base64), a pod manifest or an ARM template',
  });
}

/** Strict base64 (RFC 4648 section 4, padded); line ends are ignored, as the platform does. */
function decodeBase64(value: string, where: string): Buffer {
  const compact = value.replace(/[\r\n]/g, '').trim();
  const bytes = Buffer.from(compact, 'base64');
  if (compact.length > 0 && bytes.toString('base64') === compact) return bytes;
  throw new ToolError('POLICY_UNREADABLE', 'the value is not base64', {
    where,
    want: 'RFC 4648 base64 with padding',
  });
}

function decodeAgain(bytes: Buffer): Buffer | undefined {
  const text = bytes.toString('latin1').trim();
  if (!BASE64.test(text)) return undefined;
  const inner = Buffer.from(text, 'base64');
  return isPolicyText(inner) ? inner : undefined;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function gunzip(bytes: Uint8Array, where: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: LIMITS.textFileBytes });
  } catch (cause) {
    throw new ToolError('POLICY_UNREADABLE', 'the gzip data cannot be read', { where, cause });
  }
}
