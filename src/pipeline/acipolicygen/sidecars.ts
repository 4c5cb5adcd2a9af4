/**
 * `az confcom acipolicygen --validate-sidecar`: would the policies of the input let the platform's side-cars start as
 * their images ask for it (aci policy 14). Other containers of the input do not matter, which they do to the reference.
 */
import { type DataMap, type DataValue, exactly, isMap } from '../../core/data.js';
import { printCompact } from '../../core/data-json.js';
import { ToolError } from '../../core/error.js';
import { isSidecar } from '../../policy/aci/constants.js';
import { compareAsReference } from '../../policy/aci/reference-diff.js';
import type { GeneratedAciPolicy } from '../aci/generate.js';

/** The references of side-cars among the containers of policies, each once. Throws MANIFEST_INVALID if there is none. */
export function listSidecars(policies: readonly GeneratedAciPolicy[]): readonly string[] {
  const references = new Set(sidecarsOf(policies).map((container) => idOf(container)));
  if (references.size > 0) return [...references];
  throw new ToolError(
    'MANIFEST_INVALID',
    'no container of the input is a side-car of the platform',
    {
      want: 'an image such as mcr.microsoft.com/aci/...',
    },
  );
}

/** `own` are the policies of the side-cars' images by themselves. The verdict, and the line that is printed about it. */
export function judgeSidecars(
  policies: readonly GeneratedAciPolicy[],
  own: readonly GeneratedAciPolicy[],
): { readonly line: string; readonly passes: boolean } {
  const report = compareAsReference(
    sidecarsOf(policies).map(namedById),
    sidecarsOf(own).map(namedById),
  );
  const denied = new Map(
    [...report].flatMap(([name, found]): (readonly [string, DataValue])[] => {
      const kept = withoutRemoved(found);
      return isMap(kept) && kept.size === 0 ? [] : [[name, kept]];
    }),
  );
  if (denied.size === 0) {
    return { line: 'Sidecar containers will pass with its generated policy\n', passes: true };
  }
  const text = printCompact(denied);
  return {
    line: `Sidecar containers will not pass with its generated policy: ${text}\n`,
    passes: false,
  };
}

function sidecarsOf(policies: readonly GeneratedAciPolicy[]): readonly DataMap[] {
  return policies
    .flatMap(({ document }) => document.containers)
    .filter((container) => isSidecar(idOf(container)));
}

function idOf(container: DataMap): string {
  const id = exactly(container, 'id');
  return typeof id === 'string' ? id : '';
}

function namedById(container: DataMap): DataMap {
  return new Map(container).set('name', idOf(container));
}

/** What the input allows beyond the image does not keep it from starting. */
function withoutRemoved(found: DataValue): DataValue {
  if (!isMap(found)) return found;
  return new Map([...found].filter(([kind]) => kind !== 'values_removed'));
}
