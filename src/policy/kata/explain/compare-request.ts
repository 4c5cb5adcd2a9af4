/** Requests that are not about a container's start against a policy (spec kata-policy-rules section 11). */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import type { KataPolicyData } from '../data.js';
import { defaultsOf, textsIn } from '../requests.js';
import { replacePlaceholders } from '../synthesize-names.js';
import { type FailedCheck, pathText, type Repair, shown } from './check.js';
import type { Comparison } from './compare-container.js';
import { isFound } from './patterns.js';
import { listOf, objectOf, textOf } from './view.js';

type Compare = (comparison: Comparison) => readonly FailedCheck[];

const NETWORK = 'nothing in the YAML: the network of the node, or the host, asks for it';
const SWITCHES: readonly string[] = [
  'CloseStdinRequest',
  'GetDiagnosticDataRequest',
  'ReadStreamRequest',
  'UpdateEphemeralMountsRequest',
  'WriteStreamRequest',
];

/** Conditions of a request that fail; undefined for a kind that policies answer without looking into it. */
export function compareRequest(
  kind: string,
  comparison: Comparison,
): readonly FailedCheck[] | undefined {
  if (SWITCHES.includes(kind)) return switchedOff(kind, comparison);
  const content = CONTENTS[kind];
  if (content !== undefined && defaultsOf(comparison.data)[kind] === undefined) return undefined;
  if (content !== undefined && comparison.message[content] === null) return [emptyRequest(content)];
  return Object.hasOwn(COMPARE, kind) ? COMPARE[kind]?.(comparison) : undefined;
}

/** The one member of requests that must be there. */
const CONTENTS: Readonly<Record<string, string>> = {
  UpdateInterfaceRequest: 'interface',
  UpdateRoutesRequest: 'routes',
  AddARPNeighborsRequest: 'neighbors',
};

function emptyRequest(content: string): FailedCheck {
  const told = { policy: `a request with ${content}`, request: 'null' };
  return { ...failed('request', [content], `the request has no ${content}`, told), repairs: [] };
}

/** What to say of a request that is never allowed, or that the policy's rules do not know. */
export function alwaysRefused(kind: string): FailedCheck {
  return {
    id: 'request-kind',
    path: '',
    message: `policies of this kind refuse every ${kind}`,
    fix: 'nothing in the YAML: the host must not send it to a confidential guest',
    repairs: [],
  };
}

function switchedOff(kind: string, { data }: Comparison): readonly FailedCheck[] {
  if (defaultsOf(data)[kind] === true) return [];
  return [
    {
      id: 'switch',
      path: '',
      message: `the policy has ${kind} switched off`,
      policy: shown(defaultsOf(data)[kind]),
      fix: `set request_defaults.${kind} to true in the settings and write the policy again, if the host may do this`,
      repairs: [],
    },
  ];
}

const COMPARE: Readonly<Record<string, Compare>> = {
  CreateSandboxRequest: compareSandbox,
  CopyFileRequest: compareFile,
  UpdateInterfaceRequest: compareInterface,
  UpdateRoutesRequest: compareRoutes,
  AddARPNeighborsRequest: compareNeighbors,
};

function failed(
  id: string,
  path: readonly (string | number)[],
  message: string,
  rest: Partial<FailedCheck> & { readonly value?: JsonValue },
): FailedCheck {
  const { value, ...others } = rest;
  const repair: Repair = value === undefined ? { path } : { path, value };
  return { id, path: pathText(path), message, fix: NETWORK, repairs: [repair], ...others };
}

function compareSandbox({ data, message }: Comparison): readonly FailedCheck[] {
  const fixed: readonly (readonly [string, JsonValue])[] = [
    ['guest_hook_path', ''],
    ['kernel_modules', []],
    ['sandbox_pidns', false],
  ];
  const parts = fixed.flatMap(([field, value]) => {
    const given = message[field];
    if (sameJson(value, given)) return [];
    const told = { policy: shown(value), request: shown(given), value };
    const fix = 'nothing in the YAML: look at the configuration of the runtime on the node';
    return [
      failed('request', [field], `${field} is set, which no policy allows`, { ...told, fix }),
    ];
  });
  const wanted = data.sandbox.storages.map((one) => ({ ...one, shared: one.shared ?? false }));
  const plain = (storage: JsonValue) => ({
    ...objectOf(storage),
    shared: objectOf(storage).shared ?? false,
  });
  const storages = listOf(message.storages).flatMap((storage, i) => {
    if (wanted.some((one) => sameJson(one as JsonValue, plain(storage)))) return [];
    return [
      failed('storage', ['storages', i], 'the policy has no such storage of the sandbox', {
        policy: shown(wanted as JsonValue),
        request: shown(storage),
        fix: 'set sandbox.storages of the settings to what the runtime on the node sends, and write the policy again',
      }),
    ];
  });
  return [...parts, ...storages];
}

const DOT_DOT = /(?:^|\/)\.\.(?:$|\/)/;

const SHORT_NAME =
  'rename the key of the ConfigMap or Secret: the rules of this guest take any two characters for two dots';

function compareFile({ data, message, rules }: Comparison): readonly FailedCheck[] {
  const path = textOf(message.path);
  const { sfprefix, cpath, mount_source_cpath: shared } = data.common;
  const fill = (text: string) =>
    replacePlaceholders(replacePlaceholders(text, { sfprefix: String(sfprefix ?? '') }), {
      cpath: String(shared ?? cpath ?? ''),
      'bundle-id': '[a-z0-9]{64}',
    });
  const patterns = textsIn(defaultsOf(data).CopyFileRequest).map(fill);
  const fix =
    'nothing in the YAML: the runtime copies only files of volumes, below its shared directory';
  const found: FailedCheck[] = [];
  if (!patterns.some((pattern) => isFound(pattern, path))) {
    const told = {
      policy: patterns.map((one) => shown(one)).join(' or '),
      request: shown(path),
      fix,
    };
    found.push({
      ...failed(
        'file-path',
        ['path'],
        'the file is copied to a place that the policy does not allow',
        told,
      ),
      repairs: [],
    });
  }
  if (DOT_DOT.test(path)) {
    const told = { policy: 'a path without ..', request: shown(path), fix };
    found.push({ ...failed('file-path', ['path'], 'the path leads upwards', told), repairs: [] });
  }
  if (rules.refusesShortNames && /(?:^|\/)..(?:$|\/)/.test(path)) {
    const told = { policy: 'no part of two characters', request: shown(path), fix: SHORT_NAME };
    found.push({
      ...failed('file-path', ['path'], 'a part of the path has two characters', told),
      repairs: [],
    });
  }
  const isLink = message.file_type === 'Symlink';
  if (isLink && !patterns.some((pattern) => isFound(`${pattern}.*/.+`, path))) {
    const told = { policy: 'a link inside of a volume', request: shown(path), fix };
    found.push({
      ...failed('link-path', ['path'], 'the link stands in no folder of a volume', told),
      repairs: [],
    });
  }
  return [...found, ...compareLink(message, data, fix)];
}

const FILE_TYPES: readonly string[] = ['Regular', 'Directory', 'Symlink'];

/** The target of a symbolic link, by the name that it has in this guest. */
function compareLink(
  message: JsonObject,
  data: KataPolicyData,
  fix: string,
): readonly FailedCheck[] {
  const field = message.symlink_src === undefined ? 'symlink_target' : 'symlink_src';
  const target = textOf(message[field]);
  const found: FailedCheck[] = [];
  const type = message.file_type;
  if (typeof type === 'string' && !FILE_TYPES.includes(type)) {
    const told = { policy: 'a file, folder or link', request: shown(type), fix };
    found.push({
      ...failed('file-type', ['file_type'], 'it is no file, folder or link', told),
      repairs: [],
    });
  }
  if (!isLinkAllowed(field, target, data)) {
    const told = { policy: 'a target inside of the volume', request: shown(target), fix };
    found.push({
      ...failed('link-target', [field], 'the link leads out of the volume', told),
      repairs: [],
    });
  }
  return found;
}

/** Later guests look where the target leads, earlier ones whether kubelet makes such links. */
function isLinkAllowed(field: string, target: string, { common }: KataPolicyData): boolean {
  const stays = !target.startsWith('/') && !DOT_DOT.test(target);
  if (field === 'symlink_target' || target === '') return stays;
  const forms = [common.s_source1, common.s_source2].map(dottedForm);
  return stays && forms.some((form) => form !== undefined && isFound(form, target));
}

/** The two dots that such a pattern begins with are meant as dots. */
function dottedForm(pattern: unknown): string | undefined {
  return typeof pattern === 'string' ? pattern.replace(/^\^\.\./, '^\\.\\.') : undefined;
}

/** The part of `request_defaults` that is about a request. */
function limitsOf({ data }: Comparison, kind: string): JsonObject {
  return objectOf(defaultsOf(data)[kind]);
}

function compareInterface(comparison: Comparison): readonly FailedCheck[] {
  const limits = limitsOf(comparison, 'UpdateInterfaceRequest');
  const given = objectOf(comparison.message.interface);
  const names = textsIn(limits.forbidden_names);
  const addresses = textsIn(limits.forbidden_hw_addrs);
  const flags = Number(limits.allow_raw_flags ?? 0);
  const found: FailedCheck[] = [];
  if (((given.raw_flags as number) & ~flags) !== 0) {
    const told = { policy: `at most ${flags}`, request: shown(given.raw_flags), value: 0 };
    found.push(
      failed(
        'interface-flags',
        ['interface', 'raw_flags'],
        'flags are set that the policy does not allow',
        told,
      ),
    );
  }
  if (names.includes(textOf(given.name))) {
    const told = { policy: `none of ${shown(names)}`, request: shown(given.name), value: 'eth0' };
    found.push(
      failed(
        'interface-name',
        ['interface', 'name'],
        'the policy forbids to change this interface',
        told,
      ),
    );
  }
  if (addresses.includes(textOf(given.hwAddr))) {
    const told = {
      policy: `none of ${shown(addresses)}`,
      request: shown(given.hwAddr),
      value: '02:00:00:00:00:01',
    };
    found.push(
      failed(
        'interface-address',
        ['interface', 'hwAddr'],
        'the policy forbids this hardware address',
        told,
      ),
    );
  }
  return found;
}

function compareRoutes(comparison: Comparison): readonly FailedCheck[] {
  const limits = limitsOf(comparison, 'UpdateRoutesRequest');
  const devices = textsIn(limits.forbidden_device_names);
  const sources = textsIn(limits.forbidden_source_regex);
  return listOf(objectOf(comparison.message.routes).Routes).flatMap((route, i) => {
    const { device, source } = objectOf(route);
    const path = ['routes', 'Routes', i];
    const found: FailedCheck[] = [];
    if (devices.includes(textOf(device))) {
      const told = { policy: `none of ${shown(devices)}`, request: shown(device), value: 'eth0' };
      found.push(
        failed(
          'route-device',
          [...path, 'device'],
          'the policy forbids routes of this device',
          told,
        ),
      );
    }
    if (sources.some((pattern) => isFound(pattern, textOf(source)))) {
      const told = {
        policy: `none that matches ${shown(sources)}`,
        request: shown(source),
        value: '',
      };
      found.push(
        failed('route-source', [...path, 'source'], 'the policy forbids this source', told),
      );
    }
    return found;
  });
}

function compareNeighbors(comparison: Comparison): readonly FailedCheck[] {
  const limits = limitsOf(comparison, 'AddARPNeighborsRequest');
  const devices = textsIn(limits.forbidden_device_names);
  const forbidden = textsIn(limits.forbidden_cidrs_regex);
  const states = listOf(limits.allowed_states);
  return listOf(objectOf(comparison.message.neighbors).ARPNeighbors).flatMap((one, i) => {
    const { device, toIPAddress, state, flags } = objectOf(one);
    const { address, mask } = objectOf(toIPAddress);
    const path = ['neighbors', 'ARPNeighbors', i];
    const rows: readonly (readonly [boolean, string, JsonValue | undefined, JsonValue])[] = [
      [devices.includes(textOf(device)), 'device', device, 'eth0'],
      [
        forbidden.some((pattern) => isFound(pattern, textOf(address))),
        'toIPAddress',
        toIPAddress,
        { family: 0, address: '10.0.0.1', mask: '' },
      ],
      [mask !== '', 'toIPAddress', toIPAddress, { family: 0, address: '10.0.0.1', mask: '' }],
      [!states.includes(state ?? 0), 'state', state, states[0] ?? 0],
      [((flags as number) & ~0x88) !== 0, 'flags', flags, 0],
    ];
    return rows.flatMap(([isOdd, field, given, value]) =>
      isOdd
        ? [
            failed('neighbor', [...path, field], `the ${field} of a neighbour is not allowed`, {
              request: shown(given),
              value,
            }),
          ]
        : [],
    );
  });
}
