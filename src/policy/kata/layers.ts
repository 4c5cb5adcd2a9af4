/** Image layers in the storages of a container (spec kata-policy-rules section 12.3): what ties a container to its image. */
import type { JsonValue } from '../../core/json.js';
import { canonicalJson, isJsonObject } from '../../core/json-equal.js';

export interface LayerBinding {
  /** Top layer first: hex SHA-256 of each chain ID. */
  readonly ids: readonly string[];
  /** dm-verity root hashes, in the same order. */
  readonly hashes: readonly string[];
  /** All that the policy says about the layers, as one text. */
  readonly text: string;
  /** The storages that are no layers. */
  readonly others: readonly JsonValue[];
}

/** The layers of a container; undefined if its storages do not bind any, or not in the one form that rules take. */
export function readLayers(storages: readonly JsonValue[]): LayerBinding | undefined {
  const overlays = storages.filter((one) => isJsonObject(one) && one.driver === 'overlayfs');
  const [overlay] = overlays;
  if (overlays.length !== 1 || !isJsonObject(overlay)) return undefined;
  const [ids, hashes, ...rest] = Array.isArray(overlay.options) ? overlay.options : [];
  if (typeof ids !== 'string' || typeof hashes !== 'string' || rest.length > 0) return undefined;
  const binding = { ids: ids.split(':'), hashes: hashes.split(':') };
  const isLayer = layerTest(binding.hashes.length);
  const layers = storages.filter(isLayer);
  if (layers.length !== binding.hashes.length || binding.ids.length !== layers.length)
    return undefined;
  return {
    ...binding,
    text: canonicalJson([overlay, ...layers]),
    others: storages.filter((one) => one !== overlay && !isLayer(one)),
  };
}

/** A test for the storages `$(hashI)` at `$(layerI)`, I below `count`. */
function layerTest(count: number): (storage: JsonValue) => boolean {
  const seen = new Map<string, JsonValue>();
  return (storage) => {
    if (!isJsonObject(storage) || storage.driver !== 'blk' || storage.fstype !== 'tar')
      return false;
    const [option] = Array.isArray(storage.options) ? storage.options : [];
    const index = /^\$\(hash(0|[1-9][0-9]{0,3})\)$/.exec(String(option))?.[1];
    if (index === undefined || Number(index) >= count) return false;
    if (storage.mount_point !== `$(layer${index})`) return false;
    const first = seen.get(index) ?? storage;
    seen.set(index, first);
    return first === storage;
  };
}
