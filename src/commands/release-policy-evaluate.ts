/** `podseal release-policy evaluate`: would the key be released to the guest that a token is about? */
import type { Command } from 'commander';
import { EXIT, ToolError } from '../core/error.js';
import { type JsonObject, parseJson } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import type { Terminal } from '../io/terminal.js';
import { addOutputOptions, type CommandContext, readOutputOptions } from './context.js';

interface EvaluateOptions {
  readonly claims?: string;
  readonly token?: string;
  readonly jwks?: string;
}

/** Adds `evaluate` to `release-policy`. */
export function addReleasePolicyEvaluate(parent: Command, context: CommandContext): void {
  const command = parent
    .command('evaluate')
    .summary('say whether a key would be released, claim by claim')
    .description(
      'Hold the claims of an attestation token against a key release policy and say, claim by claim, whether the key would be released. Nothing is sent anywhere.',
    )
    .argument('<policy>', 'file, or - for stdin')
    .optionsGroup('Input:')
    .option('--claims <file>', 'claims of the token as a JSON object')
    .option('--token <file>', 'the token (JWT) itself')
    .option('--jwks <file>', 'keys of the attestation service: checks the signature of --token');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Exit status 10 if the key would not be released, or if that is not documented.
--json prints {"format": "podseal.release-evaluation/v1", "decision": "release|deny|unsure", "entries": [...]}.

Examples:
  podseal release-policy evaluate release.json --claims claims.json
  podseal release-policy evaluate release.json --token token.jwt --jwks certs.json`,
    )
    .action((file: string, options: EvaluateOptions) => run(file, options, context));
}

async function run(file: string, options: EvaluateOptions, context: CommandContext): Promise<void> {
  const output = readOutputOptions(options as Record<string, unknown>);
  const terminal = context.terminal(output);
  if ((options.claims === undefined) === (options.token === undefined)) {
    throw new ToolError('USAGE_CONFLICT', 'release-policy evaluate needs --claims or --token', {
      hints: ['podseal release-policy evaluate --help'],
    });
  }
  if (options.jwks !== undefined && options.token === undefined) {
    throw new ToolError('USAGE_CONFLICT', '--jwks goes with --token');
  }
  const [{ readTextFile }, { openReleasePolicy }, { evaluateReleasePolicy }] = await Promise.all([
    import('../io/files.js'),
    import('../release/encode.js'),
    import('../release/evaluate.js'),
  ]);
  const { policy } = openReleasePolicy(await readTextFile(file), file);
  const claims = await readClaims(options, terminal);
  const [page, review] = await Promise.all([
    import('../pipeline/release-review.js'),
    import('../pipeline/review.js'),
  ]);
  const result = {
    file,
    claimsFrom: options.claims ?? options.token!,
    ...(options.token === undefined ? {} : { tokenVerified: options.jwks !== undefined }),
    evaluation: evaluateReleasePolicy(policy, claims),
  };
  await terminal.product(
    output.json
      ? review.printJson(page.releaseEvaluationJson(result), terminal.notices)
      : review.printPageText(page.releaseEvaluationPage(result)),
  );
  if (result.evaluation.decision !== 'release') context.finish(EXIT.denied);
}

async function readClaims(options: EvaluateOptions, terminal: Terminal): Promise<JsonObject> {
  const { readTextFile } = await import('../io/files.js');
  if (options.claims !== undefined) {
    const value = parseJson(await readTextFile(options.claims), options.claims);
    if (isJsonObject(value)) return value;
    throw new ToolError('TOKEN_INVALID', `${options.claims} does not hold an object of claims`);
  }
  const file = options.token!;
  const { readTokenClaims } = await import('../keyrelease/token-file.js');
  const jwks = options.jwks === undefined ? undefined : await readTextFile(options.jwks);
  const claims = readTokenClaims(await readTextFile(file), file, jwks);
  if (jwks === undefined) {
    terminal.notice({
      code: 'token-unverified',
      message: `the signature of ${file} was not checked: anybody can write such claims; give --jwks`,
    });
  }
  return claims;
}
