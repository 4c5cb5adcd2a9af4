/** The options of `az confcom acifragmentgen` and the checks that it makes of them (aci policy 3.3). */
import { COSE_ALGORITHMS } from '../../core/cose-algorithms.js';
import { ToolError } from '../../core/error.js';
import { REFERENCE_NAMESPACES } from '../../fragment/text.js';

export interface AcifragmentgenOptions {
  readonly image?: string;
  readonly input?: string;
  readonly withContainers?: readonly string[];
  readonly tar?: string;
  readonly namespace?: string;
  readonly svn?: string;
  readonly feed?: string;
  readonly imageTarget?: string;
  readonly key?: string;
  readonly chain?: string;
  readonly algo: string;
  readonly fragmentPath?: string;
  readonly omitId?: boolean;
  readonly debugMode?: boolean;
  readonly disableStdio?: boolean;
  readonly enableStdio?: boolean;
  readonly outraw?: boolean;
  /** False with --no-print. */
  readonly print?: boolean;
  readonly generateImport?: boolean;
  readonly minimumSvn?: string;
  readonly outputFilename?: string;
  readonly uploadFragment?: boolean;
  readonly fragmentsJson?: string;
  readonly outSignedFragment?: boolean;
}

interface Check {
  readonly fails: (options: AcifragmentgenOptions) => boolean;
  /** The words of the model, for scripts that look for them. */
  readonly text: (options: AcifragmentgenOptions) => string;
}

const count = (...given: readonly unknown[]) => given.filter(Boolean).length;
const ALGORITHMS = COSE_ALGORITHMS.map(({ name }) => `'${name}'`).join(', ');
const makes = ({ generateImport }: AcifragmentgenOptions) => generateImport !== true;

const check = (
  fails: Check['fails'],
  text: string | ((options: AcifragmentgenOptions) => string),
): Check => ({ fails, text: typeof text === 'string' ? () => text : text });

/** In the order in which the model makes them. */
const CHECKS: readonly Check[] = [
  check(
    (options) =>
      makes(options) && count(options.image, options.input, options.withContainers) !== 1,
    'Must provide either an image name or an input file to generate a fragment',
  ),
  check(
    (options) => makes(options) && count(options.namespace, options.svn) !== 2,
    'Must provide both --namespace and --svn to generate a fragment',
  ),
  check(
    (options) => makes(options) && REFERENCE_NAMESPACES.includes(options.namespace ?? ''),
    ({ namespace }) => `Namespace '${namespace}' is reserved`,
  ),
  check(({ svn }) => Boolean(svn) && !/^[0-9]+$/.test(svn ?? ''), '--svn must be an integer'),
  check(
    ({ key, chain }) => count(key, chain) === 1,
    'Must provide both --key and --chain to sign a fragment',
  ),
  check(
    ({ generateImport, minimumSvn }) =>
      generateImport === true && !/^\s*\+?[0-9]+\s*$/.test(minimumSvn ?? ''),
    '--minimum-svn must be greater than or equal to 0',
  ),
  check(
    ({ imageTarget, uploadFragment }) => count(imageTarget) > count(uploadFragment),
    'Must specify --upload-fragment to use --image-target',
  ),
  check(
    ({ algo }) => !COSE_ALGORITHMS.some(({ name }) => name === algo),
    ({ algo }) => `Algorithm '${algo}' is not supported. Supported algorithms are [${ALGORITHMS}]`,
  ),
  check(
    ({ fragmentPath, generateImport }) => count(fragmentPath) > count(generateImport),
    'Must provide --generate-import to specify a fragment path',
  ),
  check(
    ({ generateImport, fragmentPath, image }) =>
      generateImport === true && count(fragmentPath, image) !== 1,
    'Must provide either a fragment path or an image name to generate an import statement',
  ),
  check(
    ({ generateImport, outputFilename }) => count(generateImport, outputFilename) === 2,
    'Cannot specify an output file (--output-filename) when generating an import statement.Use --fragments-json (-j) to write to a file.',
  ),
  check(
    ({ uploadFragment, key, chain }) => Boolean(uploadFragment) && count(key, chain) !== 2,
    'Must sign the fragment with --key and --chain to upload it',
  ),
  check(
    ({ uploadFragment, imageTarget, feed }) =>
      Boolean(uploadFragment) && count(imageTarget, feed) === 0,
    'Must either specify an --image-target or --feed to upload a fragment',
  ),
  check(
    ({ fragmentsJson, generateImport }) => count(fragmentsJson) > count(generateImport),
    'Must provide --fragment-path to place a fragment import into a file',
  ),
];

/** Throws USAGE_CONFLICT for the first check that fails. */
export function checkUsage(options: AcifragmentgenOptions): void {
  const failed = CHECKS.find(({ fails }) => fails(options));
  if (failed !== undefined) throw new ToolError('USAGE_CONFLICT', failed.text(options));
}

/** Name of the text file: every `.rego` in the given name is taken out first. */
export function fragmentFileName(options: AcifragmentgenOptions): string {
  const name = options.outputFilename || options.namespace || '';
  return `${name.replaceAll('.rego', '')}.rego`;
}

/** The feed of the headers: as given, or the name of the target image without tag and digest; empty if neither. */
export function feedOf({ feed, imageTarget }: AcifragmentgenOptions): string {
  if (feed) return feed;
  const [name = ''] = (imageTarget ?? '').split('@', 1);
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  return colon < 0 ? name : name.slice(0, colon);
}
