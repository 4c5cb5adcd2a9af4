/** Container definitions and a bare image reference -> container groups (aci policy 11). */
import { type DataMap, isList, isMap, kindOfData } from '../../core/data.js';
import { parseJsonData } from '../../core/data-json.js';
import { ToolError } from '../../core/error.js';
import { invalidAt } from '../../core/json-read.js';
import type { ContainerGroup } from '../../workload/container-group.js';

const BARE = {
  os: 'linux',
  defaults: 'aci',
  fragments: [],
  standaloneFragments: [],
  excludesInfrastructure: false,
} as const;

/** The group of definitions: each text is one of them, or a list. Throws JSON_SYNTAX, MANIFEST_INVALID. */
export function readDefinitions(texts: readonly string[], what: string): ContainerGroup {
  const definitions = texts.flatMap((text): readonly DataMap[] => {
    const value = parseJsonData(text, what);
    return (isList(value) ? value : [value]).map((one) => {
      if (isMap(one)) return one;
      const place = { code: 'MANIFEST_INVALID', what, path: '' } as const;
      throw invalidAt(place, 'holds something that is not a map', { got: kindOfData(one) });
    });
  });
  return {
    ...BARE,
    source: 'definitions',
    kind: 'definitions',
    containers: [],
    definitions,
    at: what,
  };
}

/** The group of one image, of which everything is taken. Throws IMAGE_REFERENCE_INVALID. */
export function readImageGroup(reference: string): ContainerGroup {
  if (reference === '') {
    throw new ToolError('IMAGE_REFERENCE_INVALID', 'the image reference is empty');
  }
  return {
    ...BARE,
    source: 'image',
    kind: 'image',
    name: reference,
    containers: [
      {
        name: reference,
        id: reference,
        image: reference,
        writtenImage: reference,
        command: [],
        args: [],
        env: [],
        execProcesses: [],
        mounts: [],
        security: {
          privileged: false,
          allowPrivilegeEscalation: true,
          addCapabilities: [],
          dropCapabilities: [],
          seccompSha256: '',
        },
        at: reference,
      },
    ],
    at: reference,
  };
}
