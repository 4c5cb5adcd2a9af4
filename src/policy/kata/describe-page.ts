/** Description of a policy -> blocks of a page: what the host may do, then each container. */
import type { Severity } from '../../core/finding.js';
import type { Block, Cell, Fact, Tone } from '../../core/page.js';
import { hideSecrets } from '../../core/secret.js';
import type { StorageData } from './data.js';
import type {
  ContainerDescription,
  DescribedMount,
  DescribedText,
  KataDescription,
} from './describe.js';
import type { RequestDescription } from './requests.js';

const TONES: Readonly<Record<Severity, Tone>> = {
  critical: 'bad',
  high: 'bad',
  medium: 'warning',
  low: 'muted',
  info: 'muted',
};

/** The page of one policy, without its heading; `level` is that of headings inside it. */
export function kataPolicyBlocks(description: KataDescription): readonly Block[] {
  const { containers } = description;
  const inOrder = [
    ...containers.filter(({ isSandbox }) => !isSandbox),
    ...containers.filter(({ isSandbox }) => isSandbox),
  ];
  return [
    { kind: 'facts', rows: policyFacts(description) },
    { kind: 'heading', level: 3, text: 'What the host may do' },
    ...requestBlocks(description.requests),
    ...inOrder.flatMap(containerBlocks),
  ];
}

function policyFacts({
  rules,
  podName,
  namespace,
  unknown,
  containers,
}: KataDescription): readonly Fact[] {
  const rulesCell: Cell = rules.isKnown ? rules.name : { text: rules.name, tone: 'warning' };
  const facts: Fact[] = [{ label: 'rules', values: [rulesCell] }];
  if (containers.length === 0) {
    const text = 'none: the rules decide alone';
    return [...facts, { label: 'data', values: [{ text, tone: 'warning' }] }];
  }
  const any: Cell = { text: 'any', tone: 'warning' };
  facts.push({ label: 'pod name', values: [podName ?? any] });
  facts.push({ label: 'namespace', values: [namespace || any] });
  if (unknown.length > 0) {
    const values = unknown.map(({ path }): Cell => ({ text: path, tone: 'warning' }));
    facts.push({ label: 'unknown fields', values });
  }
  return facts;
}

function requestBlocks(requests: readonly RequestDescription[]): readonly Block[] {
  const isUsual = ({ exposure }: RequestDescription) => exposure === 'info';
  const open = requests.filter(({ state }) => state === 'open');
  const bounded = requests.filter(({ state }) => state === 'bounded');
  const telling = [...open.filter((one) => !isUsual(one)), ...bounded];
  const names = (some: readonly RequestDescription[]): readonly Cell[] => [
    some.map(({ query }) => query).join(', ') || 'none',
  ];
  const table: Block = {
    kind: 'table',
    columns: ['request', 'state', 'details'],
    rows: telling.flatMap(({ query, state, details, exposure }) => {
      const cell: Cell = state === 'open' ? { text: state, tone: TONES[exposure] } : state;
      const [first = '', ...rest] = details;
      return [[query, cell, first], ...rest.map((detail): Cell[] => ['', '', detail])];
    }),
  };
  const facts: Fact[] = [
    { label: 'open as usual', values: names(open.filter(isUsual)) },
    { label: 'closed', values: names(requests.filter(({ state }) => state === 'closed')) },
  ];
  return [...(telling.length === 0 ? [] : [table]), { kind: 'facts', rows: facts }];
}

function containerBlocks(container: ContainerDescription): readonly Block[] {
  return [
    { kind: 'heading', level: 3, text: capitalised(container.name) },
    { kind: 'facts', rows: containerFacts(container) },
    ...tableUnlessEmpty(['variable', 'may be', 'value'], container.environment.map(variableRow)),
    ...tableUnlessEmpty(
      ['mount', 'access', 'from', 'source'],
      otherMounts(container).map(mountRow),
    ),
    ...tableUnlessEmpty(
      ['storage', 'driver', 'file system', 'options'],
      container.storages.map(storageRow),
    ),
  ];
}

function containerFacts(container: ContainerDescription): readonly Fact[] {
  const { image, user } = container;
  const rows: readonly (readonly [string, readonly Cell[]])[] = [
    ['image', image.reference === undefined ? [] : [image.reference]],
    ['layers', layerCells(container)],
    [
      'user',
      [
        `${user.uid}:${user.gid}${user.groups.length === 0 ? '' : `, groups ${user.groups.join(', ')}`}`,
      ],
    ],
    [
      'command',
      [
        container.command.length === 0
          ? 'none'
          : JSON.stringify(container.command.map(({ text }) => text)),
      ],
    ],
    ['', container.command.flatMap(freeWord)],
    ['directory', [container.workingDirectory]],
    ['root', [container.readOnlyRoot ? 'read-only' : 'writable']],
    ['terminal', container.terminal ? ['yes'] : []],
    ['privileges', container.mayGainPrivileges ? ['may be gained by the process'] : []],
    ['processes', container.sharesProcesses ? ['shared with the other containers'] : []],
    ['capabilities', [container.capabilities.join(', ') || 'none']],
    ['probes, hooks', container.execCommands],
    ['devices', container.devices],
    ['kernel settings', container.sysctls],
    ['kernel mounts', kernelMounts(container)],
    ['annotations', container.annotations.map(({ key, value }) => `${key}: ${value}`)],
    ['patterns', container.annotationPatterns],
  ];
  return rows.flatMap(([label, values]) => (values.length === 0 ? [] : [{ label, values }]));
}

function layerCells({ image, isSandbox }: ContainerDescription): readonly Cell[] {
  if (image.layers !== undefined)
    return image.layers.map(({ rootHash }) => `root hash ${rootHash}`);
  const text = 'not bound: the policy does not tie the container to the content of an image';
  return [{ text, tone: isSandbox ? 'warning' : 'bad' }];
}

function freeWord({ text, words }: DescribedText): readonly Cell[] {
  return words === undefined
    ? []
    : [{ text: `${JSON.stringify(text)}: ${words}`, tone: 'warning' }];
}

function variableRow({
  name,
  text,
  words,
  freedom,
}: ContainerDescription['environment'][number]): readonly Cell[] {
  const may: Cell =
    words === undefined
      ? 'exactly'
      : { text: words, tone: freedom === 'any' ? 'warning' : 'muted' };
  return [name, may, text];
}

function otherMounts({ mounts }: ContainerDescription): readonly DescribedMount[] {
  return mounts.filter(({ origin }) => origin !== 'kernel');
}

function kernelMounts({ mounts }: ContainerDescription): readonly Cell[] {
  const names = mounts
    .filter(({ origin }) => origin === 'kernel')
    .map(({ destination, isReadOnly }) =>
      isReadOnly ? `${destination} (read-only)` : destination,
    );
  return names.length === 0 ? [] : [names.join(', ')];
}

function mountRow({ destination, isReadOnly, words, source }: DescribedMount): readonly Cell[] {
  return [destination, isReadOnly ? 'read-only' : 'writable', words, hideSecrets(source)];
}

function storageRow({
  mount_point,
  driver,
  fstype,
  options,
  driver_options,
}: StorageData): readonly Cell[] {
  const all = [...driver_options, ...options].map((option) => hideSecrets(option));
  return [mount_point, driver || 'any', fstype, all.join(', ')];
}

function tableUnlessEmpty(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): readonly Block[] {
  return rows.length === 0 ? [] : [{ kind: 'table', columns, rows }];
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
