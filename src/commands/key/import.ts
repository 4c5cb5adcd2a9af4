/** Runs `podseal key import`. */
import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { ToolError } from '../../core/error.js';
import type { JsonValue } from '../../core/json.js';
import { makeEcPair, makeRsaPair } from '../../core/key-pair.js';
import { parseKeyId, parseServiceHost } from '../../keyrelease/hosts.js';
import {
  buildImportRequest,
  buildOctJwk,
  buildPrivateJwk,
  type ImportConfig,
  printImportPolicy,
  readImportConfig,
} from '../../keyrelease/import-key.js';
import { readVaultKey } from '../../keyrelease/vault-answer.js';
import { type CommandContext, readOutputOptions } from '../context.js';
import {
  openServices,
  refuseBlocking,
  type ServiceOptions,
  sendToVault,
  showRequest,
} from './services.js';

export interface ImportOptions extends ServiceOptions {
  readonly config: string;
  readonly keyHexFile?: string;
  readonly keyPem?: string;
  readonly generate?: boolean;
  readonly saveKey?: string;
  readonly derivedKey?: string;
  readonly force?: boolean;
  readonly apply?: boolean;
}

/** The key to import: a private key, or raw bytes. Secret. */
type Material = { readonly key: KeyObject } | { readonly bytes: Buffer };

/** Files of keys are for their owner alone. */
const SECRET_MODE = 0o600;

export async function runImport(options: ImportOptions, context: CommandContext): Promise<void> {
  const terminal = context.terminal(
    readOutputOptions(options as unknown as Record<string, unknown>),
  );
  const { readTextFile } = await import('../../io/files.js');
  const config = readImportConfig(await readTextFile(options.config), options.config);
  const services = await openServices(options);
  try {
    const vault = parseServiceHost(config.vault, 'key vault', services.listedHosts);
    const { name: kid, version } = parseKeyId(config.kid);
    if (version !== undefined) {
      throw new ToolError('KEY_ID_INVALID', 'a key to import has no version yet', {
        got: config.kid,
      });
    }
    const policyText = await checkPolicy(config, options);
    const material = await readMaterial(config, options);
    const request = buildImportRequest(
      { ...config, vault, kid },
      jwkOf(material, config),
      policyText,
    );
    if (options.apply !== true) {
      await terminal.product(`${JSON.stringify(showRequest(request), null, 2)}\n`);
      terminal.info('nothing was sent or written: --apply imports the key');
      return;
    }
    for (const file of await saveFiles(material, config, options)) {
      terminal.info(`wrote ${file}, readable by you alone`);
    }
    const answer = await sendToVault(services, request, config.bearerToken);
    await terminal.product(`${readVaultKey(answer, vault).kid}\n`);
  } finally {
    await services.close();
  }
}

/** The policy of the configuration, linted: what must not be stored is sent with --force only. */
async function checkPolicy(config: ImportConfig, options: ImportOptions): Promise<string> {
  const [{ readReleasePolicy }, { blockingFindings, lintReleasePolicy }] = await Promise.all([
    import('../../release/grammar.js'),
    import('../../release/lint.js'),
  ]);
  const text = printImportPolicy(config);
  const policy = readReleasePolicy(text, options.config);
  const findings = blockingFindings(lintReleasePolicy(policy, options.config));
  if (options.force !== true) refuseBlocking(findings, options.config);
  return text;
}

async function readMaterial(config: ImportConfig, options: ImportOptions): Promise<Material> {
  const { keyHexFile, keyPem, generate } = options;
  const given = [keyHexFile, keyPem, generate].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new ToolError('USAGE_CONFLICT', 'key import needs exactly one source of the key', {
      want: '--key-hex-file FILE, --key-pem FILE or --generate',
    });
  }
  const { readTextFile } = await import('../../io/files.js');
  if (keyHexFile !== undefined)
    return { bytes: hexBytes(await readTextFile(keyHexFile), keyHexFile) };
  if (keyPem !== undefined) return { key: openKey(await readTextFile(keyPem), keyPem) };
  if (config.kty === 'oct-HSM') return { bytes: randomBytes(32) };
  const pair = config.kty === 'RSA-HSM' ? makeRsaPair(3072) : makeEcPair('P-256');
  return { key: (await pair).privateKey };
}

function hexBytes(text: string, file: string): Buffer {
  const digits = text.trim();
  if (/^([0-9a-fA-F]{2})+$/.test(digits)) return Buffer.from(digits, 'hex');
  throw new ToolError('KEY_CONFIG_INVALID', `${file} does not hold hex digits`, {
    want: 'an even number of hex digits',
  });
}

function openKey(pem: string, file: string): KeyObject {
  try {
    if (/^-----BEGIN PRIVATE KEY-----$/m.test(pem)) return createPrivateKey(pem);
  } catch {
    // Refused below, as other forms are: the importkey tool reads this one alone.
  }
  throw new ToolError('KEY_CONFIG_INVALID', `${file} does not hold a private key`, {
    want: 'PKCS#8 PEM without passphrase',
    hints: ['`openssl pkcs8 -topk8 -nocrypt -in FILE` converts other forms'],
  });
}

function jwkOf(material: Material, { kty, keyOps }: ImportConfig): JsonValue {
  if ('bytes' in material) {
    if (kty === 'oct-HSM') return buildOctJwk(material.bytes, keyOps);
    throw new ToolError('KEY_CONFIG_INVALID', `key.kty ${kty} needs a key in PEM`);
  }
  if (kty !== 'oct-HSM') return buildPrivateJwk(material.key, kty, keyOps);
  throw new ToolError('KEY_CONFIG_INVALID', 'key.kty oct-HSM needs a key in hex');
}

/**
 * Keeps a generated key, and writes the symmetric key that a workload derives from the released one; the names of the
 * files. All is made before anything is written.
 */
async function saveFiles(
  material: Material,
  config: ImportConfig,
  { saveKey, derivedKey }: ImportOptions,
): Promise<readonly string[]> {
  const { writeFileAtomic } = await import('../../io/files.js');
  const files: [string, string | Buffer][] = [];
  if (derivedKey !== undefined) files.push([derivedKey, await deriveKey(material, config)]);
  if (saveKey !== undefined) {
    const content =
      'bytes' in material
        ? `${material.bytes.toString('hex')}\n`
        : material.key.export({ type: 'pkcs8', format: 'pem' });
    files.push([saveKey, content]);
  }
  for (const [file, content] of files) await writeFileAtomic(file, content, SECRET_MODE);
  return files.map(([file]) => file);
}

/** The symmetric key that workloads have: a symmetric one itself. */
async function deriveKey(material: Material, { derivation }: ImportConfig): Promise<Buffer> {
  if ('bytes' in material) return material.bytes;
  const { salt, label } = derivation;
  if (material.key.asymmetricKeyType !== 'rsa' || salt === undefined) {
    throw new ToolError(
      'KEY_CONFIG_INVALID',
      'a derived key needs an RSA key and key_derivation.salt',
    );
  }
  const { deriveSymmetricKey, DEFAULT_LABEL } = await import('../../keyrelease/derive.js');
  const saltBytes = hexBytes(salt, 'key_derivation.salt');
  return deriveSymmetricKey(material.key, saltBytes, label ?? DEFAULT_LABEL);
}
