/** Compares the policy that stands in a manifest with the one that would be generated. */
import { decodeBase64Leniently } from '../../core/base64.js';
import { sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { JsonValue } from '../../core/json.js';
import { type CceChange, compareCceDocuments } from '../../policy/aci/compare.js';
import { requireCceDocument } from '../../policy/aci/read-policy.js';
import type { GeneratedAciPolicy } from './generate.js';

/** `same`: byte for byte. `unreadable`: what stands there is not base64, or no policy that can be read. */
export interface EmbeddedComparison {
  readonly kind: string;
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly state: 'same' | 'missing' | 'differs' | 'unreadable';
  /** Of the policy that would be generated, and of the one that stands there. */
  readonly measurement: string;
  readonly embedded: string | undefined;
  /** From the one that stands there to the one that would be generated; none if only the bytes differ. */
  readonly changes: readonly CceChange[];
}

/** How the policy of a group and the one in its manifest relate. */
export function compareEmbedded({
  group,
  measurement,
  policy,
}: GeneratedAciPolicy): EmbeddedComparison {
  const { kind, name, namespace, existingPolicy } = group;
  const base = { kind, name, namespace, measurement, embedded: undefined, changes: [] };
  if (existingPolicy === undefined) return { ...base, state: 'missing' };
  const bytes = decodeBase64Leniently(existingPolicy);
  if (bytes === undefined) return { ...base, state: 'unreadable' };
  const embedded = sha256Hex(bytes);
  if (embedded === measurement) return { ...base, embedded, state: 'same' };
  const changes = changesOf(bytes.toString(), policy);
  if (changes === undefined) return { ...base, embedded, state: 'unreadable' };
  return { ...base, embedded, state: 'differs', changes };
}

/** Undefined if the text is no policy that can be read. */
function changesOf(embedded: string, generated: string): readonly CceChange[] | undefined {
  try {
    return compareCceDocuments(
      requireCceDocument(embedded, 'the policy in the manifest'),
      requireCceDocument(generated, 'the generated policy'),
    );
  } catch (error) {
    if (error instanceof ToolError && error.code === 'POLICY_UNREADABLE') return undefined;
    throw error;
  }
}

/** Characters of a value in a line for people. */
const SHOWN = 160;

/** A line for people, and one for each difference. */
export function printEmbedded(one: EmbeddedComparison): string {
  const full = [one.namespace, one.name].filter((part) => part !== undefined).join('/');
  const what = `${one.kind} ${full}`.trim();
  const wanted = `a generated one has ${one.measurement}`;
  const texts: Readonly<Record<EmbeddedComparison['state'], string>> = {
    same: `holds the generated policy, ${one.measurement}`,
    missing: `holds no policy; ${wanted}`,
    differs: `holds another policy, ${one.embedded ?? ''}; ${wanted}`,
    unreadable: `holds something that is not readable as a policy; ${wanted}`,
  };
  const lines = one.changes.flatMap(({ path, before, after }) => [
    ...(before === undefined ? [] : [`  - ${path}: ${show(before)}`]),
    ...(after === undefined ? [] : [`  + ${path}: ${show(after)}`]),
  ]);
  return [`${what}: ${texts[one.state]}`, ...lines].map((line) => `${line}\n`).join('');
}

function show(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}
