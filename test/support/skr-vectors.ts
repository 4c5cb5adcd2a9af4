/** The vectors of secure key release as they stand in their files: one JSON object each, with the list `cases`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../src/core/json.js';
import { vectorsDir } from './vectors.js';

export const SKR = vectorsDir('skr');

interface Named {
  readonly id: string;
}

export interface KeyWrapFile {
  readonly cases: readonly (Named & {
    readonly kek: string;
    readonly wrapped: string;
    readonly key?: string;
  })[];
}

export interface RsaAesUnwrapFile {
  readonly keys: Readonly<Record<string, string>>;
  readonly cases: readonly (Named & {
    readonly key_name: string;
    readonly enc: string;
    readonly ciphertext: string;
    readonly key?: string;
    readonly error?: true;
  })[];
}

export interface RuntimeDataFile {
  readonly cases: readonly (Named & {
    readonly private_key_pem: string;
    readonly jwks: string;
    readonly sha256: string;
    readonly report_data: string;
  })[];
}

export interface ReportDataFile {
  readonly cases: readonly (Named & {
    readonly runtime_data: string;
    readonly report_data?: string;
    /** Status of the HTTP interface. */
    readonly error?: string;
  })[];
}

export interface TokenFile {
  readonly jwks: JsonObject;
  readonly expect: {
    readonly issuer: string;
    readonly now: number;
    readonly skew_s: number;
    readonly hostdata: string;
  };
  readonly cases: readonly (Named & {
    readonly token: string;
    readonly verdict: 'accept' | 'reject';
  })[];
}

export interface ReleaseAnswerFile {
  readonly endpoint: string;
  readonly kid: string;
  readonly now: number;
  readonly root_pem: string;
  readonly wrapping_key_pem: string;
  readonly request: { readonly method: string; readonly url: string };
  readonly cases: readonly (Named & {
    readonly response: JsonObject;
    readonly verdict: 'accept' | 'reject';
    /** What was asked for besides the key of the file. */
    readonly enc?: string;
    readonly nonce?: string;
    readonly jwk?: JsonObject;
  })[];
}

export interface ReleasePolicyFile {
  readonly claims: JsonObject;
  readonly cases: readonly (Named & {
    readonly policy?: JsonObject;
    readonly policy_text?: string;
    readonly claims?: JsonObject;
    readonly decision: 'release' | 'deny' | 'invalid' | 'unsure';
  })[];
}

export interface ImportFile {
  readonly cases: readonly (Named & {
    readonly config: JsonObject;
    /** A symmetric key, or a private one. */
    readonly key_hex?: string;
    readonly private_key_pem?: string;
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly policy: string;
    readonly policy_b64url: string;
    readonly body: string;
  })[];
}

export interface DerivedKeyFile {
  readonly cases: readonly (Named & {
    readonly private_key_pem: string;
    readonly salt: string;
    readonly label: string;
    readonly key: string;
  })[];
}

export interface CertificateSourceFile {
  readonly cases: readonly (Named & {
    readonly fetcher?: {
      readonly endpoint_type: string;
      readonly endpoint?: string;
      readonly tee_type?: string;
      readonly api_version?: string;
      readonly client_id?: string;
    };
    readonly chip_id?: string;
    readonly tcb?: string;
    readonly url?: string;
    readonly chain_url?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly tcbm?: string;
    readonly bytes_le?: string;
    readonly parts?: Readonly<Record<'bl' | 'tee' | 'snp' | 'ucode', number>>;
    readonly error?: true;
  })[];
}

export interface KeyProviderFile {
  readonly cases: readonly (Named & {
    readonly annotation_b64?: string;
    readonly annotation?: Readonly<Record<string, string>>;
    readonly wrapped_len?: number;
    readonly json?: JsonObject | string;
    readonly key_info?: Readonly<Record<string, string>>;
    readonly private_key_pem?: string;
    readonly plaintext_b64?: string;
    readonly error?: true;
  })[];
}

export interface JwsFile {
  readonly cases: readonly { readonly token: string; readonly ok: boolean }[];
}

export interface RedactionFile {
  readonly cases: readonly { readonly input: string; readonly output: string }[];
}

export interface X509File {
  readonly cases: readonly (Named & {
    /** Base64 of one certificate. */
    readonly cert?: string;
    readonly x5c?: readonly string[];
    readonly root?: string;
    readonly dns?: string;
    /** Time of the check; absent: the present. */
    readonly at?: string;
    readonly ok: boolean;
    readonly reference_message?: string;
  })[];
}

export interface AttestationRequestFile {
  readonly cases: readonly (Named & {
    readonly method: string;
    readonly url: string;
    readonly report: string;
    readonly chain: string;
    readonly uvm: string | null;
    readonly runtime_data: string;
    readonly nonce: string;
    readonly inner_sha256: string;
    readonly body_sha256: string;
    readonly body_length: number;
    readonly body?: string;
  })[];
}

export interface HttpFile {
  readonly cases: readonly (Named & {
    readonly method?: string;
    readonly path?: string;
    readonly request_text?: string;
    readonly status?: number;
    /** Text for exactly this, or the shape of what is wanted; `*` for anything. */
    readonly body?: string | Readonly<Record<string, string>>;
    readonly snp_report_data?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly decoded?: JsonObject;
  })[];
}

/** A file of any kind, before it is known of which. */
export interface VectorFile {
  readonly name: string;
  readonly cases: readonly object[];
}

/** Reads one file. `folder` must be there. */
export function readVectors<F>(name: string, folder: string): F {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as F;
}

/** All JSON files of the folder, by name. */
export function allVectors(folder: string): readonly VectorFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({
      name,
      cases: readVectors<{ cases: readonly object[] }>(name, folder).cases,
    }));
}
