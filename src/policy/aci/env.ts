/** Rules for the variables of a container: those of the input, of its image, of the platform (aci policy 6.4). */
import { type DataMap, mapOf } from '../../core/data.js';
import { compareKeys } from '../../core/data-json.js';
import type {
  ContainerGroup,
  GroupContainer,
  GroupEnvRule,
} from '../../workload/container-group.js';
import { DEFAULT_ENV_RULES, VIRTUAL_NODE_ENV_RULES } from './constants.js';
import type { AciGuest } from './guests.js';

/** What decides about defaults. */
interface EnvContext {
  /** A side-car of the platform, which gets no defaults. */
  readonly sidecar: boolean;
  readonly guest: AciGuest;
}

/** The rules in order. A variable of the input hides that of the image, either hides the default, by plain name. */
export function buildEnvRules(
  group: ContainerGroup,
  { env }: GroupContainer,
  imageEnv: readonly string[] = [],
  { sidecar, guest }: EnvContext,
): readonly DataMap[] {
  const ofImage = buildImageRules(env, imageEnv);
  if (sidecar) return print([...env, ...ofImage], guest);
  const known = new Set([...namesOf(env), ...namesOf(ofImage)]);
  const defaults = DEFAULT_ENV_RULES.filter(({ pattern }) => !known.has(nameOf(pattern)));
  const ofNode = group.defaults === 'vn2' ? VIRTUAL_NODE_ENV_RULES : [];
  return print([...env, ...ofImage, ...defaults, ...ofNode], guest);
}

/** The variables of an image that the input does not set. */
export function buildImageRules(
  env: readonly GroupEnvRule[],
  imageEnv: readonly string[] = [],
): readonly GroupEnvRule[] {
  const ofInput = namesOf(env);
  return imageEnv
    .map((entry) => (entry.includes('=') ? entry : `${entry}=`))
    .filter((entry) => !ofInput.has(nameOf(entry)))
    .map((pattern) => ({ pattern, strategy: 'string' }));
}

function print(rules: readonly GroupEnvRule[], guest: AciGuest): readonly DataMap[] {
  const ordered = guest.sortsEnvRules
    ? [...rules].sort((a, b) => compareKeys(a.pattern, b.pattern))
    : rules;
  return ordered.map(({ pattern, strategy }) => envRule(pattern, strategy));
}

/** One rule of a policy. */
export function envRule(pattern: string, strategy: string, required = false): DataMap {
  return mapOf({ pattern, required, strategy });
}

function namesOf(rules: readonly GroupEnvRule[]): ReadonlySet<string> {
  return new Set(rules.map(({ pattern }) => nameOf(pattern)));
}

/** Text before the first `=`. */
function nameOf(pattern: string): string {
  const end = pattern.indexOf('=');
  return end === -1 ? pattern : pattern.slice(0, end);
}
