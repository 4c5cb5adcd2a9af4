/**
 * What guests make of a policy otherwise than its author may expect: known faults of the framework (spec aci-framework 16)
 * that decisions follow all the same.
 */
import type { Notice } from '../../core/notice.js';
import { compareSemver } from '../../core/semver.js';
import {
  type CceContainer,
  type CceDocument,
  type CceFragmentEntry,
  isWindowsContainer,
} from './cce-document.js';

const CURRENT_WINDOWS = '0.5.0';

/** One notice per surprise and place. */
export function surprisesOf(document: CceDocument): readonly Notice[] {
  return [
    ...document.containers.flatMap((container, i) => [
      ...containerSurprises(document, container).map((told) => ({
        ...told,
        where: nameOf(container, i),
      })),
    ]),
    ...trustListSurprises(document),
    ...importSurprises(document.fragments),
  ];
}

function nameOf({ name, id }: CceContainer, index: number): string {
  return `container ${name ?? id ?? index}`;
}

function containerSurprises(
  { framework_version: version }: CceDocument,
  container: CceContainer,
): readonly Notice[] {
  const isOlder = version !== undefined && compareSemver(version, CURRENT_WINDOWS) === -1;
  const found: Notice[] = [];
  if (isWindowsContainer(container) && isOlder) {
    found.push({
      code: 'windows-container-dropped',
      message: `guests of framework ${CURRENT_WINDOWS} drop Windows containers of policies with an older framework_version`,
    });
  }
  for (const pattern of patternsOf(container)) found.push(...patternSurprises(pattern));
  for (const { source } of container.mounts ?? []) {
    if (/^hugepages:\/\/[^/]/.test(source)) {
      found.push({
        code: 'hugepages-without-slash',
        message: `the source ${source} never matches: guests put the folder in place of hugepages://, so a slash must follow`,
      });
    }
  }
  if (container.allow_elevated === true && container.capabilities === null) {
    found.push({
      code: 'privileged-default-capabilities',
      message:
        'null capabilities of a privileged container mean exactly 41 names; runtimes that know fewer are refused',
    });
  }
  for (const name of capabilitiesOf(container)) {
    if (/^CAP_[A-Z_]+$/.test(name)) continue;
    found.push({
      code: 'capability-never-matches',
      message: `the capability ${name} never matches: guests compare names in upper case that start with CAP_`,
    });
  }
  const commands = container.exec_processes.map(({ command }) => JSON.stringify(command));
  if (new Set(commands).size < commands.length) {
    found.push({
      code: 'repeated-exec-command',
      message:
        'a command stands in exec_processes more than once: each run multiplies the candidates that guests keep',
    });
  }
  return found;
}

function capabilitiesOf({ capabilities }: CceContainer): ReadonlySet<string> {
  return new Set(Object.values(capabilities ?? {}).flat() as readonly string[]);
}

function patternsOf({ env_rules: rules }: CceContainer): readonly string[] {
  return rules.flatMap((rule) => [
    ...(rule.strategy === 're2' && rule.pattern !== undefined ? [rule.pattern] : []),
    ...(rule.name_strategy === 're2' && rule.name !== undefined ? [rule.name] : []),
    ...(rule.value_strategy === 're2' && rule.value !== undefined ? [rule.value] : []),
  ]);
}

function patternSurprises(pattern: string): readonly Notice[] {
  const found: Notice[] = [];
  if (hasOpenAlternative(pattern)) {
    found.push({
      code: 'pattern-alternatives-open',
      message: `the pattern ${pattern} has alternatives outside of brackets: the anchors that guests add hold the first and last at one end only`,
    });
  }
  if (/(?:^|[^\\])(?:\\\\)*\\\$$/.test(pattern)) {
    found.push({
      code: 'pattern-end-open',
      message: `the pattern ${pattern} ends with an escaped dollar, which guests take for an anchor: its end stays open`,
    });
  }
  return found;
}

/** True if `|` stands outside of groups and classes. */
function hasOpenAlternative(pattern: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < pattern.length; i += 1) {
    const character = pattern[i] ?? '';
    if (character === '\\') i += 1;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '|' && depth === 0) return true;
  }
  return false;
}

function trustListSurprises(document: CceDocument): readonly Notice[] {
  const { transparency_trust_lists: lists, framework_version: version } = document;
  const isOlder = version !== undefined && compareSemver(version, '0.5.0') === -1;
  if (lists.length === 0 || !isOlder) return [];
  return [
    {
      code: 'trust-lists-of-older-policy',
      message: `transparency_trust_lists count although framework_version ${version} does not know them`,
    },
  ];
}

/** Several entries of one feed: contradicting includes fail each load, and parameters count for all. */
function importSurprises(entries: readonly CceFragmentEntry[]): readonly Notice[] {
  const byFeed = new Map<string, CceFragmentEntry[]>();
  for (const entry of entries) {
    const key = `${entry.feed} of ${entry.issuer}`;
    byFeed.set(key, [...(byFeed.get(key) ?? []), entry]);
  }
  return [...byFeed].flatMap(([feed, same]) => {
    if (same.length < 2) return [];
    const includes = new Set(
      same.map((entry) => JSON.stringify([...new Set(entry.includes)].sort())),
    );
    const minima = new Set(same.map((entry) => String(entry.minimum_svn)));
    const hasParameters = same.some(({ parameters }) => parameters !== undefined);
    return [
      ...(includes.size > 1
        ? [
            {
              code: 'imports-contradict',
              message: `entries for ${feed} include different parts: a fragment that fits both cannot be loaded at all`,
            },
          ]
        : []),
      ...(minima.size > 1 && hasParameters
        ? [
            {
              code: 'imports-share-parameters',
              message: `entries for ${feed} have different minimum_svn: parameters of each count as soon as one is met`,
            },
          ]
        : []),
    ];
  });
}
