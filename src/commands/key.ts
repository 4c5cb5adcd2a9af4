/** `podseal key`: keys in Key Vault or Managed HSM under a release policy. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { COMPLIANCE, COMPLIANCE_VALUES } from '../release/release-policy.js';
import { addOutputOptions, addStoryOptions, type CommandContext, collect } from './context.js';
import { addGuestOptions } from './guest-options.js';
import type { CreateOptions } from './key/create.js';
import type { DoctorOptions } from './key/doctor.js';
import type { ImportOptions } from './key/import.js';
import type { ReleaseOptions } from './key/release.js';
import { addServiceOptions } from './key/services.js';

/** Adds `key` with its sub-commands. */
export function addKeyCommand(program: Command, context: CommandContext): void {
  const parent = program
    .command('key')
    .summary('create, import, release and diagnose keys under a release policy')
    .description(
      'Keys in Azure Key Vault or Managed HSM that are released to attested guests only.',
    );
  addCreate(parent, context);
  addImport(parent, context);
  addRelease(parent, context);
  addDoctor(parent, context);
}

const VAULT = 'vault or managed HSM, e.g. NAME.vault.azure.net';
const AUTHORITY = 'attestation service, e.g. sharedeus2.eus2.attest.azure.net';

function addCreate(parent: Command, context: CommandContext): void {
  const command = parent
    .command('create')
    .summary('create an exportable key under a release policy')
    .description(
      'Create an exportable key inside the vault, under a release policy that is linted first. Without --apply nothing is sent: the request is printed.',
    )
    .argument('<name>', 'name of the key')
    .optionsGroup('Key:')
    .requiredOption('--vault <host>', VAULT)
    .requiredOption('--policy <file>', 'release policy')
    .addOption(
      new Option('--type <type>', 'kind of key')
        .choices(['RSA-HSM', 'EC-HSM', 'oct-HSM'])
        .default('RSA-HSM'),
    )
    .addOption(new Option('--size <bits>', 'bits of an RSA or symmetric key').argParser(parseSize))
    .addOption(
      new Option('--curve <name>', 'curve of an EC key (default: P-256)').choices([
        'P-256',
        'P-384',
        'P-521',
      ]),
    )
    .option('--ops <operation>', 'operation that the key is for (repeatable)', collect)
    .option('--immutable', 'DANGEROUS: the policy of this version can never be changed again');
  addServiceOptions(command)
    .optionsGroup('Output:')
    .option('--apply', 'do it; without it the request is only printed')
    .option('--public-key <file>', 'save the public half as PEM')
    .option('--info <file>', 'save what wrappers of secrets need to know; with --authority')
    .option('--authority <host>', AUTHORITY);
  addStoryOptions(command)
    .addHelpText(
      'after',
      `
Example:
  podseal key create kafka-key --vault NAME.vault.azure.net --policy release.json --apply \\
    --public-key kafka-key-pub.pem --info kafka-key-info.json --authority sharedeus2.eus2.attest.azure.net`,
    )
    .action(async (name: string, options: CreateOptions) => {
      const { runCreate } = await import('./key/create.js');
      await runCreate(name, options, context);
    });
}

function addImport(parent: Command, context: CommandContext): void {
  const command = parent
    .command('import')
    .summary('import a key under a release policy')
    .description(
      'Import a symmetric, RSA or EC key under the release policy of a configuration file (the format of the importkey tool). Without --apply nothing is sent or written: the request is printed without its secrets.',
    )
    .optionsGroup('Key:')
    .requiredOption('-c, --config <file>', 'configuration')
    .option('--key-hex-file <file>', 'symmetric key as hex digits')
    .option('--key-pem <file>', 'private key, PKCS#8 PEM')
    .option('--generate', 'make a fresh key of the configured type')
    .option('--force', 'DANGEROUS: import under a policy that lint refuses');
  addServiceOptions(command)
    .optionsGroup('Output:')
    .option('--apply', 'do it; without it the request is only printed')
    .option('--save-key <file>', 'keep the key too, readable by you alone')
    .option('--derived-key <file>', 'save the symmetric key that workloads derive (HKDF-SHA256)');
  addStoryOptions(command)
    .addHelpText(
      'after',
      `
Configuration:
  {"key": {"kid": "NAME",
           "kty": "RSA-HSM",              or oct-HSM, EC-HSM
           "authority": {"endpoint": "sharedeus2.eus2.attest.azure.net"},
           "akv": {"endpoint": "NAME.managedhsm.azure.net"}},
   "claims": [[{"claim": "x-ms-sevsnpvm-hostdata", "equals": "HEX"}, ...]],
   "key_derivation": {"salt": "HEX", "label": "TEXT"}}   with --derived-key
  Each list of claims is one way to get the key; "podseal measure pod.yaml" prints HEX.

Examples:
  podseal key import -c importkey.json --generate
  podseal key import -c importkey.json --key-hex-file key.hex --apply
  podseal key import -c importkey.json --generate --apply --derived-key data.key`,
    )
    .action(async (options: ImportOptions) => {
      const { runImport } = await import('./key/import.js');
      await runImport(options, context);
    });
}

function addRelease(parent: Command, context: CommandContext): void {
  const command = parent
    .command('release')
    .summary('release a key to this guest')
    .description(
      'Release a key to this confidential guest: report, token, release and unwrapping in one command, as the side-car does it. Prints the key as JWK.',
    )
    .argument('<key>', 'NAME or NAME/VERSION')
    .requiredOption('--vault <host>', VAULT)
    .requiredOption('--authority <host>', AUTHORITY);
  addGuestOptions(command)
    .optionsGroup('Output:')
    .option('-o, --output <file>', 'write to a file, readable by you alone, instead of stdout');
  addStoryOptions(command)
    .addHelpText(
      'after',
      `
Example:
  podseal key release kafka-key --vault NAME.vault.azure.net --authority sharedeus2.eus2.attest.azure.net \\
    -o kafka-key.jwk`,
    )
    .action(async (kid: string, options: ReleaseOptions) => {
      const { runRelease } = await import('./key/release.js');
      await runRelease(kid, options, context);
    });
}

function addDoctor(parent: Command, context: CommandContext): void {
  const command = parent
    .command('doctor')
    .summary('find out why a key is not released')
    .description(
      'Find out why a key is not released: network, identity, key, release policy and claims are examined one by one, or the text of a saved error is explained. Nothing is changed and no key leaves the vault. Exit status 10 if something fails.',
    )
    .optionsGroup('From an error:')
    .option(
      '--error <file>',
      'text of an error, as side-car, vault or kubectl printed it; - for stdin',
    )
    .optionsGroup('From the services:')
    .option('--vault <host>', VAULT)
    .option('--key <id>', 'NAME or NAME/VERSION')
    .option('--authority <host>', AUTHORITY)
    .option('--manifest <file>', 'manifest or policy whose measurement should get the key')
    .addOption(
      new Option('--compliance <status>', 'what the service vouches for')
        .choices(COMPLIANCE_VALUES)
        .default(COMPLIANCE.aks),
    );
  addOutputOptions(addServiceOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  kubectl logs consumer -c skr | podseal key doctor --error -
  podseal key doctor --vault NAME.vault.azure.net --key kafka-key \\
    --authority sharedeus2.eus2.attest.azure.net --manifest pod.yaml`,
    )
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('./key/doctor.js');
      await runDoctor(options, context);
    });
}

function parseSize(text: string): number {
  const bits = /^[0-9]{3,4}$/.test(text) ? Number(text) : 0;
  if ([128, 192, 256, 2048, 3072, 4096].includes(bits)) return bits;
  throw new InvalidArgumentError('want 2048, 3072 or 4096 for RSA, 128, 192 or 256 for oct');
}
