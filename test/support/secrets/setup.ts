/** In each worker, before a test file: every private key that is made or read in this process is a secret of the run. */
import crypto, { KeyObject } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { promisify } from 'node:util';
import { keepBytes } from './record.js';

const SPKI = { format: 'der', type: 'spki' } as const;
const PKCS8 = { format: 'der', type: 'pkcs8' } as const;
const PRIVATE_MEMBERS: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi'];

const { createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync } = crypto;

/** Keeps the private members of what a function of node:crypto gave as a key. */
function keepKey(made: unknown): void {
  const key = typeof made === 'string' ? createPrivateKey(made) : made;
  if (!(key instanceof KeyObject) || key.type !== 'private') return;
  for (const [name, value] of Object.entries(membersOf(key))) {
    if (typeof value !== 'string' || !PRIVATE_MEMBERS.includes(name)) continue;
    const label = `${name} of a private ${key.asymmetricKeyType} key`;
    keepBytes(Buffer.from(value, 'base64url'), label);
    // As it stands in a JWK, which may be encoded once more.
    keepBytes(Buffer.from(value), label);
  }
}

/** None for keys that have no JWK: tests make them only to be refused. */
function membersOf(key: KeyObject): Readonly<Record<string, unknown>> {
  try {
    return key.export({ format: 'jwk' });
  } catch {
    return {};
  }
}

crypto.createPrivateKey = (input) => {
  const key = createPrivateKey(input);
  keepKey(key);
  return key;
};

interface Pair {
  readonly publicKey: unknown;
  readonly privateKey: unknown;
}

/** Keeps the private key of a pair. Gives the pair read again: src/core/key-pair.ts says why. */
function keepPair({ publicKey, privateKey }: Pair): Pair {
  const pair = { publicKey: readAgain(publicKey), privateKey: readAgain(privateKey) };
  keepKey(pair.privateKey);
  return pair;
}

function readAgain(key: unknown): unknown {
  if (!(key instanceof KeyObject)) return key;
  if (key.type === 'public') {
    return createPublicKey({ key: key.export(SPKI), ...SPKI });
  }
  return createPrivateKey({ key: key.export(PKCS8), ...PKCS8 });
}

const makeSync = generateKeyPairSync as (...args: unknown[]) => Pair;
crypto.generateKeyPairSync = ((...args: unknown[]) =>
  keepPair(makeSync(...args))) as typeof generateKeyPairSync;

type Made = (error: Error | null, publicKey: unknown, privateKey: unknown) => void;
const make = generateKeyPair as unknown as (...args: unknown[]) => void;
const makeLater = promisify(generateKeyPair) as (...args: unknown[]) => Promise<Pair>;
crypto.generateKeyPair = Object.assign(
  (...args: unknown[]) => {
    const done = args.at(-1) as Made;
    const keep: Made = (error, publicKey, privateKey) => {
      const pair = error === null ? keepPair({ publicKey, privateKey }) : undefined;
      done(error, pair?.publicKey, pair?.privateKey);
    };
    make(...args.slice(0, -1), keep);
  },
  {
    [promisify.custom]: async (...args: unknown[]) => keepPair(await makeLater(...args)),
  },
) as unknown as typeof generateKeyPair;

// Those who import the functions by name get these ones.
syncBuiltinESMExports();
