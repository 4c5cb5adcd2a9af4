/**
 * What else a HOST_DATA value may be the digest of: the mistakes that people make between a policy and its measurement
 * (spec kata-policy-rules section 3, aci-framework section 1).
 */
import { createHash } from 'node:crypto';

/** A text that HOST_DATA might have been meant to be the digest of; the first one is the expected one. */
export interface Candidate {
  /** How people know it: a file, or a workload of a manifest. */
  readonly name: string;
  readonly kind: 'policy' | 'initdata';
  /** The exact bytes: policy text or initdata TOML. */
  readonly text: Uint8Array;
  /** Digest algorithm that the initdata names. */
  readonly algorithm?: 'sha256' | 'sha384' | 'sha512';
  /** Policy inside of the initdata. */
  readonly policy?: Uint8Array;
}

/** Explanations in the order in which they are given. */
export const NEAR_MISS_KINDS = {
  zero: 'the guest was launched without a policy (HOST_DATA is zero)',
  'base64-text': 'it is the hash of the base64 text instead of the decoded policy',
  'newline-added': 'it is the hash of the text with one more newline at its end',
  'newline-removed': 'it is the hash of the text without its last newline',
  crlf: 'it is the hash of the text with Windows line ends',
  lf: 'it is the hash of the text with Unix line ends',
  'byte-order-mark': 'it is the hash of the text with a byte order mark added or removed',
  reversed: 'it has the expected bytes in reverse order',
  initdata: 'it is the digest of an initdata document that holds this policy',
  'policy-of-initdata': 'it is the hash of the policy alone instead of the initdata around it',
  other: 'it is the measurement of another candidate',
} as const;

export type NearMissKind = keyof typeof NEAR_MISS_KINDS;

/** One explanation; `name` is the candidate, or empty where none is meant. */
export interface NearMiss {
  readonly kind: NearMissKind;
  readonly name: string;
}

const HOST_DATA_BYTES = 32;
const BYTE_ORDER_MARK = Buffer.from('efbbbf', 'hex');

/** All explanations of `hostData`, in the order of NEAR_MISS_KINDS. `wanted` are the expected values, hex. */
export function findNearMisses(
  hostData: Uint8Array,
  wanted: readonly string[],
  candidates: readonly Candidate[],
): readonly NearMiss[] {
  const got = Buffer.from(hostData).toString('hex');
  const found: NearMiss[] = [];
  const note = (kind: NearMissKind, name: string) => {
    const known = found.some((miss) => miss.kind === kind && miss.name === name);
    if (!known) found.push({ kind, name });
  };
  if (hostData.every((byte) => byte === 0)) note('zero', '');
  const [first, ...others] = candidates;
  const policy = first && policyOf(first);
  for (const [kind, text] of policy === undefined ? [] : variantsOf(Buffer.from(policy))) {
    if (sha256(text) === got) note(kind, first?.name ?? '');
  }
  if (wanted.includes(Buffer.from(hostData).reverse().toString('hex'))) {
    if (!wanted.includes(got)) note('reversed', '');
  }
  for (const candidate of policy === undefined ? [] : candidates) {
    const holds = candidate.kind === 'initdata' && isSame(policyOf(candidate), policy);
    if (holds && measurementOf(candidate) === got) note('initdata', candidate.name);
  }
  if (first?.policy !== undefined && sha256(first.policy) === got) {
    note('policy-of-initdata', first.name);
  }
  for (const other of others) if (measurementOf(other) === got) note('other', other.name);
  return found;
}

/** The policy text: the candidate itself, or what is inside of it. */
function policyOf({ kind, text, policy }: Candidate): Uint8Array | undefined {
  return kind === 'policy' ? text : policy;
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

/** HOST_DATA of a candidate: SHA-256 of a policy; of initdata its digest, cut to 32 bytes. */
export function measurementOf({ kind, text, algorithm = 'sha256' }: Candidate): string {
  if (kind === 'policy') return sha256(text);
  return createHash(algorithm).update(text).digest().subarray(0, HOST_DATA_BYTES).toString('hex');
}

/** The texts that are hashed by mistake in place of the policy text; never the text itself. */
function variantsOf(text: Buffer): readonly (readonly [NearMissKind, Buffer])[] {
  const base64 = text.toString('base64');
  const latin1 = text.toString('latin1');
  const lf = latin1.replace(/\r\n/g, '\n');
  const marked = text.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const lastEnd = /\r?\n$/.exec(latin1)?.[0].length ?? 0;
  const variants: readonly (readonly [NearMissKind, Buffer])[] = [
    ['base64-text', Buffer.from(base64)],
    ['base64-text', Buffer.from(`${base64}\n`)],
    ['newline-added', Buffer.concat([text, Buffer.from('\n')])],
    ['newline-removed', text.subarray(0, text.length - lastEnd)],
    ['crlf', Buffer.from(lf.replace(/\n/g, '\r\n'), 'latin1')],
    ['lf', Buffer.from(lf, 'latin1')],
    ['byte-order-mark', marked ? text.subarray(3) : Buffer.concat([BYTE_ORDER_MARK, text])],
  ];
  return variants.filter(([, variant]) => !variant.equals(text));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
