/** Options of `release-policy create` for SGX enclaves, in place of measurements of confidential containers. */
import { type Command, InvalidArgumentError } from 'commander';
import { ToolError } from '../../core/error.js';
import { type EnclaveIdentity, parseEnclaveHash } from '../../release/enclave-policy.js';
import { collect } from '../context.js';

export interface EnclaveOptions {
  readonly mrenclave?: string[];
  readonly mrsigner?: string;
  readonly productId?: number;
  readonly minSvn?: number;
}

/** Adds the options under "SGX enclaves". */
export function addEnclaveOptions(command: Command): Command {
  return command
    .optionsGroup('SGX enclaves, in place of measurements:')
    .option('--mrenclave <hex>', 'an enclave by its measurement (repeatable)', collect)
    .option('--mrsigner <hex>', 'enclaves of a signer, with --product-id')
    .option('--product-id <n>', 'product of the signer', parseWord)
    .option('--min-svn <n>', 'least security version of that product', parseWord);
}

/** The enclaves of the options; none if none of them is given. Throws USAGE_CONFLICT. */
export function readEnclaves({
  mrenclave = [],
  mrsigner,
  productId,
  minSvn,
}: EnclaveOptions): readonly EnclaveIdentity[] {
  const enclaves = [...new Set(mrenclave)].map((hex) => ({ enclave: parseEnclaveHash(hex) }));
  if ((mrsigner === undefined) !== (productId === undefined)) {
    throw new ToolError('USAGE_CONFLICT', '--mrsigner and --product-id go together', {
      hints: ['a signer signs other products too, test versions for example'],
    });
  }
  if (mrsigner === undefined || productId === undefined) {
    if (minSvn === undefined) return enclaves;
    throw new ToolError('USAGE_CONFLICT', '--min-svn goes with --mrsigner');
  }
  const signer = { signer: parseEnclaveHash(mrsigner), productId };
  return [...enclaves, minSvn === undefined ? signer : { ...signer, minSvn }];
}

/** A number of 16 bits, as quotes have them. */
function parseWord(text: string): number {
  if (/^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 0xffff) return Number(text);
  throw new InvalidArgumentError('want 0 to 65535');
}
