/** In each worker, before a test file: every private key that is made or read in this process is a secret of the run. */
import crypto, { KeyObject } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { promisify } from 'node:util';
import { keepBytes } from './record.js';

const PRIVATE_MEMBERS: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi'];

const { createPrivateKey, generateKeyPair, generateKeyPairSync } = crypto;

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

const makeSync = generateKeyPairSync as (...args: unknown[]) => { readonly privateKey: unknown };
crypto.generateKeyPairSync = ((...args: unknown[]) => {
  const pair = makeSync(...args);
  keepKey(pair.privateKey);
  return pair;
}) as typeof generateKeyPairSync;

type Made = (error: Error | null, publicKey: unknown, privateKey: unknown) => void;
const make = generateKeyPair as unknown as (...args: unknown[]) => void;
const makeLater = promisify(generateKeyPair) as (
  ...args: unknown[]
) => Promise<{ readonly privateKey: unknown }>;
crypto.generateKeyPair = Object.assign(
  (...args: unknown[]) => {
    const done = args.at(-1) as Made;
    const keep: Made = (error, publicKey, privateKey) => {
      if (error === null) keepKey(privateKey);
      done(error, publicKey, privateKey);
    };
    make(...args.slice(0, -1), keep);
  },
  {
    [promisify.custom]: async (...args: unknown[]) => {
      const pair = await makeLater(...args);
      keepKey(pair.privateKey);
      return pair;
    },
  },
) as unknown as typeof generateKeyPair;

// Those who import the functions by name get these ones.
syncBuiltinESMExports();
