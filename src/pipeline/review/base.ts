/** What reviews compare policies with: the rules and settings that belong to podseal. */
import { sha256Hex } from '../../core/digest.js';
import type { PointTable } from '../../policy/aci/points.js';
import { KATA_GUESTS } from '../../policy/kata/guests.js';
import { type KataSettings, parseSettings } from '../../policy/kata/settings.js';
import { ENFORCEMENT_POINTS } from '../../rego/aci/guests.js';

export interface ReviewBase {
  /** Names of our rules by the digest of their content. */
  readonly ownRules: ReadonlyMap<string, string>;
  /** Our settings of every guest. */
  readonly settings: readonly KataSettings[];
  readonly points: PointTable;
}

/** Guests of containers of Linux do not ask about it. */
const WINDOWS_POINT = 'log_provider';

/** What guests of container groups ask about, and what they do not refuse to policies from before it came. */
export const CCE_POINTS: PointTable = {
  pointNames: new Set(Object.keys(ENFORCEMENT_POINTS)),
  lenientPoints: new Map(
    Object.entries(ENFORCEMENT_POINTS).flatMap(([name, row]) => {
      const { introduced, defaults, useFramework: isChecked = false } = row;
      const isLenient = (isChecked || defaults.allowed === true) && name !== WINDOWS_POINT;
      return isLenient ? [[name, { introduced, isChecked }] as const] : [];
    }),
  ),
};

/** The base, from the bundled files; `readAsset` gives the text of one, e.g. `kata/settings/azl3.json`. */
export async function loadReviewBase(
  readAsset: (name: string) => Promise<string>,
): Promise<ReviewBase> {
  const ownRules = new Map<string, string>();
  const settings: KataSettings[] = [];
  for (const guest of KATA_GUESTS) {
    const text = await readAsset(`kata/settings/${guest.settingsFile}`);
    settings.push(parseSettings(text, guest.settingsFile, guest));
    if (guest.rulesFile === undefined) continue;
    const rules = await readAsset(`kata/rules/${guest.rulesFile}`);
    ownRules.set(sha256Hex(rules), `podseal, ${guest.rulesFile}`);
  }
  return { ownRules, settings, points: CCE_POINTS };
}
