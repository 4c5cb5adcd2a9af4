/** The options of `az confcom acipolicygen` and the checks that it makes of them (aci policy 3.1). */
import { ToolError } from '../../core/error.js';

export interface AcipolicygenOptions {
  readonly input?: string;
  readonly templateFile?: string;
  readonly parameters?: string;
  readonly virtualNodeYaml?: string;
  readonly image?: string;
  readonly withContainers?: readonly string[];
  readonly tar?: string;
  readonly infrastructureSvn?: string;
  readonly debugMode?: boolean;
  readonly approveWildcards?: boolean;
  readonly disableStdio?: boolean;
  readonly enableStdio?: boolean;
  readonly diff?: boolean;
  readonly validateSidecar?: boolean;
  readonly printExistingPolicy?: boolean;
  readonly outraw?: boolean;
  readonly outrawPrettyPrint?: boolean;
  readonly printPolicy?: boolean;
  readonly saveToFile?: string;
  readonly fasterHashing?: boolean;
  readonly omitId?: boolean;
  readonly includeFragments?: boolean;
  readonly fragmentsJson?: string;
  readonly excludeDefaultFragments?: boolean;
}

interface Check {
  readonly fails: (options: AcipolicygenOptions) => boolean;
  /** The words of the model, for scripts that look for them. */
  readonly text: string;
}

const count = (...given: readonly unknown[]) => given.filter(Boolean).length;
const prints = (options: AcipolicygenOptions) =>
  count(options.printPolicy, options.outraw, options.outrawPrettyPrint);

/** In the order in which the model makes them. */
const CHECKS: readonly Check[] = [
  {
    fails: ({ input, templateFile, image, virtualNodeYaml, withContainers }) =>
      count(input, templateFile, image, virtualNodeYaml, withContainers) !== 1,
    text: 'Can only generate CCE policy from one source at a time',
  },
  {
    fails: ({ parameters, templateFile }) => count(parameters) > count(templateFile),
    text: 'Can only use ARM Template Parameters if ARM Template is also present',
  },
  {
    fails: ({ infrastructureSvn, excludeDefaultFragments }) =>
      count(infrastructureSvn, excludeDefaultFragments) === 2,
    text: 'Cannot set infrastructure SVN without using default fragments',
  },
  {
    fails: (options) => prints(options) > 1,
    text: 'Can only print in one format at a time',
  },
  {
    fails: ({ diff, input, image }) => Boolean(diff) && count(input, image) > 0,
    text: 'Can only diff CCE policy from ARM Template or YAML File',
  },
  {
    fails: (options) =>
      count(options.saveToFile, options.templateFile) === 2 && prints(options) === 0,
    text: 'Must print policy to terminal when saving to file',
  },
  {
    fails: ({ enableStdio, disableStdio }) => count(enableStdio, disableStdio) === 2,
    text: 'Use only one of --enable-stdio or --disable-stdio.',
  },
  {
    fails: ({ fasterHashing, tar }) => count(fasterHashing, tar) === 2,
    text: 'Cannot use --faster-hashing with --tar',
  },
  {
    fails: ({ fragmentsJson, includeFragments }) => count(fragmentsJson) > count(includeFragments),
    text: 'Must provide --include-fragments to reference a fragment import JSON file',
  },
];

/** Throws USAGE_CONFLICT for the first check that fails. */
export function checkUsage(options: AcipolicygenOptions): void {
  const failed = CHECKS.find(({ fails }) => fails(options));
  if (failed !== undefined) throw new ToolError('USAGE_CONFLICT', failed.text);
}

/** What becomes of the policies (3.2). */
export type Delivery = 'inject' | 'raw' | 'pretty' | 'base64';

/** Templates and YAML are written into unless a form is asked for; everything else is printed. */
export function deliveryOf(options: AcipolicygenOptions): Delivery {
  if (options.outraw) return 'raw';
  if (options.outrawPrettyPrint) return 'pretty';
  if (options.printPolicy) return 'base64';
  const { templateFile, virtualNodeYaml } = options;
  return templateFile !== undefined || virtualNodeYaml !== undefined ? 'inject' : 'base64';
}
