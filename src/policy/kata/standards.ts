/** The values that policies have unless someone changed the settings: those of every settings file of podseal. */
import type { JsonValue } from '../../core/json.js';
import { parseJson } from '../../core/json.js';
import { canonicalJson, isJsonObject } from '../../core/json-equal.js';
import { printPolicyData } from './print.js';
import type { KataSettings } from './settings.js';

export interface KataStandards {
  /** True if some settings file gives this value at this place of the data, e.g. `common`, `cpath`. */
  isUsual(path: readonly string[], value: JsonValue): boolean;
  /** True if some settings file has this element in the list at this place. */
  isUsualElement(path: readonly string[], element: JsonValue): boolean;
  /** The values of an annotation that the settings give to the containers of a pod; empty if they give none. */
  annotationValues(key: string, isSandbox: boolean): readonly string[];
  /** Keys of all annotations that the settings give. */
  readonly annotationKeys: readonly string[];
}

/** The standards of a list of settings. */
export function readStandards(settings: readonly KataSettings[]): KataStandards {
  const documents = settings.map(documentOf);
  const valuesAt = (path: readonly string[]): readonly JsonValue[] =>
    documents.flatMap((document) => {
      const value = path.reduce<JsonValue | undefined>(
        (node, key) => (isJsonObject(node) ? node[key] : undefined),
        document,
      );
      return value === undefined ? [] : [value];
    });
  const annotationsOf = (isSandbox: boolean) =>
    settings.map((one) => (isSandbox ? one.pauseContainer : one.otherContainer).annotations);
  return {
    isUsual: (path, value) => includes(valuesAt(path), value),
    isUsualElement: (path, element) =>
      valuesAt(path).some((list) => Array.isArray(list) && includes(list, element)),
    annotationValues: (key, isSandbox) =>
      annotationsOf(isSandbox).flatMap((annotations) => annotations.get(key) ?? []),
    annotationKeys: [
      ...new Set(
        [true, false].flatMap(annotationsOf).flatMap((annotations) => [...annotations.keys()]),
      ),
    ],
  };
}

/** The part of a policy document that comes from the settings. */
function documentOf(settings: KataSettings): JsonValue {
  const { common, requestDefaults, sandboxStorages, clusterConfig, vfio } = settings;
  const text = printPolicyData({
    containers: [],
    common,
    sandbox: { storages: sandboxStorages },
    request_defaults: requestDefaults,
    devices:
      vfio === undefined ? undefined : { vfio: { device_path: vfio.devicePath, nvidia: {} } },
    cluster_config: clusterConfig,
  });
  return parseJson(text, 'settings');
}

function includes(values: readonly JsonValue[], value: JsonValue): boolean {
  const wanted = canonicalJson(value);
  return values.some((one) => canonicalJson(one) === wanted);
}
