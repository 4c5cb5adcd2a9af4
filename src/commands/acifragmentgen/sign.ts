/** Signs the text of a fragment as `az confcom acifragmentgen` does (aci policy 15.3, 15.4). */

import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { Certificate } from '../../core/x509.js';
import type { AcifragmentgenRun } from './run.js';

/** The signed document: issuer by common name, text headers only. */
export async function signText(text: string, { flags }: AcifragmentgenRun): Promise<Buffer> {
  const [signing, keys, cose, x509, { feedOf }, { readBinaryFile }, { environment }] =
    await Promise.all([
      import('../../fragment/sign.js'),
      import('../../fragment/signing-key.js'),
      import('../../core/cose-algorithms.js'),
      import('../../core/x509.js'),
      import('../../pipeline/acifragmentgen/usage.js'),
      import('../../io/files.js'),
      import('../../io/machine.js'),
    ]);
  const { key: keyFile = '', chain: chainFile = '', algo } = flags;
  const chain = x509.parseCertificates(await readBinaryFile(chainFile, LIMITS.pemBytes), chainFile);
  const [leaf] = chain;
  if (leaf === undefined) throw new ToolError('CERTIFICATE_INVALID', `${chainFile} is empty`);
  const secret = environment().PODSEAL_KEY_PASSPHRASE;
  const key = keys.openSigningKey(
    await readBinaryFile(keyFile, LIMITS.pemBytes),
    keyFile,
    secret ? Buffer.from(secret) : undefined,
  );
  const algorithm = keys.chooseAlgorithm(algo, x509.publicKeyOf(leaf, chainFile));
  return signing.signFragment(
    {
      payload: Buffer.from(text),
      algorithm,
      chain,
      issuer: await issuerOf(chain),
      feed: feedOf(flags),
      contentType: signing.FRAGMENT_CONTENT_TYPE,
      headers: 'text',
    },
    (bytes) => cose.signCose(algorithm, key, bytes),
  );
}

/** The bytes of the reference; where those do not resolve (a colon in the name), percent-encoded ones. */
async function issuerOf(chain: readonly Certificate[]): Promise<string> {
  const { makeDid } = await import('../../core/make-did-x509.js');
  try {
    return makeDid(chain, { index: 1, policy: 'CN', form: 'reference' });
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'DID_INVALID') throw error;
    return makeDid(chain, { index: 1, policy: 'CN', form: 'strict' });
  }
}
