/** Values that fit the rules of a policy: those that it leaves open are made up as a guest would have them. */
import type { JsonObject } from '../../../core/json.js';
import { sampleRegex } from '../../../core/sample-regex.js';
import type { CceEnvRule, CceIdRule, CceMount } from '../cce-document.js';

const REGEX_CHARACTERS = /[\\^$.*+?()[\]{}|/]/g;

/** The variables of a request: one per rule, those with a name that came before left out unless they are required. */
export function sampleEnvironment(rules: readonly CceEnvRule[]): readonly string[] {
  const names = new Set<string>();
  return rules.flatMap((rule) => {
    const entry = sampleVariable(rule);
    if (entry === undefined) return [];
    const [name = ''] = entry.split('=', 1);
    if (names.has(name) && rule.required !== true) return [];
    names.add(name);
    return [entry];
  });
}

/** `NAME=VALUE` that the rule matches; undefined where none is found. */
function sampleVariable(rule: CceEnvRule): string | undefined {
  if (rule.pattern !== undefined) return sampleText(rule.strategy, rule.pattern);
  const name = sampleText(rule.name_strategy, rule.name ?? '');
  const value = sampleText(rule.value_strategy, rule.value ?? '');
  return name === undefined || value === undefined ? undefined : `${name}=${value}`;
}

function sampleText(strategy: string | undefined, pattern: string): string | undefined {
  if (strategy === 'string') return pattern;
  return strategy === 're2' ? sampleRegex(pattern) : undefined;
}

/** A user or group that the rule matches, as the guest tells it after a look into the image. */
export function sampleId(rule: CceIdRule): JsonObject {
  const { strategy, pattern } = rule;
  if (strategy === 'id') return { id: pattern, name: '' };
  if (strategy === 'name') return { id: '1000', name: pattern };
  if (strategy === 're2') return { id: '1000', name: sampleRegex(pattern) ?? '' };
  return { id: '0', name: 'root' };
}

/** Folders of the sandbox that sources are relative to, and the target of the share for `plan9://`. */
export interface MountPlaces {
  readonly sandboxDir: string;
  readonly hugePagesDir: string;
  readonly share: string;
}

/** A mount that the constraint allows; undefined where its pattern is not read. */
export function sampleMount(mount: CceMount, places: MountPlaces): JsonObject | undefined {
  const source = sampleSource(mount.source, places);
  if (source === undefined) return undefined;
  return { destination: mount.destination, options: mount.options, source, type: mount.type };
}

function sampleSource(source: string, places: MountPlaces): string | undefined {
  if (source.startsWith('plan9://')) return places.share;
  for (const [prefix, folder] of [
    ['sandbox://', places.sandboxDir],
    ['hugepages://', places.hugePagesDir],
  ] as const) {
    if (!source.startsWith(prefix)) continue;
    return sampleRegex(source.replaceAll(prefix, folder.replace(REGEX_CHARACTERS, '\\$&')));
  }
  return source;
}
