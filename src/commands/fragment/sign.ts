/** The run of `podseal fragment sign`. */
import { createHash, type KeyObject } from 'node:crypto';
import type { CoseAlgorithm } from '../../core/cose-algorithms.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { Certificate } from '../../core/x509.js';
import type { Signer } from '../../fragment/sign.js';
import { type CommandContext, readOutputOptions } from '../context.js';

export interface SignOptions {
  readonly chain: string;
  readonly key?: string;
  readonly passphraseFile?: string;
  readonly signCommand?: string;
  readonly signDigest?: boolean;
  readonly algorithm?: string;
  readonly feed?: string;
  readonly issuer?: string;
  readonly didPolicy: string;
  readonly pin: string;
  readonly textHeaders?: boolean;
  readonly output?: string;
  readonly json?: boolean;
}

export async function runSign(
  file: string,
  options: SignOptions,
  context: CommandContext,
): Promise<void> {
  checkOptions(options);
  const terminal = context.terminal(readOutputOptions({ ...options }));
  const [{ readBinaryFile, writeFileAtomic }, { parseFragment }, signing, x509, keys] =
    await Promise.all([
      import('../../io/files.js'),
      import('../../fragment/payload.js'),
      import('../../fragment/sign.js'),
      import('../../core/x509.js'),
      import('../../fragment/signing-key.js'),
    ]);
  const payload = Buffer.from(await readBinaryFile(file, LIMITS.policyTextBytes));
  const { svn } = parseFragment(payload, file);
  const chain = x509.parseCertificates(
    await readBinaryFile(options.chain, LIMITS.pemBytes),
    options.chain,
  );
  const leafKey = x509.publicKeyOf(leafOf(chain, options.chain), options.chain);
  const algorithm = keys.chooseAlgorithm(options.algorithm, leafKey);
  const headerSvn =
    svn !== undefined && /^[0-9]{1,18}$/.test(String(svn)) ? { svn: BigInt(svn) } : {};
  const issuer = await issuerOf(options, chain);
  const document = await signing.signFragment(
    {
      payload,
      algorithm,
      chain,
      issuer,
      feed: options.feed ?? '',
      contentType: signing.FRAGMENT_CONTENT_TYPE,
      headers: options.textHeaders === true ? 'text' : 'claims',
      ...headerSvn,
    },
    await signerOf(options, { algorithm, leafKey, signal: context.signal }),
  );
  if (options.feed === undefined) {
    terminal.notice({
      code: 'feed-missing',
      message: 'the fragment has no feed: no guest loads it without one (--feed)',
    });
  }
  terminal.info(`issuer ${issuer}`);
  if (options.output === undefined) return terminal.product(document);
  await writeFileAtomic(options.output, document);
}

function checkOptions(options: SignOptions): void {
  if ((options.key === undefined) === (options.signCommand === undefined)) {
    throw new ToolError('USAGE_CONFLICT', 'exactly one of --key and --sign-command signs');
  }
  if (options.signDigest === true && options.signCommand === undefined) {
    throw new ToolError('USAGE_CONFLICT', '--sign-digest goes with --sign-command');
  }
}

function leafOf(chain: readonly Certificate[], what: string): Certificate {
  const [leaf] = chain;
  if (leaf !== undefined && chain.length > 1) return leaf;
  throw new ToolError('CERTIFICATE_INVALID', `${what} holds no chain`, {
    want: 'the certificate of the key, then those of its issuers',
    got: `${chain.length} certificate(s)`,
  });
}

async function issuerOf(options: SignOptions, chain: readonly Certificate[]): Promise<string> {
  if (options.issuer !== undefined) return options.issuer;
  const { makeDid } = await import('../../core/make-did-x509.js');
  const index = /^[0-9]{1,3}$/.test(options.pin) ? Number(options.pin) : Number.NaN;
  return makeDid(chain, { index, policy: options.didPolicy, form: 'strict' });
}

interface SignerParts {
  readonly algorithm: CoseAlgorithm;
  readonly leafKey: KeyObject;
  readonly signal: AbortSignal;
}

async function signerOf(
  options: SignOptions,
  { algorithm, leafKey, signal }: SignerParts,
): Promise<Signer> {
  const { openSigningKey, normaliseSignature } = await import('../../fragment/signing-key.js');
  const { signCommand } = options;
  if (signCommand !== undefined) {
    const { runSignCommand } = await import('../../io/sign-command.js');
    return async (bytes) => {
      const input = options.signDigest === true ? digestOf(algorithm, bytes) : bytes;
      return normaliseSignature(await runSignCommand(signCommand, input, { signal }), leafKey);
    };
  }
  const [{ signCose }, { readBinaryFile }] = await Promise.all([
    import('../../core/cose-algorithms.js'),
    import('../../io/files.js'),
  ]);
  const file = options.key ?? '';
  const pem = await readBinaryFile(file, LIMITS.pemBytes);
  const key = openSigningKey(pem, file, await passphraseOf(options));
  return (bytes) => signCose(algorithm, key, bytes);
}

function digestOf({ hash, name }: CoseAlgorithm, bytes: Buffer): Buffer {
  if (hash !== undefined) return createHash(hash).update(bytes).digest();
  throw new ToolError('USAGE_CONFLICT', `${name} does not sign a digest`);
}

/** From a file (its last line end is not part of it) or the environment; never from the arguments. */
async function passphraseOf({ passphraseFile }: SignOptions): Promise<Buffer | undefined> {
  if (passphraseFile === undefined) {
    const { environment } = await import('../../io/machine.js');
    const text = environment().PODSEAL_KEY_PASSPHRASE;
    return text ? Buffer.from(text) : undefined;
  }
  const { readTextFile } = await import('../../io/files.js');
  return Buffer.from((await readTextFile(passphraseFile)).replace(/\r?\n$/, ''));
}
