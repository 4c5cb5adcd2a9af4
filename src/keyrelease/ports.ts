/** What a key release needs of the world. `io/` implements these; the stand-ins of a rehearsal do too. */
import type { KeyObject } from 'node:crypto';

export interface ServiceRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** May hold secrets: never logged. */
  readonly body?: string;
}

export interface ServiceAnswer {
  readonly status: number;
  /** The whole body; longer ones than LIMITS.serviceAnswerBytes are an error, never cut. */
  readonly body: Buffer;
  /** Seconds after which the service wants to be asked again, if it says so. */
  readonly retryAfter?: number;
}

/** Sends one request. Follows no redirect. Throws SERVICE_UNREACHABLE and SERVICE_TIMEOUT. */
export type SendRequest = (request: ServiceRequest) => Promise<ServiceAnswer>;

/** A request for bytes. */
export type TransferRequest = Omit<ServiceRequest, 'body'> & { readonly body?: Uint8Array };

export interface BinaryAnswer extends ServiceAnswer {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What an identity service gives. */
export interface AccessToken {
  /** Secret. */
  readonly token: string;
  /** Seconds that it lasts from the answer on, and its end in seconds since 1970, as far as the service says. */
  readonly expiresIn?: number;
  readonly expiresOn?: number;
}

/** The SNP device of this guest. */
export interface ReportDevice {
  /**
   * A fresh report, 1184 bytes, whose REPORT_DATA are the given 64 bytes. Throws DEVICE_ABSENT and DEVICE_FAILED.
   */
  report(reportData: Uint8Array): Promise<Uint8Array>;
  /** True for a stand-in: every answer that rests on it says so. */
  readonly fake: boolean;
}

/** Certificates with the TCB that they are for: one value, swapped as a whole. */
export interface Collateral {
  readonly tcb: bigint;
  /** As the source wrote it. */
  readonly tcbText: string;
  /** PEM text: VCEK, ASK, ARK. */
  readonly chain: string;
}

/** An RSA key pair of one request; the private half never leaves memory. */
export interface WrappingKey {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}
