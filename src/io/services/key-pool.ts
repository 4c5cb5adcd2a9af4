/**
 * RSA key pairs for attestations, made ahead: each serves the releases that share one attestation and is never used again,
 * and making one takes longer than all the rest of a release.
 */
import { privateDecrypt, publicEncrypt } from 'node:crypto';
import { makeRsaPair } from '../../core/key-pair.js';
import type { WrappingKey } from '../../keyrelease/ports.js';

/** Milliseconds from a taken pair until the pool is filled again: the releases that the pair is for would be slowed down. */
const REFILL_MS = 5_000;

const newPair = (): Promise<WrappingKey> => makeRsaPair(2048);

/**
 * Uses a pair once, on this thread: what OpenSSL prepares for the first use of a private key takes three times as long as
 * the use. A pair whose halves do not fit is a bug of the library, and throws.
 */
function tryOut({ publicKey, privateKey }: WrappingKey): void {
  const text = Buffer.from('a pair of keys');
  const opened = privateDecrypt(privateKey, publicEncrypt(publicKey, text));
  if (!opened.equals(text)) throw new Error('the halves of a key pair do not fit');
}

export interface KeyPool {
  /** A pair that nobody else gets. */
  take(): Promise<WrappingKey>;
  /** Settles when the pool is full. */
  filled(): Promise<void>;
  /** Ends the filling. */
  close(): void;
}

/** A pool of up to `size` pairs, filled in the background one after the other. */
export function openKeyPool(size: number): KeyPool {
  const pairs: WrappingKey[] = [];
  let filling: Promise<void> | undefined;
  let refill: NodeJS.Timeout | undefined;
  let closed = false;
  const fill = async () => {
    while (!closed && pairs.length < size) {
      const pair = await newPair();
      tryOut(pair);
      pairs.push(pair);
    }
    filling = undefined;
  };
  const start = () => {
    clearTimeout(refill);
    refill = undefined;
    filling ??= fill();
    return filling;
  };
  return {
    async take() {
      const pair = pairs.shift();
      refill ??= setTimeout(start, REFILL_MS).unref();
      return pair ?? (await newPair());
    },
    filled: start,
    close() {
      closed = true;
      clearTimeout(refill);
      pairs.length = 0;
    },
  };
}
