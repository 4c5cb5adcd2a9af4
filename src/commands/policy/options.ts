/** Options of `podseal policy`, and which of them go together. */
import { resolve } from 'node:path';
import { ToolError } from '../../core/error.js';
import type { Terminal } from '../../io/terminal.js';
import type { CommandContext } from '../context.js';
import type { ImageOptions } from '../image-options.js';

export interface PolicyOptions extends ImageOptions {
  readonly target?: string;
  readonly guest?: string;
  readonly settings?: string;
  readonly settingsDropIn?: string[];
  readonly rules?: string;
  readonly configMap?: string[];
  readonly initdata?: string;
  readonly runtimeClass?: string[];
  readonly ignoreUnsupported?: string[];
  readonly selfCheck?: boolean;
  readonly parameters?: string;
  readonly templateRoot?: string[];
  readonly approveWildcards?: boolean;
  readonly debugMode?: boolean;
  readonly stdio?: boolean;
  readonly omitId?: boolean;
  readonly infrastructureSvn?: string;
  readonly infrastructureFragment?: boolean;
  readonly fragments?: string[];
  readonly fragment?: string[];
  readonly print?: boolean;
  readonly base64?: boolean;
  readonly check?: boolean;
  readonly json?: boolean;
  readonly output?: string;
}

/** One run of the command. */
export interface PolicyRun {
  /** As named on the command line, with their texts in `manifests`. */
  readonly files: readonly string[];
  readonly manifests: readonly { readonly file: string; readonly text: string }[];
  readonly options: PolicyOptions;
  readonly terminal: Terminal;
  readonly context: CommandContext;
}

/** Options that mean something for one family of guests only, with the words of the command line. */
const FAMILY_OPTIONS: Readonly<
  Record<'kata' | 'aci', readonly (readonly [keyof PolicyOptions, string])[]>
> = {
  kata: [
    ['settings', '--settings'],
    ['settingsDropIn', '--settings-drop-in'],
    ['rules', '--rules'],
    ['initdata', '--initdata'],
    ['runtimeClass', '--runtime-class'],
    ['ignoreUnsupported', '--ignore-unsupported'],
  ],
  aci: [
    ['parameters', '--parameters'],
    ['templateRoot', '--template-root'],
    ['approveWildcards', '--approve-wildcards'],
    ['debugMode', '--debug-mode'],
    ['omitId', '--omit-id'],
    ['infrastructureSvn', '--infrastructure-svn'],
    ['fragments', '--fragments'],
    ['fragment', '--fragment'],
  ],
};

/** Throws USAGE_CONFLICT for options that do not go together, whatever the target. */
export function checkOptions(files: readonly string[], options: PolicyOptions): void {
  const products = [options.print, options.base64, options.json].filter(
    (one) => one === true,
  ).length;
  if (products > 1) throw conflict('--print, --base64 and --json exclude each other');
  if (options.check && (options.print || options.base64 || options.output !== undefined)) {
    throw conflict('--check writes nothing: it excludes --print, --base64 and -o');
  }
  if (files.length > 1 && options.output !== undefined) {
    throw conflict('-o takes one manifest', 'leave -o out: every manifest is written in place');
  }
  if (files.filter((file) => file === '-').length > 1) throw conflict('stdin can be read once');
  if (new Set(files.map((file) => resolve(file))).size < files.length) {
    throw conflict('a manifest is named twice');
  }
}

/** Throws USAGE_CONFLICT for an option of the other family of guests. */
export function checkFamily(options: PolicyOptions, family: 'kata' | 'aci', target: string): void {
  const other = family === 'kata' ? 'aci' : 'kata';
  const given = FAMILY_OPTIONS[other].find(([key]) => options[key] !== undefined)?.[1];
  const negated =
    family === 'kata' && options.stdio === false
      ? '--no-stdio'
      : family === 'kata' && options.infrastructureFragment === false
        ? '--no-infrastructure-fragment'
        : undefined;
  const flag = given ?? negated;
  if (flag !== undefined) throw conflict(`${flag} has no meaning for target ${target}`);
}

/** An error about options. */
export function conflict(message: string, ...hints: string[]): ToolError {
  return new ToolError('USAGE_CONFLICT', message, { hints });
}
