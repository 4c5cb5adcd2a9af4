/** Runs `podseal key create`. */
import { ToolError } from '../../core/error.js';
import { parseKeyId, parseServiceHost } from '../../keyrelease/hosts.js';
import { printKeyInfo, readVaultKey, type VaultKey } from '../../keyrelease/vault-answer.js';
import { buildCreateRequest } from '../../keyrelease/vault-requests.js';
import { type CommandContext, readOutputOptions } from '../context.js';
import {
  openServices,
  readStorablePolicy,
  type ServiceOptions,
  sendToVault,
  showRequest,
} from './services.js';

export interface CreateOptions extends ServiceOptions {
  readonly vault: string;
  readonly policy: string;
  readonly type: 'RSA-HSM' | 'EC-HSM' | 'oct-HSM';
  readonly size?: number;
  readonly curve?: string;
  readonly ops?: string[];
  readonly immutable?: boolean;
  readonly publicKey?: string;
  readonly info?: string;
  readonly authority?: string;
  readonly apply?: boolean;
}

/** Operations of a key by its type, where none are given. */
const OPERATIONS = {
  'RSA-HSM': ['wrapKey', 'unwrapKey', 'encrypt', 'decrypt'],
  'EC-HSM': ['sign', 'verify'],
  'oct-HSM': ['wrapKey', 'unwrapKey', 'encrypt', 'decrypt'],
} as const;
/** What a vault lets a key do (REST API, JsonWebKeyOperation). */
const KNOWN_OPERATIONS: readonly string[] = [
  ...['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey', 'import', 'export'],
];
/** Sizes in bits by the type of key, the default first. */
const SIZES: Readonly<Record<CreateOptions['type'], readonly number[]>> = {
  'RSA-HSM': [3072, 2048, 4096],
  'oct-HSM': [256, 128, 192],
  'EC-HSM': [],
};

export async function runCreate(
  name: string,
  options: CreateOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(
    readOutputOptions(options as unknown as Record<string, unknown>),
  );
  const key = parseKeyId(name);
  if (key.version !== undefined) {
    throw new ToolError('KEY_ID_INVALID', 'a key to create has no version yet', { got: name });
  }
  if ((options.info === undefined) !== (options.authority === undefined)) {
    throw new ToolError('USAGE_CONFLICT', '--info and --authority go together');
  }
  if (options.info !== undefined && options.publicKey === undefined) {
    throw new ToolError('USAGE_CONFLICT', '--info needs --public-key, the file that it names');
  }
  if (options.publicKey !== undefined && options.type === 'oct-HSM') {
    throw new ToolError(
      'USAGE_CONFLICT',
      'a symmetric key has no public half: leave --public-key out',
    );
  }
  const authority =
    options.authority === undefined
      ? undefined
      : parseServiceHost(options.authority, 'attestation service', options.allowHost ?? []);
  const shape = readShape(options);
  const services = await openServices(options);
  try {
    const vault = parseServiceHost(options.vault, 'key vault', services.listedHosts);
    const request = buildCreateRequest(vault, key.name, {
      ...shape,
      policyText: await readStorablePolicy(options.policy),
      immutable: options.immutable === true,
    });
    if (options.immutable) {
      terminal.notice({
        code: 'immutable-policy',
        message: 'the release policy of this key version can never be changed again',
      });
    }
    if (options.apply !== true) {
      await terminal.product(`${JSON.stringify(showRequest(request), null, 2)}\n`);
      terminal.info('nothing was sent: --apply creates the key');
      return;
    }
    const made = readVaultKey(await sendToVault(services, request), vault);
    await terminal.product(`${made.kid}\n`);
    for (const file of await writeFiles(made, { vault, authority }, options)) {
      terminal.info(`wrote ${file}`);
    }
  } finally {
    await services.close();
  }
}

/** Type, size, curve and operations, which must fit each other. */
function readShape({ type, size, curve, ops }: CreateOptions) {
  const [standard, ...others] = SIZES[type];
  if (size !== undefined && size !== standard && !others.includes(size)) {
    throw new ToolError('USAGE_CONFLICT', `a key of type ${type} has no size of ${size} bits`, {
      want: SIZES[type].join(', ') || '--curve',
    });
  }
  if (curve !== undefined && type !== 'EC-HSM') {
    throw new ToolError('USAGE_CONFLICT', `a key of type ${type} has no curve`);
  }
  const unknown = ops?.find((one) => !KNOWN_OPERATIONS.includes(one));
  if (unknown !== undefined) {
    throw new ToolError('USAGE_CONFLICT', 'the vault knows no such operation', {
      want: KNOWN_OPERATIONS.join(', '),
      got: unknown,
    });
  }
  const keySize = size ?? standard;
  return {
    kty: type,
    ...(keySize === undefined ? { curve: curve ?? 'P-256' } : { keySize }),
    keyOps: ops ?? OPERATIONS[type],
  };
}

/** Writes what was asked for; the names of the files. */
async function writeFiles(
  { publicKey: pem }: VaultKey,
  { vault, authority }: { readonly vault: string; readonly authority: string | undefined },
  { publicKey, info }: CreateOptions,
): Promise<readonly string[]> {
  if (publicKey === undefined) return [];
  if (pem === undefined) {
    throw new ToolError('VAULT_ANSWER_INVALID', 'the vault gave no public key');
  }
  const { writeFileAtomic } = await import('../../io/files.js');
  await writeFileAtomic(publicKey, pem);
  if (info === undefined || authority === undefined) return [publicKey];
  const { dirname, isAbsolute, relative } = await import('node:path');
  // As whoever reads it sees it: from where the information stands.
  const path = isAbsolute(publicKey) ? publicKey : relative(dirname(info), publicKey);
  await writeFileAtomic(info, printKeyInfo(path, vault, authority));
  return [publicKey, info];
}
