/** Compares the policy that stands in a manifest with the one that would be generated. */
import { decodeBase64Leniently } from '../../core/base64.js';
import { sha256Hex } from '../../core/digest.js';
import type { GeneratedAciPolicy } from './generate.js';

/** `same`: byte for byte. `unreadable`: what stands there is not base64. */
export interface EmbeddedComparison {
  readonly kind: string;
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly state: 'same' | 'missing' | 'differs' | 'unreadable';
  /** Of the policy that would be generated, and of the one that stands there. */
  readonly measurement: string;
  readonly embedded: string | undefined;
}

/** How the policy of a group and the one in its manifest relate. */
export function compareEmbedded({ group, measurement }: GeneratedAciPolicy): EmbeddedComparison {
  const { kind, name, namespace, existingPolicy } = group;
  const bytes = existingPolicy === undefined ? undefined : decodeBase64Leniently(existingPolicy);
  const embedded = bytes === undefined ? undefined : sha256Hex(bytes);
  const different = embedded === undefined ? 'unreadable' : 'differs';
  const state =
    existingPolicy === undefined ? 'missing' : embedded === measurement ? 'same' : different;
  return { kind, name, namespace, state, measurement, embedded };
}

/** One line for people. */
export function printEmbedded(one: EmbeddedComparison): string {
  const full = [one.namespace, one.name].filter((part) => part !== undefined).join('/');
  const what = `${one.kind} ${full}`.trim();
  const wanted = `a generated one has ${one.measurement}`;
  const texts: Readonly<Record<EmbeddedComparison['state'], string>> = {
    same: `holds the generated policy, ${one.measurement}`,
    missing: `holds no policy; ${wanted}`,
    differs: `holds another policy, ${one.embedded ?? ''}; ${wanted}`,
    unreadable: `holds a text that is not base64; ${wanted}`,
  };
  return `${what}: ${texts[one.state]}\n`;
}
