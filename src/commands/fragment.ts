/** `podseal fragment`: policy fragments of ACI, from text to registry. */
import type { Command } from 'commander';
import { addOutputOptions, type CommandContext, collect } from './context.js';
import type { GenerateOptions } from './fragment/generate.js';
import type { ImportOptions } from './fragment/import.js';
import type { SignOptions } from './fragment/sign.js';
import type { StoreOptions } from './fragment/store.js';
import type { VerifyOptions } from './fragment/verify.js';
import { addImageOptions, addRegistryOptions } from './image-options.js';

/** Adds `fragment` with its sub-commands. */
export function addFragmentCommand(program: Command, context: CommandContext): void {
  const parent = program
    .command('fragment')
    .summary('make, sign, verify, import and store ACI policy fragments')
    .description(
      'Policy fragments of confidential ACI: signed lists of containers that policies import by issuer, feed and minimum svn.',
    );
  addGenerate(parent, context);
  addSign(parent, context);
  addVerify(parent, context);
  addImport(parent, context);
  addAttach(parent, context);
  addPush(parent, context);
  addDiscover(parent, context);
  addPull(parent, context);
}

const FILE = 'signed fragment; - for standard input';

function addGenerate(parent: Command, context: CommandContext): void {
  const command = parent
    .command('generate')
    .summary('print the text of a fragment')
    .description('Print the text of a fragment that allows the containers of one source.')
    .optionsGroup('Fragment:')
    .requiredOption('--namespace <name>', 'Rego package of the fragment')
    .requiredOption('--svn <number>', 'security version number')
    .option('--image <reference>', 'allow this image')
    .option('--input <file>', 'allow the containers of a JSON configuration')
    .option('--with-containers <json>', 'allow container definitions (repeatable)', collect)
    .option('--debug-mode', 'allow shells in the containers of a configuration')
    .option('--disable-stdio', 'do not give containers their standard streams')
    .option('--omit-id', 'leave out the image references')
    .option('--compact', 'containers in one line')
    .option('--guest <profile>', 'version of the policy format', 'confcom-2.0.1');
  addOutputOptions(addImageOptions(command, true))
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText('after', example('generate --image app:1 --namespace contoso --svn 1'))
    .action(async (options: GenerateOptions) => {
      const { runGenerate } = await import('./fragment/generate.js');
      await runGenerate(options, context);
    });
}

function addSign(parent: Command, context: CommandContext): void {
  const command = parent
    .command('sign')
    .summary('sign a fragment (COSE_Sign1)')
    .description(
      'Sign the text of a fragment with a key file or a program. The result is verified as the guest does before it is written.',
    )
    .argument('<file>', 'text of the fragment; - for standard input')
    .optionsGroup('Signer:')
    .requiredOption('--chain <pem>', 'certificates, the one of the key first')
    .option('--key <pem>', 'private key: PKCS#8 (encrypted too), SEC1 or PKCS#1')
    .option('--passphrase-file <file>', 'passphrase of the key; or PODSEAL_KEY_PASSPHRASE')
    .option('--sign-command <command>', 'program that signs what it reads from standard input')
    .option('--sign-digest', 'give the program the hash instead of the bytes to sign')
    .option('--algorithm <name>', 'ES256, ES384, ES512, PS256, PS384, PS512 or EdDSA')
    .optionsGroup('Statement:')
    .option('--feed <name>', 'name of the series of fragments')
    .option('--issuer <did>', 'did:x509 of the signer, instead of one made from the chain')
    .option('--did-policy <predicate>', 'what the issuer states about the certificate', 'CN')
    .option('--pin <index>', 'certificate that the issuer pins; 1 issued the first', '1')
    .option('--text-headers', 'leave out the CWT claims that newer guests read');
  addOutputOptions(command)
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      example('sign contoso.rego --key key.pem --chain chain.pem --feed contoso.azurecr.io/f'),
    )
    .action(async (file: string, options: SignOptions) => {
      const { runSign } = await import('./fragment/sign.js');
      await runSign(file, options, context);
    });
}

function addVerify(parent: Command, context: CommandContext): void {
  const command = parent
    .command('verify')
    .summary('would a guest load this fragment')
    .description(
      'Check a signed fragment as the guest does: certificates, signature, issuer, svn, receipts. Exit status 10 if it would not be loaded.',
    )
    .argument('<file>', FILE)
    .optionsGroup('Expectation:')
    .option('--issuer <did>', 'issuer that the policy imports')
    .option('--feed <name>', 'feed that the policy imports')
    .option('--minimum-svn <svn>', 'lowest svn that the policy imports')
    .option('--require-receipt <ledger>', 'ledger that must vouch, * for any (repeatable)', collect)
    .option('--imports <file>', 'imports to check against, instead of these options')
    .option('--any-issuer', 'DANGEROUS: accept whoever signed it')
    .option('--framework <version>', 'framework version of the guest', '0.5.0')
    .optionsGroup('Ledgers:')
    .option('--ledger-keys <file>', 'public keys of ledgers as JSON Web Keys (repeatable)', collect)
    .option('--ledger <name>', 'ledger of a key file that names none')
    .option('--trust-list <file>', 'signed list of ledger keys (repeatable)', collect)
    .option('--trust-list-issuer <did>', 'who must have signed the lists');
  addOutputOptions(command)
    .addHelpText('after', example('verify contoso.rego.cose --imports fragments.json'))
    .action(async (file: string, options: VerifyOptions) => {
      const { runVerify } = await import('./fragment/verify.js');
      await runVerify(file, options, context);
    });
}

function addImport(parent: Command, context: CommandContext): void {
  const command = parent
    .command('import')
    .summary('print the import statement of a fragment')
    .description(
      'Print what a policy has to state to load a signed fragment. This decides nothing about trust: verify it first.',
    )
    .argument('<fragment>', 'file, or reference in a registry')
    .optionsGroup('Import:')
    .option('--attached', 'the argument is an image: import all that is attached to it')
    .option('--minimum-svn <number>', 'lowest svn to accept; default: that of the fragment')
    .option('--into <file>', 'append to the list fragments of a JSON file')
    .option('--platform <os/arch>', 'image of an index for several platforms');
  addOutputOptions(addRegistryOptions(command))
    .addHelpText('after', example('import contoso.rego.cose --into fragments.json'))
    .action(async (fragment: string, options: ImportOptions) => {
      const { runImport } = await import('./fragment/import.js');
      await runImport(fragment, options, context);
    });
}

function addAttach(parent: Command, context: CommandContext): void {
  const command = parent
    .command('attach')
    .summary('attach a signed fragment to an image')
    .description('Store a signed fragment in the registry of an image, as a referrer of it.')
    .argument('<file>', FILE)
    .argument('<image>', 'image in a registry')
    .optionsGroup('Artifact:')
    .option('--platform <os/arch>', 'image of an index for several platforms')
    .option('--title <name>', 'file name to store; default: that of the file');
  addOutputOptions(addRegistryOptions(command))
    .addHelpText('after', example('attach contoso.rego.cose contoso.azurecr.io/app:1'))
    .action(async (file: string, image: string, options: StoreOptions) => {
      const { runAttach } = await import('./fragment/store.js');
      await runAttach({ file, image }, options, context);
    });
}

function addPush(parent: Command, context: CommandContext): void {
  const command = parent
    .command('push')
    .summary('push a signed fragment to a registry')
    .description('Store a signed fragment under a tag of its own.')
    .argument('<file>', FILE)
    .argument('<reference>', 'registry/repository:tag')
    .optionsGroup('Artifact:')
    .option('--title <name>', 'file name to store; default: that of the file');
  addOutputOptions(addRegistryOptions(command))
    .addHelpText('after', example('push contoso.rego.cose contoso.azurecr.io/fragment:1'))
    .action(async (file: string, reference: string, options: StoreOptions) => {
      const { runPush } = await import('./fragment/store.js');
      await runPush({ file, reference }, options, context);
    });
}

function addDiscover(parent: Command, context: CommandContext): void {
  const command = parent
    .command('discover')
    .summary('list the fragments that are attached to an image')
    .description('List the fragments that are attached to an image, by digest.')
    .argument('<image>', 'image in a registry')
    .optionsGroup('Artifact:')
    .option('--platform <os/arch>', 'image of an index for several platforms');
  addOutputOptions(addRegistryOptions(command))
    .addHelpText('after', example('discover contoso.azurecr.io/app:1'))
    .action(async (image: string, options: StoreOptions) => {
      const { runDiscover } = await import('./fragment/store.js');
      await runDiscover(image, options, context);
    });
}

function addPull(parent: Command, context: CommandContext): void {
  const command = parent
    .command('pull')
    .summary('fetch a signed fragment from a registry')
    .description('Fetch a signed fragment by tag or digest. Only its digests are checked.')
    .argument('<reference>', 'registry/repository:tag or registry/repository@digest');
  addOutputOptions(addRegistryOptions(command))
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .addHelpText('after', example('pull contoso.azurecr.io/fragment:1 -o contoso.rego.cose'))
    .action(async (reference: string, options: StoreOptions) => {
      const { runPull } = await import('./fragment/store.js');
      await runPull(reference, options, context);
    });
}

const example = (line: string) => `\nExample:\n  podseal fragment ${line}`;
