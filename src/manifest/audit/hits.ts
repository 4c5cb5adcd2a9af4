/** Hits at a place of a manifest. */
import { findSecrets } from '../../core/secret.js';
import { placeAt, type Spot, textIn } from './nodes.js';
import type { ManifestAuditId, ManifestHit } from './rules.js';

/** A hit at a spot; `subject` is the part of the manifest that it is about. */
export function hitAt(
  id: ManifestAuditId,
  message: string,
  subject: string,
  spot: Spot,
): ManifestHit {
  return { id, message, subject, at: placeAt(spot), path: spot.path };
}

/** A text that may hold secrets. */
export interface SecretPlace {
  readonly spot: Spot;
  /** Name of the variable, option or key whose value it is; may be empty. */
  readonly name: string;
  /** What it is, for people: `variable X`. */
  readonly what: string;
  readonly subject: string;
}

/** One hit per kind of secret in the text. */
export function secretHitsAt({ spot, name, what, subject }: SecretPlace): readonly ManifestHit[] {
  const kinds = new Set(findSecrets(textIn(spot) ?? '', name).map(({ kind }) => kind));
  return [...kinds].map((kind) =>
    hitAt('secret-in-manifest', `${what} holds what looks like a secret (${kind})`, subject, spot),
  );
}
