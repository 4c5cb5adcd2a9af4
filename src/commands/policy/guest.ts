/** Which guest `podseal policy` works for: by --target, --guest or what the manifests say. */
import { ToolError } from '../../core/error.js';
import { inferTarget, type Target } from '../../manifest/target.js';
import { type AciGuest, findAciGuest, isAciGuest } from '../../policy/aci/guests.js';
import { defaultKataGuest, findKataGuest, type KataGuest } from '../../policy/kata/guests.js';
import { conflict, type PolicyOptions } from './options.js';

export type GuestChoice =
  | { readonly family: 'kata'; readonly target: 'aks' | 'kata'; readonly guest: KataGuest }
  | { readonly family: 'aci'; readonly target: 'aci' | 'vn2'; readonly guest: AciGuest };

/** What the options name. */
export interface GuestNames {
  readonly target?: Target;
  readonly kata?: KataGuest;
  readonly aci?: AciGuest;
}

const TARGETS: readonly Target[] = ['aks', 'kata', 'vn2', 'aci'];

/** Throws USAGE_CONFLICT for a target or guest that does not exist, and for two that do not go together. */
export function readNames({ target: text, guest }: PolicyOptions): GuestNames {
  const target = TARGETS.find((one) => one === text);
  if (text !== undefined && target === undefined) {
    throw new ToolError('USAGE_CONFLICT', 'there is no such target', {
      want: TARGETS.join(', '),
      got: text,
    });
  }
  const named = target === undefined ? {} : { target };
  if (guest === undefined) return named;
  if (isAciGuest(guest)) {
    if (target === 'aks' || target === 'kata') throw belongs(guest, 'aci and vn2', target);
    return { ...named, aci: findAciGuest(guest) };
  }
  const kata = findKataGuest(guest);
  if (target !== undefined && kata.target !== target) throw belongs(guest, kata.target, target);
  return { ...named, kata };
}

/** Throws MANIFEST_TARGET_UNKNOWN where nothing tells the target. */
export function chooseGuest(
  names: GuestNames,
  manifests: readonly { readonly file: string; readonly text: string }[],
): GuestChoice {
  const target = names.target ?? names.kata?.target ?? inferTarget(manifests);
  if (target === 'aci' || target === 'vn2') {
    return { family: 'aci', target, guest: names.aci ?? findAciGuest() };
  }
  if (names.aci !== undefined) throw belongs(names.aci.id, 'aci and vn2', target);
  return { family: 'kata', target, guest: names.kata ?? defaultKataGuest(target) };
}

function belongs(guest: string, targets: string, target: string): ToolError {
  return conflict(`guest ${guest} belongs to target ${targets}, not ${target}`);
}
